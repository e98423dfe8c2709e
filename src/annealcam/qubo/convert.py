"""Conversion of all accepted forms of a problem into a `SelectionProblem`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np

from annealcam._internal.validation import finite_array, one_line, real
from annealcam.errors import ArgumentError, NumericalError
from annealcam.qubo.problem import SelectionProblem

if TYPE_CHECKING:
    import dimod
    from numpy.typing import ArrayLike

    ProblemLike: TypeAlias = (
        SelectionProblem | dimod.BinaryQuadraticModel | Mapping[tuple[Any, Any], float] | ArrayLike
    )
    ProblemsLike: TypeAlias = Iterable[ProblemLike]
else:  # the functions below check them, with clearer errors
    ProblemLike: TypeAlias = Any
    ProblemsLike: TypeAlias = Any

FORMS = (
    "give a SelectionProblem, a dimod BinaryQuadraticModel, a QUBO dict {(i, j): q}, or a square "
    "array of numbers"
)


def as_problem(value: ProblemLike, argument: str = "problem") -> SelectionProblem:
    """Return the problem that a value describes; a SelectionProblem is returned as it is.

    Args:
        value: one of four forms. All but the first give beta = 1/2, h = -2 * linear, J = 2 *
            quadratic and no cardinality.

            - a `SelectionProblem`;
            - a `dimod.BinaryQuadraticModel` of either vartype: map p is variable p of
              `bqm.variables`, and energies are those of the model without its offset;
            - a QUBO dict {(i, j): q}, E(n) = sum q n_i n_j: entries (i, j) and (j, i) add up, and
              (i, i) is linear. The maps are the labels that occur: whole numbers in ascending
              order, and other labels in the order in which they appear;
            - a square array Q (d, d), E(n) = n^T Q n: its diagonal is linear, and Q_pq + Q_qp is
              the coefficient of n_p n_q, so that Q may be symmetric or triangular.
        argument: name of the argument, for errors.

    Raises:
        ArgumentError: the value has none of these forms.
        NumericalError: a coefficient is NaN or infinite.

    >>> as_problem({("a", "a"): -1.0, ("a", "b"): 2.0}).energies()
    array([ 0., -1.,  0.,  1.])
    >>> as_problem([[-1.0, 2.0], [0.0, 0.0]]).energies()
    array([ 0., -1.,  0.,  1.])
    """
    if isinstance(value, SelectionProblem):
        return value
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # the problem refuses what overflows
            if _is_model(value):
                return SelectionProblem.from_bqm(value)
            return _of_matrix(_matrix_of(value, argument))
    except NumericalError:
        raise NumericalError(
            f"{argument}: contains NaN, infinity or coefficients above 1e307; check how it is made"
        ) from None


def as_problems(values: ProblemsLike, argument: str = "problems") -> list[SelectionProblem]:
    """Return the problem of each value, as `as_problem` does.

    >>> [p.d for p in as_problems([[[1.0]], {(0, 1): 2.0}])]
    [1, 2]
    """
    return [as_problem(value, name) for name, value in named_problems(values, argument)]


def named_problems(values: ProblemsLike, argument: str = "problems") -> list[tuple[str, Any]]:
    """Return the items of a list of problems, each with its name for errors.

    Raises:
        ArgumentError: the value is a single problem, or no list.
    """
    single = isinstance(values, SelectionProblem | Mapping | str) or _is_model(values)
    if single or not isinstance(values, Iterable):
        raise ArgumentError(f"{argument}: {type(values).__name__}; give a list of problems")
    return [(f"{argument}[{i}]", value) for i, value in enumerate(values)]


def labels_of(value: ProblemLike) -> tuple[Any, ...]:
    """Return the label of each map of `as_problem(value)`; without labels, 0 to d - 1.

    >>> labels_of({("b", "a"): 1.0}), labels_of({(7, 3): 1.0}), labels_of([[1.0]])
    (('b', 'a'), (3, 7), (0,))
    """
    if isinstance(value, Mapping):
        labels = dict.fromkeys(label for pair in value for label in pair)
        whole = all(isinstance(label, int | np.integer) for label in labels)
        return tuple(sorted(labels) if whole else labels)
    if _is_model(value):
        return tuple(value.variables)
    return tuple(range(as_problem(value).d))


def offset_of(value: ProblemLike) -> float:
    """Return the energy of a model minus that of `as_problem(value)`; 0 for the other forms.

    >>> offset_of([[1.0]])
    0.0
    """
    if not _is_model(value):
        return 0.0
    return float(value.change_vartype("BINARY", inplace=False).offset)


def _is_model(value: Any) -> TypeGuard[dimod.BinaryQuadraticModel]:
    dimod = sys.modules.get("dimod")  # a model exists only where dimod is imported
    return dimod is not None and isinstance(value, dimod.BinaryQuadraticModel)


def _matrix_of(value: Any, argument: str) -> np.ndarray:
    """Return the square array of a QUBO dict or of an array-like."""
    if isinstance(value, Mapping):
        return _matrix_of_dict(value, argument)
    try:
        array = np.asarray(value)
        shape, kind = array.shape, array.dtype.kind
    except Exception:  # whatever an object's own conversion raises
        shape, kind = (), "O"
    if len(shape) != 2 or shape[0] != shape[1] or kind not in "biufO":
        found = f"{type(value).__name__} of shape {shape}" if shape else type(value).__name__
        raise ArgumentError(f"{argument}: {found}; {FORMS}")
    return finite_array(argument, value, error=NumericalError)


def _matrix_of_dict(qubo: Mapping[Any, Any], argument: str) -> np.ndarray:
    for key in qubo:
        if not (isinstance(key, tuple) and len(key) == 2):
            raise ArgumentError(
                f"{argument}: the key {one_line(key)} is no pair of labels; a QUBO dict is "
                "{(i, j): q}, with (i, i) for the linear coefficients"
            )
    place = {label: p for p, label in enumerate(labels_of(qubo))}
    matrix = np.zeros((len(place), len(place)))
    for (i, j), q in qubo.items():
        matrix[place[i], place[j]] += real(f"{argument}[{one_line(i)}, {one_line(j)}]", q)
    return matrix


def _of_matrix(Q: np.ndarray) -> SelectionProblem:
    """Return the problem with the energies n^T Q n."""
    J = 2.0 * (Q + Q.T)
    np.fill_diagonal(J, 0.0)
    return SelectionProblem(-2.0 * np.diagonal(Q), J, beta=0.5)
