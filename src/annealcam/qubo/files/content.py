"""What a reader finds in a file, and what `read_problem` makes of it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from annealcam._internal.text import short_repr
from annealcam.qubo.problem import SelectionProblem

if TYPE_CHECKING:
    import dimod


class Content(NamedTuple):
    """What a reader finds: a minimisation, and how the file states it.

    Attributes:
        model: the model, or the arrays h and J with the numbers beside them.
        kind: the format, as text.
        maximised: whether the file states a maximisation, of which the model is the negative.
        cardinality: number of variables that must be 1.
    """

    model: dict[str, Any] | dimod.BinaryQuadraticModel
    kind: str
    maximised: bool = False
    cardinality: int | None = None


@dataclass(frozen=True, eq=False, repr=False)
class ProblemFile:
    """The content of a problem file.

    Attributes:
        problem: the selection problem; n = 1 is a binary 1 or a spin +1 of a model.
        labels: names of the variables, in the order of the problem.
        offset: difference of the energy of a model and that of the problem.
        kind: the format, as text.
        maximised: whether the file was read as a maximisation: its values are the negatives of
            the energies.
    """

    problem: SelectionProblem
    labels: tuple[Hashable, ...]
    offset: float
    kind: str
    maximised: bool = False

    def __repr__(self) -> str:
        return short_repr("ProblemFile", d=self.problem.d, offset=self.offset, kind=self.kind)

    def negated(self) -> ProblemFile:
        """Return the problem with the negative energies, which is the opposite direction.

        >>> file = ProblemFile(SelectionProblem([1.0], [[0.0]], beta=0.5), (0,), 2.0, "h and J")
        >>> file.negated().problem.energies(), file.negated().offset
        (array([0. , 0.5]), -2.0)
        """
        p = self.problem
        problem = SelectionProblem(-p.h, -p.J, beta=p.beta, cardinality=p.cardinality)
        return ProblemFile(
            problem, self.labels, 0.0 - self.offset, self.kind, maximised=not self.maximised
        )
