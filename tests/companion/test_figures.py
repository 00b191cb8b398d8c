"""Numbers for the prose, tables for the eye, and figures that a reader can read."""

import re
from itertools import pairwise

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import sympy as sp
from matplotlib.colors import to_hex
from matplotlib.text import Text

from companion import _page, figures
from companion._page import assumptions, equation, glue, page_table, show, show_best
from companion.figures import drawing, style
from companion.figures.figure_data import figure_data, svg_with_data
from companion.figures.landing import Still
from companion.figures.narrow import WIDTH, narrowed
from superposition.theory import neurons
from tests.colours import contrast


@pytest.fixture
def shown(monkeypatch):
    """What a cell displays, as (data, metadata) pairs."""
    calls = []
    monkeypatch.setattr(
        "IPython.display.display", lambda data, raw, metadata: calls.append((data, metadata))
    )
    return calls


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (np.float64(1 / 3), "text/plain", "0.333333"),
        (12345678.9, "text/plain", "12345700.0"),
        (np.int64(7), "text/plain", "7"),
        ("prime", "text/plain", "'prime'"),
        (equation("T", 2 * sp.Symbol("D")), "text/latex", r"$\displaystyle T = 2 D$"),
        (equation("T", sp.Symbol("D"), sp.Le), "text/latex", r"$\displaystyle T \leq D$"),
        (
            equation(neurons.load_mean()),
            "text/latex",
            r"$\displaystyle \mathrm{E}[\text{load}] = \frac{T m r}{M}$",
        ),
    ],
)
def test_glue_stores_what_the_prose_can_show(value, kind, text, shown):
    glue(name=value)
    prefix = "application/papermill.record/"
    wanted = {"scrapbook": {"name": "name", "mime_prefix": prefix}}
    assert shown == [({prefix + kind: text}, wanted)]


def test_glue_uses_the_type_that_myst_nb_reads():
    from myst_nb.ext.glue import GLUE_PREFIX

    assert _page._PREFIX == GLUE_PREFIX


def test_sums_in_a_long_equation_can_break():
    """Not above a fraction's line; a short one keeps its fraction."""
    r, *terms = sp.symbols("r a:40")
    assert _page._latex(sum(terms[:3]) / r).startswith(r"\frac{a_{0} + a_{1}")
    assert _page._latex(sum(terms) / r).startswith(r"\frac{1}{r} \left(a_{0} + a_{1}")


def test_the_best_of_those_that_compete_is_bold():
    table = pd.DataFrame({"x": [1, 0.5, 0.25], "y": [1, 0.5, 0.5]}, ["truth", "a", "b"])
    cells = [td.split("</td>")[0] for td in show_best(table, ["a", "b"]).data.split("<td>")[1:]]
    bold = "<strong>0.50</strong>"
    assert cells == ["1.00", "1.00", bold, bold, "0.25", bold]


def test_tables_show_significant_digits_and_no_dust():
    table = pd.DataFrame({"n": [1, 2], "x": [123.456, 1e-31], "y": [np.nan, -0.00098765]})
    printed = show(table, 3)
    assert printed["n"].tolist() == [1, 2]
    assert printed["x"].tolist() == [123.0, 0.0]
    assert printed["y"].tolist() == ["—", -0.000988]
    assert table["x"][0] == 123.456


def test_assumptions_are_listed_in_words():
    text = assumptions(neurons.load_variance()).data
    assert text.splitlines()[2] == "- different small neurons choose independently"


LOADS = pd.DataFrame(
    {
        "parameters": [1e3, 1e4] * 4,
        "n_layers": [1, 1, 2, 2] * 2,
        "in_full": [False, False, True, True] * 2,
        "seed": [0] * 4 + [1] * 4,
        "n_circuits": [10, 100, 5, 40, 12, 110, 6, 44],
    }
)
PRIVATE = pd.DataFrame({"parameters": [1e3, 1e4], "n_circuits": [5, 16]})
SIZES = pd.DataFrame(
    {
        "size": [1e4, 1e5] * 3,
        "n_active": [1, 1, 2, 2, 2, 2],
        "images": ["own"] * 4 + ["same"] * 2,
        "seed": 0,
        "balanced_accuracy": [0.6, 0.9, 0.55, 0.8, 0.56, 0.82],
    }
)
DEPTH = pd.DataFrame(
    {
        "n_circuits": [5] * 3 + [9] * 3,
        "layer": [0, 1, 2] * 2,
        "seed": 0,
        "relative_mse": [0, 0.1, 0.2, 0, 0.5, 5],
    }
)
MEASURED = pd.DataFrame({"n": [1, 2, 4], "seed": 0, "measured": [1, 2, 4], "predicted": [1, 2, 4]})

