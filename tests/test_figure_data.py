"""What figures show, as tables; images that carry them; files and links that a page makes of it."""

import io
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import Normalize
from matplotlib.patches import Circle, FancyArrow
from test_presentation import FIGURES

from superposition import plotting
from superposition.plotting import shown
from superposition.plotting.figure_data import COLUMNS, as_csv, figure_data, split, svg_with_data


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")
    mpl.rcdefaults()


@pytest.fixture
def axes():
    return plt.subplots()[1]


def read(csv):
    return pd.read_csv(io.StringIO(csv))


def table(axes, *names):
    """Columns of a one-panel figure's data, rows as tuples."""
    found = figure_data(axes.figure)
    assert set(found) - {"panel", "x_label", "y_label", "series", "kind"} == {*names} | {"x", "y"}
    return [tuple(row) for row in found[["kind", *names]].itertuples(index=False)]


def test_a_line_has_its_labels_and_its_data_not_their_logarithms(axes):
    axes.loglog([1, 10, 100], [1e-9, 1, np.nan], label="law")
    axes.set(xlabel="width", ylabel="error")
    found = figure_data(axes.figure)
    assert list(found) == ["panel", "x_label", "y_label", "series", "kind", "x", "y"]
    assert found.to_numpy().tolist() == [
        [1, "width", "error", "law", "line", 1.0, 1e-9],
        [1, "width", "error", "law", "line", 10.0, 1.0],
    ]


@pytest.mark.parametrize(
    ("style", "kind"),
    [
        ({"ls": "none", "marker": "o"}, "points"),
        ({"marker": "o"}, "line and points"),
        ({"drawstyle": "steps-mid"}, "steps"),
        ({}, "line"),
    ],
)
def test_a_lines_style_says_what_it_is(axes, style, kind):
    axes.plot([1], [2], **style)
    assert table(axes, "x", "y") == [(kind, 1.0, 2.0)]


def test_error_bars_have_ends(axes):
    axes.errorbar([1, 2], [3, 4], yerr=[[1, 0], [2, 1]], xerr=0.5)
    assert table(axes, "x", "x_low", "x_high", "y", "y_low", "y_high") == [
        ("line with error bars", 1.0, 0.5, 1.5, 3.0, 2.0, 5.0),
        ("line with error bars", 2.0, 1.5, 2.5, 4.0, 4.0, 5.0),
    ]


def test_error_bars_may_stand_alone_or_at_every_other_point(axes):
    axes.errorbar([1, 2], [3, 4], yerr=1, fmt="none")
    axes.errorbar([1, 2, 3], [5, 6, 7], yerr=1, errorevery=2, fmt="o")
    found = table(axes, "x", "y", "y_low", "y_high")
    assert found[:2] == [
        ("points with error bars", 1.0, 3.0, 2.0, 4.0),
        ("points with error bars", 2.0, 4.0, 3.0, 5.0),
    ]
    assert [row[3] for row in found[2:]] == pytest.approx([4, np.nan, 6], nan_ok=True)


def test_scattered_points_have_values_and_sizes(axes):
    points = axes.scatter([1, 2], [3, 4], c=[0.5, 0.7], s=[9, 36])
    axes.figure.colorbar(points, label="share")
    assert table(axes, "x", "y", "value", "value_label", "size") == [
        ("points", 1.0, 3.0, 0.5, "share", 9.0),
        ("points", 2.0, 4.0, 0.7, "share", 36.0),
    ]


def test_stacked_bars_have_names_lengths_and_ends(axes):
    axes.barh(["one", "two"], [1, 2], label="own")
    axes.barh(["one", "two"], [3, 4], left=[1, 2], label="others")
    found = figure_data(axes.figure)
    assert found["series"].tolist() == ["own", "own", "others", "others"]
    assert found["y_name"].tolist() == ["one", "two"] * 2
    assert found["x"].tolist() == [1, 2, 3, 4]
    assert found[["x_low", "x_high"]].to_numpy()[2:].tolist() == [[1, 4], [2, 6]]


