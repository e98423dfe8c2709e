"""`annealcam convert`, and the direction of problem files in `solve` and `anneal`."""

import json
from pathlib import Path

import pytest

import annealcam as ac
from tests.cli.helpers import run
from tests.problems import relu_problem

QUBO = "p qubo 0 3 2 2\n0 0 2\n1 1 3\n0 1 -4\n1 2 1\n"  # as a maximisation: 4 at 0 1 1


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.qubo").write_text(QUBO)


def test_a_file_in_another_format_has_the_same_energies():
    for name in ("b.lp", "b.orlib", "b.mtx", "b.json", "c.npz"):
        assert f"see {name}" in run("convert", "a.qubo", name).stdout
        energies = ac.read_problem(name).problem.energies()
        assert energies.tolist() == ac.read_problem("a.qubo").problem.energies().tolist()
    run("convert", "b.lp", "again", "--to", "qubo")
    assert Path("again").read_text() == QUBO


def test_what_cannot_be_held_needs_an_option():
    ac.save_problem(relu_problem(4).with_cardinality(2), "k.npz")
    assert "holds no cardinality (2)" in run("convert", "k.npz", "k.gka", code=2).output
    assert "holds no offset" in run("convert", "k.npz", "k.gka", "--penalty", code=2).output
    run("convert", "k.npz", "k.gka", "--penalty", "--drop", "offset")
    best = ac.solve_exact(ac.read_problem("k.gka").problem).n
    assert best.tolist() == ac.solve_exact(ac.read_problem("k.npz").problem).n.tolist()


def test_a_maximisation_is_recorded():
    text = run("solve", "a.qubo", "--maximise", "-o", "found.json").stdout
    record = json.loads(Path("found.json").read_text())
    assert (record["energy"], record["ones"], record["maximised"]) == (-4.0, [1, 2], True)
    assert record["kind"] == "a qbsolv file, maximised"
    assert "value        4, which the file maximises" in text
    run("convert", "a.qubo", "up.orlib", "--maximise")
    assert ac.solve_exact(ac.read_problem("up.orlib").problem).energy == -4.0
    run("anneal", "a.qubo", "--maximise", "--tau", "2", "-o", "annealed")
    problem = json.loads(Path("annealed/result.json").read_text())["problem"]
    assert (problem["maximised"], problem["ground_energy"]) == (True, -4.0)