EXTREMES = pd.DataFrame({"n_circuits": [10, 100], "seed": 0, "measured": [0.1, 0.2]}).assign(
    predicted=[0.1, 0.2], leading=[0.2, 0.3]
)
READS = pd.DataFrame({"kind": ["a", "a", "b", "b"], "n_active": [1, 2] * 2, "seed": 0}).assign(
    active=[0.1, 0.2, 0, 0.1], predicted=[0.1, 0.2, 0, 0.1]
)
NOISE = pd.DataFrame({"redundancy": [1, 2] * 2, "n_active": [1, 1, 3, 3], "seed": 0}).assign(
    one_carrier=1.0, predicted_one=1.1, carrier_mean=0.5, predicted_mean=0.6
)

NEURONS = pd.DataFrame(
    {"n_active": [1, 1, 3, 3], "pre_activation": [-1, 1] * 2, "measured": 0.1, "predicted": 0.2}
)
TERMS = pd.DataFrame({"others": [0.1, 0.2], "own": [0.1, 0.1]}, index=["a", "b"])
RATIOS = pd.DataFrame(
    {"kind": ["a", "b"], "noise": [0.01, 0.1], "ratio": 1.0, "standard_error": 0.01, "mse": 0.2}
)
GROWTH = DEPTH.assign(predicted=0.1, unremembered=0.05)
DEPTHS = pd.DataFrame({"measured": [1, 1, 13], "predicted": [1, 1, 12]})
FITS = pd.DataFrame(
    {"n_layers": [1, 1, 4, 4], "width": [2, 4] * 2, "mean": 9, "min": 8, "max": 9, "predicted": 9}
)
DESIGN = pd.DataFrame(
    {"margin": [0.5, 1] * 2, "n_active": [1, 1, 3, 3], "layer": 1, "mean": 0.2}
).assign(min=0.1, max=0.3, predicted=0.2)
CAPACITIES = pd.DataFrame(
    {"stream_width": [64, 128], "n_layers": 1, "n_circuits": [9, 99], "private": [16, 32]}
)

BY_LAYER = pd.DataFrame({"n_active": [1, 1, 2, 2], "layer": [1, 2] * 2, "seed": 0}).assign(
    mse_x=[0, 0.1, 0.2, 0.3], worst_x=0.5, inactive_x=0.1, inactive_worst_x=0.4
)
SCALING = BY_LAYER.assign(load=[0.001, 0.002] * 2, width=100)
TRACES = pd.DataFrame({"sample": [0, 0, 1, 1], "layer": [0, 1] * 2}).assign(
    true_0=[1, 0, 1, 0], true_1=[0, 1, 0, 1], estimate_0=[1, 0.1, 1, 0], estimate_1=[0, 1, 0, 1.1]
)
FIRING = pd.DataFrame({"n_active": 1, "block": [0, 0, 1, 1], "layer": [0, 1] * 2}).assign(
    share=0.2, expected=0.1
)
TUNED = pd.DataFrame({"variant": ["a", "b"] * 2, "n_active": [1, 1, 2, 2], "layer": 1}).assign(
    mean=0.2, min=0.1, max=0.3
)

