"""Charts put marks where their numbers are, and say what is on them."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch

import annealcam as ac
from annealcam.render.explanation_hardness import MOST_STATES, explanation_hardness
from annealcam.render.html.annealing import (
    annealing_panel,
    levels_figure,
    states_figure,
    success_figure,
)
from annealcam.render.html.svg import Chart, Scale, across, tag, upward
from annealcam.render.html.trust import curve_chart
from tests.networks import headed, small_network


@pytest.fixture
def e(network, images):
    return ac.explain(
        network, images[0], layer="3", objective="relative", tau=20.0, shots=30, seed=3
    )


def elements(chart, name, kind=None):
    result = ET.fromstring(str(chart)).iter(name)
    return [el for el in result if kind is None or el.get("class") == kind]


def test_texts_and_attributes_are_escaped():
    hostile = '"><script>alert(1)</script>'
    made = tag("text", hostile, aria_label=hostile)
    read = ET.fromstring(str(made))
    assert (read.text, read.get("aria-label")) == (hostile, hostile)


@pytest.mark.parametrize("log", [False, True])
def test_scales_are_monotone_and_ticks_lie_on_them(log):
    scale = Scale(0.002, 7.0, 10.0, 200.0, log)
    places = [scale(value) for value in np.linspace(0.002, 7.0, 50)]
    assert places[0] == 10
    assert places[-1] == pytest.approx(200)
    assert (np.diff(places) > 0).all()
    ticks = scale.ticks()
    assert 3 <= len(ticks) <= 9
    assert all(0.002 <= tick <= 7.0 for tick in ticks)
    assert Scale(3.0, 3.0, 0.0, 1.0)(3.0) == 0  # no extent, no failure


def test_a_dot_lies_where_its_values_are():
    chart = Chart(across(0, 10), upward(0, 1), "x", "y")
    (dot,) = elements(chart.drawn(chart.dot(5, 0.25, "warn", "here"), label="a dot"), "circle")
    assert float(dot.get("cx")) == chart.x(5)
    assert float(dot.get("cy")) == chart.y(0.25)
    assert dot.find("title").text == "here"


def test_the_panel_is_that_of_the_explanation(e):
    h = explanation_hardness(e)
    last = h.runs[-1]
    assert last.tau == 20.0
    assert last.success_probability == e.selection.info["success_probability"]
    assert last.best_of_shots == e.selection.info["best_of_shots_probability"]
    assert last.shots == e.selection.shots == 30
    assert h.source.labels == tuple(e.candidates.tolist())
    panel = annealing_panel(h)
    assert len(panel.figures) == 3
    assert panel.rows[-1][0] == "20"
    for figure in panel.figures:
        assert ET.fromstring(str(figure.chart)).get("aria-label") == figure.caption


def test_the_minimum_gap_is_marked(e):
    h = explanation_hardness(e)
    (dot,) = elements(levels_figure(h).chart, "circle", "mark-warn")
    assert f"s = {h.gap.s:.3g}" in dot.find("title").text
    assert len(elements(levels_figure(h).chart, "polyline", "line strong")) == 1


def test_every_run_has_its_two_marks_and_guesses_their_lines(e):
    h = explanation_hardness(e)
    chart = success_figure(h).chart
    assert len(elements(chart, "circle")) == len(elements(chart, "rect")) == len(h.runs)
    dots = [float(dot.get("cy")) for dot in elements(chart, "circle")]
    F = [run.success_probability for run in h.runs]
    assert np.array_equal(np.argsort(dots), np.argsort(F)[::-1])
    lines = {line.get("class") for line in elements(chart, "polyline")}
    assert {"line dotted", "line dotted-second", "line strong", "line second"} <= lines


def test_bars_are_probabilities_and_the_optimum_is_marked(e):
    h = explanation_hardness(e)
    figure = states_figure(h)
    widths = np.array([float(bar.get("width")) for bar in elements(figure.chart, "rect")])
    shown = [float(t.text.rstrip("%")) for t in elements(figure.chart, "text", "tick")]
    (rest,) = (t.text for t in elements(figure.chart, "text", "label"))
    left = float(re.search(r"([\d.]+)%", rest).group(1))
    assert sum(shown) + left == pytest.approx(100, abs=0.05 * (len(shown) + 1))
    long = widths > 10
    share = widths / max(widths) - np.array(shown) / max(shown)
    assert np.allclose(share[long], 0, atol=0.002)
    assert len(elements(figure.chart, "rect", "bar-strong")) == h.multiplicity
    assert h.distribution.hits[h.distribution.optimal].sum() == h.runs[-1].hits
    rings = np.array([float(ring.get("cx")) for ring in elements(figure.chart, "circle")])
    start = float(elements(figure.chart, "rect")[0].get("x"))
    unit = widths.max() / h.distribution.probability.max()
    kept = np.sort(np.argsort(-h.distribution.probability, kind="stable")[: len(rings)])
    shots = h.distribution.hits[kept] / h.runs[-1].shots
    assert np.allclose(rings, start + unit * shots, atol=0.02)
    assert f"{h.runs[-1].hits} found the optimum" in figure.caption


def test_what_is_too_large_is_not_annealed(images):
    network = small_network(maps=60)
    e = ac.explain(network, images[0], layer="3", max_qubits=60, sampler="local")
    assert 2**e.problem.d > MOST_STATES
    assert explanation_hardness(e) is None
    few = ac.explain(
        network, images[0], layer="3", max_qubits=60, sampler="local", cardinality=2
    )  # fmt: skip
    h = explanation_hardness(few)  # the states of two maps are few
    assert h.states == few.problem.d * (few.problem.d - 1) // 2
    assert h.runs[-1].tau == 100.0


def test_one_qubit():
    e = ac.explain(
        headed(torch.abs, [1.0, -1.0, -1.0]), torch.ones(3, 4, 4), layer="maps", target=0,
        objective="relative",
    )  # fmt: skip
    assert e.problem.d == 1
    panel = annealing_panel(explanation_hardness(e))
    assert "optimum" in panel.figures[-1].chart


def test_the_curve_needs_two_points():
    row = {"beta": 0.5, "maps": 2, "kept_share": 0.4, "kept_share_top": 0.5}
    assert curve_chart([row], 2) is None
    assert curve_chart([{**row, "kept_share": None}] * 3, 2) is None
    chart = curve_chart([row, {**row, "maps": 9, "kept_share": 1.2, "kept_share_top": None}], 9)
    (dot,) = elements(chart, "circle")
    assert "9 maps keep 120.0 %" in dot.find("title").text