def test_bars_can_be_named_one_by_one_and_a_bars_errors_are_its_own(axes):
    axes.bar([0, 2], [5, 6], label=["a", "b"], yerr=1)
    found = figure_data(axes.figure)
    assert found["series"].tolist()[-2:] == ["a", "b"]
    assert found["kind"].tolist() == ["points with error bars"] * 2 + ["bars"] * 2
    axes.clear()
    axes.bar([], [])
    assert figure_data(axes.figure).empty


@pytest.mark.parametrize("draw", ["hist", "stairs"])
def test_a_histogram_has_edges(axes, draw):
    if draw == "hist":
        axes.hist([0.5, 1.5, 1.6], [0, 1, 2], label="measured")
    else:
        axes.stairs([1, 2], [0, 1, 2], label="measured")
    assert table(axes, "x", "x_low", "x_high", "y") == [
        ("histogram", 0.5, 0.0, 1.0, 1.0),
        ("histogram", 1.5, 1.0, 2.0, 2.0),
    ]
    assert set(figure_data(axes.figure)["series"]) == {"measured"}


def test_a_histograms_outline_is_followed(axes):
    axes.hist([0.5, 1.5, 1.6], [0, 1, 2], histtype="step")
    found = table(axes, "x", "y")
    assert found[:4] == [("outline", *p) for p in [(0, 0), (0, 1), (1, 1), (1, 2)]]


def test_bands_have_ends(axes):
    axes.fill_between([1, 2], [3, 5], [4, 4])
    axes.fill_betweenx([8, 9], [1, 2], [0, 0])
    found = figure_data(axes.figure)
    assert set(found["kind"]) == {"band"}
    assert found[["x", "y_low", "y_high"]].to_numpy()[:2].tolist() == [[1, 3, 4], [2, 4, 5]]
    assert found[["y", "x_low", "x_high"]].to_numpy()[2:].tolist() == [[8, 0, 1], [9, 0, 2]]


def test_what_goes_right_across_has_one_place(axes):
    axes.plot([0, 1], [0, 1], label="data")
    axes.axhline(3, label="bound")
    axes.axvline(4, label="copies")
    axes.axhspan(0.9, 1.1, label="within")
    axes.axline((0, 0), slope=2, label="slope 2")
    axes.axline((1, 0), (1, 5), label="upright")
    axes.axline((7, 8), slope=np.inf, label="steep")
    axes.plot([0.5], [0.5], transform=axes.transAxes)  # decoration
    found = figure_data(axes.figure).set_index("series")
    assert len(found) == 2 + 1 + 1 + 1 + 2 + 2 + 2
    assert found.loc["bound"].drop(["x", "y_low", "y_high"]).tolist()[-2:] == ["line", 3]
    assert np.isnan(found.loc["bound", "x"])
    assert found.loc["copies", "x"] == 4
    assert found.loc["within", ["y_low", "y_high"]].tolist() == [0.9, 1.1]
    assert found.loc["slope 2", ["x", "y"]].to_numpy().tolist() == [[0, 0], [1, 2]]
    assert found.loc["upright", ["x", "y"]].to_numpy().tolist() == [[1, 0], [1, 5]]
    assert found.loc["steep", ["x", "y"]].to_numpy().tolist() == [[7, 8], [7, 9]]


@pytest.mark.parametrize(("origin", "first"), [("upper", 1.0), ("lower", 0.0)])
def test_an_image_has_a_row_for_each_cell(axes, origin, first):
    values = np.ma.masked_equal([[1, 2, 3], [4, 5, 6]], 6)
    axes.imshow(values, origin=origin, extent=(0, 6, -0.5, 1.5))
    found = table(axes, "x", "y", "value")
    assert found[:3] == [("image", x, first, v) for x, v in ((1, 1), (3, 2), (5, 3))]
    assert [row[2] for row in found[3:]] == [1 - first] * 3
    assert np.isnan(found[5][3])


def test_an_image_of_pixels_is_where_it_is_drawn(axes):
    axes.imshow([[1, 2], [3, 4]])
    axes.set_yticks([0, 1], ["here", "there"])
    axes.set_xticks([0.5, 9], ["both", "none"])
    axes.axvline(0.4)  # divides: near a tick, it is not what the tick names
    found = figure_data(axes.figure).query("kind == 'image'")
    assert found[["x", "y", "value"]].to_numpy().tolist() == [
        [0, 0, 1], [1, 0, 2], [0, 1, 3], [1, 1, 4],
    ]  # fmt: skip
    assert found["y_name"].tolist() == ["here"] * 2 + ["there"] * 2
    assert "x_name" not in figure_data(axes.figure)


