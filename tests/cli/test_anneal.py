"""The command `annealcam anneal`: what it prints and saves is what the library says."""

import json

import dimod
import numpy as np
import pytest
from dimod.serialization import coo
from PIL import Image

import annealcam as ac
from annealcam.qubo.files import save_problem
from tests.cli.helpers import run
from tests.problems import relu_problem


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_problem(relu_problem(5), "p.npz")
    return tmp_path


def saved(folder="out"):
    with open(f"{folder}/result.json", encoding="utf-8") as file:
        return json.load(file)


def test_prints_and_saves_the_librarys_numbers(folder):
    result = run("anneal", "p.npz", "--tau", "10,50,100", "--seed", "2", "-o", "out")
    record, p = saved(), relu_problem(5)
    assert record["problem_file"] == "p.npz"
    for stored, tau in zip(record["runs"], (10.0, 50.0, 100.0), strict=True):
        own = ac.anneal(p, tau=tau)
        assert (stored["tau"], stored["success_probability"]) == (tau, own.success_probability)
        assert f"{own.success_probability:.6f}" in result.stdout
    assert f"{record['gap']['gap']:.8g}" in result.stdout
    assert record["problem"]["ground_energy"] == pytest.approx(ac.solve_exact(p).energy)
    assert all(sentence in result.stdout for sentence in record["diagnosis"])
    assert "no quantum advantage is claimed" in result.stdout
    assert "see out" in result.stdout
    assert {path.name for path in (folder / "out").iterdir()} == {
        "SHA256SUMS", "result.json", "arrays.npz",
        *(f"{name}.{ending}" for name in ("spectrum", "success", "distribution")
          for ending in ("png", "svg", "pdf")),
    }  # fmt: skip
    assert Image.open("out/spectrum.png").width > 900


@pytest.mark.parametrize("kind", ["bqm", "json", "coo"])
def test_every_kind_of_model(folder, kind):
    bqm = dimod.BinaryQuadraticModel({0: -1.0, 3: 0.5}, {(0, 3): 0.25}, "SPIN")
    if kind == "bqm":
        (folder / "model").write_bytes(bqm.to_file().read())
    if kind == "json":
        (folder / "model").write_text(json.dumps(bqm.to_serializable()))
    if kind == "coo":
        (folder / "model").write_text(coo.dumps(bqm, vartype_header=True))
    result = run("anneal", "model", "--tau", "5", "-o", "out")
    info = ac.AnnealingSampler().sample(bqm, tau=5.0).info
    record = saved()
    assert record["runs"][0]["success_probability"] == info["success_probability"]
    assert record["problem"]["labels"] == [0, 3]
    lowest = record["problem"]["ground_energy"] + record["problem"]["offset"]
    assert lowest == pytest.approx(dimod.ExactSolver().sample(bqm).first.energy)
    assert f"{lowest:.6g} with the model's offset" in result.stdout
    assert "1 of 4 states; variables equal to 1: 0" in result.stdout


def test_options_reach_the_result(folder):
    run(
        "anneal", "p.npz", "--tau", "20", "--normalisation", "unit", "--schedule",
        "quadratic+pause:0.5:0.2", "--beta", "0.6", "--cardinality", "2", "--constraint", "penalty",
        "--tol", "1e-4", "--shots", "7", "--seed", "5", "-o", "out",
    )  # fmt: skip
    record, p = saved(), relu_problem(5, beta=0.6, cardinality=2)
    own = ac.anneal(
        p, tau=20.0, normalisation="unit", schedule="quadratic+pause:0.5:0.2", constraint="penalty",
        tol=1e-4,
    )  # fmt: skip
    assert record["runs"][0]["success_probability"] == own.success_probability
    assert record["runs"][0]["shots"] == 7
    assert record["normalisation"]["name"] == "unit"
    assert record["normalisation"]["schedule"] == own.schedule
    assert (record["problem"]["beta"], record["problem"]["cardinality"]) == (0.6, 2)
    assert (record["problem"]["constraint"], record["tol"], record["seed"]) == ("penalty", 1e-4, 5)


def test_a_cardinality_is_kept_exactly_by_default(folder):
    result = run("anneal", "p.npz", "--cardinality", "2", "--tau", "20", "-o", "out")
    assert "exactly 2 of them 1 (constraint: subspace)" in result.stdout
    with np.load("out/arrays.npz") as stored:
        assert (stored["distribution_n"].sum(axis=1) == 2).all()
        assert len(stored["distribution_n"]) == 10


