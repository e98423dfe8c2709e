"""The selectors by evidence: fidelity, class overlap, pointing, and how their problems anneal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from annealcam._internal.statistics import mean_interval
from annealcam._internal.types import Array
from annealcam.study.analysis import annealing
from annealcam.study.analysis.overlap import ClassOverlap, ImageGroups
from annealcam.study.analysis.results import distinct, numbers, schema, where
from annealcam.study.analysis.rows import Rows, free, known_mean
from annealcam.study.table.columns import EVIDENCE_SELECTORS, SELECTORS

Row = dict[str, Any]
_OF_SIZE = ("model", "layer", "selector", "k")
_K = pa.int64()
_SMALLEST = 1e-15  # success probability below which ratios are not meaningful
PREFIX = "evidence_"
SCHEMAS = {
    "evidence": schema(
        *_OF_SIZE, "images", "fidelity", "low", "high", "optimum_minus", "optimum_minus_low",
        "optimum_minus_high", "carried", "redundancy", k=_K,
    ),
    "evidence_overlap_matrix": schema(*_OF_SIZE, "class_a", "class_b", "overlap", k=_K),
    "evidence_families": schema(
        "model", "layer", "normalisation", "tau", "family", "images", "d", "success_probability",
        "guess", "gap", "final_gap", d=pa.float64(), family=pa.string(),
    ),
    "evidence_constraints": schema(
        "model", "layer", "k", "normalisation", "tau", "constraint", "images", "subspace", "other",
        "ratio", "low", "high", "subspace_higher", constraint=pa.string(), k=_K,
    ),
    **{PREFIX + name: columns for name, columns in annealing.SCHEMAS.items()},
}  # fmt: skip
CHECK_SCHEMAS = {
    "pointing_matrix": schema(*_OF_SIZE, "class_a", "class_b", "grids", "pointing", k=_K),
    "pointing": schema(*_OF_SIZE, "classes", "grids", "pointing", "low", "high", k=_K),
    "random_classifier": schema(*_OF_SIZE, "images", "rank_correlation", "low", "high", k=_K),
}


def evidence_tables(
    rows: Rows, resamples: int, permutations: int, seed: int
) -> dict[str, Iterable[Row]]:
    """Return the rows of every table of `SCHEMAS`; of a study without evidence, none."""
    sizes = rows.where(rows["selector"] == "evidence_exact")["cardinality"]
    chosen = rows.where(np.isin(rows["cardinality"], sizes))
    annealed = _subspace(chosen)
    problems = Rows({
        **annealed.arrays,
        "cardinality": np.full(len(annealed), np.nan),
        "layer": np.array(
            [_of_k(name, k) for name, k in zip(annealed["layer"], annealed["k"], strict=True)],
            dtype=object,
        ),
    })  # fmt: skip
    return {
        "evidence": _fidelities(chosen, resamples, seed),
        "evidence_overlap_matrix": _overlaps(chosen, resamples, permutations, seed),
        "evidence_families": _families(free(rows), largest(annealed)) if len(annealed) else [],
        "evidence_constraints": _constraints(chosen, resamples, seed),
        **{
            PREFIX + name: some
            for name, some in annealing.annealing_rows(problems, resamples, seed).items()
        },
    }


def _of_k(layer: str, k: float) -> str:
    """Return the name of a layer's evidence problems of k maps, in figures and tables."""
    return f"{layer}, k = {k:.0f}"


def _subspace(rows: Rows) -> Rows:
    """Return the annealer's rows for evidence problems with exactly k maps."""
    return rows.where(rows["constraint"] == "subspace")


def largest(rows: Rows) -> Rows:
    """Return the rows with the most candidates of each image, network, layer and number of maps."""
    group = rows.numbered("model", "layer", "target", "image", "cardinality")
    most = np.zeros(int(group.max(initial=-1)) + 1)
    np.maximum.at(most, group, rows["d"])
    return rows.where(rows["d"] == most[group])


