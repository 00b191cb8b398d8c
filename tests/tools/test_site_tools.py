"""Tips, the site's address and the card: what the extensions make of small cases."""

import struct
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import pytest

import book_extension
import site_address
import social_card
import tips
from companion.index import story

ROOT = Path(__file__).parents[2]
EQUATION = (
    '<div class="math" id="equation-eq-a"><span class="eqno">(1)</span>\\[x\\]'
    '<a class="headerlink" href="#a">#</a></div>'
)


@pytest.mark.parametrize(
    ("content", "tip"),
    [
        (EQUATION, '<div class="math">\\[x\\]</div>'),
        (
            '<dt id="term-a">a<a class="headerlink" href="#">#</a></dt>'
            '<dd><p>see <a href="b.html"><span>b</span></a></p></dd>',
            "<dl><dt>a</dt><dd><p>see <span>b</span></p></dd></dl>",
        ),
        (
            '<figure id="f"><img alt="A" src="a.svg"/></figure>',
            '<figure><img alt="A" loading="lazy" src="a.svg"/></figure>',
        ),
        (
            '<div class="citation" id="id3" role="doc-biblioentry">'
            '<span class="backrefs">(1)</span><p>A. B.</p></div>',
            '<div class="citation"><p>A. B.</p></div>',
        ),
    ],
)
def test_a_tip_repeats_no_anchor_role_or_link(content, tip):
    assert tips.tidy(content) == tip


def application(pages):
    math = SimpleNamespace(data={"has_equations": {}})
    env = SimpleNamespace(tippy_data={"pages": pages}, get_domain=lambda name: math)
    return SimpleNamespace(env=env), math.data["has_equations"]


def test_pages_with_tips_load_mathjax_and_others_need_not():
    pages = {
        "a": {"id_to_html": {"equation-eq-a": EQUATION, "x": "X"}, "refs_in_page": {("b", "x")}},
        "b": {"id_to_html": {}, "refs_in_page": set()},
    }
    app, loads = application(pages)
    for page in ("a", "b", "search"):
        tips.tidy_tips(app, page, "", {"body": EQUATION}, None)
    assert pages["a"]["id_to_html"] == {
        "equation-eq-a": '<p>Equation (1)</p>\n<div class="math">\\[x\\]</div>',
        "x": "X",
    }
    assert loads == {"a": True}


@pytest.mark.parametrize(("builder", "policies"), [("singlehtml", ["always"]), ("html", [])])
def test_the_book_in_one_page_loads_mathjax(builder, policies):
    """Whether its first page has an equation or not."""
    told = []
    app = SimpleNamespace(builder=SimpleNamespace(name=builder), set_html_assets_policy=told.append)
    book_extension.load_mathjax(app)
    assert told == policies


def test_names_in_headings_of_tables_may_break():
    page = {"body": "<p>a_b</p><th>c</th><th scope='col'>d_e_f</th><td>g_h</td>"}
    book_extension.break_names(None, "page", "", page, None)
    book_extension.break_names(None, "search", "", {}, None)
    assert page["body"] == ("<p>a_b</p><th>c</th><th scope='col'>d_<wbr>e_<wbr>f</th><td>g_h</td>")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", ""),
        ("https://a.example", "https://a.example/"),
        ("https://a.example/book", "https://a.example/book/"),
        ("https://a.example/book/", "https://a.example/book/"),
    ],
)
def test_an_address_ends_with_a_slash(text, address, monkeypatch):
    monkeypatch.setenv("SITE_URL", text)
    assert site_address.address("SITE_URL") == address


@pytest.mark.parametrize("text", ["a.example", "ftp://a.example", "https:///book", "https://a/?b"])
def test_what_is_no_address_is_refused(text, monkeypatch):
    monkeypatch.setenv("REPOSITORY_URL", text)
    with pytest.raises(ValueError, match="REPOSITORY_URL: wanted an address"):
        site_address.address("REPOSITORY_URL")


def settings(monkeypatch, url, repository=""):
    """What the other extensions are told."""
    monkeypatch.setenv("SITE_URL", url)
    monkeypatch.setenv("REPOSITORY_URL", repository)
    config = SimpleNamespace(ogp_site_url="", ogp_image=None, html_theme_options={})
    site_address.tell(None, config)
    return config