CONNECTED = pd.DataFrame(
    {"connections": [0, 1], "measured": 0.5, "binomial": 0.4, "by_circuits": 0.6}
)
FOLLOWED = pd.DataFrame(
    {"n_circuits": 9, "layer": [1, 2], "seed": 0, "mse": 0.1, "followed": 0.2, "published": 0.3}
)
BESIDE = pd.DataFrame(
    {"n_active": [1, 1, 2, 2], "layer": [1, 2] * 2, "published": 0.5, "gated": [0, 0, 0.1, 0.2]}
).assign(told=0.3)
WRONG = pd.DataFrame({"chance": [0.01, 0.1], "missed": 0.1, "false": 0.02, "predicted": [0.1, 0.2]})
NOISY_LAYERS = pd.DataFrame(
    {"task": list("aabb"), "n_active": 2, "layer": [1, 2] * 2, "mse": 0.1, "predicted": 0.2}
)
FAILURES = pd.DataFrame({"way": list("aabb"), "n_active": [2, 3] * 2, "circuits": [0, 0.1] * 2})
BOARD = pd.DataFrame(
    {"entry": list("aabbcc"), "task": "x", "n_active": [1, 2] * 3, "layer": 1}
).assign(relative_mse=[0.1, 0.2, 0, 3e4, np.nan, np.nan])
ROOM = pd.DataFrame({"entry": list("aabb"), "n_active": [1, 3] * 2, "weights": [1e4, 1e5] * 2})
SIZES_OF_PLANES = pd.DataFrame(
    {"n_circuits": [25, 121], "small": [9, 90], "gated": [20, 200], "dense": [100, 1000]}
)
ROUNDED = pd.DataFrame({"n_circuits": [100, 1000], "rms": 1e-7, "path": [1e-6, 2e-6]})
GATES = pd.DataFrame({"kind": list("bbaa"), "n_neurons": [128, 256] * 2, "seed": 0}).assign(
    n_gates=[200, 700, 150, 500], predicted_gates=[210.5, 690, 160, 480]
)
PATHS = pd.DataFrame({"stage": list("ccdd"), "margin": [0.5, 1] * 2, "seed": 0}).assign(
    relative_mse=[0.1, 0.2, 0.3, 0.4], predicted=[0.15, 0.25, 0.35, 0.45]
)
SCORES = pd.DataFrame({"alone": [0.9, 0.8], 1: [0.9, 0.81], 2: [0.7, 0.6]}, index=["a", "b"])
FOUND = pd.DataFrame(
    {"mmcs": [0.5, 0.3, 0.6, 0.2], "mmcs_low": 0.1, "mmcs_high": 0.7},
    index=pd.MultiIndex.from_product(
        [["easy", "hard"], ["SVD", "NMF"]], names=["target", "method"]
    ),
)
OWN, FIRES = np.zeros((2, 1, 2, 3, 2))
OWN[0, 0, 1], FIRES[0, 0, 1, 1], FIRES[0, 1, 2, 1] = 1, 0.5, 2
STILL = Still("One <b>runs</b>.", FIRES, OWN > 0, np.array([1.0, 0]), np.array([0, 3.0]))
FLOOR = pd.DataFrame({"floor": [0.1, 0.2], "one slot": [0.2, 0.4]}, index=[300, 400])
PRICE = pd.DataFrame({"width": [1, 2], "measured": [4.1, 2.1], "derived": [4.0, 2.0], "bound": 1.0})
FIGURES = {
    "gates": lambda: figures.gates_by_neurons(
        GATES, {name: np.array([99.0, 999]) + i for i, name in enumerate("xyz")}
    ),
    "path errors": lambda: figures.path_errors_by(PATHS, "margin", "margin"),
    "stream": lambda: figures.stream_in_use(
        np.array([[1, 0, 0.5], [0, 0, 2]]), {"a": slice(0, 1), "b": slice(1, 3)}, ["in", "out"]
    ),
    "scores inside": lambda: figures.scores_inside(SCORES, [1, 2]),
    "found": lambda: figures.found_by_methods(
        FOUND, ("mmcs", "MMCS"), ["easy", "hard"], {"NMF": "factors"}
    ),
    "purities": lambda: figures.purities(
        {"neurons": np.array([0.11, 0.12, 0.9]), "reads": np.array([0.5, 1.0])}
    ),
    "capacity bars": lambda: figures.capacity_bars(
        {"private": 16, "one": 99.5, "most": None},
        pd.DataFrame({"layers": [1], "mean": [90.0], "min": [80.0], "max": [95.0]}),
    ),
    "cost and error": lambda: figures.cost_and_error(SIZES_OF_PLANES, {"float32": ROUNDED}),
    "floor": lambda: figures.beside_floor(FLOOR, ("floor", "bound"), {"one slot": "r = 1"}),
    "price": lambda: figures.price_of_exactness(PRICE),
    "board": lambda: figures.board(
        pd.concat([BOARD.assign(layer=0), BOARD]), {"x": "circuits"}, {"x": {"a": 0}}
    ),
    "room": lambda: figures.room(
        ROOM.assign(n_circuits=[9, 20, 30, 0]),
        {1: {"bound": lambda weights, k: 0.1 * weights}, 3: {}},
        {"a": 0},
    ),
    "failures": lambda: figures.failures(
        {"x": FAILURES, "y": FAILURES}, FAILURES[:2].assign(title="x"), 2, ["b"]
    ),
    "meeting slots": lambda: figures.meeting_slots(3, 2, [(1, 2), (2, 0)]),
    "dials": lambda: figures.dials(
        {"true": np.ones((3, 2, 2)), "a": np.zeros((3, 2, 2))}, {"a": "one"}
    ),
    "beside published": lambda: figures.beside_published(BESIDE),
    "wrong gates": lambda: figures.wrong_gates(WRONG),
    "noise by layer": lambda: figures.noise_by_layer(NOISY_LAYERS, {"a": "one", "b": "two"}),
    "slot loads": lambda: figures.slot_loads({"a": np.array([1, 2]), "b": np.array([2, 2])}),
    "connected slots": lambda: figures.connected_slots(CONNECTED, 1.5),
    "followed": lambda: figures.followed(FOLLOWED),
    "traces": lambda: figures.traces({1: TRACES, 2: TRACES}),
    "by layer": lambda: figures.by_layer(BY_LAYER, "x"),
    "firing": lambda: figures.firing(FIRING),
    "scaling": lambda: figures.scaling(SCALING, "mse_x", SCALING, SCALING),
    "tuning": lambda: figures.tuning(TUNED, ["a"]),
    "neurons": lambda: figures.neuron_errors(NEURONS),
    "error terms": lambda: figures.error_terms(TERMS, pd.Series({"a": 0.2, "b": 0.3})),
    "ratios": lambda: figures.ratios(RATIOS, (0.85, 1.18)),
    "growth": lambda: figures.growth(GROWTH.query("layer > 0")),
    "ignition": lambda: figures.ignition(
        {"T = 5": np.array([0.1, 1]), "T = 9": np.array([0.3, 2])}, np.array([0.01, 1]), ["T = 9"]
    ),
    "depths": lambda: figures.depths(DEPTHS, 12),
    "fitting": lambda: figures.fitting({"width": FITS}),
    "design": lambda: figures.design(DESIGN, "margin", "margin"),
    "capacities": lambda: figures.capacities(CAPACITIES),
    "claim": lambda: figures.claim(LOADS, PRIVATE),
    "terms": lambda: figures.terms([np.eye(3), -np.eye(3)], ["one", "two"]),
    "interference": lambda: figures.interference(np.linspace(-1, 1, 50), 0.3),
    "predicted": lambda: figures.predicted_and_measured(
        MEASURED, "n", "measured", "predicted", ("n", "variance")
    ),
    "depth": lambda: figures.depth(DEPTH, pd.Series({1: 0.3, 2: 0.5}), [9]),
    "extremes": lambda: figures.extremes(EXTREMES),
    "reads": lambda: figures.read_errors(READS),
    "loads": lambda: figures.load_histogram(np.array([3, 4, 4, 6]), lambda n: n / 20),
    "averaging": lambda: figures.averaging(NOISE),
    "tasks": lambda: figures.tasks_kept(
        np.array([0.9, 0.95, 0.97]), np.array([0.8, 0.9, 0.95]), 1, ("large", "private")
    ),
    "sizes": lambda: figures.digit_sizes(
        SIZES, 0.97, SIZES.iloc[:2][["size", "balanced_accuracy"]], {"parity": 3e4}
    ),
}
PICTURES = {
    "digit images": lambda: figures.digit_images(np.arange(128.0).reshape(2, 8, 8), ["3", "9"]),
    "stills": lambda: figures.stills([STILL]),
}


