"""Checks of what a sampler returns: selections, energies, optima and what it states about them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from annealcam._internal.text import number
from annealcam._internal.types import Array
from annealcam.qubo.problem import SelectionProblem
from annealcam.testing.answers import Answer, ModelSampler, Subject
from annealcam.testing.checks import Failed, NotApplicable, raised, require
from annealcam.testing.problems import optima, permuted, relu_problem, signed_problem, tied_problem

ROUNDING = 1e-12  # of the sum of all coefficients
LARGE = 1e9  # beside coefficients of 5e-4
POWERS = (-40, 40)  # of two, by which coefficients are multiplied


def selections(subject: Subject) -> None:
    """Each row has a whole number 0 or 1 for each map (dimod: all variables of the model)."""
    for problem in (signed_problem(6), relu_problem(6)):
        try:
            subject.called(problem)
        except NotApplicable as refusal:
            raise Failed(f"A problem of 6 maps gets no answer. {refusal}") from refusal


def energies(subject: Subject) -> None:
    """Reported energies are those of the problem, within 1e-12 of the sum of all coefficients."""
    problems = [signed_problem(6), relu_problem(6)]
    if isinstance(subject, ModelSampler):  # whose models have a penalty
        problems.append(relu_problem(6, cardinality=3))
    answers = [(problem, subject.answer(problem)) for problem in problems]
    if all(answer.energies is None for _, answer in answers):
        raise NotApplicable("It reports no energies.")
    for problem, answer in answers:
        require_own_energies(problem, answer)


def wrong_energy(problem: SelectionProblem, answer: Answer, offset: float = 0.0) -> str | None:
    """Return a sentence on the first reported energy that is not the problem's own, or None."""
    if answer.energies is None:
        return None
    own, unit = problem.energy(answer.rows) + offset, problem.scale + abs(offset)
    if problem.cardinality is not None:
        excess = answer.rows.sum(axis=1) - problem.cardinality
        own += problem.penalty * excess**2
        unit += problem.penalty * problem.d**2
    wrong = ~(np.abs(answer.energies - own) <= ROUNDING * unit)
    if not wrong.any():
        return None
    first = int(np.argmax(wrong))
    return (
        f"It reports the energy {number(answer.energies[first])} for the selection "
        f"{answer.rows[first].tolist()}, whose energy is {number(own[first])}."
    )


def require_own_energies(problem: SelectionProblem, answer: Answer, offset: float = 0.0) -> None:
    """Fail if a reported energy is not the problem's own, plus the offset."""
    sentence = wrong_energy(problem, answer, offset)
    require(sentence is None, sentence or "")


def cardinality(subject: Subject) -> None:
    """With a cardinality k, exactly k maps are selected."""
    if isinstance(subject, ModelSampler):
        raise NotApplicable("A model has a penalty in place of the cardinality.")
    for k in (2, 4):
        problem = signed_problem(6, cardinality=k)
        counts = subject.answer(problem).rows.sum(axis=1)
        require((counts == k).any(), f"With cardinality {k}, it selects {counts[0]} maps.")


def every_map(subject: Subject) -> None:
    """If all maps must be selected, they are."""
    problem = signed_problem(5, cardinality=5)
    rows = subject.answer(problem).rows
    require(rows.all(axis=1).any(), f"With cardinality 5 of 5, it selects {rows[0].sum()} maps.")


def one_map(subject: Subject) -> None:
    """A problem of a single map is solved, or refused."""
    for h in (1.0, -1.0):
        problem = SelectionProblem([h], [[0.0]], beta=0.5)
        if subject.exact:
            _require_an_optimum(problem, subject.answer(problem).best(problem))
        else:
            subject.answer(problem)


def no_maps(subject: Subject) -> None:
    """A problem without maps gets the empty selection, or is refused."""
    subject.must_be_usable()
    empty = SelectionProblem([], np.zeros((0, 0)), beta=0.5)
    try:
        result = subject.call(empty)
    except subject.refusals:
        return
    except Exception as error:
        raise Failed(f"For a problem without maps, {raised(error)}.") from error
    if isinstance(subject, ModelSampler):
        require(not list(result.variables), "A model without variables gets samples of some.")
        return
    rows = subject.read(empty, result).rows
    require(rows.shape[1] == 0, "A problem without maps gets selections of some.")


def ties(subject: Subject) -> None:
    """Where several selections are optimal, one of them is returned, and the count is right."""
    equal = SelectionProblem(np.zeros(4), np.zeros((4, 4)), beta=0.5)
    for problem in (tied_problem(3), tied_problem(3, cardinality=2), equal):
        answer, best = subject.answer(problem), optima(problem)
        n = answer.best(problem)
        if subject.exact:
            found = (best == n).all(axis=1).any()
            require(found, f"Of {len(best)} optima it returns none, but {n.tolist()}.")
        if answer.multiplicity is not None:
            require(
                answer.multiplicity == len(best),
                f"It counts {answer.multiplicity} optima where there are {len(best)}.",
            )


