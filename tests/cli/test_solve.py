"""`annealcam solve` and `annealcam compare-samplers`: what they print and write is true."""

import json
from dataclasses import replace
from pathlib import Path

import dimod
import numpy as np
import pytest
from PIL import Image

import annealcam as ac
from annealcam.qubo.files import save_problem
from tests.cli.helpers import run
from tests.problems import relu_problem


def output(*words, code=0):
    return run(*words, code=code, env={"COLUMNS": "140"}).output


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_problem(relu_problem(40, beta=0.7), "p.npz")
    return "p.npz"


def test_a_large_problem_is_solved_and_proved(file):
    text = output("solve", file, "-o", "found.json")
    record = json.loads(Path("found.json").read_text())
    true = ac.solve_exact(relu_problem(40, beta=0.7))
    assert record["energy"] == pytest.approx(record["lower_bound"]) == pytest.approx(true.energy)
    assert record["ones"] == np.flatnonzero(true.n).tolist()
    assert (record["optimal"], record["method"], record["ties"]) == (True, "convex", 1)
    assert "proved optimal" in text
    assert "40 variables" in text


def test_a_models_own_energy_and_labels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bqm = dimod.BinaryQuadraticModel({"a": 1.0, "b": -2.0}, {("a", "b"): 0.5}, 3.0, "SPIN")
    (tmp_path / "m.json").write_text(json.dumps(bqm.to_serializable()))
    for sampler in ("exact", "local", "tabu"):
        output("solve", "m.json", "--sampler", sampler, "-o", "found.json")
        record = json.loads(Path("found.json").read_text())
        assert record["energy"] == dimod.ExactSolver().sample(bqm).first.energy == -0.5
        assert (record["ones"], record["optimal"]) == (["b"], True)


def test_the_page_on_the_command_line_shows_what_is_printed(tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text("utf-8")
    monkeypatch.chdir(tmp_path)
    couplings = "0 1 2\n1 2 2\n2 3 2\n"
    Path("vertex.coo").write_text("".join(f"{i} {i} -1\n" for i in range(4)) + couplings)
    *lines, _time = output("solve", "vertex.coo").splitlines()
    assert "\n".join(f"    {line}" for line in ["$ annealcam solve vertex.coo", *lines]) in page


def test_options_and_bad_input(file):
    text = output("solve", file, "--sampler", "local", "--cardinality", "4", "--beta", "0.5")
    assert "4 ones" in text
    assert "optimum unknown" in text
    assert "did you mean 'tabu'" in output("solve", file, "--sampler", "tabuu", code=2)
    assert "time_limit=0.0" in output("solve", file, "--time-limit", "0", code=2)
    assert "time_limit=0.0" in output(
        "solve", file, "--sampler", "local", "--time-limit", "0", code=2
    )
    text = output("solve", file, "--sampler", "tabu", "--time-limit", "1", code=2)
    assert "--time-limit 1: the sampler tabu has no time limit; choose exact or local" in text
    assert "cardinality=41" in output("solve", file, "--cardinality", "41", code=2)
    assert "no.npz" in output("solve", "no.npz", code=1)


def test_samplers_on_a_photo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sixty.py").write_text(
        "from tests.networks import small_network\n"
        "from annealcam.models.preprocess import Preprocess\n"
        "def make():\n    return small_network(maps=60), Preprocess(20, 20), None\n"
    )
    text = output(
        "compare-samplers", "skimage:chelsea", "--model", "sixty:make", "--samplers", "local,greedy"
    )
    assert "proved (" in text
    assert text.count("0.00%") >= 2


def test_problem_files_of_a_given_format(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("q.txt").write_text("0 1 -2\n1 0 3\n0 3 -1\n")
    assert "a Q matrix (text)" in output("solve", "q.txt", "--format", "matrix", "-o", "q.json")
    assert json.loads(Path("q.json").read_text())["energy"] == -3
    assert "format='mat': one of npz" in output("solve", "q.txt", "--format", "mat", code=2)


def test_a_file_in_any_unit_is_annealed_in_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("q.npy", 1e9 * np.array([[-3.0, 4.0], [0.0, -2.0]]))
    output("solve", "q.npy", "--sampler", "anneal", "-o", "found.json")
    record = json.loads(Path("found.json").read_text())
    assert (record["energy"], record["info"]["energy_scale"]) == (-3e9, 2.0**30)
    assert record["info"]["success_probability"] > 0.9


def test_ctrl_c_prints_the_best_so_far(file, monkeypatch):
    solution = ac.solve_exact(relu_problem(40, beta=0.7))
    stopped = replace(solution, proved=False, interrupted=True)
    monkeypatch.setattr("annealcam.samplers.exact.solve_exact", lambda *_, time_limit=None: stopped)
    text = output("solve", file, code=130)
    assert f"energy       {solution.energy:.12g}" in text
    assert "optimum unknown" in text
    assert "interrupted; this is the best selection" in text


def test_samplers_on_a_folder_are_compared_in_the_mean(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(2)
    for name in "12":
        pixels = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{name}.png")
    words = ("compare-samplers", "photos", "--model", "tests.networks:digit_network",
             "--samplers", "random,greedy", "--cardinality", "3")  # fmt: skip
    records = json.loads(run(*words, "--json").stdout)
    assert [record["photo"] for record in records] == ["photos/1.png", "photos/2.png"]
    lines = output(*words).splitlines()
    assert [line.split(",")[0] for line in lines[:2]] == [
        f"{record['photo']}: {record['candidates']} candidates" for record in records
    ]
    for place, name in enumerate(("exact", "random", "greedy")):
        rows = [record["rows"][place] for record in records]
        (line,) = (line.split() for line in lines if f" {name} " in f" {line} ")
        optimal = sum(row["optimal"] is True for row in rows)
        mean = sum(row["gap"] for row in rows) / 2
        assert line[line.index(name) + 1 :][:4] == [f"{mean:.2%}", str(optimal), "of", "2"]
    assert lines[-1] == "2 of 2 photos compared"
