"""Splittings: what their stages add up to, where steps end, and the orders that they claim."""

import itertools

import numpy as np
import pytest

from annealcam.annealing.schedules.schedule import LINEAR, QUADRATIC, Schedule
from annealcam.annealing.simulation.splitting import (
    ABA_10_4,
    ABA_10_6_4,
    Stages,
    aba,
    aba_stages,
    run_edges,
    steps_per_piece,
    strang,
)
from annealcam.annealing.simulation.statevector import StateVector
from tests.problems import relu_problem

U = np.linspace(0, 1, 12)
TABLE = Schedule.from_table(U, (1 - U) ** 2, U**1.5)
STRAIGHT = {  # A and B straight on every piece
    "linear": LINEAR,
    "pause": LINEAR.paused(0.4, 0.3),
    "warp": LINEAR.warped([(0, 0), (0.3, 0.6), (0.5, 0.2), (1, 1)]),
    "reverse": LINEAR.reverse([1, 0], 0.3, hold=0.2),
    "table": TABLE,
    "table with a pause": TABLE.paused(0.55, 0.2),
}
CUBIC = {
    "quadratic": QUADRATIC,
    "quadratic with a pause": QUADRATIC.paused(0.5, 0.2),
    "smooth table": Schedule.from_table(U, (1 - U) ** 2, U**1.5, interpolation="smooth"),
    "cubics": Schedule.of(lambda u: (1 - u) ** 3, lambda u: u**2 * (3 - 2 * u)),
}
SMOOTH = Schedule.of(lambda u: np.cos(np.pi * u / 2) ** 2, lambda u: np.sin(np.pi * u / 2) ** 2)
# A and B both jump at 0.3; on either side they do not change.
JUMP = Schedule("jump", [0, 0.3, 1], [[2.0, 0, 0, 0], [0.5, 0, 0, 0]], [[0.1, 0, 0, 0], [0.7, 0, 0, 0]])  # fmt: skip  # noqa: E501
SCHEMES = [ABA_10_4, ABA_10_6_4]
ALL = pytest.mark.parametrize("scheme", SCHEMES, ids=lambda s: s.name)
TAU, SCALE = 7.0, 0.3


def integral(breaks, pieces):
    """Of a piecewise cubic over [0, 1]."""
    width = np.diff(breaks)[:, None]
    return (pieces * width ** np.arange(1, 5) / np.arange(1, 5)).sum()


def totals(schedule):
    """Of angles and phases: c tau integral of A, and tau integral of B."""
    A = integral(schedule.breaks, schedule.driver)
    return SCALE * TAU * A, TAU * integral(schedule.breaks, schedule.problem)


def counts(schedule, least=5.0):
    return steps_per_piece(schedule, least)


# Coefficients


@ALL
def test_coefficients_are_symmetric_and_sum_to_one(scheme):
    for row in (scheme.rotations, scheme.phases):
        assert row == row[::-1]
        assert sum(row) == pytest.approx(1, abs=1e-14)
    assert len(scheme.rotations) == len(scheme.phases) + 1


@ALL
def test_coefficients_integrate_polynomials(scheme):
    """Phases at the clock of the rotations, to order 10; rotations at that of the phases, to 4."""
    a, b = np.array(scheme.rotations), np.array(scheme.phases)
    read_by_phases = np.cumsum(a)[:-1]
    read_by_rotations = np.append(0, np.cumsum(b))
    for power in range(10):
        exact = 1 / (power + 1)
        assert (b * read_by_phases**power).sum() == pytest.approx(exact, abs=1e-13)
        if power < 4:
            assert (a * read_by_rotations**power).sum() == pytest.approx(exact, abs=1e-13)
    assert abs((b * read_by_phases**10).sum() - 1 / 11) > 1e-9


# Sums of the stages


@pytest.mark.parametrize("kind", STRAIGHT)
def test_strang_adds_up_to_the_integrals(kind):
    schedule = STRAIGHT[kind]
    stages = strang(schedule, TAU, counts(schedule), SCALE)
    assert (stages.angles.sum(), stages.phases.sum()) == pytest.approx(totals(schedule), abs=1e-13)


@pytest.mark.parametrize("kind", STRAIGHT | CUBIC)
@ALL
def test_aba_adds_up_to_the_integrals(kind, scheme):
    schedule = (STRAIGHT | CUBIC)[kind]
    stages = aba(scheme, schedule, TAU, counts(schedule), SCALE)
    assert (stages.angles.sum(), stages.phases.sum()) == pytest.approx(totals(schedule), abs=1e-13)


def test_smooth_functions_are_not_cut_at_their_breaks():
    """sin^2 and cos^2 over a quarter period: their means are 1/2."""
    assert SMOOTH.smooth
    assert len(counts(SMOOTH)) == 1
    for stages in [strang(SMOOTH, TAU, np.array([400]), SCALE)] + [
        aba(scheme, SMOOTH, TAU, np.array([40]), SCALE) for scheme in SCHEMES
    ]:
        assert stages.angles.sum() == pytest.approx(0.5 * SCALE * TAU, abs=2e-6)
        assert stages.phases.sum() == pytest.approx(0.5 * TAU, abs=2e-6)


