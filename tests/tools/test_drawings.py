"""Drawings in pages, and the steps at the heads of chapters."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.utils import new_document

import drawings
from companion.figures import drawing, five_steps

SVG = f'{drawing.START}pic-a" aria-label="a"><g id="a-1"/><use href="#a-1"/></svg>'


def page(name, *content):
    """A page of one section, and an application that reads it."""
    tree = new_document("", get_default_settings())
    tree += nodes.section("", nodes.title("", "T"), *content)
    env = SimpleNamespace(docname=name, relfn2path=lambda uri, _: ("", uri))
    builder = SimpleNamespace(format="html", get_relative_uri=lambda of, to: f"{of}>{to}")
    return tree, SimpleNamespace(env=env, builder=builder)


def test_an_image_that_is_a_drawing_becomes_part_of_its_page(tmp_path):
    (tmp_path / "a.svg").write_text(SVG)
    (tmp_path / "b.svg").write_text("<svg/>")
    images = [nodes.image(uri=str(tmp_path / name), alt='"x\\1"') for name in ("a.svg", "b.svg")]
    tree, app = page("book/x", *images)
    drawings.inline(app, tree)
    (raw,) = tree.findall(nodes.raw)
    assert 'aria-label="&quot;x\\1&quot;"' in raw.astext()
    assert '<g id="book-x-a-1"/><use href="#book-x-a-1"/>' in raw.astext()
    assert [image["uri"] for image in tree.findall(nodes.image)] == [str(tmp_path / "b.svg")]


def test_without_html_images_stay(tmp_path):
    (tmp_path / "a.svg").write_text(SVG)
    tree, app = page("book/neurons", nodes.image(uri=str(tmp_path / "a.svg")))
    app.builder.format = "latex"
    drawings.inline(app, tree)
    drawings.add_steps(app, tree)
    assert not [*tree.findall(nodes.raw), *tree.findall(nodes.container)]


def test_a_chapter_opens_with_its_step():
    tree, app = page("book/reading")
    drawings.add_steps(app, tree)
    drawings.draw_steps(app, tree, "index")
    (raw,) = tree.findall(nodes.raw)
    links = re.findall(r'href="([^"]*)"', raw.astext())
    assert links == [f"index>book/{name}" for name in drawings.CHAPTERS]
    assert isinstance(tree[0][1], nodes.raw)


def test_other_pages_have_no_steps():
    tree, app = page("book/gated")
    drawings.add_steps(app, tree)
    assert not [*tree.findall(nodes.container)]


@pytest.mark.parametrize("chapter", drawings.PLACES)
def test_the_chapters_own_step_is_lit(chapter):
    lit, words = drawings.PLACES[chapter]
    html = drawings.steps(chapter, ["#"] * len(five_steps.STEPS))
    found = [item.startswith(" class=lit") for item in html.split("<li")[1:]]
    assert found == [n in lit for n in range(5)]
    assert html.count("aria-current") == (len(lit) == 1)
    assert words in html
    assert Path(f"book/{chapter}.md").exists()


def test_the_chapter_of_each_step_is_about_it():
    for n, chapter in enumerate(drawings.CHAPTERS):
        assert drawings.PLACES[chapter][0] == (n,)
