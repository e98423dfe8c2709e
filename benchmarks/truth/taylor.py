"""The Schrödinger equation by Taylor series, to judge the engine, with which it shares no code.

i dpsi/dt = (A(t) D + B(t) E) psi, where D is a constant times the adjacency matrix of a graph of
states, E is diagonal, and A and B are polynomials of degree 3 on every piece of the schedule. The
Taylor coefficients of psi about the start of a step of length s follow from each other,

    c_(k+1) = -i s / (k + 1) sum_(j = 0..3) s^j (a_j D + b_j E) c_(k - j),   psi(s) = sum_k c_k,

and are summed until they vanish in double precision. A step is so short that s times a bound on the
norm of H is below `reach`; so there is no error of truncation, only rounding, and two runs with
different `reach` show how large that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numba import njit

from annealcam import SelectionProblem
from annealcam.annealing.schedules.schedule import Schedule

REACH = 3.0
_DEGREE = 4  # coefficients of a cubic
_ORDERS = 80


@dataclass(frozen=True)
class System:
    """The two parts of H in the states that take part: numbers, energies, and the driver's graph.

    `strength` is the factor of the adjacency matrix in the driver, `neighbours` are places of the
    states next to each, (states, degree), and `ground` are the places of the lowest states.
    """

    states: np.ndarray
    energies: np.ndarray
    ground: np.ndarray
    neighbours: np.ndarray
    strength: float

    @property
    def norms(self) -> tuple[float, float]:
        """Bounds on the norms of D and of E, whose middle is taken as zero."""
        return abs(self.strength) * self.neighbours.shape[1], float(np.ptp(self.energies)) / 2

    def turns(self, schedule: Schedule, tau: float) -> float:
        """Return the integral of a bound on the norm of H over a run."""
        u = np.linspace(0.0, 1.0, 513)
        driver, problem = self.norms
        return tau * float(
            (np.abs(schedule.A(u)) * driver + np.abs(schedule.B(u)) * problem).mean()
        )


def system_of(problem: SelectionProblem, scale: float, *, constraint: str = "subspace") -> System:
    """Return H of a problem, from its definition: every energy as a sum over maps and pairs."""
    d, k = problem.d, problem.cardinality
    numbers = np.arange(1 << d)
    n = (numbers[:, None] >> np.arange(d)) & 1
    pairs = np.triu((1.0 - problem.beta) * problem.J, 1)
    energies = np.einsum("sp,pq,sq->s", n, pairs, n) - problem.beta * (n @ problem.h)
    if k is not None and constraint == "penalty":
        energies = energies + problem.penalty * (n.sum(axis=1) - k) ** 2
    if k is not None and constraint == "subspace":
        states, strength = numbers[n.sum(axis=1) == k], -2.0 * scale / d
        swaps = [(1 << p) | (1 << q) for p, q in combinations(range(d), 2)]
        members = set(states.tolist())
        place = {state: i for i, state in enumerate(states.tolist())}
        table = [[place[s ^ w] for w in swaps if (s ^ w) in members] for s in place]
        neighbours = np.array(table, dtype=np.int64).reshape(states.size, -1)
    else:
        states, strength = numbers, -scale
        neighbours = numbers[:, None] ^ (1 << np.arange(d))
    energies = energies[states]
    width = 1e-9 * max(1e-300, float(np.abs(energies).max()))
    ground = np.flatnonzero(energies <= energies.min() + width)
    return System(states, energies, ground, np.ascontiguousarray(neighbours), strength)


def starting_state(system: System, schedule: Schedule) -> np.ndarray:
    """Return the ground state of H(0), or the selection from which a reverse run starts."""
    size = system.states.size
    if schedule.initial is not None:
        number = int(sum(1 << p for p, bit in enumerate(schedule.initial) if bit))
        return (system.states == number).astype(complex)
    if schedule.B(0.0) == 0.0:
        return np.full(size, size**-0.5, dtype=complex)
    H = np.diag(float(schedule.B(0.0)) * system.energies)
    for column in system.neighbours.T:
        H[np.arange(size), column] += float(schedule.A(0.0)) * system.strength
    return np.linalg.eigh(H)[1][:, 0].astype(complex)


def final_density(
    system: System, schedule: Schedule, tau: float, *, reach: float = REACH
) -> tuple[np.ndarray, float]:
    """Return the probabilities at the end of a run, (states,), and how far their sum was from 1."""
    middle = 0.5 * (system.energies.max() + system.energies.min())
    psi = starting_state(system, schedule)
    _integrate(
        psi, system.energies - middle, system.neighbours, system.strength,
        np.asarray(schedule.breaks), np.ascontiguousarray(schedule.driver),
        np.ascontiguousarray(schedule.problem), tau, np.array(system.norms), reach,
    )  # fmt: skip
    density = np.abs(psi) ** 2
    return density / density.sum(), abs(float(density.sum()) - 1.0)


@njit(cache=True)
def _integrate(psi, energies, neighbours, strength, breaks, driver, problem, tau, norms, reach):
    size, degree = neighbours.shape
    terms = np.zeros((_DEGREE, size), np.complex128)  # the last four c_k,
    driven = np.zeros((_DEGREE, size), np.complex128)  # and D c_k
    a, b = np.empty(_DEGREE), np.empty(_DEGREE)
    for piece in range(breaks.size - 1):
        width = breaks[piece + 1] - breaks[piece]
        bound = norms[0] * _largest(driver[piece], width)
        bound += norms[1] * _largest(problem[piece], width)
        steps = max(1, int(np.ceil(tau * width * bound / reach)))
        for k in range(steps):
            length = width / steps
            _shift(driver[piece], length * k, length, a)
            _shift(problem[piece], length * k, length, b)
            step = tau * length
            terms[:] = 0.0
            driven[:] = 0.0
            terms[0] = psi
            vanished = 0  # consecutive terms; a single one may vanish by symmetry
            for order in range(_ORDERS):
                now, after = order % _DEGREE, (order + 1) % _DEGREE
                for s in range(size):
                    total = 0j
                    for n in range(degree):
                        total += terms[now, neighbours[s, n]]
                    driven[now, s] = strength * total
                largest = 0.0
                for s in range(size):
                    total = 0j
                    for j in range(_DEGREE):
                        at = (order - j) % _DEGREE
                        if order >= j:
                            total += a[j] * driven[at, s] + b[j] * energies[s] * terms[at, s]
                    value = total * (-1j * step / (order + 1))
                    terms[after, s] = value
                    psi[s] += value
                    largest = max(largest, abs(value.real), abs(value.imag))
                vanished = vanished + 1 if largest < 1e-19 else 0
                if vanished == _DEGREE:
                    break


@njit(cache=True)
def _largest(cubic, width):
    """Return the largest |cubic| at a few points of [0, width]."""
    largest = 0.0
    for k in range(17):
        x = width * k / 16
        largest = max(largest, abs(cubic[0] + x * (cubic[1] + x * (cubic[2] + x * cubic[3]))))
    return largest


@njit(cache=True)
def _shift(cubic, start, length, out):
    """Write the coefficients of the cubic as a polynomial in (x - start) / length."""
    c0, c1, c2, c3 = cubic
    out[0] = c0 + start * (c1 + start * (c2 + start * c3))
    out[1] = (c1 + start * (2 * c2 + 3 * start * c3)) * length
    out[2] = (c2 + 3 * start * c3) * length**2
    out[3] = c3 * length**3
