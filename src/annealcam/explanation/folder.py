"""The folder of an explanation: a record of numbers and names, the arrays, and their checksums."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from annealcam._internal.links import LINKS
from annealcam._internal.storage.checksums import content_of, read_checksums
from annealcam._internal.storage.files import settled
from annealcam._internal.storage.reading import arrays_of, json_of, reading
from annealcam._internal.types import Array
from annealcam.annealing.hamiltonian import OLD_NAMES
from annealcam.errors import OutputError
from annealcam.qubo.problem import SelectionProblem
from annealcam.qubo.solution import Selection

# Files in the folder of an explanation: the record that marks it, the arrays, the page.
MARKER, ARRAYS, PAGE = "explanation.json", "maps.npz", "explanation.html"
# All files that the folder of an explanation may hold.
FILES = (
    MARKER, ARRAYS, "overlay.png", "report.png", "comparison.csv", "check.json", PAGE,
)  # fmt: skip
FORMAT = 1
_BASELINE = "baseline_"  # begins the names of the baselines among the arrays
_PER_MAP = ("importance", "alpha", "contribution")
_ARRAYS = {
    "map", "selected", "selected_maps", "candidates", *_PER_MAP, "logits", "evidence", "view",
}  # fmt: skip
# Kinds of the entries of records on which properties and pages rely; the latter may be missing.
_SELECTION = {
    "sampler": str, "energy": float | int, "optimal": bool | None, "shots": int, "info": dict,
}  # fmt: skip
_PROVENANCE = {
    "model": str | None, "layer": str | None, "target_name": str | None, "importance": str | None,
    "normalisation": str | None, "sampler_options": dict | None, "beta": float | int | None,
    "seed": int | None, "predicted": int, "channels": int, "candidates_in_all": int, "dead": int,
    "left_out": int, "left_out_relevance_share": float | int | None, "warnings": list,
}  # fmt: skip
_IF_THERE = {
    "link": str, "direction": str, "objective": str, "against_names": list | None,
    "view": dict | None, "geometry": dict | None, "energy_unit": float | int | None,
    "completeness": float | int | None, "evidence": str | None, "dust": int | None,
    "best_selected": list | None, "best_fidelity": float | int | None, "identity": dict | None,
}  # fmt: skip
_ROUNDING = 1e-9  # of the problem's scale, by which another machine may compute another energy


def write(folder: Path, record: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write the record and the arrays of an explanation into an existing folder."""
    np.savez_compressed(folder / ARRAYS, **arrays)
    text = json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False)
    (folder / MARKER).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def read(path: Path) -> dict[str, Any]:
    """Return the fields of the explanation in a folder.

    The content is compared with its checksums, shapes and numbers are checked, and the energy is
    computed again. `verified` is False where there are no checksums, as in earlier versions.

    Raises:
        OutputError: the folder holds no result, or one that is changed or damaged.
    """
    folder = settled(path)
    sums = read_checksums(folder)
    content = {}
    for name in (MARKER, ARRAYS):
        if not (folder / name).exists():
            raise OutputError(f"{path}: no result (no {name})")
        content[name] = content_of(folder, name, sums)
    with reading(folder, "; the result cannot be used"):
        record = json_of(content[MARKER])
        if record["format"] != FORMAT:
            raise OutputError(
                f"{path}: written in format {record['format']}; this version reads {FORMAT}"
            )
        values = _fields(record, arrays_of(content[ARRAYS]))
        _check(values)
    return {**values, "verified": sums is not None}


