"""Random and adversarial annealing runs of up to ten qubits, each drawn from its number alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from annealcam import SelectionProblem
from annealcam.annealing.hamiltonian import normalisation_of
from annealcam.annealing.schedules.names import schedule_of
from annealcam.annealing.schedules.schedule import Schedule
from benchmarks.truth.taylor import System, system_of

TAU = (-3.0, 4.0)  # powers of ten
WORK = 2e8  # turns of H times states times neighbours: above it, tau is drawn from shorter ones
SIZES = {1: 0.06, 2: 0.1, 3: 0.12, 4: 0.14, 5: 0.18, 6: 0.15, 7: 0.12, 8: 0.1, 10: 0.03}  # shares
LEAST_TOL = {"complex128": -10.0, "complex64": -6.0}


@dataclass(frozen=True)
class Case:
    """One run: the problem, the options of `anneal`, and the same as matrices."""

    number: int
    kind: str
    problem: SelectionProblem
    options: dict[str, Any]
    system: System

    @property
    def schedule(self) -> Schedule:
        return self.options["schedule"]

    def __str__(self) -> str:
        o, p = self.options, self.problem
        words = [f"{self.number}: {self.kind}, d={p.d}, k={p.cardinality}, tau={o['tau']:.4g}"]
        words += [self.schedule.name, o["normalisation"] or "", o["constraint"], o["precision"]]
        return ", ".join([*words, f"tol={o['tol']:.1e}"])


def case(number: int) -> Case:
    """Return the case of a number."""
    rng = np.random.default_rng([16, number])
    kind = str(rng.choice(list(KINDS)))
    d = int(
        rng.choice(
            [1, 2, 3, 4, 5, 6, 7, 8, 10], p=[0.06, 0.1, 0.12, 0.14, 0.18, 0.15, 0.12, 0.1, 0.03]
        )
    )
    h, J = KINDS[kind](rng, d)
    k = int(rng.integers(1, d + 1)) if rng.random() < 0.35 else None
    beta = float(rng.uniform(0.02, 1)) if rng.random() < 0.9 else float(rng.choice([0.0, 0.5, 1.0]))
    problem = SelectionProblem(h, J, beta=beta, cardinality=k)
    constraint = "penalty" if k is not None and rng.random() < 0.4 else "subspace"
    schedule = _schedule(rng, problem)
    normalisation = None if schedule.time_unit else str(rng.choice(["per_qubit", "unit"]))
    scale = normalisation_of(normalisation, schedule).driver_scale(d)
    system = system_of(problem, scale, constraint=constraint)
    precision = "complex64" if rng.random() < 0.35 else "complex128"
    options = {
        "tau": _tau(rng, system, schedule),
        "normalisation": normalisation,
        "schedule": schedule,
        "constraint": constraint,
        "precision": precision,
        "tol": float(10 ** rng.uniform(LEAST_TOL[precision], -3.0)),
    }
    return Case(number, kind, problem, options, system)


def _tau(rng: np.random.Generator, system: System, schedule: Schedule) -> float:
    """Return a run time whose reference does not take more than about a second."""
    states = system.states.size * (system.neighbours.shape[1] + 8)
    longest = WORK / states / max(system.turns(schedule, 1.0), 1e-300)
    return float(10 ** rng.uniform(TAU[0], min(TAU[1], max(math.log10(longest), TAU[0] + 0.1))))


# Problems


def _symmetric(values: np.ndarray) -> np.ndarray:
    upper = np.triu(values, 1)
    return upper + upper.T


def _as_networks_make(rng: np.random.Generator, d: int) -> tuple[np.ndarray, np.ndarray]:
    maps = np.maximum(rng.normal(size=(d, 49)), 0.0)
    problem = SelectionProblem.from_maps(maps, rng.uniform(0.02, 1.0, d))
    return problem.h, problem.J


def _normal(rng: np.random.Generator, d: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=d), _symmetric(rng.normal(size=(d, d)))


def _strong(rng: np.random.Generator, d: int) -> tuple[np.ndarray, np.ndarray]:
    h, J = _normal(rng, d)
    return h * 10 ** rng.uniform(0, 2), J * 10 ** rng.uniform(-1, 1.5)


def _strong_fields(rng: np.random.Generator, d: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.uniform(0, 20, d), _symmetric(rng.uniform(0, 1, (d, d)))


def _weak(rng: np.random.Generator, d: int) -> tuple[np.ndarray, np.ndarray]:
    h, J = _normal(rng, d)
    size = 10 ** rng.uniform(-6, 0)
    return h * size, J * size


def _whole(rng: np.random.Generator, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Small whole numbers: many states have the same energy."""
    return rng.integers(-2, 3, d).astype(float), _symmetric(rng.integers(-1, 2, (d, d)) * 1.0)


def _one_large(rng: np.random.Generator, d: int) -> tuple[np.ndarray, np.ndarray]:
    """One field or pair is far stronger than everything else."""
    h, J = _normal(rng, d)
    h[int(rng.integers(d))] *= 10 ** rng.uniform(1, 2.5)
    return h, J


