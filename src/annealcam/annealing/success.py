"""Success of many shots, time to solution, and the success of guessing."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from annealcam._internal.types import Array
from annealcam._internal.validation import real, whole
from annealcam.errors import ArgumentError
from annealcam.qubo.convert import ProblemLike, as_problem

_ROUNDING = 1e-12  # by which a sum of probabilities may exceed 1


def best_of_shots(p: float, shots: int) -> float:
    """Return the probability that at least one of several independent shots succeeds.

    P = 1 - (1 - p)^shots

    Raises:
        ArgumentError: p is not a probability, or shots is below 1.

    >>> best_of_shots(0.5, 2)
    0.75
    """
    if not 0 <= (p := real("p", p)) <= 1 + _ROUNDING:
        raise ArgumentError(f"p={p}: must be between 0 and 1")
    shots = whole("shots", shots, least=1)
    return 1.0 if p >= 1 else -math.expm1(shots * math.log1p(-p))


def guess_probability(problem: ProblemLike, multiplicity: int, shots: int) -> float:
    """Return the probability that uniform guesses, as many as shots, contain an optimum.

    P = 1 - (1 - g / M)^shots; g = ground multiplicity, M = 2^d selections, or binom(d, k).

    >>> from annealcam.qubo import SelectionProblem
    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.0], [0.0, 0.0]])
    >>> round(guess_probability(p, 1, 1), 12)
    0.25
    """
    problem = as_problem(problem)
    k = problem.cardinality
    selections = 2**problem.d if k is None else math.comb(problem.d, k)
    return best_of_shots(whole("multiplicity", multiplicity) / selections, shots)


def wilson_interval(hits: int, shots: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's two-sided confidence interval of a success probability.

    It stays within [0, 1], and has a width even where no shot or every shot is a hit.

    Raises:
        ArgumentError: hits is not 0 to shots, shots is below 1, or confidence is not in (0, 1).

    m -+ z sqrt(4 n p (1 - p) + z^2) / (2 (n + z^2)),   m = (2 n p + z^2) / (2 (n + z^2)),
    p = hits / n of n shots, z the normal quantile of (1 + confidence) / 2.

    Source: Wilson 1927.

    >>> [round(end, 4) for end in wilson_interval(0, 100)]
    [0.0, 0.037]
    """
    n, hits = whole("shots", shots, least=1), whole("hits", hits)
    if hits > n:
        raise ArgumentError(f"hits={hits}: must be at most the number of shots, {n}")
    level = real("confidence", confidence)
    if not 0 < level < 1:
        raise ArgumentError(f"confidence={confidence}: must be between 0 and 1, such as 0.95")
    from scipy.special import ndtri  # scipy.stats, which has the interval, takes longer to import

    z, p = float(ndtri(0.5 + 0.5 * level)), hits / n
    width = 2 * (n + z**2)
    centre = (2 * n * p + z**2) / width
    half = z / width * math.sqrt(4 * n * p * (1 - p) + z**2)
    return 0.0 if hits == 0 else centre - half, 1.0 if hits == n else centre + half


def best_of_shots_interval(
    hits: int, measured: int, shots: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Return a confidence interval for the success of the best of `shots` shots.

    It is the Wilson interval of `hits` among `measured` shots, mapped by P = 1 - (1 - p)^shots,
    which grows with p.

    Raises:
        ArgumentError: a number is out of range.

    >>> [round(end, 3) for end in best_of_shots_interval(20, 100, 16)]
    [0.899, 0.996]
    """
    low, high = wilson_interval(hits, measured, confidence)
    return best_of_shots(low, shots), best_of_shots(high, shots)


def tts99(p: ArrayLike, tau: ArrayLike, *, overhead: float = 0.0) -> Float[Array, "..."]:
    """Return the time to solution: the total time of the runs needed to succeed with 99 %.

    TTS99 = (tau + overhead) max(1, ln(1 - 0.99) / ln(1 - p))

    The number of runs is a real number, and at least one: p >= 0.99 gives the time of one run, and
    p = 0 gives infinity. Without an overhead, shorter runs always seem better, since even a run of
    no length succeeds as often as guessing does.

    Args:
        p: success probability of one run; p and tau may be arrays of shapes that broadcast.
        tau: length of one run.
        overhead: time of one run besides tau, such as preparation and read-out.

    Raises:
        ArgumentError: p is not in [0, 1], tau is not above 0, or overhead is below 0 or not finite.

    Source: Ronnow et al. 2014.

    >>> tts99([0.0, 0.5, 0.99, 1.0], 50.0).round(6)
    array([       inf, 332.192809,  50.      ,  50.      ])
    """
    p, tau = _numbers("p", p), _numbers("tau", tau)
    _require("p", p, (p >= 0) & (p <= 1 + _ROUNDING), "must be between 0 and 1")
    _require("tau", tau, (tau > 0) & np.isfinite(tau), "must be above 0 and finite")
    extra = real("overhead", overhead)
    if not (extra >= 0 and math.isfinite(extra)):
        raise ArgumentError(f"overhead={overhead}: must be 0 or more, and finite")
    with np.errstate(divide="ignore", over="ignore"):
        runs = np.abs(math.log(0.01) / np.log1p(-np.minimum(p, 1.0)))
    return np.asarray((tau + extra) * np.where(p >= 0.99, 1.0, runs))


def _numbers(name: str, values: ArrayLike) -> Float[Array, "..."]:
    try:
        return np.asarray(values, dtype=np.float64)
    except Exception:  # whatever the conversion of an object raises
        raise ArgumentError(f"{name}={values!r}: must be a number or an array of numbers") from None


def _require(name: str, values: Float[Array, "..."], valid: ArrayLike, demand: str) -> None:
    if not np.all(valid):
        raise ArgumentError(f"{name}={values[~np.asarray(valid)].flat[0]:g}: {demand}")