def claims(subject: Subject) -> None:
    """What is called optimal is, what is called not optimal is not, and bounds are below."""
    claimed = False
    for problem in _various():
        answer = subject.answer(problem)
        n, best = answer.best(problem), optima(problem)
        if answer.optimal is not None:
            found, claimed = bool((best == n).all(axis=1).any()), True
            is_not = "" if found else "not "
            require(
                bool(answer.optimal) == found,
                f"It states optimal={answer.optimal} for a selection that is {is_not}optimal.",
            )
        if answer.bound is not None:
            lowest, claimed = problem.energy(best[0]), True
            require(
                answer.bound <= lowest + ROUNDING * problem.scale,
                f"The bound {number(answer.bound)} is above the lowest energy {number(lowest)}.",
            )
    if not claimed:
        raise NotApplicable("It makes no statement about optimality.")


def optimum(subject: Subject) -> None:
    """An exact sampler returns a selection of lowest energy."""
    _only_exact(subject)
    for problem in _various():
        _require_an_optimum(problem, subject.answer(problem).best(problem))


def magnitudes(subject: Subject) -> None:
    """A coefficient of 1e9 does not hide differences of 1e-4 between other selections."""
    _only_exact(subject)
    problem = SelectionProblem([-2 * LARGE, 1e-3, 5e-4], np.zeros((3, 3)), beta=0.5)
    _require_an_optimum(problem, subject.answer(problem).best(problem))


def permutation(subject: Subject) -> None:
    """The order of the maps does not matter."""
    order = np.random.default_rng(5).permutation(7)
    for k in (None, 3):
        problem = signed_problem(7, seed=4, cardinality=k)
        subject.answer(problem)  # first, so that what is remembered of it can do harm
        other = permuted(problem, order)
        n = np.zeros(problem.d, dtype=np.int8)
        n[order] = subject.answer(other).best(other)
        _require_the_same(subject, problem, n, "After a permutation of the maps")


def shift(subject: Subject) -> None:
    """A constant added to all energies changes no selection."""
    plain = signed_problem(7, seed=6, cardinality=3)
    ones = 1.0 - np.eye(plain.d)
    for h, J in ((-4.0, 0.0), (4.0, 0.0), (0.0, -4.0), (0.0, 4.0)):
        moved = SelectionProblem(plain.h + h, plain.J + J * ones, beta=0.5, cardinality=3)
        n = subject.answer(moved).best(moved)
        _require_the_same(subject, plain, n, "With a constant added to all energies")
    if isinstance(subject, ModelSampler):
        problem = signed_problem(6)
        if wrong_energy(problem, subject.answer(problem)) is not None:
            return  # see `energies`
        model = problem.to_bqm()
        model.offset += 8.0
        require_own_energies(problem, subject.read(problem, subject.call(model)), offset=8.0)


def scaling(subject: Subject) -> None:
    """All energies times a power of two change no selection."""
    for power in POWERS:
        plain = signed_problem(7, seed=7)
        scaled = SelectionProblem(
            np.ldexp(plain.h, power), np.ldexp(plain.J, power), beta=plain.beta
        )
        n = subject.answer(scaled).best(scaled)
        _require_the_same(subject, plain, n, f"With all energies times 2^{power}")


SELECTION_CHECKS = (
    selections, energies, cardinality, every_map, one_map, no_maps, ties, claims, optimum,
    magnitudes, permutation, shift, scaling,
)  # fmt: skip


def _various() -> list[SelectionProblem]:
    """Problems with and without a cardinality, with a single optimum and with several."""
    free = [signed_problem(7, seed) for seed in range(4)] + [relu_problem(8), tied_problem(3)]
    return [*free, *(problem.with_cardinality(3) for problem in free)]


def _only_exact(subject: Subject) -> None:
    if not subject.exact:
        raise NotApplicable("It is not declared as exact.")


def _require_an_optimum(problem: SelectionProblem, n: Int[Array, " d"], when: str = "") -> None:
    best = optima(problem)
    found, lowest = problem.energy(n), problem.energy(best[0])
    require(
        (best == n).all(axis=1).any(),
        f"{when + ', it' if when else 'It'} returns a selection of energy {number(found)} where "
        f"the lowest is {number(lowest)}.",
    )


def _require_the_same(
    subject: Subject, problem: SelectionProblem, n: Int[Array, " d"], when: str
) -> None:
    """Fail unless an exact sampler's selection is optimal for the equivalent problem."""
    if subject.exact:
        _require_an_optimum(problem, n, when)
    require(problem.feasible(n), f"{when}, it selects {int(n.sum())} maps.")