def _narrow_gap(rng: np.random.Generator, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Two selections far from each other, none and all, compete, and a small field decides."""
    J = -np.ones((d, d)) * rng.uniform(0.2, 3.0)
    h = -0.5 * np.abs(_symmetric(J)).sum(axis=1) * np.ones(d)
    return h + rng.normal(size=d) * 10 ** rng.uniform(-4, -1), _symmetric(J)


def _equal(rng: np.random.Generator, d: int) -> tuple[np.ndarray, np.ndarray]:
    """All maps alike, or nothing to decide."""
    size = float(rng.choice([0.0, 1.0, 10.0]))
    return np.full(d, size), _symmetric(np.full((d, d), rng.uniform(0, 1)))


KINDS = {
    "as networks make them": _as_networks_make,
    "normal": _normal,
    "strong": _strong,
    "strong fields": _strong_fields,
    "weak": _weak,
    "whole numbers": _whole,
    "one large": _one_large,
    "narrow gap": _narrow_gap,
    "equal": _equal,
}

# Schedules


def _schedule(rng: np.random.Generator, problem: SelectionProblem) -> Schedule:
    name = str(
        rng.choice(
            ["linear", "quadratic", "pause", "quench", "jump", "waypoints", "reverse", "annealer",
             "smooth", "table"],
            p=[0.34, 0.1, 0.1, 0.06, 0.05, 0.07, 0.09, 0.06, 0.08, 0.05],
        )
    )  # fmt: skip
    if name in ("linear", "quadratic"):
        return schedule_of(name)
    base = schedule_of(str(rng.choice(["linear", "linear", "quadratic"])))
    if name == "pause":
        return base.paused(float(rng.uniform(0.05, 0.95)), float(rng.uniform(0.05, 0.9)))
    if name == "quench":
        u = float(rng.uniform(0.3, 0.99))
        return base.warped([(0, 0), (u, float(rng.uniform(0.1, 0.9))), (1, 1)])
    if name == "jump":
        return _jump(rng)
    if name == "waypoints":
        u = np.sort(rng.uniform(0.01, 0.99, 4))
        return base.warped([(0, 0), *zip(u, rng.uniform(0, 1, 4), strict=True), (1, 1)])
    if name == "reverse":
        n = np.zeros(problem.d, dtype=int)
        size = problem.cardinality if problem.cardinality is not None else problem.d // 2
        n[rng.permutation(problem.d)[:size]] = 1
        return base.reverse(n, float(rng.uniform(0.1, 0.95)), hold=float(rng.choice([0.0, 0.5])))
    if name == "annealer":
        return annealer(int(rng.integers(4)))
    return smooth(int(rng.integers(4))) if name == "smooth" else table(int(rng.integers(3)))


def _jump(rng: np.random.Generator) -> Schedule:
    """The driver stops at once in the middle of a run."""
    at, b = float(rng.uniform(0.2, 0.95)), float(rng.uniform(0, 1))
    breaks = [0.0, at, 1.0]
    return Schedule(
        "jump", breaks, [[1, -0.5, 0, 0], [0, 0, 0, 0]], [[0, b / at, 0, 0], [1, 0, 0, 0]]
    )


@cache
def annealer(which: int) -> Schedule:
    """Return a table in GHz of the shape that D-Wave publishes, with B(0) > 0."""
    s = np.linspace(0, 1, (101, 101, 1001, 33)[which])
    A = (6.0, 9.0, 6.4, 5.0)[which] * np.exp(-(3.0, 5.0, 4.0, 2.5)[which] * s) * (1 - s) ** 2
    B = (8.0, 12.0, 8.6, 5.0)[which] * (0.02 + 0.3 * s + 0.68 * s**2)
    return Schedule.from_table(
        s, np.pi * A, np.pi * B, interpolation="smooth", name=f"annealer {which}",
        energy_unit="rad/ns", time_unit="ns",
    )  # fmt: skip


@cache
def smooth(which: int) -> Schedule:
    """Return a schedule that is fitted to smooth functions."""
    pairs = (
        (lambda u: np.cos(np.pi * u / 2) ** 2, lambda u: np.sin(np.pi * u / 2) ** 2),
        (lambda u: np.cos(np.pi * u / 2), lambda u: np.sin(np.pi * u / 2)),
        (lambda u: (1 - u) ** 4, lambda u: u**4 * (5 - 4 * u)),
        (lambda u: np.exp(-8 * u) * (1 - u), lambda u: u**3),
    )
    return Schedule.of(*pairs[which], name=f"smooth {which}")


@cache
def table(which: int) -> Schedule:
    """Return straight lines or monotone cubics through points."""
    rng = np.random.default_rng([4, which])
    u = np.linspace(0, 1, (6, 30, 400)[which])
    A = np.append(np.sort(rng.uniform(0, 1, u.size - 1))[::-1], 0.0)
    B = np.append(0.0, np.sort(rng.uniform(0, 1, u.size - 1)))
    return Schedule.from_table(
        u, A, B, interpolation=("linear", "smooth", "smooth")[which], name=f"table {which}"
    )