@pytest.mark.parametrize("kind", STRAIGHT)
def test_steps_end_at_every_kink(kind):
    schedule = STRAIGHT[kind]
    n = counts(schedule, 7.3)
    edges = run_edges(schedule, n)
    assert edges.size == n.sum() + 1
    assert np.isin(schedule.breaks, edges).all()
    assert (np.diff(edges) > 0).all()
    assert np.diff(edges).max() <= 1 / 7.3 + 1e-12
    within = [edges[(edges >= a) & (edges <= b)] for a, b in itertools.pairwise(schedule.breaks)]
    for piece, steps in zip(within, n, strict=True):  # equal steps on each piece
        assert len(piece) == steps + 1
        assert np.ptp(np.diff(piece)) < 1e-15


def test_at_least_the_number_of_steps_and_one_for_each_piece():
    assert counts(LINEAR, 8.0).tolist() == [8]
    assert counts(LINEAR, 8.01).tolist() == [9]
    assert counts(JUMP, 10.0).tolist() == [3, 7]
    assert counts(JUMP, 0.1).tolist() == [1, 1]
    assert counts(LINEAR, 7.0).dtype == np.int64


# Each side of a jump has its own value


def test_strang_reads_each_side_of_a_jump():
    stages = strang(JUMP, TAU, np.array([3, 7]), SCALE)
    step = 0.1 * TAU
    assert stages.angles == pytest.approx(np.repeat([2.0, 0.5], [3, 7]) * SCALE * step, abs=1e-14)
    middle = np.repeat([0.1, (0.1 + 0.7) / 2, 0.7], [2, 1, 6]) * step
    phases = np.concatenate([[0.05 * step], middle, [0.35 * step]])
    assert stages.phases == pytest.approx(phases, abs=1e-14)


@ALL
def test_aba_reads_each_side_of_a_jump(scheme):
    """The last rotation before the jump still belongs to the piece that ends there."""
    stages = aba(scheme, JUMP, TAU, np.array([3, 7]), SCALE)
    m = len(scheme.phases)
    assert stages.angles.size == 10 * m + 1
    assert (stages.angles.sum(), stages.phases.sum()) == pytest.approx(totals(JUMP), abs=1e-13)
    before = SCALE * 0.3 * TAU * 2.0 - SCALE * 0.1 * TAU * 2.0 * scheme.rotations[-1]
    assert stages.angles[: 3 * m].sum() == pytest.approx(before, abs=1e-13)


@ALL
def test_aba_merges_neighbouring_rotations(scheme):
    """Two steps at once are the two one after the other."""
    edges = np.array([0.2, 0.35, 0.6])
    both = aba_stages(scheme, QUADRATIC, TAU, edges, SCALE)
    first, second = (aba_stages(scheme, QUADRATIC, TAU, edges[i : i + 2], SCALE) for i in (0, 1))
    joined = np.concatenate(
        [first.angles[:-1], [first.angles[-1] + second.angles[0]], second.angles[1:]]
    )
    assert both.angles == pytest.approx(joined, abs=1e-14)
    phases = np.concatenate([first.phases[:-1], second.phases[1:]])
    assert both.phases == pytest.approx(phases, abs=1e-14)
    assert (both.phases[0], both.phases[-1]) == (0, 0)


@pytest.mark.parametrize("kind", STRAIGHT | CUBIC)
def test_reversed_in_time(kind):
    """A symmetric splitting of the schedule run backwards has the stages in reverse order."""
    schedule = (STRAIGHT | CUBIC)[kind]
    turned = Schedule(
        "turned",
        1 - schedule.breaks[::-1],
        *(mirrored(schedule.breaks, c) for c in (schedule.driver, schedule.problem)),
    )
    n = counts(schedule)
    for make in (strang, *(lambda *a, s=s: aba(s, *a) for s in SCHEMES)):
        a: Stages = make(schedule, TAU, n, SCALE)
        b: Stages = make(turned, TAU, n[::-1].copy(), SCALE)
        assert a.angles == pytest.approx(b.angles[::-1], abs=1e-13)
        assert a.phases == pytest.approx(b.phases[::-1], abs=1e-13)


def mirrored(breaks, pieces):
    """The pieces of f(1 - u)."""
    mirror = []
    for c, width in zip(pieces[::-1], np.diff(breaks)[::-1], strict=True):
        mirror.append(np.polynomial.Polynomial(c)(np.polynomial.Polynomial([width, -1])).coef)
    return np.array([np.resize(np.append(m, np.zeros(4)), 4) for m in mirror])


# Orders


@pytest.mark.parametrize("kind", ["table", "pause", "quadratic", "smooth", "jump"])
def test_orders(kind):
    """Halving all steps: 4 times closer with Strang in probabilities, 16 times with the others."""
    schedule = {**STRAIGHT, **CUBIC, "smooth": SMOOTH, "jump": JUMP}[kind]
    simulator = StateVector(relu_problem(4))
    n = counts(schedule, 12.0)
    exact = simulator.state(aba(ABA_10_6_4, schedule, TAU, 16 * n, 1.0))

    def off(stages):
        return np.abs(np.abs(simulator.state(stages)) ** 2 - np.abs(exact) ** 2).sum()

    coarse, fine = (off(strang(schedule, TAU, m * n, 1.0)) for m in (4, 8))
    assert 3.7 < coarse / fine < 4.3
    for scheme in SCHEMES:
        coarse, fine = (
            np.abs(simulator.state(aba(scheme, schedule, TAU, m * n, 1.0)) - exact).max()
            for m in (1, 2)
        )
        assert 11 < coarse / fine < 70  # ABA(10, 6, 4) may still be at its sixth order