@pytest.mark.parametrize("shading", ["flat", "gouraud"])
def test_meshes_have_a_row_for_each_value(axes, shading):
    edges = [0, 2, 4] if shading == "flat" else [1, 3]
    axes.pcolormesh(edges, edges, [[1, 2], [3, 4]], shading=shading)
    assert table(axes, "x", "y", "value") == [
        ("image", 1.0, 1.0, 1.0), ("image", 3.0, 1.0, 2.0),
        ("image", 1.0, 3.0, 3.0), ("image", 3.0, 3.0, 4.0),
    ]  # fmt: skip


def test_contours_have_their_levels(axes):
    axes.contour([0, 2], [0, 1], [[0, 2], [0, 2]], levels=[0.5, 1])
    found = figure_data(axes.figure)
    assert found.groupby("value")["x"].unique().map(list).to_dict() == {0.5: [0.5], 1: [1]}
    assert set(found["kind"]) == {"contour"}
    axes.clear()
    axes.contourf([0, 2], [0, 1], [[0, 2], [0, 2]], levels=[0.5, 1])
    assert set(figure_data(axes.figure)["kind"]) == {"filled contour"}


def test_collections_of_lines_come_in_pieces(axes):
    axes.vlines([1, 2], 0, [3, 4])
    assert table(axes, "piece", "x", "y") == [
        ("lines", 1, 1.0, 0.0), ("lines", 1, 1.0, 3.0),
        ("lines", 2, 2.0, 0.0), ("lines", 2, 2.0, 4.0),
    ]  # fmt: skip


def test_other_polygons_have_an_outline(axes):
    axes.add_collection(mpl.collections.PolyCollection([[(0, 0), (1, 0), (1, 1)]]))
    axes.fill([5, 6, 6], [0, 0, 1])
    assert {row[0] for row in table(axes, "x", "y")} == {"outline"}


def test_drawings_photographs_and_what_is_hidden_have_nothing_to_tabulate(axes):
    axes.add_patch(Circle((0, 0), 1))
    axes.add_patch(FancyArrow(0, 0, 1, 1))
    axes.add_patch(plt.Rectangle((0, 0), 1, 1))
    axes.add_collection(mpl.collections.EllipseCollection([1], [1], [0], offsets=[(0, 0)]))
    axes.imshow(np.zeros((2, 2, 3)))
    axes.text(0, 0, "words")
    axes.plot([1], [1])[0].set_visible(False)
    axes.plot([], [], label="key")
    assert figure_data(axes.figure).empty
    assert split(svg_with_data(axes.figure))[1] is None


def test_what_is_too_large_is_named_and_left_out(axes, monkeypatch):
    monkeypatch.setattr(shown, "LARGEST", 5)
    axes.imshow(np.zeros((2, 3)))
    axes.plot(range(5))
    found = figure_data(axes.figure)
    assert found["kind"].tolist() == ["line"] * 5 + ["image"]
    assert found["note"].iloc[-1] == "left out: 6 rows, more than 5"


def test_series_without_a_label_are_called_by_what_the_legend_says_of_their_style(axes):
    axes.errorbar([1], [1], yerr=1, color="C0", marker="o", ls="none", label="k = 1")
    axes.plot([1, 2], [1, 2], color="C0", label="_")
    axes.plot([1, 2], [1, 2], color="C0", ls=":", label="_")
    axes.plot([1, 2], [1, 2], color="C4", ls="-.")
    axes.plot([], [], color="grey", label="predicted")
    axes.plot([3], [3], "x", color="C3")
    axes.plot([4], [4], "--", color="C5")
    axes.axhline(1, color="C0")
    (proxy,) = axes.plot([], [], "x", color="C3", label="_")
    axes.legend()
    axes.figure.legend([proxy], ["active"])
    assert figure_data(axes.figure)["series"].unique().tolist() == [
        "k = 1", "predicted (colour of: k = 1)", "line 2 (colour of: k = 1)", "line 3", "active",
        "line 4", "line 5",
    ]  # fmt: skip


