"""The selection problem: a QUBO over the candidate maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Num, Real
from numpy.typing import ArrayLike

from annealcam._internal.types import Array
from annealcam._internal.validation import real, whole
from annealcam.errors import ArgumentError, NumericalError, ProblemTooLargeError
from annealcam.qubo.energies import energies_of

if TYPE_CHECKING:
    import dimod

MAX_ENUMERATED = 24


@dataclass(frozen=True, eq=False)
class SelectionProblem:
    """Choose maps that are relevant and not redundant with each other.

    E(n) = (1 - beta) * 1/2 * sum_{p != q} J_pq n_p n_q  -  beta * sum_p h_p n_p,   n in {0,1}^d

    Args:
        h: relevance of every candidate, (d,), with a maximum of 1 (as `from_maps` makes it), so
            that beta has a meaning.
        J: redundancy of every pair, (d, d): symmetric, zero on the diagonal.
        beta: trade-off in [0, 1]; 1 selects every map with h > 0, 0 selects nothing that costs.
        cardinality: if given, exactly so many maps must be selected.

    Raises:
        ArgumentError: wrong shapes, J not symmetric, beta or cardinality out of range.
        NumericalError: NaN or infinity in h or J.

    Source: arXiv 2604.25649, eq. 4; the pair sum counts every pair once.

    >>> p = SelectionProblem([1.0, 0.5], [[0.0, 0.8], [0.8, 0.0]], beta=0.5)
    >>> p.energies()
    array([ 0.  , -0.5 , -0.25, -0.35])
    """

    h: Float[Array, " d"]
    J: Float[Array, "d d"]
    beta: float = 0.7
    cardinality: int | None = None

    def __init__(
        self, h: ArrayLike, J: ArrayLike, *, beta: float = 0.7, cardinality: int | None = None
    ) -> None:
        set_field = object.__setattr__
        set_field(self, "h", _frozen("h", h))
        if self.h.ndim != 1:
            raise ArgumentError(f"h: of shape {self.h.shape}; one relevance per map, (d,)")
        set_field(self, "J", _symmetric(_frozen("J", J), self.h.size))
        set_field(self, "beta", check_beta(beta))
        set_field(self, "cardinality", check_cardinality(cardinality, self.h.size))

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

        Raises:
            ArgumentError: a map is zero all over (it has no cosine), or no relevance is positive.

        >>> SelectionProblem.from_maps(np.array([[1., 0.], [1., 1.]]), np.array([2., 4.])).J[0, 1]
        np.float64(0.7071067811865475)
        """
        maps = _frozen("maps", maps)
        flat = maps.reshape(len(maps), math.prod(maps.shape[1:]))
        relevance = _frozen("relevance", relevance)
        if len(flat) and not relevance.max() > 0:
            raise ArgumentError("relevance: no map has any; leave such maps out of the candidates")
        return cls(
            relevance / relevance.max() if len(flat) else relevance,
            _abs_cosine(flat),
            beta=beta,
            cardinality=cardinality,
        )

    @classmethod
    def from_bqm(cls, bqm: dimod.BinaryQuadraticModel) -> SelectionProblem:
        """Return the problem with the energies of a dimod model, less the model's offset.

        beta is 1/2, h = -2 * linear and J = 2 * quadratic, in the order of `bqm.variables`.

        >>> import dimod
        >>> SelectionProblem.from_bqm(dimod.BinaryQuadraticModel({"a": -1.}, {}, "BINARY")).h
        array([2.])
        """
        double = type(bqm)(bqm, dtype=np.float64)  # single precision would round in what follows
        binary = double.change_vartype("BINARY", inplace=True)
        linear, (rows, columns, values), _ = binary.to_numpy_vectors(list(binary.variables))
        J = np.zeros((len(linear), len(linear)))
        np.add.at(J, (rows, columns), 2.0 * values)
        return cls(-2.0 * linear, J + J.T, beta=0.5)

    @property
    def d(self) -> int:
        """Number of candidate maps; one qubit each."""
        return int(self.h.size)

    @property
    def linear(self) -> Float[Array, " d"]:
        """Coefficient of n_p in the energy: -beta h_p."""
        return -self.beta * self.h

    @property
    def quadratic(self) -> Float[Array, "d d"]:
        """Coefficient of n_p n_q in the energy, for each pair p < q and mirrored."""
        return (1.0 - self.beta) * self.J

    def energy(self, n: Num[Array, "*reads d"] | ArrayLike) -> Any:
        """Return E(n) of one selection (d,), or of many (reads, d). No penalty is added.

        >>> p = SelectionProblem([1.0, 1.0], [[0.0, 1.0], [1.0, 0.0]], beta=0.7)
        >>> round(p.energy([1, 1]), 12)
        -1.1
        """
        n = np.asarray(n, dtype=np.float64)
        if n.shape[-1:] != (self.d,):
            raise ArgumentError(f"n: of shape {n.shape}; one entry for each of {self.d} maps")
        if not ((n == 0) | (n == 1)).all():
            raise ArgumentError("n: holds other values than 0 and 1; spins s are n = (s + 1) / 2")
        energy = 0.5 * ((n @ self.quadratic) * n).sum(axis=-1) + n @ self.linear
        return float(energy) if n.ndim == 1 else energy

    def energies(self) -> Float[Array, " states"]:
        """Return E of all 2^d selections. State number b selects map p where bit p of b is set.

        Every sum is made anew by doubling, so no rounding error piles up over the states.

        Raises:
            ProblemTooLargeError: d is above 24.
        """
        if self.d > MAX_ENUMERATED:
            raise ProblemTooLargeError(
                f"d={self.d}: 2^d energies do not fit; at most {MAX_ENUMERATED} maps"
            )
        return energies_of(self.linear, self.quadratic)

    @property
    def scale(self) -> float:
        """Largest magnitude that a sum of the coefficients can reach: the unit of tolerances."""
        return float(np.abs(self.linear).sum() + 0.5 * np.abs(self.quadratic).sum())

    @property
    def tie(self) -> float:
        """Energies closer than this are one level: rounding, not physics."""
        return 1e-12 * self.scale

    @property
    def penalty(self) -> float:
        """Strength lambda of lambda (sum n - k)^2 that proves enough; 0 without a cardinality.

        Dropping a map from a selection that is too large costs at most beta h_p (plus what
        negative J give back), adding one to a selection that is too small at most its k - 1
        largest couplings less beta h_p. A lambda above both makes every infeasible selection
        worse than some feasible one.
        """
        if self.cardinality is None or self.d == 0:
            return 0.0
        cost = self.quadratic
        drop = -self.linear - np.minimum(cost, 0).sum(axis=1)
        dearest = np.sort(np.maximum(cost, 0), axis=1)[:, ::-1][:, : self.cardinality - 1]
        add = self.linear + dearest.sum(axis=1)
        # Where hardly any lambda is needed, one of the size of the coefficients: next to none would
        # prove enough, and yet leave an annealer free to end outside of what is allowed.
        usual = max(np.abs(self.linear).max(), np.abs(cost).max()) or 1.0
        return 1.001 * float(max(drop.max(), add.max(), usual))

    def to_bqm(self) -> dimod.BinaryQuadraticModel:
        """Return the problem for dimod: binary variables 0..d-1, dimod x_p = n_p.

        With a cardinality k the model adds `penalty * (sum n - k)^2`, which is zero for the
        selections that are allowed; `from_bqm` then gives a problem without a cardinality, whose
        energies are the model's less its offset.

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

    def feasible(self, n: Num[Array, "*reads d"]) -> Any:
        """Whether each selection has the asked number of maps."""
        if self.cardinality is None:
            return np.ones(np.shape(n)[:-1], dtype=bool)
        return np.asarray(n).sum(axis=-1) == self.cardinality


def check_beta(beta: Any) -> float:
    """Return beta as a float; raise ArgumentError unless it is in [0, 1]."""
    number = real("beta", beta)
    if not 0 <= number <= 1:
        raise ArgumentError(f"beta={beta}: must lie between 0 and 1; the paper takes 0.7")
    return number


def check_cardinality(cardinality: Any, d: int | None = None) -> int | None:
    """Return the cardinality as an int; raise ArgumentError unless it is 1 to d, or None."""
    if cardinality is None:
        return None
    k = whole("cardinality", cardinality, least=1)
    if d is not None and k > d:
        raise ArgumentError(
            f"cardinality={k}: there are only {d} candidate maps; lower it, or raise max_qubits"
        )
    return k


def _abs_cosine(flat: Float[Array, "d pixels"]) -> Float[Array, "d d"]:
    largest = np.abs(flat).max(axis=1, keepdims=True) if flat.size else np.ones((len(flat), 1))
    if not (largest > 0).all():
        raise ArgumentError(
            f"maps: map {int(np.argmin(largest > 0))} is zero all over and has no cosine; "
            "leave dead maps out of the candidates"
        )
    unit = flat / largest  # so that squares neither overflow nor vanish
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    J = np.clip(np.abs(unit @ unit.T), 0.0, 1.0)
    J = (J + J.T) / 2  # BLAS may round the two halves differently
    np.fill_diagonal(J, 0.0)
    return J


def _symmetric(J: Float[Array, "..."], d: int) -> Float[Array, "d d"]:
    """J as it is, or the mean with its transpose where only rounding parts the two."""
    if d == 0 and J.size == 0:
        return np.zeros((0, 0))
    if J.shape != (d, d):
        raise ArgumentError(f"J: of shape {J.shape}; h has {d} entries, so ({d}, {d})")
    if np.abs(J - J.T).max() > 1e-12 * np.abs(J).max():
        raise ArgumentError("J: not symmetric; give (J + J.T) / 2")
    if np.diagonal(J).any():
        raise ArgumentError("J: its diagonal is not zero; a map is not redundant with itself")
    return _frozen("J", (J + J.T) / 2)


def _frozen(name: str, values: ArrayLike) -> Float[Array, "..."]:
    try:
        array = np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{name}: not an array of numbers ({error})") from error
    if not np.isfinite(array).all():
        raise NumericalError(f"{name}: holds NaN or infinity; check the maps and gradients")
    array.setflags(write=False)
    return array
