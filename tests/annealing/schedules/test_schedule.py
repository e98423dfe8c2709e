"""Schedules against their closed forms, scipy's interpolation, and each other."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.interpolate import PchipInterpolator

from annealcam.annealing.schedules import LINEAR, QUADRATIC, SCHEDULES, Schedule, schedule_of
from annealcam.errors import ArgumentError

U = np.linspace(0.0, 1.0, 1013)
COSINE = (lambda u: np.cos(np.pi * u / 2), lambda u: np.sin(np.pi * u / 2))


def agree(a, b, tolerance=1e-12):
    """Whether two schedules are the same functions."""
    return np.abs(a.A(U) - b.A(U)).max() <= tolerance and np.abs(a.B(U) - b.B(U)).max() <= tolerance


def test_names():
    for name, (power, schedule) in zip(SCHEDULES, enumerate(SCHEDULES.values(), 1), strict=True):
        assert schedule_of(name) is schedule
        np.testing.assert_allclose(schedule.A(U), (1 - U) ** power, atol=1e-15)
        np.testing.assert_allclose(schedule.B(U), U**power, atol=1e-15)
    assert schedule_of(LINEAR) is LINEAR


def test_derivatives():
    s = Schedule.of(lambda u: 1 - u**3, lambda u: u**2 + u)
    np.testing.assert_allclose(s.dA(U), -3 * U**2, atol=1e-12)
    np.testing.assert_allclose(s.dB(U), 2 * U + 1, atol=1e-12)


# Functions


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3))
def test_cubics_are_one_piece(c):
    """A = 4 - 4 u + (terms that vanish at both ends) stays above zero."""

    def A(u):
        return 4 - 4 * u + u * (1 - u) * (1 + c[0] * u)

    def B(u):
        return u * (4 + c[1] * u + c[2] * u**2)

    s = Schedule.of(A, B)
    assert len(s.driver) == 1
    np.testing.assert_allclose(s.A(U), A(U), atol=1e-12)
    np.testing.assert_allclose(s.B(U), B(U), atol=1e-12)


@pytest.mark.parametrize(
    ("A", "B"),
    [
        COSINE,
        (lambda u: np.exp(-9 * u), lambda u: u**5),
        (lambda u: 1 - u + 0.2 * np.exp(-(((u - 0.5) / 0.01) ** 2)), lambda u: u),
    ],
)
def test_smooth_functions_are_fitted(A, B):
    s = Schedule.of(A, B)
    assert s.smooth
    np.testing.assert_allclose(s.A(U), A(U), atol=1e-10)
    np.testing.assert_allclose(s.B(U), B(U), atol=1e-10)


def test_functions_of_single_numbers_and_constants():
    one_by_one = Schedule.of(
        lambda u: max(math.cos(math.pi * u / 2), 0), lambda u: math.sin(math.pi * u / 2)
    )
    assert agree(one_by_one, Schedule.of(*COSINE), 1e-15)
    assert Schedule.of(lambda u: 1 - u, lambda u: u).B(1.0) == pytest.approx(1)
    with pytest.raises(ArgumentError, match="starts with A=1, B=2"):
        Schedule.of(lambda u: 1 - u, lambda u: 2.0)


def test_steps_end_at_the_kinks_and_jumps_of_a_function():
    s = Schedule.of(lambda u: np.maximum(1 - 2 * u, 0), lambda u: np.where(u < 0.3, 0, 1.0))
    assert not s.smooth
    assert np.abs(s.breaks - 0.5).min() < 1e-15
    assert np.abs(s.breaks - 0.3).min() < 1e-13
    away = np.abs(U - 0.3) > 1e-13
    np.testing.assert_allclose(s.A(U), np.maximum(1 - 2 * U, 0), atol=1e-12)
    np.testing.assert_allclose(s.B(U[away]), np.where(U < 0.3, 0, 1.0)[away], atol=1e-12)


@pytest.mark.parametrize(
    ("A", "B", "message"),
    [
        (lambda u: 1 / (u - 1), lambda u: u, r"^A: is not finite at u=1$"),
        (lambda u: 1 - u, lambda u: np.where(u < 0.5, u, np.nan), r"^B: is not finite at u=0\.5$"),
        (lambda u: u, lambda u: 1 - u, "starts with A=0, B=1; it must start with the driver"),
        (lambda u: 1 - u, lambda u: 0.5 + u, "must start with the driver"),
        (lambda u: 1 - u / 2, lambda u: u, r"ends with A=0\.5, B=1; it must end with the problem"),
        (lambda u: 1 - u, lambda u: 0 * u, "ends with A=0, B=0"),
        (lambda u: 1 - u, lambda u: u * (4 * u - 1), "^B: is negative at u="),
        (lambda u: -(1 - u), lambda u: u, "^A: is negative at u=0"),
        (lambda u: 1 - u, lambda u: u * np.sin(1e5 * u) ** 2, "too rough for 4096 cubic pieces"),
        (lambda u: "x", lambda u: u, "^A: must return one number for each u$"),
        (lambda u: 1 - u, lambda u: [u, u], "^B: must return one number for each u$"),
    ],
)
def test_bad_functions(A, B, message):
    with pytest.raises(ArgumentError, match=message) as error:
        Schedule.of(A, B)
    assert "\n" not in str(error.value)


# Tables


def test_a_table_of_two_points_is_the_linear_schedule():
    assert agree(Schedule.from_table([0, 1], [1, 0], [0, 1]), LINEAR, 0)


@given(st.integers(2, 400), st.integers(0, 2**32 - 1))
def test_tables(points, seed):
    rng = np.random.default_rng(seed)
    u = np.concatenate([[0.0], np.sort(rng.uniform(0.01, 0.99, points)), [1.0]])
    A, B = rng.uniform(0, 1, (2, u.size))
    A[0], A[-1], B[0] = 1.0, 0.0, 0.0
    straight = Schedule.from_table(u, A, B)
    np.testing.assert_allclose(straight.A(U), np.interp(U, u, A), atol=1e-12)
    np.testing.assert_allclose(straight.B(U), np.interp(U, u, B), atol=1e-12)
    assert not straight.smooth  # random, so that steps must end at every point
    curved = Schedule.from_table(u, A, B, interpolation="smooth")
    np.testing.assert_allclose(curved.A(U), PchipInterpolator(u, A)(U), atol=1e-12)
    np.testing.assert_allclose(curved.B(U), PchipInterpolator(u, B)(U), atol=1e-12)
    assert not curved.smooth


@pytest.mark.parametrize("interpolation", ["linear", "smooth"])
@pytest.mark.parametrize("rows", [257, 258, 1001])
def test_a_long_table_of_a_smooth_curve_counts_as_smooth(rows, interpolation):
    u = np.linspace(0, 1, rows)
    A = np.round(6 * np.exp(-3 * u) * (1 - u) ** 2, 4)  # as published
    assert Schedule.from_table(u, A, u, interpolation=interpolation).smooth == (rows > 257)


@pytest.mark.parametrize(
    ("u", "A", "B", "message"),
    [
        ([0, 0.5], [1, 0], [0, 1], r"^u: must go from 0 to 1, not from 0 to 0\.5"),
        (
            [0, 0.5, 0.5, 1],
            [1, 1, 0, 0],
            [0, 0, 1, 1],
            r"^u: must increase, but does not at point 2",
        ),
        ([0], [1], [0], r"^u: must have two or more points, not the shape \(1,\)"),
        ([0, 1], [1, 0, 0], [0, 1], r"^A: has the shape \(3,\), but u \(2,\)"),
        ([0, 1], [1, np.nan], [0, 1], "^A: contains NaN or infinity"),
        ([0, 1], [1, 0], [0, np.inf], "^B: contains NaN or infinity"),
        ([0, 0.5, 1], [1, -0.1, 0], [0, 1, 1], r"^A: is negative at u=0\.5"),
        ([0, 1], [0, 1], [1, 0], "must start with the driver"),
        ([0, 1], "no", [1, 0], "^A: must be an array of numbers"),
    ],
)
def test_bad_tables(u, A, B, message):
    with pytest.raises(ArgumentError, match=message) as error:
        Schedule.from_table(u, A, B)
    assert "\n" not in str(error.value)


def test_unknown_interpolation():
    with pytest.raises(ArgumentError, match="interpolation='smoth': .* did you mean 'smooth'"):
        Schedule.from_table([0, 1], [1, 0], [0, 1], interpolation="smoth")


# Warps, pauses, reverse runs


@pytest.mark.parametrize("base", [LINEAR, QUADRATIC, Schedule.of(*COSINE)])
def test_a_warp_is_the_composition(base):
    points = [(0, 0), (0.2, 0.7), (0.5, 0.3), (0.6, 0.3), (1, 1)]
    s = np.interp(U, *np.transpose(points))
    warped = base.warped(points)
    np.testing.assert_allclose(warped.A(U), base.A(s), atol=1e-12)
    np.testing.assert_allclose(warped.B(U), base.B(s), atol=1e-12)
    for point, _ in points:
        assert np.abs(warped.breaks - point).min() < 1e-12
    assert not warped.smooth


waypoints = st.lists(st.floats(0.01, 0.99), min_size=2, max_size=6, unique=True).map(sorted)


@given(waypoints, waypoints)
def test_warps_compose(first, second):
    n, m = len(first), len(second)
    f = [(0, 0), *zip(first, np.linspace(0.9, 0.2, n), strict=True), (1, 1)]
    g = [(0, 0), *zip(second, np.linspace(0.1, 0.8, m), strict=True), (1, 1)]
    u = np.linspace(0, 1, 501)
    s = np.interp(np.interp(u, *np.transpose(g)), *np.transpose(f))
    twice = QUADRATIC.warped(f).warped(g)
    slope = np.max(np.abs(np.diff(np.transpose(f)[1]) / np.diff(np.transpose(f)[0])))
    np.testing.assert_allclose(twice.B(u), s**2, atol=1e-12 * max(slope, 1))


def test_identity_warp():
    assert agree(LINEAR.warped([(0, 0), (0.4, 0.4), (1, 1)]), LINEAR, 1e-15)


@pytest.mark.parametrize("at", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("length", [0.0, 0.25, 0.9])
def test_pause(at, length):
    start = at * (1 - length)
    s = np.where(start > U, U / (1 - length), at)
    s = np.where(start + length < U, (U - length) / (1 - length), s)
    paused = QUADRATIC.paused(at, length)
    np.testing.assert_allclose(paused.A(U), (1 - s) ** 2, atol=1e-12)
    np.testing.assert_allclose(paused.B(U), s**2, atol=1e-12)


@pytest.mark.parametrize("hold", [0.0, 0.5])
def test_reverse(hold):
    back = LINEAR.reverse([1, 0, 1], 0.4, hold=hold)
    s = np.interp(U, [0, (1 - hold) / 2, (1 + hold) / 2, 1], [1, 0.4, 0.4, 1])
    np.testing.assert_allclose(back.B(U), s, atol=1e-14)
    np.testing.assert_allclose(back.A(U), 1 - s, atol=1e-14)
    assert back.initial.tolist() == [1, 0, 1]
    assert LINEAR.initial is None


@pytest.mark.parametrize("name", ["", "linear+", "quadratic+"])
def test_changes_by_name(name):
    base = schedule_of(name.strip("+") or "linear")
    assert agree(schedule_of(f"{name}pause:0.5:0.2"), base.paused(0.5, 0.2), 0)
    back = schedule_of(f"{name}reverse:0.25:0110:0.5")
    assert agree(back, base.reverse([0, 1, 1, 0], 0.25, hold=0.5), 0)
    assert back.initial.tolist() == [0, 1, 1, 0]


def test_a_result_s_name_gives_its_schedule_again():
    made = QUADRATIC.paused(1 / 3, 0.1).reverse([1, 0], 0.7, hold=0.3)
    again = schedule_of(made.name)
    assert agree(again, made, 0)
    assert again.initial.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LINEAR.paused(1.5, 0.1), r"^at=1\.5: must be between 0 and 1"),
        (lambda: LINEAR.paused(0.5, 1), "^length=1: must be 0 or more, and below 1"),
        (lambda: LINEAR.paused(float("nan"), 0.1), "^at=nan"),
        (lambda: LINEAR.reverse([0, 2], 0.5), "^initial: must be 0 or 1 for each qubit"),
        (lambda: LINEAR.reverse([-1, 1], 0.5), "convert spins by n ="),
        (lambda: LINEAR.reverse([0, 1], 1.0), "^turn=1.0: must be 0 or more, and below 1"),
        (lambda: LINEAR.reverse([0, 1], 0.5, hold=1), "^hold=1"),
        (lambda: LINEAR.reverse([1], 0.5).reverse([1], 0.5), "is already a reverse schedule"),
        (lambda: LINEAR.warped([(0, 0), (1, 0.5)]), "must end with the problem"),
        (lambda: LINEAR.warped([(0, 1), (1, 1)]), "must start with the driver"),
        (
            lambda: LINEAR.warped([(0, 0), (0.5, 1.2), (1, 1)]),
            "^points: every s must be between",
        ),
        (lambda: LINEAR.warped([(0, 0), (0, 0.2), (1, 1)]), "^points: u: must increase"),
        (lambda: LINEAR.warped([0, 1]), r"^points: must be pairs \(u, s\), not of shape \(2,\)"),
        (lambda: schedule_of("lineer"), "one of linear, quadratic, .* did you mean 'linear'"),
        (lambda: schedule_of(3), "^schedule=3: must be a Schedule or a name"),
        (lambda: schedule_of("pause:0.5"), "'pause:0.5' must have the form pause:AT:LENGTH"),
        (lambda: schedule_of("pause:a:b"), "must have the form pause:AT:LENGTH"),
        (lambda: schedule_of("reverse:0.5:012"), "BITS must be 0 or 1"),
        (lambda: schedule_of("reverse:0.5"), "must have the form reverse:TURN:BITS"),
        (
            lambda: schedule_of("linear+pause:2:0.1"),
            "'linear.pause:2:0.1': at=2.0: must be",
        ),
        (lambda: schedule_of("lin+pause:0.2:0.1"), "did you mean 'linear'"),
    ],
)
def test_bad_changes(make, message):
    with pytest.raises(ArgumentError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


# The value itself


def test_any_numbers_make_a_value_and_it_is_frozen():
    constant = Schedule("constant", [0, 1], [[1, 0, 0, 0]], [[1, 0, 0, 0]])
    assert constant.A(0.3) == constant.B(0.7) == 1
    with pytest.raises(ValueError, match="read-only"):
        constant.driver[0, 0] = 2.0
    assert agree(pickle.loads(pickle.dumps(constant)), constant, 0)
    assert repr(constant) == "Schedule('constant', 1 pieces)"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"breaks": [0, 0.5]}, "^breaks: must go from 0 to 1, not from 0 to 0.5"),
        ({"driver": [[1, 0, 0]]}, "^driver: must have four coefficients for each of 1 pieces"),
        ({"problem": [[1, 0, 0, np.nan]]}, "^problem: contains NaN"),
        ({"initial": [0.5]}, "^initial: must be 0 or 1 for each qubit"),
    ],
)
def test_bad_values(fields, message):
    plain = {"breaks": [0, 1], "driver": [[1, 0, 0, 0]], "problem": [[1, 0, 0, 0]]}
    with pytest.raises(ArgumentError, match=message):
        Schedule("bad", **{**plain, **fields})
