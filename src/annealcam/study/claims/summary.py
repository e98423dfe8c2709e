"""A study in plain words: what was done, what holds, and what does not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from annealcam._internal.text import number
from annealcam.study.claims.annealing import annealing_claims, no_advantage, run
from annealcam.study.claims.claims import Claim
from annealcam.study.claims.overlap import overlap_claims, spread
from annealcam.study.figures.columns import Columns, filled, rows, where
from annealcam.study.figures.panels import selector_style, settings_of

MOST_LISTED = 20  # photos that were skipped
_TIMES = ("images", "seconds", "images_per_second")


def summary(columns: dict[str, Columns], manifest: Mapping[str, Any]) -> str:
    """Return a study's summary as Markdown.

    Every sentence on what holds is decided by the numbers: by the interval of a difference where
    there is one, else by the two numbers that it names.

    Args:
        columns: tables by name, as `annealcam.study.analysis` makes them.
        manifest: what the study was made of; keys that are absent are left out.

    >>> print(summary({}, {"data": {"name": "digits", "part": "test"}, "seed": 3}))
    # Study of digits
    <BLANKLINE>
    ## What was done
    <BLANKLINE>
    - data: digits, part test
    - seed: 3
    <BLANKLINE>
    ## What holds, and what does not
    <BLANKLINE>
    - No quantum advantage is claimed.
    <BLANKLINE>
    """
    sections = [
        (f"# Study of {plain(manifest.get('data', {}).get('name', 'images'))}", []),
        ("## What was done", [f"- {plain(name)}: {plain(text)}" for name, text in done(manifest)]),
        ("## Overlap of classes", list(_overlaps(columns.get("overlap") or {}))),
        ("## What holds, and what does not", list(_claims(columns))),
        ("## To be known", list(_notes(manifest))),
        ("## Throughput", list(_throughput(manifest.get("throughput") or {}))),
    ]
    return "\n".join(
        line
        for title, lines in sections
        if lines or title.startswith("# ")
        for line in (title, "", *lines, *([""] if lines else []))
    )


def plain(text: Any) -> str:
    """Return a name as Markdown shows it, on one line.

    >>> plain("a|b*")
    'a\\\\|b\\\\*'
    """
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", " ".join(str(text).split()))


def table(header: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table.

    >>> table(["d", "F"], [["3", "0.2"]])
    ['| d | F |', '| --- | --- |', '| 3 | 0.2 |']
    """
    lines = [header, ["---"] * len(header), *body]
    return [f"| {' | '.join(line)} |" for line in lines]


def done(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a study was made of: what it is called, and the text.

    >>> list(done({"data": {"name": "digits", "part": "test"}, "seed": 3}))
    [('data', 'digits, part test'), ('seed', '3')]
    """
    data = manifest.get("data") or {}
    if data:
        told = [str(data.get("name", ""))]
        told += [f"part {data['part']}"] if "part" in data else []
        told += [f"{data['images']} images"] if "images" in data else []
        told += [f"{len(data['classes'])} classes"] if "classes" in data else []
        told += [str(data["hash"])] if "hash" in data else []
        yield "data", ", ".join(told)
    for model in manifest.get("models") or ():
        told = [f"{name} {model[name]}" for name in ("layer", "channels", "hash") if name in model]
        yield "network", ", ".join([str(model.get("name", "")), *told])
    for name, value in (manifest.get("config") or {}).items():
        if name not in ("seed", "shard") and _setting(value):
            yield f"asked for, {name}", _setting(value)
    if "seed" in manifest:
        yield "seed", str(manifest["seed"])
    versions = manifest.get("versions") or (manifest.get("identity") or {}).get("versions")
    if versions:
        yield "versions", _setting(versions)


def _setting(value: Any) -> str:
    """A value of the configuration in one line; where the data lie is nobody else's business."""
    if isinstance(value, Mapping):
        told = {name: _setting(one) for name, one in value.items() if name != "root"}
        return ", ".join(f"{name} {one}" for name, one in told.items() if one)
    if isinstance(value, list | tuple):
        return " / ".join(_setting(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _overlaps(overlap: Columns) -> Iterator[str]:
    """A table for each network and layer."""
    if not filled(overlap):
        return
    threshold = overlap["threshold"][0]
    zero = "zero pairs" if threshold is None else f"pairs below {threshold:g}"
    header = [
        "selector", "k", "overlap [95 %]", "shuffled labels [95 %]", "p", zero, "split half",
        "ratio", "redundancy", "carried",
    ]  # fmt: skip
    for model, layer in settings_of(overlap):
        yield f"{plain(model)}, layer {plain(layer)}:"
        yield ""
        yield from table(header, map(_cells, rows(where(overlap, model=model, layer=layer))))
        yield ""
    yield (
        "Overlap: mean Bhattacharyya coefficient of different classes. Split half: of two halves "
        "of the same class; ratio: to it. Redundancy: mean |cosine| of the selected maps. "
        "Carried: share of the positive contributions to the logit."
    )


def _cells(row: dict[str, Any]) -> list[str]:
    name, *_ = selector_style(row["selector"])
    if row["tau"] is not None:
        name += f", {run(row['normalisation'], row['tau'])}"
    null = {"off_diagonal": row["null_mean"], "low": row["null_low"], "high": row["null_high"]}
    return [
        plain(name), _cell(row["k"], ".1f"), spread(row), spread(null),
        _cell(row["p_value"], ".3g"), _cell(row["zero_share"], ".0%"),
        _cell(row["split_half"], ".3f"), _cell(row["ratio"], ".2f"),
        _cell(row["redundancy"], ".3f"), _cell(row["carried"], ".1%"),
    ]  # fmt: skip


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _claims(columns: dict[str, Columns]) -> Iterator[str]:
    claims: Iterable[Claim] = (*overlap_claims(columns), *annealing_claims(columns))
    for claim in claims:
        yield from claim.lines()
    yield f"- {no_advantage(columns)}"


def _notes(manifest: Mapping[str, Any]) -> Iterator[str]:
    """What a reader of the numbers must know: warnings, classes short of images, bad photos."""
    for text in (*(manifest.get("warnings") or ()), *(manifest.get("shortages") or ())):
        yield f"- {plain(text)}"
    skipped = manifest.get("skipped") or ()
    if skipped:
        yield f"- Photos that could not be read and were skipped: {len(skipped)}"
    for one in skipped[:MOST_LISTED]:
        yield f"  - {plain(one.get('image', ''))}: {plain(one.get('reason', ''))}"
    if len(skipped) > MOST_LISTED:
        yield f"  - and {len(skipped) - MOST_LISTED} more, in manifest.json"


def _throughput(told: Mapping[str, Any]) -> Iterator[str]:
    if not told:
        return
    images, seconds, speed = (told.get(name) for name in _TIMES)
    if images is not None and seconds is not None and speed is not None:
        yield f"{images} images in {number(seconds)} s: {number(speed)} images a second."
        yield ""
    parts = {
        name: value
        for name, value in told.items()
        if name not in _TIMES and isinstance(value, int | float)
    }
    all_parts = sum(parts.values())
    body = [
        [plain(name.replace("_", " ")), number(value), f"{value / (all_parts or 1):.0%}"]
        for name, value in parts.items()
    ]
    yield from table(["part", "seconds, over all workers", "share"], body)
