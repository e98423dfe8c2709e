"""The comparison of samplers on one problem."""

import numpy as np
import pytest

import annealcam as ac
from annealcam.evaluation.comparison import compare
from annealcam.samplers.registry import SAMPLERS

LOCAL = [name for name, s in SAMPLERS.items() if not s.remote and name != "windows"]


def test_rows_are_what_they_say(network, images):
    e = ac.explain(network, images[0], layer="3")
    rows = compare(e)
    assert [row["sampler"] for row in rows] == LOCAL
    own = rows[0]
    chosen = e.selection.n.astype(bool)
    assert (own["k"], own["shared"], own["energy"]) == (len(e.selected), 1.0, e.energy)
    assert own["relevance"] == pytest.approx(e.problem.h[chosen].sum())
    assert own["carried"] == pytest.approx(e.carried_share, rel=1e-5)
    pairs = e.problem.J[np.ix_(chosen, chosen)][np.triu_indices(len(e.selected), 1)]
    assert own["redundancy"] == pytest.approx(pairs.mean())
    energy = (1 - e.problem.beta) * pairs.sum() - e.problem.beta * own["relevance"]
    assert energy == pytest.approx(e.energy)
    best = ac.solve_exact(e.problem)
    for row in rows:
        assert row["optimal"] == (row["energy"] <= best.energy + e.problem.tie)


def test_the_sampler_used_is_not_run_twice(network, images):
    e = ac.explain(network, images[0], layer="3", sampler="greedy", cardinality=1)
    rows = compare(e)
    assert [row["sampler"] for row in rows] == [
        "greedy", *(name for name in LOCAL if name != "greedy"),
    ]  # fmt: skip
    assert all(row["redundancy"] is None for row in rows)
    assert all(row["k"] == 1 for row in rows)
