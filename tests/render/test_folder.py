"""The folder of an annealed problem contains all of its numbers, and equal ones in equal files."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import annealcam as ac
from annealcam.annealing.difficulty import hardness
from annealcam.qubo.files import ProblemFile
from annealcam.render.folder import (
    ANNEALING_FILES,
    ANNEALING_MARKER,
    ARRAYS,
    FIGURES,
    annealing_json,
    write_annealing,
)
from tests.render.helpers import annealed_problem


@pytest.fixture
def h():
    return annealed_problem()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    write_annealing(annealed_problem(), folder, problem_file="p.bqm")
    return folder


@pytest.mark.parametrize("d", [1, 3, 7])
def test_problems_with_nothing_to_show(d, tmp_path):
    p = ac.SelectionProblem(np.zeros(d), np.zeros((d, d)))
    write_annealing(hardness(ProblemFile(p, tuple(range(d)), 0.0, "COO"), [10.0]), tmp_path)
    assert json.loads((tmp_path / ANNEALING_MARKER).read_text())["gap"]["gap"] is None
    assert {path.name for path in tmp_path.iterdir()} == set(ANNEALING_FILES)


def test_the_folder(h, written):
    assert {path.name for path in written.iterdir()} == set(ANNEALING_FILES)
    record = json.loads((written / ANNEALING_MARKER).read_text())
    assert record["problem_file"] == "p.bqm"
    assert record["problem"]["labels"][2:5] == [["x", 1], "$x_{$", 4]
    assert (record["problem"]["offset"], record["seed"]) == (1.5, 3)
    assert record["normalisation"]["driver_scale"] == 1.0
    assert [run["success_probability"] for run in record["runs"]] == [
        run.success_probability for run in h.runs
    ]
    assert record["gap"]["gap"] == h.gap.gap
    with np.load(written / ARRAYS) as stored:
        assert np.array_equal(stored["spectrum_energies"], h.curve.energies)
        assert np.array_equal(stored["distribution_n"], h.distribution.n)
        assert np.array_equal(stored["h"], h.problem.h)
    for name in FIGURES:
        if name.endswith(".png"):
            assert Image.open(written / name).width > 900


def test_equal_results_make_equal_files(h, written, tmp_path):
    write_annealing(h, tmp_path, problem_file="p.bqm")
    for name in ANNEALING_FILES:
        if name != ARRAYS:  # a zip file contains the time
            assert (tmp_path / name).read_bytes() == (written / name).read_bytes()


def test_infinite_times_are_null(h):
    never = replace(h, runs=tuple(replace(run, tts99=float("inf")) for run in h.runs))
    assert [run["tts99"] for run in annealing_json(never)["runs"]] == [None] * 3
