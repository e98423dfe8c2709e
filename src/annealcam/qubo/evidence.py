"""The evidence problem: maps whose sum draws a given picture, as a QUBO with signed couplings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Num
from numpy.typing import ArrayLike

from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam._internal.validation import finite_array, real, whole
from annealcam.errors import ArgumentError, NumericalError
from annealcam.qubo.problem import SelectionProblem, check_beta
from annealcam.qubo.spread import spread_at_cardinality

ENERGY_SPREAD = 1.0  # standard deviation of the energies of random selections of k maps


@dataclass(frozen=True, eq=False, repr=False)
class EvidenceProblem:
    """Select k contribution maps g_a whose scaled sum draws the evidence G.

    minimise   R(n) = (1 - b) (||G - s sum_a n_a g_a||^2 / ||G||^2 - 1) - b sum_a n_a c_a / C_k

    With rho_a = <g_a, G> / ||G||^2 and K_ab = <g_a, g_b> / ||G||^2, the first term is
    s^2 sum_ab K_ab n_a n_b - 2 s sum_a rho_a n_a: best-subset selection as a QUBO. Its couplings
    2 s^2 K_ab have both signs, and K is positive semidefinite, of a rank of at most the number of
    positions. s = 1 / (sum of the k largest rho), so that no k maps overshoot the evidence:
    s sum_a n_a rho_a <= 1. In the second term, c_a = sum_ij g_a is the contribution of a map, or
    its negative where the evidence sums to less than zero, and C_k is the sum of the k largest;
    b = 0 draws the evidence, b = 1 takes the k largest contributions.

    The energy of `problem` is E = `energy_unit` R, scaled such that the energies of all selections
    of k maps have the standard deviation 1, whatever the network and the image. The success of
    an annealing depends on that scale as it does on tau.

    Attributes:
        maps: the contribution maps, (d, positions).
        evidence: G, (positions,).
        scale: s.
        beta: b.
        largest: C_k, or 0 where that is not positive; the second term is zero then.
        energy_unit: E / R, a positive number.
        problem: the selection problem, with the cardinality k.

    Source: docs/method.md, section "Evidence".
    """

    maps: Float[Array, "d positions"]
    evidence: Float[Array, " positions"]
    scale: float
    beta: float
    largest: float
    energy_unit: float
    problem: SelectionProblem

    def __repr__(self) -> str:
        return short_repr(
            "EvidenceProblem", d=len(self.maps), positions=len(self.evidence),
            cardinality=self.problem.cardinality, scale=self.scale, beta=self.beta,
            energy_unit=self.energy_unit,
        )  # fmt: skip

    @classmethod
    def from_maps(
        cls,
        maps: ArrayLike,
        evidence: ArrayLike,
        *,
        cardinality: int,
        beta: float = 0.0,
        scale: float | None = None,
        largest: float | None = None,
    ) -> EvidenceProblem:
        """Return the problem of contribution maps (d, ...) and the evidence (...) to draw.

        Args:
            maps: g of every candidate.
            evidence: G, of the shape of a map.
            cardinality: k.
            beta: b, in [0, 1].
            scale: s; None takes 1 / (sum of the k largest rho), or 1 where that is not positive.
            largest: C_k; None takes the sum of the k largest c. With the `scale` and the `largest`
                of a problem, one over some of its maps has the same R(n).

        Raises:
            ArgumentError: the shapes do not match, the evidence is zero everywhere, or a number is
                out of range.
            NumericalError: maps or evidence hold NaN or infinity.

        >>> p = EvidenceProblem.from_maps([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0], cardinality=1)
        >>> p.scale, round(p.residual([1, 0]), 12), round(p.fidelity([1, 0]), 12)
        (2.0, 1.0, 0.707106781187)
        """
        G = finite_array("evidence", evidence, error=NumericalError).ravel()
        g = finite_array("maps", maps, error=NumericalError)
        g = g.reshape(len(g), -1) if g.size and g.ndim else np.zeros((0, G.size))
        if g.shape[1:] != G.shape:
            raise ArgumentError(f"maps: have {g.shape[1]} positions, but the evidence {G.size}")
        size = float(np.abs(G).max(initial=0.0))
        if not size > 0:
            raise ArgumentError("evidence: is zero everywhere, so that no map can draw it")
        g, G = g / size, G / size  # squares neither overflow nor vanish
        k = whole("cardinality", cardinality, least=1)
        rho, K = g @ G / (G @ G), g @ g.T / (G @ G)
        s = _scale(rho, k) if scale is None else real("scale", scale)
        contribution = g.sum(axis=1) if G.sum() >= 0 else -g.sum(axis=1)
        C = _largest(contribution, k) if largest is None else real("largest", largest) / size
        share = contribution / C if C > 0 else np.zeros_like(contribution)
        linear, quadratic = _coefficients(rho, K, s, share, check_beta(beta))
        unit = ENERGY_SPREAD / (spread_at_cardinality(linear, quadratic, k) or ENERGY_SPREAD)
        problem = SelectionProblem(
            -2.0 * unit * linear, 2.0 * unit * quadratic, beta=0.5, cardinality=k,
            diagonal=unit * (1.0 - beta) * 2.0 * s**2 * np.diagonal(K),
        )  # fmt: skip
        return cls(g * size, G * size, s, float(beta), C * size, unit, problem)

    def drawn(self, n: Num[Array, " d"] | ArrayLike) -> Float[Array, " positions"]:
        """Return the sum of the selected contribution maps, not scaled.

        Raises:
            ArgumentError: n is no selection of d maps.
        """
        selection = finite_array("n", n)
        if selection.shape != (len(self.maps),):
            shape = (len(self.maps),)
            raise ArgumentError(f"n: must have the shape {shape}, not {selection.shape}")
        return selection @ self.maps

    def residual(self, n: Num[Array, " d"] | ArrayLike) -> float:
        """Return ||G - s sum_a n_a g_a||^2 / ||G||^2.

        >>> p = EvidenceProblem.from_maps(np.eye(2), [1.0, 2.0], cardinality=1, scale=1.0)
        >>> round(p.residual([0, 1]), 12)
        0.4
        """
        left = self._unit_evidence - self.scale * self.drawn(n) / self._norm
        return float(left @ left)

    def fidelity(self, n: Num[Array, " d"] | ArrayLike) -> float:
        """Return the cosine of the sum of the selected maps with the evidence; 0 for no map."""
        return cosine(self.drawn(n), self.evidence)

    def value(self, n: Num[Array, " d"] | ArrayLike) -> float:
        """Return R(n), the energy without its unit; where b = 0, the residual less 1."""
        return float(self.problem.energy(n)) / self.energy_unit

    @cached_property
    def _norm(self) -> float:
        return float(np.linalg.norm(self.evidence))

    @cached_property
    def _unit_evidence(self) -> Float[Array, " positions"]:
        return self.evidence / self._norm


def contribution_cosines(problem: SelectionProblem) -> Float[Array, "d d"]:
    """Return the cosines of the contribution maps of an evidence problem; 0 on the diagonal.

    They are positive for maps that are redundant, which the problem keeps apart, and negative for
    maps that complement each other. All are 0 for b = 1, whose problem has no couplings.

    Raises:
        ArgumentError: the problem has no `diagonal`, which evidence problems have.

    >>> p = EvidenceProblem.from_maps([[1.0, 0.0], [1.0, 1.0]], [1.0, 1.0], cardinality=1)
    >>> contribution_cosines(p.problem).round(3).tolist()
    [[0.0, 0.707], [0.707, 0.0]]
    """
    if problem.diagonal is None:
        raise ArgumentError("problem: has no diagonal, so that it is no evidence problem")
    size = np.sqrt(np.where(problem.diagonal > 0, problem.diagonal, np.inf))
    return np.clip(problem.quadratic / np.outer(size, size), -1.0, 1.0)


def cosine(a: Float[Array, "..."], b: Float[Array, "..."]) -> float:
    """Return the cosine of two pictures; 0 where one of them is zero everywhere.

    >>> round(cosine(np.array([1.0, 0.0]), np.array([1.0, 1.0])), 12)
    0.707106781187
    """
    sizes = [float(np.abs(picture).max(initial=0.0)) for picture in (a, b)]
    if not min(sizes) > 0:
        return 0.0
    u, v = (np.ravel(p).astype(np.float64) / size for p, size in zip((a, b), sizes, strict=True))
    return float(np.clip(u @ v / np.sqrt((u @ u) * (v @ v)), -1.0, 1.0))


def _scale(rho: Float[Array, " d"], k: int) -> float:
    largest = float(np.sort(rho)[::-1][:k].sum())
    return 1.0 / largest if largest > 0 else 1.0


def _largest(contribution: Float[Array, " d"], k: int) -> float:
    return max(float(np.sort(contribution)[::-1][:k].sum()), 0.0)


def _coefficients(rho: Array, K: Array, s: float, share: Array, beta: float) -> tuple[Any, Any]:
    """Return the linear and the quadratic coefficients of R; `share` is c / C_k."""
    linear = (1.0 - beta) * (s**2 * np.diagonal(K) - 2.0 * s * rho) - beta * share
    quadratic = (1.0 - beta) * 2.0 * s**2 * K
    np.fill_diagonal(quadratic, 0.0)
    return linear, quadratic
