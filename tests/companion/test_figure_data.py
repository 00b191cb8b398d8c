"""Tables that figures carry, images that carry them, and what a page makes of them."""

import io
import re
import xml.etree.ElementTree as ET

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from companion import figures
from companion.figures.figure_data import as_csv, carries, figure_data, split, svg_with_data
from tests.companion.test_figures import FIGURES, MEASURED, PICTURES

# columns that say which setting a row is of; all others hold values
SETTINGS = {
    "block", "connections", "in_full", "layer", "load", "margin", "n", "n_active", "n_circuits",
    "n_layers", "n_neurons", "noise", "parameters", "pre_activation", "redundancy", "sample",
    "seed", "size", "stream_width", "weights", "width",
}  # fmt: skip
# places that mean nothing, of names in a row and of points moved apart, so that only the other
# coordinate can be compared
BESIDE_EACH_OTHER = {
    "capacity bars": "y", "error terms": "y", "found": "x", "slot loads": "x",
}  # fmt: skip
# what is drawn here is no point of the table, but follows from it: tests of their own compare it
OTHERWISE = {"board", "dials", "error terms", "meeting slots", "stream", "terms"}
# `scaled` leaves whole numbers by themselves, and numbers of circuits, as they are
NOT_SCALED = {"claim", "loads", "room", "slot loads"}
# rows of networks that are exact or do not fit, and of lines right across the panel
WITHOUT_A_POINT = {"sizes"}


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


def scaled(given):
    """Numbers changed: in a table every value, by another factor in each row and column.

    The columns of one range keep one factor, so that the mean stays within it.
    """
    if isinstance(given, dict):
        return {name: scaled(value) for name, value in given.items()}
    if isinstance(given, float) or (isinstance(given, np.ndarray) and given.dtype == float):
        return 0.9 * given
    if not isinstance(given, pd.DataFrame):
        return given
    roots = [re.sub("^(mean|min|max)$|_(low|high)$", "", str(name)) for name in given]
    changed = given.copy()
    for name, root in zip(given, roots, strict=True):
        if name not in SETTINGS and pd.api.types.is_numeric_dtype(given[name]):
            factors = (1.1 + 0.07 * roots.index(root)) * (1 + 0.013 * np.arange(len(given)))
            changed[name] = given[name] * factors
    return changed


def make_changed(name, monkeypatch):
    """A figure of `FIGURES`, drawn from changed numbers."""

    def changing(draw):
        return lambda *given: draw(*map(scaled, given))

    for function in (f for f in figures.__all__ if f != "use_style"):
        draw = getattr(figures, function)
        if callable(draw):
            monkeypatch.setattr(figures, function, changing(draw))
    return FIGURES[name]()


def drawn(figure):
    """The points, bars and ends of error bars of a figure, (n, 2), in data coordinates."""
    found = [np.empty((0, 2))]
    for axes in figure.axes:
        for line in axes.lines:
            if line.get_transform() == axes.transData:
                found.append(np.column_stack([line.get_xdata(), line.get_ydata()]))
        for points in axes.collections:
            if isinstance(points, PathCollection):
                found.append(points.get_offsets())
        for bars in axes.containers:
            for bar in getattr(bars, "patches", []):
                x, y = bar.get_x() + bar.get_width() / 2, bar.get_y() + bar.get_height() / 2
                upright = bars.orientation == "vertical"
                found.append([(x, bar.get_height()) if upright else (bar.get_width(), y)])
    points = np.concatenate(found).astype(float)
    return points[np.isfinite(points).all(axis=1)]


