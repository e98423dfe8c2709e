"""The semidefinite bound of a model of spins with triangle inequalities, by its smooth dual."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from annealcam._internal.deadline import Deadline
from annealcam._internal.types import Array
from annealcam.samplers.general.spin_model import SpinModel

ROUNDS, STEPS = 60, 60  # sets of cuts, and steps of L-BFGS for each
CUTS = 500  # that enter in a round
LEAST = 0.05  # violation of a cut that enters
FALL = 0.8  # of alpha from round to round
COARSE, FINE = 2.0, 0.05  # alpha * size^2 at the start and at the end, in units of the gap
HOPE = 1.5  # times the gain that is expected of all further rounds
ROUNDING = 1e-12  # of the magnitudes that are summed
SHIFT, ROUGH = 1e-9, 1e-4  # of the largest eigenvalue; of a bound that decides a spin


@dataclass(eq=False)
class Multipliers:
    """The dual variables: y of X_ii = 1, mu >= 0 of the cuts, t of the balance."""

    y: Float[Array, " size"]
    t: float = 0.0
    cuts: Int[Array, "cuts 5"] = field(default_factory=lambda: np.zeros((0, 5), dtype=np.int64))
    mu: Float[Array, " cuts"] = field(default_factory=lambda: np.zeros(0))

    def keep(self, kept: Bool[Array, " cuts"]) -> None:
        """Remove the other cuts."""
        self.cuts, self.mu = self.cuts[kept], self.mu[kept]

    def add(self, cuts: Int[Array, "new 5"]) -> None:
        """Add cuts that are not there yet."""
        from annealcam.samplers.kernels.triangles import keys

        size = len(self.y)
        fresh = cuts[~np.isin(keys(cuts, size), keys(self.cuts, size))]
        self.cuts = np.concatenate([self.cuts, fresh])
        self.mu = np.concatenate([self.mu, np.zeros(len(fresh))])


def fixed(model: SpinModel, at: Multipliers, p: int, sign: int) -> tuple[SpinModel, Multipliers]:
    """Return the model with s_p = `sign`, and multipliers with at least the same bound.

    M has to be positive semidefinite (`Relaxation.feasible`). A cut of s_0, s_p and s_k becomes
    1 + 2 e X_0k >= -1, which (s_0 + e s_k)^2 >= 0 implies, or -1 >= -1: y takes up what it adds to
    the diagonal of M.

    >>> model = SpinModel.of(np.array([-1.0, 2.0]), np.array([[0.0, 4.0], [4.0, 0.0]]))
    >>> fixed(model, Multipliers(np.array([1.0, 2.0, 3.0])), 1, -1)[1].y
    array([3.5, 3. ])
    """
    from annealcam.samplers.kernels.triangles import merged

    smaller, t = model.fixed(p, sign), at.t
    y = np.delete(at.y, p)
    y[0] += at.y[p] + model.constant - smaller.constant
    if model.balance is not None and smaller.balance is not None:
        t *= float(smaller.balance @ smaller.balance / (model.balance @ model.balance))
    cuts, kept = merged(at.cuts, p, sign)
    place = np.where(cuts[:, 3] == 1, cuts[:, 2], 0)[~kept]
    np.subtract.at(y, place, at.mu[~kept])
    return smaller, Multipliers(y, t, cuts[kept], at.mu[kept])


class _BoundReachedError(Exception):
    """The bound is above the limit, and L-BFGS has nothing left to do."""


class Relaxation:
    """Lower bounds on the energies of a model of spins.

    For spins s, X = s s' has X_ii = 1, <aa', X> = 0 for the balance a, and satisfies all triangle
    inequalities <T_c, X> >= -1. So for any y, any t and any mu >= 0,

        s C s >= sum(y) - sum(mu) + <M, X>,   M = C - diag(y) - t aa' - sum_c mu_c T_c.

    X is positive semidefinite, and has the trace and the norm `size`. With the negative eigenvalues
    w of M, <M, X> is therefore at least size * min(w), and for any alpha > 0

        <M, X> >= min_X (<M, X> + alpha |X|^2 / 2) - alpha size^2 / 2
                = -sum(w^2) / (2 alpha) - alpha size^2 / 2.

    The better of both is the bound, less the rounding of the eigenvalues. The second one is smooth:
    it is maximised by L-BFGS, its gradient being the violation of the constraints by the X of the
    minimum, alpha falls from round to round, and cuts that X violates enter between the rounds.

    Source: Malick and Roupin 2013, doi 10.1007/s10107-012-0594-z, whose code is BiqCrunch.
    """

    def __init__(self, model: SpinModel, start: Multipliers) -> None:
        self.model, self._alpha = model, 1.0
        self.now = self.best = start
        self.bound = -np.inf
        self.X = np.eye(model.size)
        a = model.balance
        self._balance = None if a is None else np.outer(a, a) / (a @ a)

    def raise_bound(self, limit: float, gap: float, deadline: Deadline) -> float:
        """Raise the bound until it is above the limit or further rounds would hardly do so.

        Args:
            limit: the bound to reach.
            gap: what the bound may lack before it; alpha is proportional to it.
            deadline: of the search.

        Raises:
            TimeIsUpError: the deadline has passed.
        """
        unit, bounds = gap / self.model.size**2, []
        self._alpha = COARSE * unit
        try:
            for _ in range(ROUNDS):
                self._maximise(limit, deadline)
                bounds.append(self.bound)
                if _is_hopeless(bounds, limit):
                    break
                self._exchange_cuts()
                self._alpha = max(FALL * self._alpha, FINE * unit)
        except _BoundReachedError:
            pass
        return self.bound

    def matrix(self, at: Multipliers) -> Float[Array, "size size"]:
        """Return M."""
        from annealcam.samplers.kernels.triangles import without_multiples

        M = self.model.C.copy()
        M[np.diag_indices_from(M)] -= at.y
        if self._balance is not None:
            M -= at.t * self._balance
        without_multiples(M, at.cuts, at.mu)
        return M

    def feasible(self) -> Multipliers:
        """Return the best multipliers, with y lowered until M is positive semidefinite.

        The bound of a matrix with negative eigenvalues depends on `size`, which falls as spins are
        decided; that of a positive semidefinite one stays.
        """
        at = self.best
        lowest = float(np.linalg.eigvalsh(self.matrix(at))[0])
        return Multipliers(at.y + min(0.0, lowest), at.t, at.cuts, at.mu)

    def rounding(self, at: Multipliers) -> float:
        """Return a margin for the rounding of the bound."""
        size = np.abs(self.model.C).sum() + np.abs(at.y).sum() + at.mu.sum()
        return ROUNDING * float(size + abs(at.t) + abs(self.model.constant))

    def decisions(self, limit: float) -> Int[Array, " size"]:
        """Return the sign of each spin whose other sign has a bound above the limit, else 0.

        Let M be positive definite (after a shift that is paid for), and r_p the rows of a matrix
        with r_p r_q = (1 / M)_pq. Of all vectors v with v_0 = 1 and v_p = sign, the lowest v M v is

            1 / |r_0|^2 + (sign - c)^2 / |r_p - c r_0|^2,   c = r_p r_0 / |r_0|^2.
        """
        at, size = self.best, self.model.size
        w, V = np.linalg.eigh(self.matrix(at))
        shift = max(0.0, SHIFT * float(np.abs(w).max()) - float(w[0]))
        rows = V / np.sqrt(w + shift + 1e-300)
        first = float(rows[0] @ rows[0])
        c = rows @ rows[0] / first
        rest = rows - c[:, None] * rows[0]
        apart = np.maximum((rest * rest).sum(axis=1), 1e-300)
        base = self.model.constant + float(at.y.sum() - at.mu.sum()) - shift * size
        base += 1.0 / first - self.rounding(at)
        result = np.zeros(size, dtype=np.int64)
        for sign in (1, -1):
            result[base + (1 - ROUGH) * (sign - c) ** 2 / apart > limit] = -sign
        result[0] = 0
        return result

    def _maximise(self, limit: float, deadline: Deadline) -> None:
        from scipy.optimize import minimize

        at, size = self.now, self.model.size
        free = size + 1
        found = minimize(
            self._evaluate, np.concatenate([at.y, [at.t], at.mu]), args=(limit, deadline), jac=True,
            method="L-BFGS-B", bounds=[(None, None)] * free + [(0, None)] * len(at.mu),
            options={"maxiter": STEPS, "ftol": 0.0, "gtol": 1e-2},
        )  # fmt: skip
        self._evaluate(found.x, limit, deadline)
        self.now = self._multipliers(found.x)

    def _multipliers(self, values: Float[Array, " dual"]) -> Multipliers:
        size = self.model.size
        return Multipliers(
            values[:size].copy(), float(values[size]), self.now.cuts, values[size + 1 :].copy()
        )

    def _evaluate(
        self, values: Float[Array, " dual"], limit: float, deadline: Deadline
    ) -> tuple[float, Any]:
        """Return minus the smooth bound, and minus its gradient."""
        from annealcam.samplers.kernels.triangles import slacks

        deadline.check()
        at, size = self._multipliers(values), self.model.size
        w, V = np.linalg.eigh(self.matrix(at))
        negative = int(np.searchsorted(w, 0.0))
        w0, V = w[:negative], V[:, :negative]
        self.X = (V * (w0 / -self._alpha)) @ V.T
        sums = self.model.constant + float(at.y.sum() - at.mu.sum())
        smooth = sums - float(w0 @ w0) / (2.0 * self._alpha) - 0.5 * self._alpha * size**2
        bound = max(smooth, sums + size * min(0.0, float(w[0]))) - self.rounding(at)
        if bound > self.bound:
            self.bound, self.best = bound, at
        if bound > limit:
            raise _BoundReachedError
        imbalance = 0.0 if self._balance is None else -float(np.vdot(self._balance, self.X))
        gradient = [1.0 - np.diag(self.X), [imbalance], -slacks(self.X, at.cuts)]
        return -smooth, -np.concatenate(gradient)

    def _exchange_cuts(self) -> None:
        """Remove cuts that are not active, and add those that X violates most."""
        from annealcam.samplers.kernels.triangles import slacks, violated

        at = self.now
        tiny = 1e-7 * float(np.abs(at.y).max(initial=0.0))
        at.keep((at.mu > tiny) | (slacks(self.X, at.cuts) < 0))
        at.add(violated(self.X, LEAST, CUTS))


def _is_hopeless(bounds: list[float], limit: float) -> bool:
    """Return whether bounds that rise at the present rate will not reach the limit."""
    if len(bounds) < 5:
        return False
    gain, before = bounds[-1] - bounds[-3], bounds[-3] - bounds[-5]
    if before <= 0:
        return True
    ratio = min(gain / before, 0.97)
    return bounds[-1] + HOPE * gain * ratio / (1.0 - ratio) < limit
