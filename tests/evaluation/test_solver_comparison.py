"""The comparison of samplers on one problem."""

from dataclasses import replace

import numpy as np
import pytest

import annealcam as ac
from annealcam._internal.deadline import add_compiling_seconds
from annealcam.attribution.activations import capture
from annealcam.errors import ArgumentError
from annealcam.evaluation import solver_comparison
from annealcam.evaluation.solver_comparison import compare_samplers, compare_with_explanation
from annealcam.qubo.evidence import cosine
from annealcam.samplers.registry import SAMPLERS
from annealcam.samplers.selection import select
from tests.problems import relu_problem

LOCAL = [name for name, s in SAMPLERS.items() if s.built_in and name != "windows"]


def test_rows_are_what_they_say(network, images):
    e = ac.explain(network, images[0], layer="3", objective="relative")
    rows = compare_with_explanation(e)
    assert [row["sampler"] for row in rows] == LOCAL
    own = rows[0]
    chosen = e.selection.n.astype(bool)
    assert (own["k"], own["shared"], own["energy"]) == (len(e.selected), 1.0, e.energy)
    assert own["relevance"] == pytest.approx(e.problem.h[chosen].sum())
    assert own["share"] == (None if np.isnan(e.share) else pytest.approx(e.share))
    pairs = e.problem.J[np.ix_(chosen, chosen)][np.triu_indices(len(e.selected), 1)]
    assert own["redundancy"] == pytest.approx(pairs.mean())
    energy = (1 - e.problem.beta) * pairs.sum() - e.problem.beta * own["relevance"]
    assert energy == pytest.approx(e.energy)
    best = ac.solve_exact(e.problem)
    for row in rows:
        assert row["optimal"] == (row["energy"] <= best.energy + e.problem.tie)


def test_rows_of_the_evidence_objective_hold_the_fidelity(network, images):
    """The fidelity that follows from the problem is the cosine of the drawn maps."""
    e = ac.explain(network, images[0], layer="3", target=2, cardinality=2, beta=0.0)
    rows = compare_with_explanation(e)
    assert rows[0]["fidelity"] == pytest.approx(e.fidelity, abs=1e-6)
    assert "relevance" not in rows[0]
    maps = capture(network, images[:1], layer="3", targets=[2])
    drawn = (maps.activations * maps.gradients)[0].double().numpy()
    evidence = np.maximum(drawn.sum(axis=0), 0)
    n = select(e.problem, "random", seed=0).n.astype(bool)
    (row,) = (row for row in rows if row["sampler"] == "random")
    assert row["fidelity"] == pytest.approx(cosine(drawn[e.candidates[n]].sum(axis=0), evidence))
    assert 0 < row["fidelity"] < 1
    carried = ac.explain(network, images[0], layer="3", target=2, cardinality=2, beta=1.0)
    assert {row["fidelity"] for row in compare_with_explanation(carried)} == {None}


def test_the_sampler_used_is_not_run_twice(network, images):
    e = ac.explain(
        network, images[0], layer="3", sampler="greedy", cardinality=1, objective="relative"
    )
    rows = compare_with_explanation(e)
    assert [row["sampler"] for row in rows] == [
        "greedy", *(name for name in LOCAL if name != "greedy"),
    ]  # fmt: skip
    assert all(row["redundancy"] is None for row in rows)
    assert all(row["k"] == 1 for row in rows)


def test_gaps_are_measured_from_the_certificate():
    problem = relu_problem(40, beta=0.8)
    best, rows = compare_samplers(problem, ["local", "greedy", "random", "windows"])
    assert [row["sampler"] for row in rows] == ["exact", "local", "greedy", "random", "windows"]
    assert rows[0]["gap"] == 0.0
    for row in rows:
        assert row["gap"] == pytest.approx((row["energy"] - best.energy) / -best.energy, abs=1e-9)
        assert row["optimal"] == (row["gap"] == 0.0)
        assert 0 <= row["shared"] <= 1
    with pytest.raises(ArgumentError, match="samplers='locl'"):
        compare_samplers(problem, ["locl"])


def test_without_a_proof_gaps_are_measured_from_the_lower_bound(monkeypatch):
    problem = relu_problem(12)
    exact = ac.solve_exact(problem)
    bound = 1.25 * exact.energy  # (energy - bound) / |bound| is 0.25 / 1.25 for the optimum
    stopped = replace(exact, lower_bound=bound, proved=False)
    monkeypatch.setattr(solver_comparison, "solve_exact", lambda *_, **__: stopped)
    _, rows = compare_samplers(problem, ["local", "random"])
    assert [row["gap"] for row in rows[:2]] == pytest.approx([0.2, 0.2])
    assert rows[2]["gap"] == pytest.approx((rows[2]["energy"] - bound) / -bound)
    assert 0.2 < rows[2]["gap"] < 1
    assert [row["optimal"] for row in rows] == [None] * 3


def test_compilation_is_not_counted(monkeypatch):
    def compiling(*args, **options):
        add_compiling_seconds(100.0)
        return select(*args, **options)

    monkeypatch.setattr(solver_comparison, "select", compiling)
    _, (_, row) = compare_samplers(relu_problem(6), ["greedy"])
    assert -100 <= row["seconds"] < -90