def rows_with(table, name, points):
    """Which rows (columns of the answer) have the coordinates of which points (its rows)."""
    numbers = table.select_dtypes("number").to_numpy(float)
    if name == "purities":
        numbers = np.column_stack([numbers, numbers[:, :2].mean(axis=1)])
    found = np.ones((len(points), len(numbers)), bool)
    for values, axis in zip(points.T, "xy", strict=True):
        if BESIDE_EACH_OTHER.get(name) != axis:
            found &= np.isclose(values[:, None, None], numbers, rtol=1e-9, atol=1e-12).any(axis=2)
    return found


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_carries_a_table_with_named_columns(name):
    table = figure_data(FIGURES[name]())
    assert len(table)
    assert all(re.fullmatch(r"[A-Za-z]\w*", column) for column in table)
    assert table.columns.is_unique
    assert not table.isna().all().any()
    assert not np.isinf(table.select_dtypes("number").to_numpy(float)).any()
    csv = read(as_csv(table))
    assert list(csv) == list(table)
    for column in table.select_dtypes("number"):
        np.testing.assert_allclose(csv[column], table[column], rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", [name for name in FIGURES if name not in OTHERWISE])
def test_what_is_drawn_is_what_the_table_says(name, monkeypatch):
    """Also where a figure is drawn from other numbers: each point has a row, each row a point."""
    figures = FIGURES[name](), make_changed(name, monkeypatch)
    for figure in figures:
        table, points = figure_data(figure), drawn(figure)
        assert len(points)
        matches = rows_with(table, name, points)
        assert matches.any(axis=1).all(), points[~matches.any(axis=1)]
        assert matches.any(axis=0).all() or name in WITHOUT_A_POINT
    one, other = map(figure_data, figures)
    assert one.equals(other) == (name in NOT_SCALED)


def test_bars_go_from_the_smallest_to_the_largest_value_over_seeds():
    table = pd.concat([MEASURED, MEASURED.assign(seed=1, measured=[3, 4, 5])])
    labels = ("n", "variance")
    figure = figures.predicted_and_measured(table, "n", "measured", "predicted", labels)
    found = figure_data(figure)
    line, _, low, high = (each.get_ydata() for each in figure.axes[0].lines)
    assert found["predicted"].tolist() == line.tolist() == [1, 2, 4]
    assert found["measured"].tolist() == [2, 3, 4.5]
    assert found["measured_min"].tolist() == low.tolist() == [1, 2, 4]
    assert found["measured_max"].tolist() == high.tolist() == [3, 4, 5]


def test_lines_of_a_column_follow_that_column():
    figure = FIGURES["growth"]()
    lines = iter(figure.axes[0].lines)
    for _, rows in figure_data(figure).groupby("n_circuits"):
        names = ["predicted", "predicted_inactive_stay_inactive", "relative_mse"]
        for name in [*names, "relative_mse_min", "relative_mse_max"]:
            assert next(lines).get_ydata().tolist() == rows[name].tolist()


def test_stacked_terms_are_as_long_as_the_table_says():
    figure = FIGURES["error terms"]()
    table = figure_data(figure)
    assert list(table) == ["network", "others", "own", "measured"]
    for bars in figure.axes[0].containers:
        assert [bar.get_width() for bar in bars] == table[bars.get_label()].tolist()
    assert figure.axes[0].lines[0].get_xdata().tolist() == table["measured"].tolist()


def test_cells_of_images_are_rows():
    figure = FIGURES["terms"]()
    table = figure_data(figure)
    for axes, (_, rows) in zip(figure.axes, table.groupby("matrix", sort=False), strict=False):
        image = np.asarray(axes.images[0].get_array())
        cells = rows["large_neuron"], rows["stream_dimension"]
        assert image[cells].tolist() == rows["weight"].tolist()
        assert image.size == len(rows)
    figure = FIGURES["stream"]()
    rows = figure_data(figure)
    image = np.asarray(figure.axes[0].images[0].get_array())
    assert np.argwhere(image).tolist() == rows[["state", "dimension"]].to_numpy().tolist()
    assert rows["after"].tolist() == ["in", "in", "out"]
    assert rows["part"].tolist() == ["a", "b", "b"]


def test_dials_end_where_the_table_says_unless_they_are_cut_off():
    vectors = {"true": np.ones((3, 2, 2)), "a": np.zeros((3, 2, 2))}
    vectors["a"][:, 0], vectors["a"][:, 1] = (0.25, -0.5), (30, 40)
    figure = figures.dials(vectors, {"a": "one"})
    for axes, (_, rows) in zip(figure.axes, figure_data(figure).groupby("layer"), strict=True):
        tips = [line.get_xydata()[-1].tolist() for line in axes.lines[1:]]
        wanted, found = rows[["wanted_0", "wanted_1"]], rows[["found_0", "found_1"]]
        assert tips[::2] == wanted.to_numpy().tolist()
        assert found.to_numpy().tolist() == [[0.25, -0.5], [30, 40]]
        np.testing.assert_allclose(tips[1::2], [[0.25, -0.5], [0.9, 1.2]])


def test_slots_stand_where_the_table_says():
    figure = FIGURES["meeting slots"]()
    table = figure_data(figure)
    points, slots = figure.axes
    for name, rows in table.groupby("circuit"):
        (mark,) = (line for line in points.lines if line.get_label() == f"circuit {name}")
        assert mark.get_xydata().tolist() == rows[["x", "y"]].drop_duplicates().to_numpy().tolist()
        places = slots.lines[name - 1].get_xydata().round().tolist()
        assert places == rows[["line", "slope"]].to_numpy().tolist()
    boxes = slots.lines[table["circuit"].nunique()].get_xydata().tolist()
    assert boxes == table.loc[table["shared"], ["line", "slope"]].iloc[:1].to_numpy().tolist()
    assert table["shared"].sum() == 2


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
def test_pictures_carry_no_table(make):
    figure = make()
    if isinstance(figure, Figure):
        assert figure_data(figure) is None
    text = svg_with_data(figure) if isinstance(figure, Figure) else figure.data
    assert split(text)[1] is None


def test_a_table_is_carried_as_it_was_when_the_figure_was_drawn():
    table = pd.DataFrame({"x": [1, 2]}, index=["a", "b"])
    figure = plt.figure()
    assert carries(figure, table) is figure
    table.loc["a", "x"] = 9
    assert figure_data(figure).equals(pd.DataFrame({"x": [1, 2]}))
    assert figure_data(plt.figure()) is None


def test_csv_has_six_digits_and_whole_numbers_whole():
    values = pd.DataFrame({"x": [1 / 3, 1234567.0, 1e20, np.nan, 2.5e-7], "n": [1234567] * 5})
    assert as_csv(values) == as_csv(values.astype(object))
    lines = as_csv(values).splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "x", "0.333333", "1234567", "1e+20", "", "2.5e-07",
    ]  # fmt: skip
    assert lines[1].endswith(",1234567")


