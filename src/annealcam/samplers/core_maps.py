"""Which maps of a selection are sure, and which maps could stand in for the others."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam._internal.validation import finite_array, real, whole
from annealcam.errors import ArgumentError
from annealcam.qubo.convert import ProblemLike, as_problem
from annealcam.qubo.energies import bits, weights
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.ties import lowest_selections, window
from annealcam.samplers.baselines import repaired

TEMPERATURE = 0.01  # of |E_0|
SAMPLES = 2048  # for a standard error of about 0.01
LARGE_ERROR = 0.05
_ENUMERATED = 20  # maps; the sampler is faster above
_CHAINS, _FALLING_SWEEPS = 16, 20


@dataclass(frozen=True, eq=False, repr=False)
class Inclusion:
    """The probability of every candidate map to be part of a good selection.

    Attributes:
        n: the selection whose maps are in question, (d,).
        probability: marginal probability of each map to be selected, (d,); it sums to the number
            of selected maps.
        error: standard error of each probability, (d,); zero where it is exact.
        exact: whether the probabilities are sums over all selections; otherwise over samples.
        temperature: in units of |E_0|.
        lowest_energy: E_0, the lowest energy met.
        samples: number of samples; 0 where the probabilities are exact.
    """

    n: Int[Array, " d"]
    probability: Float[Array, " d"]
    error: Float[Array, " d"]
    exact: bool
    temperature: float
    lowest_energy: float
    samples: int

    def __post_init__(self) -> None:
        for values in (self.n, self.probability, self.error):
            values.setflags(write=False)

    def __repr__(self) -> str:
        return short_repr(
            "Inclusion", d=len(self.n), k=int(self.n.sum()), core=len(self.core()),
            exact=self.exact, largest_error=self.largest_error, reliable=self.reliable,
        )  # fmt: skip

    @property
    def largest_error(self) -> float:
        """The largest standard error of any map."""
        return float(self.error.max(initial=0.0))

    @property
    def reliable(self) -> bool:
        """Whether no standard error is above 0.05; more samples may help where one is."""
        return self.largest_error <= LARGE_ERROR

    def core(self, threshold: float = 0.97) -> Int[Array, " maps"]:
        """Return the places, among the candidates, of the selected maps that are sure.

        Args:
            threshold: the probability above which a map is sure.

        >>> p = SelectionProblem([1.0, 0.6, 0.6], np.zeros((3, 3)), cardinality=2)
        >>> inclusion(p, np.array([1, 1, 0])).core()
        array([0])
        """
        sure = (self.n == 1) & (self.probability > real("threshold", threshold))
        return np.flatnonzero(sure)


@dataclass(frozen=True)
class StandIn:
    """The map that takes the place of a selected one at the least cost.

    Attributes:
        place: of the selected map among the candidates.
        replacement: place of the map that stands in for it.
        cost: difference of the energies after and before the swap; negative where the selection is
            no optimum.
    """

    place: int
    replacement: int
    cost: float


def inclusion(
    problem: ProblemLike,
    n: Int[Array, " d"],
    *,
    temperature: float = TEMPERATURE,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Inclusion:
    """Return the probability of every candidate map to be part of a selection of low energy.

    P(p) = sum_{S: p in S} w(S) / sum_S w(S),   w(S) = exp(-(E(S) - E_0) / (temperature |E_0|)),

    over all selections S of k maps, where k is the problem's cardinality or, without one, the
    number of maps of `n`. E_0 is the lowest energy met; if it is zero, `problem.scale` takes the
    place of |E_0|. Towards temperature 0 all optima are equally probable.

    Up to 20 maps the sum is exact. Above, independent chains of heat-bath sampling estimate it in
    milliseconds, and their spread gives the standard error; see `Inclusion.reliable`.

    Args:
        problem: the selection problem.
        n: the selection whose maps are in question, as a good sampler returns it, (d,).
        temperature: in units of |E_0|, above 0.
        samples: number of samples, rounded up to a multiple of 16; the error falls with its root.
        seed: of the samples; equal seeds give equal bits.

    Raises:
        ArgumentError: n is no selection of d maps, the temperature is not above 0, there are fewer
            than 16 samples, or the seed is negative.

    >>> p = SelectionProblem([1.0, 0.99, 0.5], [[0, 1, 0], [1, 0, 0], [0, 0, 0]], beta=0.5)
    >>> inclusion(p, np.array([1, 0, 1])).probability.round(3)
    array([0.661, 0.339, 1.   ])
    """
    problem = as_problem(problem)
    n = _selection(problem, n)
    temperature = real("temperature", temperature)
    if not 0 < temperature < math.inf:
        raise ArgumentError(
            f"temperature={temperature}: must be a number above 0, in units of the lowest energy"
        )
    samples, seed = whole("samples", samples, least=_CHAINS), whole("seed", seed)
    k = int(n.sum()) if problem.cardinality is None else problem.cardinality
    if problem.d <= _ENUMERATED or k in (0, 1, problem.d):
        return _enumerated(problem, n, k, temperature)
    return _sampled(problem, n, k, temperature, samples, seed)


def stand_ins(problem: ProblemLike, n: Int[Array, " d"]) -> tuple[StandIn, ...]:
    """Return the best stand-in of every selected map, with its cost.

    Replacing map p by map q changes the energy by field_q - field_p - Q_pq, where Q is
    `problem.quadratic` and field = `problem.linear` + Q n; the stand-in of p is the map q outside
    the selection for which this is least. Swaps keep the number of maps, whether or not the problem
    has a cardinality. If all maps are selected, there are no stand-ins.

    Args:
        problem: the selection problem.
        n: the selection, (d,).

    Raises:
        ArgumentError: n is no selection of d maps.

    >>> p = SelectionProblem([1.0, 0.75, 0.5], [[0, 1, 0], [1, 0, 0], [0, 0, 0]], beta=0.5)
    >>> stand_ins(p, np.array([1, 0, 1]))[0]
    StandIn(place=0, replacement=1, cost=0.125)
    """
    problem = as_problem(problem)
    n = _selection(problem, n)
    inside, outside = np.flatnonzero(n), np.flatnonzero(n == 0)
    if len(outside) == 0:
        return ()
    field = problem.linear + problem.quadratic @ n
    costs = field[outside] - field[inside, None] - problem.quadratic[np.ix_(inside, outside)]
    best = costs.argmin(axis=1)
    return tuple(
        StandIn(int(p), int(outside[q]), float(cost[q]))
        for p, q, cost in zip(inside, best, costs, strict=True)
    )


def _selection(problem: SelectionProblem, n: Int[Array, " d"]) -> Int[Array, " d"]:
    """Return a copy of a selection, after the checks of `problem.energy`."""
    values = finite_array("n", n)
    if values.ndim != 1:
        raise ArgumentError(f"n: must be one selection (d,), not the shape {values.shape}")
    problem.energy(values)
    return values.astype(np.int8)


def _enumerated(
    problem: SelectionProblem, n: Int[Array, " d"], k: int, temperature: float
) -> Inclusion:
    if k == problem.d:
        selections = np.ones((1, k), dtype=np.int8)
        energies = np.array([problem.energy(selections[0])])
    elif k == 1:
        selections, energies = np.eye(problem.d, dtype=np.int8), problem.linear
    elif k == 0:
        selections, energies = np.zeros((1, problem.d), dtype=np.int8), np.zeros(1)
    else:
        states = np.flatnonzero(weights(problem.d) == k)
        energies = problem.energies()[states]
        near = energies - energies.min() <= 60 * _heat(problem, energies.min(), temperature)
        selections, energies = bits(states[near], problem.d), energies[near]
    lowest = float(energies.min())
    above = energies - lowest
    tied = np.flatnonzero(above <= window(problem, lowest))
    above[tied[lowest_selections(problem, selections[tied])[1]]] = 0.0  # at any temperature
    weight = np.exp(-above / _heat(problem, lowest, temperature))
    return Inclusion(
        n=n,
        probability=np.minimum(weight / weight.sum() @ selections, 1.0),
        error=np.zeros(problem.d),
        exact=True,
        temperature=temperature,
        lowest_energy=lowest,
        samples=0,
    )


def _heat(problem: SelectionProblem, lowest: float, temperature: float) -> float:
    """Return the temperature in the units of the energy, not below what rounding resolves."""
    least = _resolution(problem)
    unit = abs(lowest) if abs(lowest) > least else problem.scale or 1.0
    return max(temperature * unit, least)


def _resolution(problem: SelectionProblem) -> float:
    """Return the energy that rounding of low energies may hide, whatever the penalties are."""
    return 1e-12 * (-problem.trivial_bound or problem.scale or 1.0)


def _sampled(
    problem: SelectionProblem,
    n: Int[Array, " d"],
    k: int,
    temperature: float,
    samples: int,
    seed: int,
) -> Inclusion:
    from annealcam.samplers.kernels.heat_bath import run

    rng = np.random.default_rng(seed)
    members = np.array([rng.permutation(problem.d)[:k] for _ in range(_CHAINS)])
    start = n if problem.cardinality is None else repaired(problem, n)
    members[-1] = np.flatnonzero(start)
    total = np.zeros((_CHAINS, problem.d))
    counted = -(-samples // _CHAINS)
    lowest = run(
        problem.linear, problem.quadratic, members, temperature, problem.scale or 1.0,
        _resolution(problem), (_FALLING_SWEEPS, counted), rng, total,
    )  # fmt: skip
    return Inclusion(
        n=n,
        probability=np.minimum(total.mean(axis=0), 1.0),
        error=total.std(axis=0, ddof=1) / math.sqrt(_CHAINS),
        exact=False,
        temperature=temperature,
        lowest_energy=float(lowest),
        samples=counted * _CHAINS,
    )