def _by_size(rows: Rows) -> Iterator[tuple[Row, Rows]]:
    """Yield the selections of each network, layer, number of maps and selector.

    Of the annealer these are those of the slowest run with the first driver, in the problems of
    most candidates.
    """
    order = {name: i for i, name in enumerate((*SELECTORS, *EVIDENCE_SELECTORS))}
    runs = largest(_subspace(rows))
    first = next((n for n in ("per_qubit", *runs["normalisation"]) if n in runs["normalisation"]),
                 None)  # fmt: skip
    runs = runs.where(
        (runs["normalisation"] == first) & (runs["tau"] == runs["tau"].max(initial=0))
    )
    plain = rows.where(np.isnan(rows["tau"]))
    both = Rows({
        name: np.concatenate([plain[name], runs[name]]) for name in rows.arrays
    })  # fmt: skip
    groups = sorted(
        both.groups("model", "layer", "cardinality", "selector"),
        key=lambda group: (*group[0][:3], order.get(group[0][3], len(order))),
    )
    for (model, layer, k, selector), some in groups:
        yield {"model": model, "layer": layer, "selector": selector, "k": int(k)}, some


def _fidelities(rows: Rows, resamples: int, seed: int) -> Iterator[Row]:
    """Yield the mean fidelity of each selector and number of maps, with its interval.

    `optimum_minus` is the mean difference of the evidence optimum's fidelity from it, over the
    images that both have.
    """
    found = [(about, some, _by_image(some, "fidelity")) for about, some in _by_size(rows)]
    optima = {
        (a["model"], a["layer"], a["k"]): values
        for a, _, values in found
        if a["selector"] == "evidence_exact"
    }
    for about, some, values in found:
        best = optima.get((about["model"], about["layer"], about["k"]), {})
        both = sorted(values.keys() & best.keys())
        if not both:
            continue
        difference = np.array([best[image] - values[image] for image in both])
        yield about | {
            "images": len(values), "fidelity": float(np.mean(list(values.values()))),
            **_ends(np.array(list(values.values())), resamples, seed, ""),
            "optimum_minus": float(difference.mean()),
            **_ends(difference, resamples, seed, "optimum_minus_"),
            **{name: known_mean(some[name]) for name in ("carried", "redundancy")},
        }  # fmt: skip


def _by_image(rows: Rows, name: str) -> dict[tuple[str, str], float]:
    """Return the mean of a column over the draws of each image that has a value."""
    known = rows.where_known(name)
    return {key: known_mean(some[name]) for key, some in known.groups("target", "image")}


def _ends(values: Float[Array, " n"], resamples: int, seed: int, prefix: str) -> Row:
    low, high = mean_interval(values, seed=seed, resamples=resamples)
    return {f"{prefix}low": low, f"{prefix}high": high}


def _overlaps(rows: Rows, resamples: int, permutations: int, seed: int) -> Iterator[Row]:
    """Yield the overlap of every pair of classes, for each selector and number of maps."""
    groups = {
        key: ImageGroups.of(some, resamples, permutations, seed)
        for key, some in rows.groups("model", "layer")
    }
    for about, some in _by_size(rows):
        of_setting = groups[about["model"], about["layer"]]
        yield from _matrix(about, of_setting.classes, ClassOverlap(of_setting, some).matrix)


def _matrix(
    about: Row, classes: tuple[str, ...], matrix: Float[Array, "classes classes"]
) -> Iterator[Row]:
    for a, first in enumerate(classes):
        for b, second in enumerate(classes):
            if not math.isnan(matrix[a, b]):
                yield about | {"class_a": first, "class_b": second, "overlap": matrix[a, b]}


def _families(own: Rows, evidence: Rows) -> Iterator[Row]:
    """Yield F and gap of the study's own problems and of the evidence problems, run by run."""
    families = {"study": own.where_known("success_probability")}
    families |= {f"evidence, k = {k:.0f}": some for (k,), some in evidence.groups("cardinality")}
    for family, rows in families.items():
        for key, some in rows.groups("model", "layer", "normalisation", "tau"):
            names = ("success_probability", "guess", "gap", "final_gap")
            yield dict(zip(("model", "layer", "normalisation", "tau"), key, strict=True)) | {
                "family": family, "images": len(some), "d": known_mean(some["d"]),
                **{name: _median(some[name]) for name in names},
            }  # fmt: skip