@pytest.fixture(autouse=True)
def _close_figures():
    figures.use_style()
    yield
    plt.close("all")
    mpl.rcdefaults()


def test_every_drawing_function_is_covered(monkeypatch):
    """By the examples here, which other tests go through."""
    drawings = {"strip", "two_codes", "three_chains", "seizure"}  # tests of their own
    functions = {*figures.__all__} - drawings - {"use_style"}
    called = set()
    for name in functions:
        monkeypatch.setattr(figures, name, lambda *_, name=name: called.add(name))
    for make in (FIGURES | PICTURES).values():
        make()
    assert called == functions


def in_words(ticks):
    return all(not tick.get_text()[:1].isdigit() for tick in ticks)


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_every_figure_names_its_axes_and_its_series(make):
    figure = make()
    figure.canvas.draw()
    main = figure.axes[0]
    assert main.get_xlabel()
    assert main.get_ylabel() or in_words(main.get_yticklabels())
    series = [line for line in main.lines if not line.get_label().startswith("_")]
    words = {text.get_text().replace("\n", " ") for axes in figure.axes for text in axes.texts}
    named = {line.get_label() for line in series} <= words
    assert main.get_legend() is not None or figure.legends or named


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_figures_are_opaque_and_their_grid_is_below(make):
    figure = make()
    assert mpl.colors.to_rgba(figure.get_facecolor())[3] == 1
    assert all(axes.get_axisbelow() is True for axes in figure.axes)


