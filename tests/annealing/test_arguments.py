"""What `anneal` is given: a clear line, or the right answer where there is nearly nothing to do."""

import math

import numpy as np
import pytest

import annealcam as ac
from annealcam.errors import ArgumentError, NumericalError, ProblemTooLargeError
from tests.problems import relu_problem


def test_nearly_nothing_to_do():
    """d = 0 and 1, zeros, exact ties, and runs too short for anything to happen."""
    nothing, one = ac.SelectionProblem([], np.zeros((0, 0))), ac.SelectionProblem([0.0], [[0.0]])
    for p, g in ((nothing, 1), (one, 2), (ac.SelectionProblem(np.zeros(9), np.zeros((9, 9))), 512)):
        run = ac.anneal(p)
        assert (run.success_probability, run.multiplicity) == (pytest.approx(1, abs=1e-9), g)
        assert np.allclose(run.probabilities, 2.0**-p.d)
    twins = ac.SelectionProblem([1.0] * 4, np.ones((4, 4)) - np.eye(4), beta=0.5)
    run = ac.anneal(twins, tau=500.0, normalisation="unit")
    assert run.multiplicity == ac.solve_exact(twins).multiplicity == 10  # one map, or any pair
    assert np.ptp(run.probabilities[[1, 2, 4, 8]]) < 1e-12
    assert np.ptp(run.probabilities[[3, 5, 6, 9, 10, 12]]) < 1e-12
    for tau in (5e-324, 1e-300, 1e-12):
        assert ac.anneal(relu_problem(5), tau=tau).success_probability == pytest.approx(1 / 32)


def test_huge_and_tiny_energies():
    """A line instead of an overflow; the least numbers are still numbers."""
    tiny = ac.SelectionProblem([1e-300, 2e-300], np.zeros((2, 2)))
    assert ac.anneal(tiny, scale_energies=False).success_probability == pytest.approx(
        0.25, abs=1e-9
    )
    for size in (1e100, 1e200, 1e300):
        huge = ac.SelectionProblem([size, size / 2], [[0.0, size], [size, 0.0]])
        for tau in (1.0, 1e-90):
            with pytest.raises((ArgumentError, NumericalError), match=f"tau={tau:g}"):
                ac.anneal(huge, tau=tau, scale_energies=False)


def test_huge_energies_for_a_moment():
    """tau h is small, but the squares of the energies overflow on the way to a number of steps."""
    huge = ac.SelectionProblem([1e200, 5e199], [[0.0, 1e200], [1e200, 0.0]])
    run = ac.anneal(huge, tau=1e-210, scale_energies=False)
    assert run.success_probability == pytest.approx(0.25)


@pytest.mark.parametrize("tau", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_tau_out_of_range(tau):
    with pytest.raises(ArgumentError, match=f"tau={tau}: must be above 0 and finite"):
        ac.anneal(relu_problem(3), tau=tau)


@pytest.mark.parametrize(
    ("tol", "precision"),
    [(0.0, "complex128"), (-1e-6, "complex128"), (9e-11, "complex128"), (1.0, "complex128"),
     (math.nan, "complex128"), (math.inf, "complex128"), (9e-7, "complex64")],
)  # fmt: skip
def test_tolerance_out_of_range(tol, precision):
    with pytest.raises(ArgumentError, match=f"tol={tol}: must be at least .* for {precision}"):
        ac.anneal(relu_problem(3), tol=tol, precision=precision)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tau": 1e12}, r"tau=1e\+12: would take over 1e\+07 steps; reduce tau"),
        ({"normalisation": "per_qbit"}, "did you mean 'per_qubit'"),
        ({"schedule": "linaer"}, "did you mean 'linear'"),
        ({"precision": "complex32"}, "did you mean 'complex"),
        ({"constraint": "subspaces"}, "did you mean 'subspace'"),
        ({"device": "cudo"}, "did you mean 'cuda'"),
        ({"threads": 0}, "threads=0: must be 1 or more"),
    ],
)
def test_other_arguments(options, message):
    with pytest.raises(ArgumentError, match=message):
        ac.anneal(relu_problem(3), **options)


@pytest.mark.parametrize("d", [40, 62, 100, 2000])
def test_memory_is_checked_first(d):
    with pytest.raises(ProblemTooLargeError, match=rf"{d} qubits.* would need .* GiB"):
        ac.anneal(ac.SelectionProblem(np.ones(d), np.zeros((d, d))))
