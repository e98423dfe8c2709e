"""Writers of problem files: one function a format, from the coefficients of a minimisation.

Numbers are written so that reading them gives the same bits.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from annealcam.errors import ArgumentError
from annealcam.qubo.files.lp import SECTIONS
from annealcam.qubo.problem import SelectionProblem

if TYPE_CHECKING:
    import dimod


@dataclass(frozen=True)
class Coefficients:
    """E(n) = sum_p linear_p n_p + sum of value n_p n_q over the pairs + offset.

    Attributes:
        problem: the problem, with its cardinality.
        linear: coefficient of each variable.
        pairs: (p, q, value) with p < q, without zeros.
        offset: the constant.
        labels: the names of the variables.
    """

    problem: SelectionProblem
    linear: list[float]
    pairs: list[tuple[int, int, float]]
    offset: float
    labels: tuple[Hashable, ...]

    def lines(self, *, base: int, factor: float = 1.0) -> list[str]:
        """Return the lines `i j value`, with variables from `base`; couplings times `factor`."""
        nodes = [f"{p + base} {p + base} {number(a)}" for p, a in enumerate(self.linear) if a]
        return nodes + [f"{p + base} {q + base} {number(factor * v)}" for p, q, v in self.pairs]

    def matrix(self) -> np.ndarray:
        """Return the upper triangular Q with E(n) = n^T Q n."""
        Q = np.diag(np.array(self.linear, dtype=np.float64))
        for p, q, value in self.pairs:
            Q[p, q] = value
        return Q


def coefficients(
    problem: SelectionProblem, offset: float, labels: Iterable[Hashable]
) -> Coefficients:
    """Return the coefficients of a problem without a penalty for its cardinality."""
    couplings = np.triu(problem.quadratic, 1)
    rows, columns = np.nonzero(couplings)
    values = couplings[rows, columns]
    pairs = list(zip(rows.tolist(), columns.tolist(), values.tolist(), strict=True))
    return Coefficients(problem, problem.linear.tolist(), pairs, offset, tuple(labels))


def number(value: float) -> str:
    """Return the shortest text of a number that reads as the same bits.

    >>> number(-3.0), number(0.1), number(1e300)
    ('-3', '0.1', '1e+300')
    """
    whole = abs(value) < 2**53 and value == int(value)
    return str(int(value)) if whole else repr(float(value))


def _npz(c: Coefficients) -> bytes:
    p = c.problem
    stored: dict[str, Any] = {"h": p.h, "J": p.J, "beta": p.beta}
    if p.cardinality is not None:
        stored["cardinality"] = p.cardinality
    if p.diagonal is not None:
        stored["diagonal"] = p.diagonal
    if c.offset:
        stored["offset"] = c.offset
    if c.labels != tuple(range(p.d)):
        from dimod.variables import iter_serialize_variables

        stored["labels"] = json.dumps(list(iter_serialize_variables(c.labels)))
    stream = io.BytesIO()
    np.savez(stream, **stored)
    return stream.getvalue()


def _model(c: Coefficients) -> dimod.BinaryQuadraticModel:
    import dimod

    bqm = dimod.BinaryQuadraticModel("BINARY")
    bqm.add_linear_from(zip(c.labels, c.linear, strict=True))
    bqm.add_quadratic_from((c.labels[p], c.labels[q], value) for p, q, value in c.pairs)
    bqm.offset = c.offset
    return bqm


def _bqm(c: Coefficients) -> bytes:
    return bytes(_model(c).to_file().read())


def _json(c: Coefficients) -> bytes:
    return json.dumps(_model(c).to_serializable()).encode()


def _bqpjson(c: Coefficients) -> bytes:
    ids = _numbers(c.labels)
    stored = {
        "version": "1.0.0", "id": 0, "metadata": {}, "variable_ids": ids,
        "variable_domain": "boolean", "scale": 1.0, "offset": c.offset,
        "linear_terms": [{"id": i, "coeff": a} for i, a in zip(ids, c.linear, strict=True) if a],
        "quadratic_terms": [
            {"id_tail": ids[p], "id_head": ids[q], "coeff": value} for p, q, value in c.pairs
        ],
    }  # fmt: skip
    return json.dumps(stored).encode()


def _coo(c: Coefficients) -> bytes:
    """Keep numbers of variables that ascend, since readers order variables by number."""
    ids = _numbers(c.labels)
    ids = ids if ids == sorted(ids) else list(range(len(ids)))
    lines = ["# vartype=BINARY"] + [f"# offset={number(c.offset)}"] * (c.offset != 0)
    lines += [f"{i} {i} {number(a)}" for i, a in zip(ids, c.linear, strict=True)]
    return _text(lines, (f"{ids[p]} {ids[q]} {number(value)}" for p, q, value in c.pairs))


def _qubo(c: Coefficients) -> bytes:
    nodes = sum(a != 0 for a in c.linear)
    return _text([f"p qubo 0 {len(c.linear)} {nodes} {len(c.pairs)}"], c.lines(base=0))


def _maxcut(c: Coefficients) -> bytes:
    """Write the graph of a maximum cut: linear_p = -sum_q w_pq, with couplings of 2 w_pq."""
    edges = [(p, q, value / 2.0) for p, q, value in c.pairs]
    weights: list[list[float]] = [[] for _ in c.linear]
    for p, q, w in edges:
        weights[p].append(w)
        weights[q].append(w)
    for a, own in zip(c.linear, weights, strict=True):
        if abs(a + math.fsum(own)) > 1e-12 * math.fsum(map(abs, own)):
            raise ArgumentError(
                "format='maxcut': holds only maximum cuts, whose linear coefficients are minus "
                "half the sum of a variable's couplings; use another format"
            )
    lines = (f"{p + 1} {q + 1} {number(w)}" for p, q, w in edges)
    return _text([f"{len(c.linear)} {len(edges)}"], lines)


def _orlib(c: Coefficients) -> bytes:
    negative = Coefficients(
        c.problem, [-a for a in c.linear], [(p, q, -v) for p, q, v in c.pairs], 0.0, c.labels
    )
    lines = negative.lines(base=1, factor=0.5)
    return _text(["1", f"{len(c.linear)} {len(lines)}"], lines)


def _gka(c: Coefficients) -> bytes:
    return _text([str(len(c.linear))], c.lines(base=1) or ["1 1 0"])


def _matrix(c: Coefficients) -> bytes:
    """Write all numbers with a point, so that three rows are not taken for COO text."""
    return _text(" ".join(map(repr, row)) for row in c.matrix().tolist())


def _npy(c: Coefficients) -> bytes:
    stream = io.BytesIO()
    np.save(stream, c.matrix())
    return stream.getvalue()


def _mtx(c: Coefficients) -> bytes:
    d, lines = len(c.linear), c.lines(base=1)
    header = ["%%MatrixMarket matrix coordinate real general", f"{d} {d} {len(lines)}"]
    return _text(header, lines)


def _sparse(c: Coefficients) -> bytes:
    from scipy.sparse import csr_array, save_npz

    stream = io.BytesIO()
    save_npz(stream, csr_array(c.matrix()))
    return stream.getvalue()


def _lp(c: Coefficients) -> bytes:
    """Write an LP file; every variable stands in the objective, in the order of the problem."""
    names = _lp_names(c.labels)
    lines = ["Minimize", " obj:"]
    lines += _wrapped(f"{_signed(a)} {v}" for a, v in zip(c.linear, names, strict=True))
    if c.pairs:
        products = (f"{_signed(2 * v)} {names[p]} * {names[q]}" for p, q, v in c.pairs)
        lines += ["  + [", *_wrapped(products), "  ] / 2"]
    lines += [f"  {_signed(c.offset)}"] * (c.offset != 0)
    lines += ["Subject To"]
    if c.problem.cardinality is not None:
        lines += [" count:", *_wrapped(f"+ {v}" for v in names), f"  = {c.problem.cardinality}"]
    return _text(lines, ["Binary", *_wrapped(names), "End"])


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'} {number(abs(value))}"


def _wrapped(words: Iterable[str]) -> Iterator[str]:
    """Yield lines of six words, since readers of the format limit the length of a line."""
    words = list(words)
    return (f"  {' '.join(words[i : i + 6])}" for i in range(0, len(words), 6))


_LP_NAME = re.compile(r"[a-df-zA-DF-Z_][A-Za-z0-9_.]{0,63}")
_LP_WORDS = {word for words in SECTIONS.values() for word in words} | {"free", "inf", "infinity"}


def _lp_names(labels: tuple[Hashable, ...]) -> list[str]:
    """Return the labels if all are names of the LP format; else x7 for 7, or x0, x1, ..."""
    names = [v for v in labels if isinstance(v, str) and _LP_NAME.fullmatch(v)]
    if len(names) == len(labels) and not _LP_WORDS & {name.lower() for name in names}:
        return names
    return [f"x{v}" for v in _numbers(labels)]


def _numbers(labels: tuple[Hashable, ...]) -> list[int]:
    """Return the labels if all are whole numbers of 0 or more; else 0, 1, ..."""
    whole = [int(v) for v in labels if isinstance(v, int | np.integer) and v >= 0]
    return whole if len(whole) == len(labels) else list(range(len(labels)))


def _text(*blocks: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for block in blocks for line in block).encode()


class Writer(NamedTuple):
    """How a format is written, and what it holds beside h and J.

    Attributes:
        write: the function.
        suffixes: endings of file names that choose the format.
        holds: which of offset, cardinality, diagonal and empty (a problem without variables).
    """

    write: Callable[[Coefficients], bytes]
    suffixes: tuple[str, ...] = ()
    holds: frozenset[str] = frozenset()


def _writer(write: Callable[[Coefficients], bytes], suffixes: str = "", holds: str = "") -> Writer:
    return Writer(write, tuple(suffixes.split()), frozenset(holds.split()))


WRITERS: dict[str, Writer] = {
    "npz": _writer(_npz, ".npz", "offset cardinality diagonal empty"),
    "lp": _writer(_lp, ".lp", "offset cardinality empty"),
    "bqm": _writer(_bqm, ".bqm", "offset empty"),
    "json": _writer(_json, ".json", "offset empty"),
    "bqpjson": _writer(_bqpjson, ".bqpjson", "offset empty"),
    "coo": _writer(_coo, ".coo", "offset"),
    "qubo": _writer(_qubo, ".qubo", "empty"),
    "maxcut": _writer(_maxcut, ".maxcut .mc .rud .rudy", "empty"),
    "orlib": _writer(_orlib, ".orlib", "empty"),
    "gka": _writer(_gka, ".gka"),
    "matrix": _writer(_matrix, ".matrix"),
    "npy": _writer(_npy, ".npy"),
    "mtx": _writer(_mtx, ".mtx"),
    "sparse": _writer(_sparse),
}