@pytest.mark.parametrize("on", [dict, style.DARK.get], ids=["light", "dark"])
def test_ink_and_colours_can_be_read_on_light_and_on_dark_pages(on):
    """Contrast with the page: 4.5 for words, 3 for lines, which have markers of their own."""
    on = (lambda colour: colour) if on is dict else on
    page = on(style.PAPER)
    assert all(contrast(on(words), page) > 4.5 for words in (style.INK, style.GREY, *style.WORDS))
    assert all(contrast(on(line), page) > 3 for line in (style.REST, *style.COLOURS))
    assert len({on(colour) for colour in style.COLOURS}) == len(style.MARKERS)


@pytest.mark.parametrize("names", [drawing.LIGHT, drawing.DARK], ids=["light", "dark"])
def test_colours_of_drawings_can_be_read(names):
    """Words are in ink or muted, never in a circuit's colour, which fills a shape or is a line."""
    assert all(contrast(names[name], names["paper"]) > 4.5 for name in ("ink", "mute"))
    assert set(re.findall(r"pic-[thsm]{fill:var\(--(\w+)", drawing.STYLE)) == {"ink", "mute"}
    assert all(contrast(names[f"k{n}"], names["paper"]) > 2 for n in (1, 2, 3))


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_words_of_figures_are_in_colours_for_words(make):
    """On their own ground: numbers on a bubble are as the page."""
    figure = make()
    words = {to_hex(text.get_color()) for axes in figure.axes for text in axes.texts}
    assert words <= {style.INK, style.GREY, style.PAPER, *style.WORDS}


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_a_figure_has_at_most_four_colours_beside_grey_and_ink(make):
    figure = make()
    lines = {line.get_color() for axes in figure.axes for line in axes.lines}
    assert len(lines & {*style.COLOURS}) <= 4


WIDE = [name for name in FIGURES if name not in {"board", "room"}]


@pytest.mark.parametrize("name", WIDE)
def test_on_phones_figures_are_narrow_and_show_the_same(name):
    """No words are lost, none has less than nine points, and the figure itself stays."""
    figure = FIGURES[name]()
    size = figure.get_size_inches().tolist()
    narrow = narrowed(figure)
    assert figure.get_size_inches().tolist() == size
    assert narrow.get_figwidth() == WIDTH
    assert words_of(figure) <= words_of(narrow)
    small = {text.get_fontsize() for text in narrow.findobj(Text) if text.get_text()}
    assert min(small) >= 9
    assert not plt.get_fignums() or narrow.number not in plt.get_fignums()[1:]


def words_of(figure):
    return {text.get_text() for axes in figure.axes for text in axes.texts}