def test_a_key_alone_names_lines_of_its_dashes(axes):
    axes.plot([1, 2], [1, 2], color="C4", ls="-.")
    axes.plot([], [], color="grey", ls="-.", label="predicted")
    assert set(figure_data(axes.figure)["series"]) == {"predicted"}


def test_a_key_in_a_legend_of_its_own_gives_its_colour(axes):
    axes.plot([1, 2], [1, 2], "C1-", label="_")
    (points,) = axes.plot([1, 2], [1, 2], "C1o", label="_")
    rule = mpl.lines.Line2D([], [], color="black")
    axes.figure.legend([points, rule], ["plane", "derived"])
    assert [*figure_data(axes.figure)["series"].unique()] == ["derived (colour of: plane)", "plane"]


def test_panels_have_numbers_titles_and_labels_of_their_row_column_or_figure():
    figure, panels = plt.subplots(2, 2)
    for one in panels.flat:
        one.plot([1], [1], "o")
    panels[0, 0].set(title="first\nof four", ylabel="upper")
    panels[1, 1].set_xlabel("right")
    figure.supylabel("all")
    inset = panels[0, 0].inset_axes([0.5, 0.5, 0.3, 0.3])
    inset.plot([9], [9])
    inset.set_xlabel("small")
    panels[1, 0].set_visible(False)
    found = figure_data(figure).set_index("panel")
    assert found["title"].fillna("").tolist() == ["first of four", "", "", ""]
    assert found["y_label"].tolist() == ["upper", "all", "upper", "all"]
    assert found["x_label"].tolist() == ["", "small", "right", "right"]


def test_the_only_scale_of_colours_is_for_all_panels():
    figure, panels = plt.subplots(1, 2)
    for one in panels:
        image = one.imshow([[1, 2]], norm=Normalize(0, 2))
    figure.colorbar(image, ax=panels, label="weight")
    assert set(figure_data(figure)["value_label"]) == {"weight"}
    assert set(figure_data(figure)["panel"]) == {1, 2}


def test_points_beside_a_named_tick_have_its_name(axes):
    axes.plot([-0.2, 0.9], [1, 2], "o")
    axes.set_xticks([0, 1], ["easy", "hard"])
    axes.set_yticks([1, 2], ["1", "2.0"])  # says no more than the number
    found = figure_data(axes.figure)
    assert found["x_name"].tolist() == ["easy", "hard"]
    assert "y_name" not in found
    axes.set_xticks([0, 1], ["", ""])
    assert "x_name" not in figure_data(axes.figure)
    axes.set_xticks([0], ["only"])
    assert "x_name" not in figure_data(axes.figure)


def test_csv_has_six_digits_and_whole_numbers_whole():
    values = pd.DataFrame({"x": [1 / 3, 1234567.0, 1e20, np.nan, 2.5e-7], "n": [1234567] * 5})
    lines = as_csv(values.astype(object)).splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "x", "0.333333", "1234567", "1e+20", "", "2.5e-07",
    ]  # fmt: skip
    assert lines[1].endswith(",1234567")


def test_an_image_carries_its_data_and_gives_it_back(axes):
    axes.plot([1, 2], [3, 4], label='a < b & "c", d > e')
    axes.set_ylabel("Γ of |g|²")
    svg = svg_with_data(axes.figure)
    plain, csv = split(svg)
    assert csv == as_csv(figure_data(axes.figure))
    assert set(read(csv)["series"]) == {'a < b & "c", d > e'}
    assert len(plain) < len(svg) - len(csv)
    assert "a &lt; b" not in plain.split("</metadata>")[0]
    ET.fromstring(plain)
    assert split(plain) == (plain, None)
    assert split("<svg/>") == ("<svg/>", None)


def test_images_are_the_same_whenever_they_are_made():
    plotting.use_style()
    images = {svg_with_data(FIGURES["terms"]()) for _ in range(2)}
    assert len(images) == 1
    assert "dc:date" not in images.pop()


def test_a_figure_without_panels_is_not_shown():
    assert svg_with_data(plt.figure()) is None