def _fields(record: Mapping[str, Any], arrays: dict[str, Array]) -> dict[str, Any]:
    """Return the fields of an explanation from its record and its arrays."""
    h, J, n = arrays.pop("h"), arrays.pop("J"), arrays.pop("n")
    diagonal = arrays.pop("diagonal", None)
    others = {k: a for k, a in arrays.items() if not k.startswith(_BASELINE)}
    unknown = next(iter(others.keys() - _ARRAYS), None)
    _require(unknown is None, f"an array has the name {unknown!r}")
    settings, provenance = record["problem"], dict(record["provenance"])
    if "convention" in provenance:  # written by version 0.1
        convention = provenance.pop("convention")
        provenance["normalisation"] = OLD_NAMES.get(convention, convention)
    selection = Selection.from_record(n, record["selection"])
    _require_kinds(vars(selection) | {"info": dict(selection.info)}, _SELECTION)
    there = {name: kind for name, kind in _IF_THERE.items() if name in provenance}
    _require_kinds(provenance, _PROVENANCE | there)
    return {
        **others,
        "target": record["target"]["index"],
        "baselines": {
            k.removeprefix(_BASELINE): a for k, a in arrays.items() if k.startswith(_BASELINE)
        },
        "fidelity": record.get("fidelity"),
        "problem": SelectionProblem(
            h, J, beta=settings["beta"], cardinality=settings["cardinality"], diagonal=diagonal
        ),
        "selection": selection,
        "provenance": provenance | {"warnings": tuple(provenance["warnings"])},
    }


def _check(values: Mapping[str, Any]) -> None:
    """Raise a ValueError unless the fields fit together."""
    problem, selection, grid = values["problem"], values["selection"], values["map"].shape
    maps, d, k = len(values["alpha"]), problem.d, len(values["selected"])
    shapes = {
        "selected": (k,),
        "selected_maps": (k, *grid),
        "candidates": (d,),
        "logits": (len(values["logits"]),),
        **dict.fromkeys(_PER_MAP, (maps,)),
    }
    same_grid = {"map": values["map"], "evidence": values.get("evidence"), **values["baselines"]}
    shapes |= dict.fromkeys((name for name, array in same_grid.items() if array is not None), grid)
    arrays = {**values, **same_grid}
    for name, shape in shapes.items():
        _require(arrays[name].shape == shape, f"{name} has the shape {arrays[name].shape}")
        _require(bool(np.isfinite(arrays[name]).all()), f"{name} contains NaN or infinity")
    _require(1 <= len(grid) <= 3, f"map has {len(grid)} axes")
    channels, n = values["candidates"], selection.n
    _require(_channels(channels, maps) and bool((np.diff(channels) > 0).all()), "candidates")
    _require(n.shape == (d,) and bool(np.isin(n, (0, 1)).all()), "n is no selection")
    _require(
        _channels(values["selected"], maps)
        and np.array_equal(np.sort(values["selected"]), channels[n.astype(bool)]),
        "selected maps and n differ",
    )
    target = values["target"]
    _require(type(target) is int and 0 <= target < len(values["logits"]), f"target {target}")
    energy, off = selection.energy, abs(problem.energy(n) - selection.energy)
    _require(off <= _ROUNDING * problem.scale, f"the energy is {problem.energy(n)}, not {energy}")
    provenance, view = values["provenance"], values.get("view")
    _require(provenance.get("link", LINKS[0]) in LINKS, "the link is unknown")
    _require(isinstance(values["fidelity"], float | int | None), "the fidelity is no number")
    if view is not None:
        is_picture = view.dtype == np.uint8 and view.ndim == 3
        is_signal = view.dtype.kind == "f" and view.ndim == 2
        _require(view.size > 0 and (is_picture or is_signal), f"view has the shape {view.shape}")
    if provenance.get("view") is not None:
        sides, shown = provenance["view"]["input"], provenance["view"]["channels"]
        whole = all(type(number) is int for number in [*sides, *shown])
        _require(whole and len(sides) > 1 and min(sides) > 0, "the record of the view is damaged")


def _channels(array: Array, maps: int) -> bool:
    """Return whether an array holds numbers of maps."""
    return array.dtype.kind in "iu" and bool(((array >= 0) & (array < maps)).all())


def _require_kinds(values: Mapping[str, Any], kinds: Mapping[str, Any]) -> None:
    for name, kind in kinds.items():
        _require(name in values, f"{name} is missing")
        _require(isinstance(values[name], kind), f"{name} is of the kind {type(values[name])}")


def _require(condition: bool, fault: str) -> None:
    if not condition:
        raise ValueError(fault)
