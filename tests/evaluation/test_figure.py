"""The figure shows the table: its dots, bars and lines are the table's numbers."""

import numpy as np
import pytest

from annealcam.evaluation.figure import evaluation_figure
from annealcam.evaluation.table import Line
from annealcam.render.figures.sheets import BLUE, GREY, VERMILION, save

SIZES = {"annealcam": 7.25, "gradcam": 611.0, "random_map": None}


def line(method, metric, mean, low=None, high=None, null=None):
    return Line(method, metric, 9, 0, mean, low, high, None, None, None, null)


LINES = [
    line("annealcam", "deletion", 0.2, 0.1, 0.3), line("annealcam", "overlap", 0.0, 0.0, 0.1, 0.4),
    line("gradcam", "deletion", 0.25, 0.2, 0.4), line("gradcam", "overlap", 0.5),
    line("random_map", "deletion", 0.6, 0.5, 0.7), line("random_map", "overlap", None),
]  # fmt: skip


@pytest.fixture
def figure():
    return evaluation_figure(LINES, SIZES, title="9 photos")


def dots(axes):
    """Place, mean, colour of each method's dot."""
    return [
        (float(d.get_ydata()[0]), float(d.get_xdata()[0]), d.get_color())
        for d in axes.lines
        if d.get_marker() in "osD"
    ]


def test_dots_bars_and_the_line_of_the_first_method(figure):
    deletion, overlap = figure.axes
    assert dots(deletion) == [(0, 0.2, BLUE), (1, 0.25, VERMILION), (2, 0.6, GREY)]
    assert dots(overlap) == [(0, 0.0, BLUE), (1, 0.5, VERMILION)]
    bars = [c.get_segments()[0][:, 0].tolist() for c in deletion.collections]
    assert np.allclose(bars, [[0.1, 0.3], [0.2, 0.4], [0.5, 0.7]])
    dashed = [d for d in deletion.lines if d.get_marker() == "None"]
    assert list(dashed[0].get_xdata()) == [0.2, 0.2]
    strokes = [c.get_segments()[0][:, 0].tolist() for c in overlap.collections]
    assert [0.4, 0.4] in strokes


def test_what_is_written(figure):
    deletion, overlap = figure.axes
    assert [label.get_text() for label in deletion.get_yticklabels()] == [
        "annealcam (7.25 maps)", "Grad-CAM (611 maps)", "random map",
    ]  # fmt: skip
    assert deletion.get_title("left") == "deletion   ← better"
    assert deletion.get_xlabel() == "mean probability"
    assert [text.get_text() for text in overlap.texts] == ["no value"]
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told == [
        "methods that select maps", "methods that weight all maps",
        "reference maps, independent of the network", "mean of annealcam",
        "overlap of shuffled classes",
    ]  # fmt: skip


def test_one_method_without_a_value():
    (axes,) = evaluation_figure([LINES[5]], SIZES, title="").axes
    assert not dots(axes)
    assert not len(axes.get_xticks())


def test_equal_tables_give_equal_files(tmp_path):
    for name in ("one", "two"):
        save(evaluation_figure(LINES, SIZES, title="9 photos"), tmp_path, name)
    for suffix in ("png", "svg"):
        one, two = (tmp_path / f"{name}.{suffix}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_the_share_of_a_uniform_map_is_marked_in_a_grid():
    figure = evaluation_figure([line("gradcam", "grid_pointing", 0.8, 0.7, 0.9, 0.25)], SIZES,
                               title="")  # fmt: skip
    (axes,) = figure.axes
    assert [0.25, 0.25] in [c.get_segments()[0][:, 0].tolist() for c in axes.collections]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "share of a uniform map" in texts
    assert "overlap of shuffled classes" not in texts
