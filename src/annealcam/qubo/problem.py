"""The selection problem: a QUBO over the candidate maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int, Num, Real
from numpy.typing import ArrayLike

from annealcam._internal.plug_points import NotebookView
from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam._internal.validation import finite_array, real, whole
from annealcam.errors import ArgumentError, NumericalError, ProblemTooLargeError
from annealcam.qubo.energies import energies_of
from annealcam.qubo.exact_sums import ExactSums

if TYPE_CHECKING:
    import dimod

MAX_ENUMERATED = 24
_CANCELLED = 2.0**-16  # energies below this share of their terms are summed exactly


@dataclass(frozen=True, eq=False, repr=False)
class SelectionProblem(NotebookView):
    """Select maps that are relevant and not redundant with each other.

    E(n) = (1 - beta) * 1/2 * sum_{p != q} J_pq n_p n_q  -  beta * sum_p h_p n_p,   n in {0,1}^d

    Problems are compared by value, and are hashable: their arrays are read-only copies.

    Args:
        h: relevance of every candidate, (d,). Its maximum should be 1, as `from_maps` makes it, so
            that beta is comparable between problems.
        J: redundancy of every pair, (d, d): symmetric, with a zero diagonal.
        beta: trade-off in [0, 1]; 1 selects every map with h > 0, and 0 no map that adds a cost.
        cardinality: number of maps that must be selected; None for any number.
        diagonal: coefficients D_p >= 0, (d,), for which `quadratic` + diag(D) is known to be
            positive semidefinite; None where none are known. They do not change the energy, but
            with n_p^2 = n_p they write it as a convex function, which exact samplers need for
            their bound.

    Raises:
        ArgumentError: a shape is wrong, J is not symmetric, beta or cardinality is out of range,
            or an entry of the diagonal is negative.
        NumericalError: h, J or the diagonal contains NaN or infinity.

    Source: arXiv 2604.25649, eq. 4; the pair sum counts every pair once.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> p.energies()
    array([ 0.  , -0.5 , -0.25, -0.35])
    >>> p == SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.6)
    False
    """

    h: Float[Array, " d"]
    J: Float[Array, "d d"]
    beta: float = 0.7
    cardinality: int | None = None
    diagonal: Float[Array, " d"] | None = None

    def __init__(
        self,
        h: ArrayLike,
        J: ArrayLike,
        *,
        beta: float = 0.7,
        cardinality: int | None = None,
        diagonal: ArrayLike | None = None,
    ) -> None:
        set_field = object.__setattr__
        set_field(self, "h", _frozen("h", h))
        if self.h.ndim != 1:
            raise ArgumentError(f"h: must have the shape (d,), not {self.h.shape}")
        set_field(self, "J", _symmetric(_frozen("J", J), self.h.size))
        set_field(self, "beta", check_beta(beta))
        set_field(self, "cardinality", check_cardinality(cardinality, self.h.size))
        set_field(self, "diagonal", _diagonal(diagonal, self.h.size))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SelectionProblem):
            return NotImplemented
        numbers = (self.beta, self.cardinality) == (other.beta, other.cardinality)
        pairs = zip(self._arrays, other._arrays, strict=True)
        return numbers and all(np.array_equal(mine, theirs) for mine, theirs in pairs)

    def __hash__(self) -> int:
        arrays = tuple((values + 0.0).tobytes() for values in self._arrays)  # -0.0 equals 0.0
        return hash((self.beta, self.cardinality, arrays))

    @property
    def _arrays(self) -> tuple[Array, Array, Array]:
        """The arrays by which problems are compared."""
        return self.h, self.J, np.zeros(0) if self.diagonal is None else self.diagonal

    def __repr__(self) -> str:
        return short_repr(
            "SelectionProblem", d=self.d, beta=self.beta, cardinality=self.cardinality
        )

    @classmethod
    def from_maps(
        cls,
        maps: Real[Array, "d ..."],
        relevance: Real[Array, " d"],
        *,
        beta: float = 0.7,
        cardinality: int | None = None,
    ) -> SelectionProblem:
        """Return the problem of maps f^(p) and their importances, in float64.

        J_pq = |<f^(p), f^(q)>| / (||f^(p)|| ||f^(q)||),   h_p = relevance_p / max relevance

        Args:
            maps: the feature maps, (d, ...).
            relevance: importance of each map, (d,).
            beta, cardinality: as for the class.

        Raises:
            ArgumentError: a map is zero everywhere, so that it has no cosine, or no relevance is
                positive.

        >>> SelectionProblem.from_maps(np.array([[1., 0.], [1., 1.]]), np.array([2., 4.])).J[0, 1]
        np.float64(0.7071067811865475)
        """
        maps = _frozen("maps", maps)
        if maps.ndim == 0:
            raise ArgumentError("maps: must have the shape (d, ...), one map for each candidate")
        flat = maps.reshape(len(maps), math.prod(maps.shape[1:]))
        relevance = _frozen("relevance", relevance)
        if len(flat) and not relevance.max(initial=0.0) > 0:
            raise ArgumentError("relevance: must be positive for at least one map")
        return cls(
            relevance / relevance.max() if len(flat) else relevance,
            abs_cosine(flat),
            beta=beta,
            cardinality=cardinality,
        )

    @classmethod
    def from_bqm(cls, bqm: dimod.BinaryQuadraticModel) -> SelectionProblem:
        """Return the problem with the energies of a dimod model, without its offset.

        beta = 1/2, h = -2 * linear and J = 2 * quadratic, in the order of `bqm.variables`.

        >>> import dimod
        >>> SelectionProblem.from_bqm(dimod.BinaryQuadraticModel({"a": -1.}, {}, "BINARY")).h
        array([2.])
        """
        import dimod

        if not isinstance(bqm, dimod.BinaryQuadraticModel):
            raise ArgumentError(
                f"bqm: {type(bqm).__name__}; give a dimod BinaryQuadraticModel (every function "
                "that takes a problem also takes a QUBO dict or a square array)"
            )
        double = type(bqm)(bqm, dtype=np.float64)  # so that the next steps do not round
        binary = double.change_vartype("BINARY", inplace=True)
        linear, (rows, columns, values), _ = binary.to_numpy_vectors(list(binary.variables))
        J = np.zeros((len(linear), len(linear)))
        np.add.at(J, (rows, columns), 2.0 * values)
        return cls(-2.0 * linear, J + J.T, beta=0.5)

    @property
    def d(self) -> int:
        """Number of candidate maps, which is the number of qubits."""
        return int(self.h.size)

    @property
    def linear(self) -> Float[Array, " d"]:
        """Coefficient of n_p in the energy, -beta h_p, (d,)."""
        return -self.beta * self.h

    @property
    def quadratic(self) -> Float[Array, "d d"]:
        """Coefficient of n_p n_q in the energy, symmetric, (d, d)."""
        return (1.0 - self.beta) * self.J

    def energy(self, n: Num[Array, "*selections d"] | ArrayLike) -> Any:
        """Return E(n) of one selection (d,) or of several (selections, d), without a penalty.

        Where large terms cancel, the sum is exact before it is rounded.

        >>> p = SelectionProblem([1.0, 1.0], [[0.0, 1.0], [1.0, 0.0]], beta=0.7)
        >>> round(p.energy([1, 1]), 12)
        -1.1
        """
        n = _selections(n)
        if n.shape[-1:] != (self.d,):
            raise ArgumentError(
                f"n: must have one entry for each of {self.d} maps, not the shape {n.shape}"
            )
        if not ((n == 0) | (n == 1)).all():
            raise ArgumentError("n: must be 0 or 1 for each map; convert spins by n = (s + 1) / 2")
        energy = 0.5 * ((n @ self.quadratic) * n).sum(axis=-1) + n @ self.linear
        if n.ndim == 1:
            return float(self._exact(n[None])[0] if self._cancels(energy) else energy)
        cancelled = self._cancels(energy)
        if cancelled.any():
            energy[cancelled] = self._exact(n[cancelled])
        return energy

    def _cancels(self, energy: Any) -> Any:
        """Return where terms may cancel; they sum to E - 2 * trivial_bound in magnitude at most."""
        return abs(energy) < _CANCELLED * (energy - 2.0 * self.trivial_bound)

    def _exact(self, n: Float[Array, "selections d"]) -> Float[Array, " selections"]:
        energies: Float[Array, " selections"]
        energies = ExactSums(self.linear, self.quadratic).of(n).sum(axis=0)
        return energies

    def energies(self) -> Float[Array, " states"]:
        """Return E of all 2^d selections; state number b selects map p if bit p of b is set.

        Every sum is computed by doubling, so that rounding errors do not accumulate over states.

        Raises:
            ProblemTooLargeError: d is above 24.
        """
        if self.d > MAX_ENUMERATED:
            raise ProblemTooLargeError(
                f"d={self.d}: the energies of 2^d states are limited to {MAX_ENUMERATED} maps"
            )
        return energies_of(self.linear, self.quadratic)

    @cached_property
    def scale(self) -> float:
        """Sum of the magnitudes of all coefficients, which is the unit of tolerances."""
        return float(np.abs(self.linear).sum() + 0.5 * np.abs(self.quadratic).sum())

    @cached_property
    def trivial_bound(self) -> float:
        """A bound below every energy: the sum of all negative coefficients, each pair once.

        >>> SelectionProblem([1.0, -1.0], np.zeros((2, 2)), beta=0.5).trivial_bound
        -0.5
        """
        return negatives(self.linear, self.quadratic)

    @property
    def tie(self) -> float:
        """Tolerance for the energies of any selections, 1e-12 of `scale`, in energy units.

        Which selections are optimal is decided by a finer rule: see `annealcam.qubo.ties`.
        """
        return 1e-12 * self.scale

    @property
    def penalty(self) -> float:
        """Strength lambda of a sufficient penalty lambda (sum n - k)^2; 0 without a cardinality.

        Removing a map from a selection that is too large raises the energy by at most beta h_p,
        less its negative couplings. Adding one to a selection that is too small raises it by at
        most its k - 1 largest couplings less beta h_p. With a lambda above both, every infeasible
        selection is worse than some feasible one.
        """
        if self.cardinality is None or self.d == 0:
            return 0.0
        cost = self.quadratic
        drop = -self.linear - np.minimum(cost, 0).sum(axis=1)
        dearest = np.sort(np.maximum(cost, 0), axis=1)[:, ::-1][:, : self.cardinality - 1]
        add = self.linear + dearest.sum(axis=1)
        # If a tiny lambda is sufficient, lambda is nevertheless as large as the coefficients, since
        # with a tiny one an annealer would often end in infeasible selections.
        usual = max(np.abs(self.linear).max(), np.abs(cost).max()) or 1.0
        return 1.001 * float(max(drop.max(), add.max(), usual))

    def to_bqm(self) -> dimod.BinaryQuadraticModel:
        """Return the problem as a dimod model with binary variables 0..d-1, x_p = n_p.

        With a cardinality k, `penalty * (sum n - k)^2` is added, which is zero for all feasible
        selections. `from_bqm` then returns a problem without a cardinality, whose energies are
        those of the model without its offset.

        >>> SelectionProblem([1.0], [[0.0]], beta=0.7).to_bqm().linear
        {0: -0.7}
        """
        import dimod

        bqm = dimod.BinaryQuadraticModel(self.linear, np.triu(self.quadratic, 1), "BINARY")
        if self.cardinality is not None and self.d:
            terms = [(v, 1.0) for v in bqm.variables]
            bqm.add_linear_equality_constraint(
                terms, lagrange_multiplier=self.penalty, constant=-self.cardinality
            )
        return bqm

    def with_cardinality(self, k: int | None) -> SelectionProblem:
        """Return the same energies with k maps to be selected, or any number for None.

        >>> SelectionProblem([1.0, 0.5], np.zeros((2, 2))).with_cardinality(1).cardinality
        1
        """
        return SelectionProblem(
            self.h, self.J, beta=self.beta, cardinality=k, diagonal=self.diagonal
        )

    def centred(self) -> SelectionProblem:
        """Return a problem that orders selections of k maps alike, with sums of couplings of zero.

        Q'_pq = Q_pq - u_p - u_q,   l'_p = l_p + (k - 1) u_p - v,
        u_p = (q_p - mean q) / (d - 2) + m / 2,   q_p = sum_q Q_pq

        m is the mean coupling, and v the mean of l_p + (k - 1) u_p. The sum of u_p + u_q over the
        pairs of a selection is (k - 1) sum_p u_p n_p, so that energies of selections of k maps
        differ by the constant k v only. Every map's couplings now sum to zero, which needs a much
        smaller penalty for a cardinality: annealing with a penalty depends on the form of the
        energy, and in the subspace of k maps it does not.

        Raises:
            ArgumentError: there is no cardinality.

        >>> p = SelectionProblem([1.0, 0.5, 0.2], np.ones((3, 3)) - np.eye(3), cardinality=2)
        >>> p.centred().quadratic.sum(axis=0).round(12)
        array([0., 0., 0.])
        """
        k, d = self.cardinality, self.d
        if k is None:
            raise ArgumentError("cardinality=None: only a problem with a cardinality is centred")
        sums, pairs = self.quadratic.sum(axis=1), max(d * (d - 1), 1)
        u = (sums - sums.mean()) / max(d - 2, 1) + sums.sum() / pairs / 2.0
        Q, linear = self.quadratic - (u[:, None] + u[None, :]), self.linear + (k - 1) * u
        np.fill_diagonal(Q, 0.0)
        return SelectionProblem(-2.0 * (linear - linear.mean()), 2.0 * Q, beta=0.5, cardinality=k)

    def feasible(self, n: Num[Array, "*selections d"]) -> Any:
        """Return whether each selection has the required number of maps."""
        if self.cardinality is None:
            return np.ones(_selections(n).shape[:-1], dtype=bool)
        return _selections(n).sum(axis=-1) == self.cardinality


def negatives(linear: Float[Array, " d"], quadratic: Float[Array, "d d"]) -> float:
    """Return the sum of the negative coefficients, each pair once.

    >>> negatives(np.array([-1.0, 3.0]), np.array([[0.0, -2.0], [-2.0, 0.0]]))
    -3.0
    """
    return float(np.minimum(linear, 0.0).sum() + 0.5 * np.minimum(quadratic, 0.0).sum())


def check_beta(beta: Any) -> float:
    """Return beta as a float; raise ArgumentError unless it is in [0, 1]."""
    number = real("beta", beta)
    if not 0 <= number <= 1:
        raise ArgumentError(f"beta={beta}: must be between 0 and 1, such as the paper's 0.7")
    return number


def check_cardinality(cardinality: Any, d: int | None = None) -> int | None:
    """Return the cardinality as an int; raise ArgumentError unless it is 1 to d, or None."""
    if cardinality is None:
        return None
    k = whole("cardinality", cardinality, least=1)
    if d is not None and k > d:
        raise ArgumentError(
            f"cardinality={k}: there are only {d} candidate maps; reduce it, or increase max_qubits"
        )
    return k


def check_selection(argument: str, values: Any, problem: SelectionProblem) -> Int[Array, " d"]:
    """Return a selection as whole numbers; raise ArgumentError unless it is one of the problem.

    >>> check_selection("start", [1.0, 0.0], SelectionProblem([1.0, 1.0], np.zeros((2, 2))))
    array([1, 0], dtype=int8)
    """
    n = finite_array(argument, values)
    if n.shape != (problem.d,) or not ((n == 0) | (n == 1)).all():
        raise ArgumentError(
            f"{argument}: must be one selection, 0 or 1 for each of {problem.d} maps, such as the "
            f"n of a solution; it has the shape {n.shape}"
        )
    if not problem.feasible(n):
        raise ArgumentError(
            f"{argument}: selects {int(n.sum())} maps, but cardinality={problem.cardinality}"
        )
    return n.astype(np.int8)


def abs_cosine(flat: Float[Array, "d pixels"]) -> Float[Array, "d d"]:
    """Return the |cosine| of each pair of maps, with a zero diagonal.

    Raises:
        ArgumentError: a map is zero everywhere.

    >>> abs_cosine(np.array([[1.0, 0.0], [1.0, 0.0]]))
    array([[0., 1.],
           [1., 0.]])
    """
    largest = np.abs(flat).max(axis=1, keepdims=True) if flat.size else np.ones((len(flat), 1))
    if not (largest > 0).all():
        raise ArgumentError(
            f"maps: map {int(np.argmin(largest > 0))} is zero everywhere, so that it has no "
            "cosine; leave dead maps out of the candidates"
        )
    unit = flat / largest  # so that squares neither overflow nor underflow
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    J = np.clip(np.abs(unit @ unit.T), 0.0, 1.0)
    J = (J + J.T) / 2  # BLAS may round the two halves differently
    np.fill_diagonal(J, 0.0)
    return J


def _selections(n: Any) -> Float[Array, "..."]:
    try:
        return np.asarray(n, dtype=np.float64)
    except Exception:  # whatever the conversion of an object raises
        raise ArgumentError("n: must be an array of 0 and 1, one entry for each map") from None


def _symmetric(J: Float[Array, "..."], d: int) -> Float[Array, "d d"]:
    """Return the mean of J and its transpose, which may differ by rounding only."""
    if d == 0 and J.size == 0:
        return np.zeros((0, 0))
    if J.shape != (d, d):
        raise ArgumentError(f"J: must have the shape ({d}, {d}) for {d} maps, not {J.shape}")
    if np.abs(J - J.T).max() > 1e-12 * np.abs(J).max():
        raise ArgumentError("J: must be symmetric; use (J + J.T) / 2")
    if np.diagonal(J).any():
        raise ArgumentError("J: must have a zero diagonal, since it holds redundancies of pairs")
    return _frozen("J", (J + J.T) / 2)


def _diagonal(diagonal: ArrayLike | None, d: int) -> Float[Array, " d"] | None:
    if diagonal is None:
        return None
    values = _frozen("diagonal", diagonal)
    if values.shape != (d,):
        raise ArgumentError(
            f"diagonal: must have the shape ({d},) for {d} maps, not {values.shape}"
        )
    if (values < 0).any():
        raise ArgumentError(
            f"diagonal: holds {values.min():.3g}; every entry must be 0 or above, since a positive "
            "semidefinite matrix has no negative diagonal"
        )
    return values


def _frozen(name: str, values: ArrayLike) -> Float[Array, "..."]:
    return finite_array(name, values, error=NumericalError, hint="; check the maps and gradients")