def test_with_an_address_pages_have_cards_and_the_404_page_its_prefix(monkeypatch):
    config = settings(monkeypatch, "https://a.example/book")
    assert config.notfound_urls_prefix == "/book/"
    assert config.html_baseurl == config.ogp_site_url == "https://a.example/book/"
    assert config.ogp_image == "https://a.example/book/_static/social_card.png"
    assert any('content="1200"' in tag for tag in config.ogp_custom_meta_tags)
    assert settings(monkeypatch, "https://a.example").notfound_urls_prefix == "/"


def test_with_a_repository_pages_link_to_it_and_notebooks_open_on_binder(monkeypatch):
    monkeypatch.setenv("REPOSITORY_BRANCH", "")
    options = settings(monkeypatch, "", "https://b.example/a/book/").html_theme_options
    assert options["repository_url"] == "https://b.example/a/book"
    assert options["repository_branch"] == "main"
    assert options["use_repository_button"]
    assert options["launch_buttons"]["binderhub_url"].startswith("https://")
    monkeypatch.setenv("REPOSITORY_BRANCH", "next")
    options = settings(monkeypatch, "", "https://b.example/a/book").html_theme_options
    assert options["repository_branch"] == "next"


def test_binder_installs_what_the_makefile_installs():
    """Packages as pinned, then the library and the book's code without looking for others."""
    script = (ROOT / ".binder/postBuild").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for arguments in ("--requirement requirements.txt", "--no-deps --editable ."):
        assert f"pip install --quiet {arguments}" in script
        assert f"pip install --quiet {arguments}" in makefile


def test_without_one_nothing_names_a_host(monkeypatch):
    config = settings(monkeypatch, "")
    assert config == SimpleNamespace(
        ogp_site_url="", ogp_image=None, notfound_urls_prefix="/", html_theme_options={}
    )
    title = '<meta property="og:title" content="A" />\n'
    context = {"metatags": f'<meta property="og:url" content="a.html" />\n{title}'}
    site_address.name_no_host(SimpleNamespace(config=config), "a", "", context, None)
    assert context["metatags"] == title
    config.ogp_site_url = "https://a.example/"
    context["metatags"] = '<meta property="og:url" content="https://a.example/a.html" />\n'
    site_address.name_no_host(SimpleNamespace(config=config), "a", "", context, None)
    assert "og:url" in context["metatags"]


def test_the_card_has_the_size_that_others_expect(tmp_path, monkeypatch):
    """Also where the book's other figures are saved without margins."""
    monkeypatch.setitem(matplotlib.rcParams, "savefig.bbox", "tight")
    monkeypatch.setitem(matplotlib.rcParams, "figure.constrained_layout.use", True)
    (tmp_path / "_static").mkdir()
    html = SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(format="html"))
    social_card.add_card(html, None)
    data = (tmp_path / social_card.CARD).read_bytes()
    assert struct.unpack(">II", data[16:24]) == (social_card.WIDTH, social_card.HEIGHT)
    assert len(data) < 1_000_000


def test_no_card_where_a_build_failed_or_makes_no_pages(tmp_path):
    for error, kind in ((RuntimeError(), "html"), (None, "latex")):
        app = SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(format=kind))
        social_card.add_card(app, error)
    assert list(tmp_path.iterdir()) == []


def test_the_card_shows_who_misfires_and_who_is_in_use():
    """Above, 400 that are not told; below, 400 that are."""
    figure = social_card.draw()
    for axes, still in zip(figure.axes, story()[1:], strict=True):
        silent, wrong, idle, own = (
            sum(len(drawn.get_paths()) for drawn in axes.collections[kind::4]) for kind in range(4)
        )
        fires = still.fires > 0
        assert wrong == (fires & ~still.own).sum()
        assert (idle, own) == ((~fires & still.own).sum(), (fires & still.own).sum())
        assert silent == (~fires & ~still.own).sum()
        assert (wrong > 0) == (axes is figure.axes[0])
