"""SCIP as a sampler, and as a witness for the other proofs."""

import signal
import sys
import threading
from _thread import interrupt_main

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import annealcam as ac
from annealcam.errors import ArgumentError, SamplerError
from annealcam.samplers.general import scip
from annealcam.samplers.general.scip import run
from annealcam.samplers.registry import SAMPLERS
from tests.problems import relu_problem
from tests.samplers.general.problems import KINDS, beasley, general


def test_without_pyscipopt_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyscipopt", None)
    with pytest.raises(SamplerError, match=r"pip install 'annealcam\[scip\]'"):
        ac.solve(relu_problem(5), "scip")
    assert not SAMPLERS["scip"].built_in


@settings(max_examples=10)
@given(
    kind=st.sampled_from(KINDS),
    d=st.integers(1, 9),
    k=st.integers(0, 9),
    seed=st.integers(0, 2**31),
)
def test_it_is_the_optimum_of_enumeration(kind, d, k, seed):
    pytest.importorskip("pyscipopt")
    problem = general(kind, d, seed, cardinality=k if 1 <= k <= d else None)
    found, true = SAMPLERS["scip"].load()(problem), ac.solve_exact(problem)
    assert found.proved
    assert found.energy == problem.energy(found.n) == pytest.approx(true.energy, abs=problem.tie)
    assert found.energy - 3e-6 * problem.scale <= found.lower_bound <= found.energy


@pytest.mark.parametrize("kind", ["whole numbers", "normal", "cut"])
@pytest.mark.parametrize("k", [None, 9])
def test_both_proofs_agree(kind, k):
    pytest.importorskip("pyscipopt")
    problem = general(kind, 26, 0, cardinality=k)
    witness, found = ac.solve(problem, "scip"), ac.solve(problem, "exact")
    assert witness.optimal
    assert found.optimal
    assert (witness.sampler, found.sampler) == ("scip", "exact")
    assert found.energy == pytest.approx(witness.energy, abs=problem.tie)


def test_forty_sparse_maps_print_nothing_and_have_the_bound_of_the_other_proof(capfd):
    pytest.importorskip("pyscipopt")
    problem = beasley(40, 1)
    witness, found = SAMPLERS["scip"].load()(problem, seed=7), ac.solve_exact(problem)
    assert (witness.proved, found.proved) == (True, True)
    assert witness.energy == witness.lower_bound == found.energy
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("ends", ["time", "Ctrl-C"])
def test_a_search_that_is_stopped_has_a_bound(ends, monkeypatch):
    pytest.importorskip("pyscipopt")
    problem = general("cut", 60, 0)
    limit = 0.3 if ends == "time" else None

    def run_and_interrupt(model):
        threading.Timer(0.3, interrupt_main).start()
        return run(model)

    if limit is None:
        monkeypatch.setattr(scip, "run", run_and_interrupt)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
    try:
        found = SAMPLERS["scip"].load()(problem, time_limit=limit)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert not found.proved
    assert found.interrupted == (limit is None)
    assert problem.trivial_bound <= found.lower_bound < found.energy == problem.energy(found.n)


def test_time_limits_are_checked():
    pytest.importorskip("pyscipopt")
    with pytest.raises(ArgumentError, match="time_limit"):
        ac.solve(ac.SelectionProblem([1.0], np.zeros((1, 1))), "scip", options={"time_limit": -1})