def test_panels_that_have_no_room_stand_below_each_other_with_the_words_of_their_row():
    figure, panels = plt.subplots(2, 4, figsize=(9.2, 4), sharey=True)
    for row, name in zip(panels, ("upper", "lower"), strict=True):
        row[0].set_ylabel(name)
    narrow = narrowed(figure)
    places = [
        (each.get_subplotspec().rowspan.start, each.get_subplotspec().colspan.start)
        for each in narrow.axes
    ]
    assert places[:5] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
    assert [each.get_ylabel() for each in narrow.axes] == [
        "upper", "", "upper", "", "lower", "", "lower", "",
    ]  # fmt: skip
    assert narrow.axes[2].yaxis.get_tick_params()["labelleft"]
    assert not narrow.axes[3].yaxis.get_tick_params()["labelleft"]
    for row in panels:
        row[0].set_ylabel("same")
    panels[1, 3].set_visible(False)
    assert narrowed(figure).axes[0].get_gridspec().nrows == 4


def test_words_below_ticks_that_would_overlap_are_turned():
    figure, axes = plt.subplots(figsize=(9, 3))
    axes.set_xticks(range(8), ["a long word"] * 8)
    (turned,) = narrowed(figure).axes
    assert turned.get_xticklabels()[0].get_rotation() == 40
    assert axes.get_xticklabels()[0].get_rotation() == 0


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_every_colour_of_a_figure_has_one_for_dark_pages(make):
    """What is drawn in another would stay as it is."""
    drawn = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", svg_with_data(make())))
    assert drawn <= set(style.DARK)


def test_names_stand_at_the_ends_of_lines_and_clear_of_each_other():
    axes = plt.subplots()[1]
    for end, name in ((1.0, "upper"), (0.99, "middle, a long name of two lines"), (0.0, "lower")):
        axes.plot([0, 1], [0, end], label=name)
    style.name_lines(axes)
    axes.figure.canvas.draw()
    texts = sorted(axes.texts, key=lambda text: text.get_position()[1])
    assert [text.get_text()[:5] for text in texts] == ["lower", "middl", "upper"]
    boxes = [text.get_window_extent() for text in texts]
    assert all(below.y1 <= above.y0 for below, above in pairwise(boxes))
    assert [text.get_color() for text in texts] == [style.WORDS[i] for i in (2, 1, 0)]


def test_a_name_stands_beside_its_point_and_bars_are_named_at_their_last_top():
    axes = plt.subplots()[1]
    axes.set(xlim=(0, 4), ylim=(0, 4))
    for side in ("left", "right"):
        style.name_at(axes, side, (2, 1), style.COLOURS[0], side)
    axes.bar([1, 3], [1, 3], color=style.COLOURS[1], label="bars")
    style.name_lines(axes)
    style.name_upright(axes, "upright", 0.5)
    axes.figure.canvas.draw()
    left, right, bars, upright = axes.texts
    at = axes.transData.transform((2, 1))
    boxes = {text: text.get_window_extent() for text in axes.texts}
    assert boxes[left].x1 < at[0] < boxes[right].x0
    assert all(abs(boxes[text].y0 + boxes[text].y1 - 2 * at[1]) < 2 for text in (left, right))
    assert left.get_color() == style.WORDS[0]
    assert bars.get_text() == "bars"
    assert bars.get_position()[1] == pytest.approx(3 / 4)
    assert bars.get_color() == style.WORDS[1]
    assert boxes[upright].x1 < axes.transData.transform((0.5, 0))[0]
    assert axes.lines[0].get_xdata()[0] == 0.5


def test_what_is_of_note_has_colours_and_the_rest_is_grey():
    assert [*style.numbered("abc", ["c", "a"])] == [(1, "a"), (None, "b"), (0, "c")]
    assert style.look(1) == {"color": style.COLOURS[1], "marker": style.MARKERS[1]}
    assert style.look(None)["color"] == style.REST
    figure = FIGURES["depth"]()
    colours = [bars.lines[0].get_color() for bars in figure.axes[0].containers]
    assert colours == [style.REST, style.COLOURS[0]]


def test_the_largest_terms_are_named_below_the_longest_bar():
    terms = pd.DataFrame(
        {n: [x, 1] for n, x in zip("abcde", (5, 1, 4, 2, 3), strict=True)}, ["x", "y"]
    )
    (axes,) = figures.error_terms(terms, terms.sum(axis=1)).axes
    names = [(text.get_text(), text.get_position()) for text in axes.texts]
    assert names[:4] == [
        ("a", (2.5, 0.5)),
        ("c", (7, 0.5)),
        ("e", (10.5, 0.5)),
        ("rest", (13.5, 0.5)),
    ]


