"""Figures show the numbers they are made of; the folder holds them all."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import annealcam as ac
from annealcam.annealing.difficulty import hardness
from annealcam.qubo.files import ProblemFile
from annealcam.render.figures.annealing import (
    annealing_figures,
    distribution_figure,
    spectrum_figure,
    success_figure,
)
from annealcam.render.folder import (
    ANNEALING_FILES,
    ANNEALING_MARKER,
    ARRAYS,
    FIGURES,
    annealing_json,
    write_annealing,
)
from annealcam.render.text import annealing_gap, annealing_runs, annealing_setting
from tests.problems import relu_problem


@pytest.fixture(scope="module")
def h():
    labels = ("a", "b", ("x", 1), "$x_{$", 4, "long name " * 9)
    source = ProblemFile(relu_problem(6, 1), labels, 1.5, "a dimod BQM file (SPIN)")
    return hardness(source, [10.0, 30.0, 100.0], normalisation="unit", shots=25, seed=3)


@pytest.fixture(scope="module")
def tied():
    p = ac.SelectionProblem([1.0, 1.0, 0.5], [[0, 9, 0], [9, 0, 0], [0, 0, 0]], beta=0.5)
    return hardness(ProblemFile(p, (0, 1, 2), 0.0, "h and J (.npz)"), [10.0])


def lines(figure):
    """The lines of a figure by their label; several of one label in a list."""
    found = {}
    for line in figure.axes[0].lines:
        found.setdefault(line.get_label(), []).append(np.array(line.get_data(), dtype=float))
    return found


def test_levels_and_the_minimum(h):
    drawn = lines(spectrum_figure(h))
    above = h.curve.energies - h.curve.energies[:, :1]
    assert np.array_equal(drawn["gap"][0], [h.curve.s, above[:, 1]])
    assert len(drawn["other levels"]) == 2
    marked = [xy for group in drawn.values() for xy in group if xy.shape == (2, 1)]
    assert np.array_equal(marked, [[[h.gap.s], [h.gap.gap]]])
    texts = [text.get_text() for text in spectrum_figure(h).axes[0].texts]
    assert texts == [f"minimum {h.gap.gap:.3g} at s = {h.gap.s:.4g}"]


def test_levels_that_end_in_the_ground_manifold(tied):
    drawn = lines(spectrum_figure(tied))
    above = tied.curve.energies - tied.curve.energies[:, :1]
    assert tied.gap.multiplicity == 2
    assert np.array_equal(drawn["gap"][0][1], above[:, 2])
    assert np.array_equal(drawn["levels that end in the ground level"][0][1], above[:, 1])
    assert drawn["levels that end in the ground level"][0][1][-1] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("d", [1, 3, 7])
def test_problems_with_nothing_to_show(d, tmp_path):
    p = ac.SelectionProblem(np.zeros(d), np.zeros((d, d)))
    write_annealing(hardness(ProblemFile(p, tuple(range(d)), 0.0, "COO"), [10.0]), tmp_path)
    assert json.loads((tmp_path / ANNEALING_MARKER).read_text())["gap"]["gap"] is None
    assert {path.name for path in tmp_path.iterdir()} == set(ANNEALING_FILES)


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
    assert annealing_gap(without) == []


def test_the_folder(h, tmp_path):
    write_annealing(h, tmp_path, problem_file="p.bqm")
    assert {path.name for path in tmp_path.iterdir()} == set(ANNEALING_FILES)
    told = json.loads((tmp_path / ANNEALING_MARKER).read_text())
    assert told["problem_file"] == "p.bqm"
    assert told["problem"]["labels"][2:5] == [["x", 1], "$x_{$", 4]
    assert (told["problem"]["offset"], told["seed"]) == (1.5, 3)
    assert told["normalisation"]["driver_scale"] == 1.0
    assert [run["success_probability"] for run in told["runs"]] == [
        run.success_probability for run in h.runs
    ]
    assert told["gap"]["gap"] == h.gap.gap
    with np.load(tmp_path / ARRAYS) as stored:
        assert np.array_equal(stored["spectrum_energies"], h.curve.energies)
        assert np.array_equal(stored["distribution_n"], h.distribution.n)
        assert np.array_equal(stored["h"], h.problem.h)
    for name in FIGURES:
        if name.endswith(".png"):
            assert Image.open(tmp_path / name).width > 900


def test_equal_results_make_equal_files(h, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_annealing(h, tmp_path / name)
    for name in ANNEALING_FILES:
        if name != ARRAYS:  # a zip file tells the time
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_infinite_times_are_null(h):
    never = replace(h, runs=tuple(replace(run, tts99=float("inf")) for run in h.runs))
    assert [run["tts99"] for run in annealing_json(never)["runs"]] == [None] * 3


def test_the_table(h):
    first, how, optimum = annealing_setting(h)
    assert first == "6 variables, a dimod BQM file (SPIN)"
    assert "driver normalisation unit: -c sum sigma_x, c = 1; schedule linear" in how
    assert f"{h.ground_energy + 1.5:.6g} with the model's offset" in optimum
    header, rows = annealing_runs(h)
    assert all(len(row) == len(header) for row in rows)
    assert [row[1] for row in rows] == [f"{run.success_probability:.6f}" for run in h.runs]
    assert dict(annealing_gap(h))["minimum gap"].startswith(f"{h.gap.gap:.8g} energy units")
