"""Figures of an annealed problem show its numbers."""

from dataclasses import replace

import numpy as np
import pytest

import annealcam as ac
from annealcam.annealing.difficulty import hardness
from annealcam.qubo.files import ProblemFile
from annealcam.render.figures.annealing import (
    annealing_figures,
    distribution_figure,
    spectrum_figure,
    success_figure,
)
from annealcam.render.folder import annealing_json
from tests.render.helpers import annealed_problem


@pytest.fixture
def h():
    return annealed_problem()


@pytest.fixture(scope="module")
def tied():
    p = ac.SelectionProblem([1.0, 1.0, 0.5], [[0, 9, 0], [9, 0, 0], [0, 0, 0]], beta=0.5)
    return hardness(ProblemFile(p, (0, 1, 2), 0.0, "h and J (.npz)"), [10.0])


def lines(figure):
    """The lines of a figure by their label; several of one label in a list."""
    result = {}
    for line in figure.axes[0].lines:
        result.setdefault(line.get_label(), []).append(np.array(line.get_data(), dtype=float))
    return result


def test_levels_and_the_minimum(h):
    drawn = lines(spectrum_figure(h))
    above = h.curve.energies - h.curve.energies[:, :1]
    assert np.array_equal(drawn["gap"][0], [h.curve.s, above[:, 1]])
    assert len(drawn["other levels"]) == 2
    marked = [xy for group in drawn.values() for xy in group if xy.shape == (2, 1)]
    assert np.array_equal(marked, [[[h.gap.s], [h.gap.gap]]])
    assert f"minimum {h.gap.gap:.3g} at s = {h.gap.s:.4g}" in drawn


def test_levels_that_end_in_the_ground_manifold(tied):
    drawn = lines(spectrum_figure(tied))
    above = tied.curve.energies - tied.curve.energies[:, :1]
    assert tied.gap.multiplicity == 2
    assert np.array_equal(drawn["gap"][0][1], above[:, 2])
    assert np.array_equal(drawn["levels that end in the ground level"][0][1], above[:, 1])
    assert drawn["levels that end in the ground level"][0][1][-1] == pytest.approx(0.0, abs=1e-6)


def test_success_over_tau(h):
    drawn = lines(success_figure(h))
    F = [run.success_probability for run in h.runs]
    assert np.array_equal(drawn["F, one shot"][0], [[10.0, 30.0, 100.0], F])
    assert np.array_equal(drawn["best of 25 shots"][0][1], [run.best_of_shots for run in h.runs])
    assert np.allclose(drawn["one guess"][0][1], 1 / 64)
    assert np.allclose(drawn["best of 25 guesses"][0][1], 1 - (1 - 1 / 64) ** 25)


def test_final_states(h):
    axes = distribution_figure(h).axes[0]
    shown = h.distribution
    widths = [bar.get_width() for bars in axes.containers for bar in bars]
    assert np.array_equal(widths[:17], [*shown.probability, shown.rest])
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[-1] == "the 48 other states"
    assert all(name.endswith(f"{e:.4f}") for name, e in zip(names, shown.energy, strict=False))
    best = axes.containers[0][0]
    assert best.get_width() == pytest.approx(h.runs[-1].success_probability, abs=1e-9)
    assert [p.get_facecolor() for p in axes.containers[0]].count(best.get_facecolor()) == 1


def test_without_a_spectrum(h):
    without = replace(h, gap=None, curve=None, no_gap="memory: it would need 9 GiB")
    assert set(annealing_figures(without)) == {"success", "distribution"}
    assert annealing_json(without)["gap"] is None
    assert annealing_json(without)["diagnosis"][0] == (
        "The gap is not known: memory: it would need 9 GiB."
    )