def _median(values: Float[Array, " n"]) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else math.nan


def _constraints(rows: Rows, resamples: int, seed: int) -> Iterator[Row]:
    """Yield F with a penalty over F in the subspace of k maps, for each kind of penalty and run.

    The ratio is a geometric mean over images, each with its problem of most candidates.
    """
    runs = largest(rows.where(rows["constraint"] != None))  # noqa: E711 (an array)
    for key, some in runs.groups("model", "layer", "cardinality", "normalisation", "tau"):
        model, layer, k, normalisation, tau = key
        kinds = {
            kind: _by_image(of_kind, "success_probability")
            for (kind,), of_kind in some.groups("constraint")
        }
        inside = kinds.pop("subspace", {})
        for kind, F in kinds.items():
            images = sorted(F.keys() & inside.keys())
            pairs = np.array([(inside[image], F[image]) for image in images])
            logs = np.log(np.maximum(pairs, _SMALLEST))
            ratio = logs[:, 1] - logs[:, 0]
            low, high = mean_interval(ratio, seed=seed, resamples=resamples)
            yield {
                "model": model, "layer": layer, "k": int(k), "normalisation": normalisation,
                "tau": tau, "constraint": kind, "images": len(images),
                "ratio": math.exp(ratio.mean()), "low": math.exp(low), "high": math.exp(high),
                "subspace": math.exp(logs[:, 0].mean()), "other": math.exp(logs[:, 1].mean()),
                "subspace_higher": float((ratio < 0).mean()),
            }  # fmt: skip


def check_tables(table: pa.Table, resamples: int, seed: int) -> dict[str, list[Row]]:
    """Return the rows of every table of `CHECK_SCHEMAS` from those of `CHECKS_SCHEMA`."""
    tables: dict[str, list[Row]] = {name: [] for name in CHECK_SCHEMAS}
    for key in distinct(table, "model", "layer", "selector", "cardinality"):
        names = ("model", "layer", "selector", "cardinality")
        some = where(table, **dict(zip(names, key, strict=True)))
        about = dict(zip(_OF_SIZE, key, strict=True))
        rho = numbers(some, "rank_correlation")
        rho = rho[np.isfinite(rho)]
        if len(rho):
            low, high = mean_interval(rho, seed=seed, resamples=resamples)
            tables["random_classifier"].append(
                about | {"images": len(rho), "rank_correlation": rho.mean(), "low": low,
                         "high": high}
            )  # fmt: skip
        cells = _pointing_cells(some)
        if cells:
            tables["pointing_matrix"] += [about | cell for cell in cells]
            tables["pointing"].append(about | _pointing(cells, resamples, seed))
    return tables


def _pointing_cells(table: pa.Table) -> list[Row]:
    """Return the mean pointing of each ordered pair of classes; the first is explained."""
    shares: dict[tuple[str, str], list[float]] = {}
    columns = (table[name].to_pylist() for name in ("class", "other", "pointing"))
    for name, other, share in zip(*columns, strict=True):
        if share is not None:
            shares.setdefault((name, other), []).append(share)
    return [
        {"class_a": a, "class_b": b, "grids": len(values), "pointing": float(np.mean(values))}
        for (a, b), values in sorted(shares.items())
    ]


def _pointing(cells: list[Row], resamples: int, seed: int) -> Row:
    """Return the mean over pairs of classes; whole classes are resampled for its interval."""
    classes = sorted({cell[side] for cell in cells for side in ("class_a", "class_b")})
    matrix = np.full((len(classes), len(classes)), np.nan)
    for cell in cells:
        at = classes.index(cell["class_a"]), classes.index(cell["class_b"])
        matrix[at] = cell["pointing"]
    drawn = np.random.default_rng(seed).integers(0, len(classes), (resamples, len(classes)))
    means = np.array([known_mean(matrix[np.ix_(draw, draw)].ravel()) for draw in drawn])
    low, high = np.nanquantile(means, [0.025, 0.975]).tolist()
    return {
        "classes": len(classes), "grids": sum(cell["grids"] for cell in cells),
        "pointing": known_mean(matrix.ravel()), "low": low, "high": high,
    }  # fmt: skip