def test_an_image_carries_its_data_and_gives_it_back(axes):
    named = 'a < b & "c", d > e'
    carries(axes.figure, pd.DataFrame({"series": named, "Γ of |g|²": [1, 1 / 3]}))
    axes.plot([1, 2], [3, 4])
    svg = svg_with_data(axes.figure)
    plain, csv, narrow = split(svg)
    assert csv == as_csv(figure_data(axes.figure))
    assert ET.fromstring(narrow).get("width") != ET.fromstring(plain).get("width")
    assert set(read(csv)["series"]) == {named}
    assert len(plain) < len(svg) - len(csv) - len(narrow)
    assert "a &lt; b" not in plain
    ET.fromstring(plain)
    assert split(plain) == (plain, None, None)
    assert split("<svg/>") == ("<svg/>", None, None)


def test_images_are_the_same_whenever_they_are_made():
    figures.use_style()
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
    figures.use_style()
    axes.plot([1], [2])
    carries(axes.figure, pd.DataFrame({"series": ["law"]}))
    data, _ = shell.display_formatter.format(axes.figure)
    assert set(read(split(data["image/svg+xml"])[1])["series"]) == {"law"}
    assert {*data} == {"text/plain", "image/svg+xml"}


PLAIN = '<svg xmlns="http://www.w3.org/2000/svg"><metadata></metadata></svg>'
CARRYING = PLAIN.replace(
    "<metadata>",
    "<metadata><dc:description>What this figure shows, as CSV:\nx,y\n1,2\n</dc:description>",
)
INKED = '<g style="fill: #1f2328"/><metadata>'
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
    """Build as Sphinx does from the command line; the page's text."""
    warnings, folders = io.StringIO(), [project, project, project / "out", project / "trees"]
    with docutils_namespace():
        Sphinx(*folders, builder, status=None, warning=warnings).build()
    assert not warnings.getvalue()
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


def test_an_image_has_a_twin_in_the_colours_of_dark_pages(project):
    """Shown beside it by the page's style, with the same words; one without colours has none."""
    (project / "drawing.svg").write_text(PLAIN.replace("<metadata>", INKED))
    page = build(project)
    found = re.findall(r'<img[^>]*class="figure-(\w+)"[^>]*src="_images/([\w-]+)\.svg"', page)
    assert found == [("light", "drawing"), ("dark", "fig-drawing-dark")]
    dark = (project / "out/_images/fig-drawing-dark.svg").read_text()
    assert "fill: #e6e8eb" in dark
    assert page.count("<figcaption>") == 3
    assert "dark" not in build(project, "text", "chapter.txt")


def test_an_image_has_a_twin_for_phones_that_it_carries_itself(project, axes):
    svg = svg_with_data(axes.figure)
    (project / "drawing.svg").write_text(svg)
    page = build(project)
    found = re.findall(r'<img[^>]*class="([\w -]+)"[^>]*src="_images/([\w-]+)\.svg"', page)
    assert found == [
        ("figure-wide figure-light", "fig-drawing"),
        ("figure-wide figure-dark", "fig-drawing-dark"),
        ("figure-narrow figure-light", "fig-drawing-narrow"),
        ("figure-narrow figure-dark", "fig-drawing-narrow-dark"),
    ]
    images = project / "out/_images"
    plain, _, narrow = split(svg)
    assert (images / "fig-drawing.svg").read_text() == plain
    assert (images / "fig-drawing-narrow.svg").read_text() == narrow
    assert "narrow" not in build(project, "text", "chapter.txt")


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
