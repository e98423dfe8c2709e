"""Readers of the models of other libraries: dimod and bqpjson."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from annealcam.errors import ProblemFileError
from annealcam.qubo.files.content import Content
from annealcam.qubo.files.limits import check_nesting, check_size


def read_bqm(raw: bytes) -> Content:
    """Return the model that `bqm.to_file()` wrote."""
    import dimod

    _check_neighbours(raw)
    bqm = dimod.BinaryQuadraticModel.from_file(raw)
    return Content(bqm, f"a dimod BQM file ({bqm.vartype.name})")


def _check_neighbours(raw: bytes) -> None:
    """Raise ProblemFileError for neighbours that are not variables, which would crash dimod.

    `BinaryQuadraticModel.to_file` documents the layout: a header, the offset, (index of the first
    neighbour, bias) for every variable, and (variable, bias) for every neighbour.
    """
    start = 14 + int.from_bytes(raw[10:14], "little")
    header = json.loads(raw[14:start])
    n, interactions = header["shape"]
    bias, variable, number = (np.dtype(header[name]) for name in ("dtype", "itype", "ntype"))
    of_variables = np.dtype([("first", number), ("bias", bias)])
    of_neighbours = np.dtype([("variable", variable), ("bias", bias)])
    start += bias.itemsize
    first = np.frombuffer(raw, of_variables, n, start)["first"].astype(np.int64)
    start += n * of_variables.itemsize
    neighbours = np.frombuffer(raw, of_neighbours, 2 * interactions, start)["variable"]
    ends = np.append(first, 2 * interactions)
    if (
        ends[0] != 0
        or (np.diff(ends) < 0).any()
        or not ((neighbours >= 0) & (neighbours < n)).all()
    ):
        raise ProblemFileError("is damaged: neighbours do not match variables; write it again")


def read_json(raw: bytes) -> Content:
    """Return the model that `json.dumps(bqm.to_serializable())` wrote, or that of bqpjson."""
    import dimod

    check_nesting(raw)
    stored = json.loads(raw)
    if "variable_domain" in stored:
        return _bqpjson(stored)
    if stored.get("type") != "BinaryQuadraticModel":
        raise ProblemFileError(
            f"has the type {stored.get('type')!r}; write it by json.dumps(bqm.to_serializable())"
        )
    n = len(stored["variable_labels"])
    if len(stored["linear_biases"]) != n:
        raise ProblemFileError(f"linear_biases: must be one for each of {n} labels")
    for name in ("quadratic_head", "quadratic_tail"):  # dimod does not check these either
        if not all(type(v) is int and 0 <= v < n for v in stored[name]):
            raise ProblemFileError(f"{name}: must be below the number of labels, {n}")
    bqm = dimod.BinaryQuadraticModel.from_serializable(stored)
    return Content(bqm, f"a dimod model in JSON ({bqm.vartype.name})")


def _bqpjson(stored: dict[str, Any]) -> Content:
    """Return the model scale * (sum of the terms + offset) of bqpjson."""
    import dimod

    vartypes = {"spin": "SPIN", "boolean": "BINARY"}
    if stored["variable_domain"] not in vartypes:
        raise ProblemFileError(
            f"variable_domain={stored['variable_domain']!r}: must be spin or boolean"
        )
    scale, labels = float(stored["scale"]), stored["variable_ids"]
    check_size(len(labels))
    known = set(labels)
    if len(known) < len(labels) or not all(type(label) is int for label in labels):
        raise ProblemFileError("variable_ids: must be different whole numbers")
    bqm = dimod.BinaryQuadraticModel(vartypes[stored["variable_domain"]])
    bqm.add_linear_from((label, 0.0) for label in labels)
    bqm.offset = scale * float(stored["offset"])
    for term in stored["linear_terms"]:
        _check_ids(known, term["id"])
        bqm.add_linear(term["id"], scale * float(term["coeff"]))
    for term in stored["quadratic_terms"]:
        _check_ids(known, term["id_head"], term["id_tail"])
        bqm.add_quadratic(term["id_head"], term["id_tail"], scale * float(term["coeff"]))
    return Content(bqm, f"bqpjson ({bqm.vartype.name})")


def _check_ids(known: set[int], *ids: int) -> None:
    for label in ids:
        if type(label) is not int or label not in known:
            raise ProblemFileError(f"a term has the id {label!r}, which is none of variable_ids")
    if len(set(ids)) < len(ids):
        raise ProblemFileError(f"a quadratic term has twice the id {ids[0]}; make it linear")
