"""The mixed-integer solver SCIP as a sampler; an optional dependency."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from jaxtyping import Int

from annealcam._internal.deadline import Deadline, TimeIsUpError
from annealcam._internal.extras import require_extra
from annealcam._internal.types import Array
from annealcam._internal.validation import whole
from annealcam.errors import SamplerError
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.problem import MAX_ENUMERATED, SelectionProblem
from annealcam.qubo.solution import ExactSolution
from annealcam.qubo.ties import energy_below, exact_unit
from annealcam.samplers.exact import solve_exact
from annealcam.samplers.local import local_search

FEASIBLE = 1e-6  # by which SCIP may violate a constraint, and so its bound, in units of `scale`
WAIT = 0.05  # seconds between two checks for Ctrl-C
LARGEST = 1e20  # SCIP's infinity


def solve_by_scip(
    problem: ProblemLike, *, time_limit: float | None = None, seed: int = 0
) -> ExactSolution:
    """Return the optimum of a problem by SCIP, or the best selection found and a bound.

    Each product n_p n_q is a variable z_pq in [0, 1] with z <= n_p, z <= n_q and z >= n_p + n_q - 1
    (McCormick), as far as its sign requires; a cardinality is a linear constraint. SCIP starts from
    the selection of `local_search` and takes one thread.

    SCIP computes with tolerances. The energy is computed again from the selection, and
    `lower_bound` is SCIP's bound less 1e-6 of the problem's `scale`. `proved` is True if no
    selection can be lower, since all energies are multiples of a unit (as whole numbers are) and
    the bound is above the next lower one, or else if SCIP has finished and the bound is within 2e-6
    of `scale`. Optima are counted up to 24 maps; beyond, `multiplicity` is 1.

    Args:
        problem: the selection problem.
        time_limit: seconds; None: unlimited. Ctrl-C ends the search like a time limit.
        seed: of SCIP's permutations, and of the local search.

    Raises:
        ArgumentError: the time limit is not positive.
        SamplerError: pyscipopt is not installed.

    >>> from annealcam.qubo import SelectionProblem
    >>> x = solve_by_scip(SelectionProblem([2.0, 4.0], [[0.0, 8.0], [8.0, 0.0]], beta=0.5))
    >>> x.n, x.energy, x.proved, x.method
    (array([0, 1], dtype=int8), -2.0, True, 'scip')
    """
    problem, seed = as_problem(problem), whole("seed", seed, least=0)
    deadline = Deadline.after(time_limit)
    model = quiet_model(None, seed)
    if problem.d == 0:
        return ExactSolution(np.zeros(0, dtype=np.int8), 0.0, 0.0, True, 1, "scip")
    n = local_search(problem, seed=seed, time_limit=None if time_limit is None else _half(deadline))
    unit = float(max(np.abs(problem.linear).max(), np.abs(problem.quadratic).max())) or 1.0
    try:
        variables = _write(model, problem, unit, n, deadline)
    except TimeIsUpError:
        return _without_scip(problem, n)
    if time_limit is not None:
        model.setParam("limits/time", max(deadline.left, 0.01))
    interrupted = run(model)
    n = min(n, _selection(model, variables, problem, n), key=problem.energy)
    energy = float(problem.energy(n))
    bound = model.getDualbound()
    scale = problem.scale
    bound = unit * bound - FEASIBLE * scale if abs(bound) < LARGEST else -np.inf
    bound = max(bound, problem.trivial_bound)
    whole_units = bound > energy - exact_unit(problem) + problem.tie
    finished = model.getStatus() == "optimal" and energy - bound <= 2 * FEASIBLE * scale
    return ExactSolution(
        n=n,
        energy=energy,
        lower_bound=min(energy_below(problem, n) if whole_units else bound, energy),
        proved=whole_units or finished,
        multiplicity=_counted(problem) if whole_units or finished else 1,
        method="scip",
        nodes=int(model.getNTotalNodes()),
        interrupted=interrupted,
    )


def _half(deadline: Deadline) -> float:
    """Return half of the seconds that are left, as a time limit."""
    return max(deadline.left / 2, 1e-3)


def _without_scip(problem: SelectionProblem, n: Int[Array, " d"]) -> ExactSolution:
    """Return a selection with the bound of the coefficients: time did not suffice for a model."""
    return ExactSolution(n, float(problem.energy(n)), problem.trivial_bound, False, 1, "scip")


def _counted(problem: SelectionProblem) -> int:
    """Return how many selections are optimal, or 1 where there are too many maps to count."""
    return solve_exact(problem).multiplicity if problem.d <= MAX_ENUMERATED else 1


def quiet_model(time_limit: float | None, seed: int = 0) -> Any:
    """Return an empty model of SCIP that prints nothing, and takes one thread.

    Raises:
        SamplerError: pyscipopt is not installed.
    """
    require_extra("pyscipopt", extra="scip", needed_by="sampler=scip", kind=SamplerError)
    from pyscipopt import Model

    model = Model()
    model.hideOutput()
    model.setParam("lp/threads", 1)
    model.setParam("misc/catchctrlc", False)
    model.setParam("randomization/randomseedshift", seed % (2**31 - 1))
    if time_limit is not None:
        model.setParam("limits/time", time_limit)
    return model


def run(model: Any) -> bool:
    """Solve a model in a thread of its own, and return whether Ctrl-C ended it."""
    done, interrupted = threading.Event(), False

    def solve() -> None:
        try:
            model.optimizeNogil()
        finally:
            done.set()

    threading.Thread(target=solve, daemon=True).start()
    while not done.is_set():  # Thread.is_alive() is wrong after Ctrl-C in Thread.join()
        try:
            done.wait(WAIT)
            if interrupted:
                model.interruptSolve()
        except KeyboardInterrupt:
            interrupted = True
    return interrupted


def _write(
    model: Any,
    problem: SelectionProblem,
    unit: float,
    start: Int[Array, " d"],
    deadline: Deadline,
) -> list[Any]:
    """Write a problem into a model, in units of energy, with a start; return the variables n.

    Raises:
        TimeIsUpError: the deadline has passed.
    """
    from pyscipopt import quicksum

    n = [model.addVar(vtype="B", obj=float(value) / unit) for value in problem.linear]
    solution = {p: float(value) for p, value in enumerate(start)}
    products = []
    for p, q in zip(*np.nonzero(np.triu(problem.quadratic, 1)), strict=True):
        deadline.check()
        value = float(problem.quadratic[p, q])
        z = model.addVar(vtype="C", lb=0.0, ub=1.0, obj=value / unit)
        products.append((z, float(start[p] * start[q])))
        if value < 0:
            model.addCons(z <= n[p])
            model.addCons(z <= n[q])
        else:
            model.addCons(z >= n[p] + n[q] - 1)
    if problem.cardinality is not None:
        model.addCons(quicksum(n) == problem.cardinality)
    first = model.createSol()
    for p, value in solution.items():
        model.setSolVal(first, n[p], value)
    for z, value in products:
        model.setSolVal(first, z, value)
    model.addSol(first)
    return n


def _selection(
    model: Any, variables: list[Any], problem: SelectionProblem, otherwise: Int[Array, " d"]
) -> Int[Array, " d"]:
    """Return SCIP's best selection, or another one if it has none that is feasible."""
    if not model.getNSols():
        return otherwise
    best = model.getBestSol()
    n = np.array([round(model.getSolVal(best, x)) for x in variables], dtype=np.int8)
    allowed = bool(((n == 0) | (n == 1)).all()) and bool(problem.feasible(n))
    return n if allowed else otherwise