def test_in_a_notebook_figures_are_shown_with_their_data(monkeypatch, axes):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: shell)
    monkeypatch.setattr("matplotlib_inline.backend_inline.set_matplotlib_formats", lambda _: None)
    plotting.use_style()
    axes.plot([1], [2], label="law")
    data, _ = shell.display_formatter.format(axes.figure)
    assert set(read(split(data["image/svg+xml"])[1])["series"]) == {"law"}
    assert {*data} == {"text/plain", "image/svg+xml"}


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_every_figure_of_the_library_has_data_in_named_columns(make):
    plotting.use_style()
    found = figure_data(make())
    assert len(found)
    assert set(found) <= set(COLUMNS)
    assert (found["x_label"] != "").all()
    assert (found["y_label"] != "").all()
    csv = read(as_csv(found))
    np.testing.assert_allclose(csv["y"], found["y"].astype(float), rtol=1e-5, atol=0)


PLAIN = '<svg xmlns="http://www.w3.org/2000/svg"><metadata></metadata></svg>'
CARRYING = PLAIN.replace(
    "<metadata>",
    "<metadata><dc:description>What this figure shows, as CSV:\nx,y\n1,2\n</dc:description>",
)
CHAPTER = """
Chapter
=======

.. figure:: carrying.svg
   :name: fig-one

   A caption.

.. figure:: other.svg
   :name: fig-two

   Another.

   With a legend.

.. image:: third.svg

.. figure:: drawing.svg
   :name: fig-drawing

   A drawing.
"""


@pytest.fixture
def project(tmp_path):
    """The source of a small book: two figures with data and one without, images by themselves."""
    (tmp_path / "conf.py").write_text(
        "extensions = ['figure_files']\nnumfig = True\nsuppress_warnings = ['image']\n"
        "root_doc = 'chapter'\nhtml_theme = 'basic'\n"
    )
    (tmp_path / "chapter.rst").write_text(CHAPTER)
    for name, text in (("carrying", "1,2"), ("other", "1,3"), ("third", "1,4")):
        (tmp_path / f"{name}.svg").write_text(CARRYING.replace("1,2", text))
    (tmp_path / "drawing.svg").write_text(PLAIN)
    return tmp_path


def build(project, builder="html", name="chapter.html"):
    """Build as Sphinx does from the command line, in a process of its own; the page's text."""
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", builder, project, project / "out"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [*command, "-d", project / "trees"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return (project / "out" / name).read_text()


def links(page):
    """Address and words of each link to data."""
    found = re.findall(r'href="([^"]+\.csv)">(.*?)</a>', page)
    return [(href, re.sub("<.*?>", "", words)) for href, words in found]


def test_pages_offer_data_and_serve_images_without_it(project):
    page = build(project)
    found = links(page)
    assert [words for _, words in found] == [
        "Data (CSV) of Fig. 1", "Data (CSV) of Fig. 2", "Data (CSV) of the figure above",
    ]  # fmt: skip
    names = ["fig-one", "fig-two", "chapter-3"]
    assert [href.split("/")[-1] for href, _ in found] == [f"{name}.csv" for name in names]
    rows = [(project / "out" / href).read_text() for href, _ in found]
    assert rows == [f"x,y\n1,{n}\n" for n in (2, 3, 4)]
    for name in names:
        assert f'src="_images/{name}.svg"' in page
        assert (project / "out/_images" / f"{name}.svg").read_text() == PLAIN
    assert (project / "out/_images/drawing.svg").read_text() == PLAIN
    assert page.index("With a legend.") < page.index(found[1][0])


def test_a_new_image_has_new_data_and_an_unchanged_page_keeps_its_own(project):
    first = links(build(project))
    assert links(build(project)) == first
    text = (project / "chapter.rst").read_text()
    (project / "carrying.svg").write_text(CARRYING.replace("1,2", "5,6"))
    (project / "chapter.rst").write_text(text.replace("A caption", "A new caption"))
    assert links(build(project)) == first
    assert (project / "out" / first[0][0]).read_text() == "x,y\n5,6\n"


def test_one_long_page_has_links_too_and_other_builders_none(project):
    assert len(links(build(project, "singlehtml"))) == 3
    text = build(project, "text", "chapter.txt")
    assert "Data (CSV)" not in text
    assert "With a legend." in text