def test_layers_that_write_in_full_have_a_line_of_their_own():
    both = pd.concat([LOADS, LOADS.assign(n_layers=2, in_full=False)])
    texts = [text.get_text() for text in figures.claim(both, PRIVATE).axes[0].texts]
    named = sorted(" ".join(text.split()) for text in texts if "layers" in text)
    ways = "in superposition, 2 layers"
    assert named == [ways, f"{ways} that write in full"]


def test_digit_images_show_what_they_are_given():
    figure = figures.digit_images(np.arange(128.0).reshape(2, 8, 8), ["3: +", "9: −"])
    assert [axes.get_title() for axes in figure.axes] == ["3: +", "9: −"]


def test_theory_lines_and_measured_means_are_drawn_where_they_belong():
    figure = figures.predicted_and_measured(
        MEASURED.assign(measured=[1.5, 2.5, 4.5]), "n", "measured", "predicted", ("n", "v")
    )
    line, points = figure.axes[0].lines[0], figure.axes[0].containers[0].lines[0]
    np.testing.assert_array_equal(line.get_ydata(), [1, 2, 4])
    np.testing.assert_array_equal(points.get_ydata(), [1.5, 2.5, 4.5])


def test_a_still_has_neurons_where_they_are_and_arrows_as_they_point():
    """Two blocks, three slots, two neurons: one misfires, and one of the two in use fires."""
    drawn = figures.stills([STILL]).data
    assert "<p>One <b>runs</b>.</p>" in drawn
    assert 'aria-label="One runs."' in drawn
    wrong, own, fires = re.findall(r'<path d="([^"]*)" style="[^"]*', drawn)[1:4]
    left = 2 * 5 + 3  # where the second block begins
    assert wrong == f"M{left + 5} 12h4v5h-4z"
    assert own == "M0 6h4v5h-4zM5 6h4v5h-4z"
    assert fires == "M5 6h4v5h-4z"
    assert 'd="M0 0L40.0 0.0"' in drawn  # the true arrow, to the right
    assert 'd="M0 0L0.0 -50.4"' in drawn  # the computed one, upwards, longer than the dial


def test_a_dial_shows_how_far_off_vectors_are():
    true, found = np.zeros((2, 1, 2)), np.array([[[0, 0]], [[3.0, 4]]])
    true[1] = 1, 0
    axes = figures.dials({"true": true, "a": found}, {"a": "one"}).axes[0]
    assert axes.get_xlabel() == "off by 4.47"
    tips = [line.get_xydata()[-1] for line in axes.lines[1:]]
    np.testing.assert_allclose(tips, [[1, 0], [0.9, 1.2]])


def test_a_board_draws_what_is_lost_at_one_height_and_leaves_out_who_does_not_fit():
    figure = FIGURES["board"]()
    (axes,) = figure.axes
    grey, named = axes.lines
    assert grey.get_ydata().tolist() == [0, 3]
    assert named.get_ydata().tolist() == [0.1, 0.2]
    assert [tick.get_text() for tick in axes.get_yticklabels()][::5] == ["exact", "lost"]
    assert figure_data(figure)["relative_mse"].tolist() == [0.1, 0.2, 0, 3e4]
    assert (grey.get_color(), named.get_color()) == (style.REST, style.COLOURS[0])


PAGE = """# Page

| a |
|---|
| 0 |

## Times (of 3)

Words | with bars.

| time of   |   ratio |
|:----------|--------:|
| one, two  |     2.5 |
| three     |         |

| other | table |
|---|---|
| 1 | 2 |
"""


def test_a_table_is_read_from_a_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    table = page_table(page, "Times")
    assert list(table) == ["time of", "ratio"]
    assert table.to_numpy().tolist() == [["one, two", "2.5"], ["three", ""]]
    for heading in ("Memory", "Times (of 4)"):
        with pytest.raises(ValueError, match=r"heading: wanted one of .* with a table, got"):
            page_table(page, heading)