def test_a_published_schedule_has_its_own_units(folder):
    (folder / "chip.csv").write_text("s,A(s) (GHz),B(s) (GHz)\n0,8.0,0.2\n0.5,1.0,4.0\n1,0.0,8.0\n")
    result = run("anneal", "p.npz", "--schedule", "chip.csv", "--tau", "1,5", "-o", "out")
    record = saved()
    assert record["normalisation"]["name"] == "dwave"
    assert record["normalisation"]["tau_unit"] == "ns"
    assert "tau in ns" in result.stdout
    wrong = run("anneal", "p.npz", "--schedule", "chip.csv", "--normalisation", "per_qubit", code=2)
    assert wrong.stderr.count("\n") == 1


def test_a_report_about_hardware_is_the_librarys(folder):
    pytest.importorskip("dwave.system")
    options = ("--tau", "1", "--shots", "50", "--seed", "3")
    result = run("anneal", "p.npz", "--hardware", "advantage2", *options)
    own = ac.hardware_report(relu_problem(5), tau=1.0, shots=50, seed=3)
    with open("hardware-results/hardware.json", encoding="utf-8") as file:
        record = json.load(file)
    assert record | own.to_dict() == record
    assert record["problem_file"] == "p.npz"
    assert all(sentence in result.stdout for sentence in record["verdict"])
    assert "Advantage2_system1 was not used" in result.stdout
    run("anneal", "p.npz", "--hardware", "advantage2", *options)  # replaces its own result
    wrong = run("anneal", "p.npz", "--hardware", "advantage3", code=2)
    assert "did you mean 'advantage'" in wrong.stderr
    assert wrong.stderr.count("\n") == 1
    certified = run("anneal", "p.npz", "--hardware", "advantage2", "--certify", "0.1", code=2)
    assert "--certify 0.1: has no meaning with --hardware" in certified.stderr


def test_an_older_result_is_replaced_and_nothing_else(folder):
    run("anneal", "p.npz", "--tau", "5", "-o", "out")
    run("anneal", "p.npz", "--tau", "6", "-o", "out")
    assert saved()["runs"][0]["tau"] == 6.0
    (folder / "out" / "mine.txt").write_text("mine")
    result = run("anneal", "p.npz", "--tau", "7", "-o", "out", code=1)
    assert "mine.txt, which is no part of a result" in result.stderr
    assert saved()["runs"][0]["tau"] == 6.0


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--tau", "10,x"], "tau='10,x': must be numbers separated by commas"),
        (["--tau", ""], "tau=''"),
        (["--tau", "10,-1"], "tau=-1"),
        (["--tau", "nan"], "tau=nan"),
        (["--beta", "2"], "beta=2"),
        (["--cardinality", "9"], "cardinality=9: must be at most the number of variables, 5"),
        (["--normalisation", "x"], "normalisation='x'"),
        (["--schedule", "x"], "schedule='x'"),
        (["--constraint", "x"], "constraint='x'"),
        (["--tol", "0"], "tol=0"),
        (["--shots", "0"], "shots=0"),
        (["--seed", "-1"], "seed=-1"),
    ],
)
def test_wrong_usage_is_one_line_and_two(folder, options, match):
    result = run("anneal", "p.npz", *options, "-o", "out", code=2)
    assert match in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (folder / "out").exists()


def test_files_that_are_no_problems_are_one_line_and_one(folder):
    (folder / "bad.coo").write_text("0 0 1\nhello\n")
    result = run("anneal", "bad.coo", "-o", "out", code=1)
    assert "bad.coo: line 2: 'hello' must be `i j value`" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "cannot be read" in run("anneal", "missing.npz", "-o", "out", code=1).stderr
    assert "cannot be read" in run("anneal", "p.npz", "--schedule", "no.csv", code=1).stderr
    assert not (folder / "out").exists()


def test_problems_too_large_are_an_error_before_any_work(folder):
    save_problem(relu_problem(60), "large.npz")
    result = run("anneal", "large.npz", "-o", "out", code=2)
    assert "60" in result.stderr
    assert result.stderr.count("\n") == 1
