"""A problem as a quadratic form of spins, of which some are decided."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from annealcam._internal.types import Array


@dataclass(frozen=True, eq=False)
class SpinModel:
    """The energy constant + s C s of the undecided maps, s_0 = 1 and s_p = 2 n_p - 1.

    Attributes:
        C: symmetric, with a zero diagonal; its first row holds the fields.
        constant: energy of the decided maps, and of what does not depend on any.
        places: the maps of the spins 1, 2, ...
        selected: the decided maps that are in, (whole,), as 0 and 1.
        balance: a vector a with a s = 0 for all selections of the cardinality; None: any number.
    """

    C: Float[Array, "size size"]
    constant: float
    places: Int[Array, " undecided"]
    selected: Int[Array, " whole"]
    balance: Float[Array, " size"] | None = None

    @classmethod
    def of(
        cls,
        linear: Float[Array, " d"],
        quadratic: Float[Array, "d d"],
        cardinality: int | None = None,
    ) -> SpinModel:
        """Return the model of linear n + n Q n / 2, with n_p = (1 + s_p) / 2.

        >>> model = SpinModel.of(np.array([-1.0, 2.0]), np.array([[0.0, 4.0], [4.0, 0.0]]))
        >>> s = np.array([1.0, 1.0, -1.0])  # n = [1, 0]
        >>> float(model.constant + s @ model.C @ s)
        -1.0
        """
        d = len(linear)
        C = np.zeros((d + 1, d + 1))
        C[1:, 1:] = quadratic / 8.0
        C[0, 1:] = C[1:, 0] = linear / 4.0 + quadratic.sum(axis=1) / 8.0
        balance = None
        if cardinality is not None:
            balance = np.ones(d + 1)
            balance[0] = d - 2.0 * cardinality
        return cls(
            C, float(linear.sum() / 2.0 + quadratic.sum() / 8.0), np.arange(d),
            np.zeros(d, dtype=np.int8), balance,
        )  # fmt: skip

    @property
    def size(self) -> int:
        """Number of spins, with s_0."""
        return len(self.C)

    @property
    def symmetric(self) -> bool:
        """Whether no energy changes when all spins are reversed."""
        free = self.balance is None or float(self.balance[0]) == 0.0
        return free and not bool(self.C[0].any())

    def fixed(self, p: int, sign: int) -> SpinModel:
        """Return the model with s_p = `sign`, which is merged into s_0.

        >>> model = SpinModel.of(np.array([-1.0, 2.0]), np.array([[0.0, 4.0], [4.0, 0.0]]))
        >>> both = model.fixed(1, 1).fixed(1, 1)
        >>> both.constant, both.selected.tolist()
        (5.0, [1, 1])
        """
        kept = np.arange(self.size) != p
        C = self.C.copy()
        C[0] += sign * C[p]
        C[:, 0] = C[0]
        C[0, 0] = 0.0
        selected = self.selected.copy()
        selected[self.places[p - 1]] = sign > 0
        balance = self.balance
        if balance is not None:
            first = balance[0] + sign * balance[p]
            balance = np.append(first, np.delete(balance[1:], p - 1))
        return replace(
            self, C=np.ascontiguousarray(C[np.ix_(kept, kept)]), selected=selected,
            constant=self.constant + 2.0 * sign * float(self.C[0, p]),
            places=np.delete(self.places, p - 1), balance=balance,
        )  # fmt: skip

    def selections(self) -> Int[Array, "selections whole"]:
        """Return all selections of a model of few spins, of the cardinality if there is one."""
        m = self.size - 1
        states = (np.arange(1 << m)[:, None] >> np.arange(m)) & 1
        if self.balance is not None:
            states = states[(2 * states - 1) @ self.balance[1:] + self.balance[0] == 0]
        whole = np.tile(self.selected, (len(states), 1))
        whole[:, self.places] = states
        return whole
