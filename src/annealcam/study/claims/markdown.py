"""The summary of a study in Markdown: its set-up, the claims that its results decide, notes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from annealcam._internal.text import number
from annealcam.study.analysis.results import Results, filled, where
from annealcam.study.claims.annealing import annealing_claims, no_advantage
from annealcam.study.claims.claims import Claim, null_spread, overlap_claims, spread
from annealcam.study.claims.evidence import evidence_claims
from annealcam.study.figures.panels import run_name, selector_style, settings_of

MOST_LISTED = 20  # skipped photos
OVERLAP_TERMS = (
    "Overlap: the mean Bhattacharyya coefficient of different classes. Split half: the overlap of "
    "two halves of one class. Ratio: overlap by split half. Redundancy: the mean |cosine| of the "
    "selected maps. Carried: the selection's share of the positive contributions to the logit."
)
_TIMES = ("images", "seconds", "images_per_second", "found")


def summary(results: Results, manifest: Mapping[str, Any]) -> str:
    """Return a study's summary as Markdown.

    Each claim is decided by the interval of a difference if there is one, else by the two numbers
    that it names.

    Args:
        results: tables by name, as `annealcam.study.analysis.analyse` returns them.
        manifest: the manifest of the run; missing keys are left out.

    >>> print(summary({}, {"data": {"name": "digits", "part": "test"}, "seed": 3}))
    # Study of digits
    <BLANKLINE>
    ## Set-up
    <BLANKLINE>
    - data: digits, part test
    - seed: 3
    <BLANKLINE>
    ## Claims
    <BLANKLINE>
    - No quantum advantage is claimed.
    <BLANKLINE>
    """
    sections = [
        (f"# Study of {plain(manifest.get('data', {}).get('name', 'images'))}", []),
        ("## Set-up", [f"- {plain(name)}: {plain(text)}" for name, text in setup(manifest)]),
        ("## Overlap of classes", list(_overlaps(results))),
        ("## Problems", list(_families(results))),
        ("## Claims", list(_claims(results))),
        ("## Notes", list(_notes(manifest))),
        ("## Throughput", list(_throughput(manifest.get("throughput") or {}))),
    ]
    return "\n".join(
        line
        for title, lines in sections
        if lines or title.startswith("# ")
        for line in (title, "", *lines, *([""] if lines else []))
    )


def plain(text: Any) -> str:
    """Return a name escaped for Markdown, on one line.

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


def setup(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the facts of a study's set-up: a name and a text for each.

    >>> list(setup({"data": {"name": "digits", "part": "test"}, "seed": 3}))
    [('data', 'digits, part test'), ('seed', '3')]
    """
    data = manifest.get("data") or {}
    if data:
        facts = [str(data.get("name", ""))]
        facts += [f"part {data['part']}"] if "part" in data else []
        facts += [f"{data['images']} images"] if "images" in data else []
        facts += [f"{len(data['classes'])} classes"] if "classes" in data else []
        facts += [str(data["hash"])] if "hash" in data else []
        yield "data", ", ".join(facts)
    for model in manifest.get("models") or ():
        facts = [f"{name} {model[name]}" for name in ("layer", "channels", "hash") if name in model]
        yield "network", ", ".join([str(model.get("name", "")), *facts])
    for name, value in (manifest.get("config") or {}).items():
        unused = isinstance(value, Mapping) and value.get("enabled") is False
        if name not in ("seed", "shard") and not unused and _setting(value):
            yield f"options, {name}", _setting(value)
    if "seed" in manifest:
        yield "seed", str(manifest["seed"])
    versions = manifest.get("versions") or (manifest.get("identity") or {}).get("versions")
    if versions:
        yield "versions", _setting(versions)


def _setting(value: Any) -> str:
    """Return a value of the configuration in one line, without private paths."""
    if isinstance(value, Mapping):
        texts = {name: _setting(inner) for name, inner in value.items() if name != "root"}
        return ", ".join(f"{name} {text}" for name, text in texts.items() if text)
    if isinstance(value, list | tuple):
        return " / ".join(map(_setting, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _overlaps(results: Results) -> Iterator[str]:
    """Yield a table for each network and layer."""
    overlap = filled(results, "overlap")
    if overlap is None:
        return
    threshold = overlap["threshold"][0].as_py()
    zero = "zero pairs" if threshold is None else f"pairs below {threshold:g}"
    header = [
        "selector", "k", "overlap [95 %]", "shuffled labels [95 %]", "p", zero, "split half",
        "ratio", "redundancy", "carried",
    ]  # fmt: skip
    for model, layer in settings_of(overlap):
        yield f"{plain(model)}, layer {plain(layer)}:"
        yield ""
        rows = where(overlap, model=model, layer=layer).to_pylist()
        yield from table(header, map(_cells, rows))
        yield ""
    yield OVERLAP_TERMS


def _cells(row: dict[str, Any]) -> list[str]:
    name, *_ = selector_style(row["selector"])
    if row["tau"] is not None:
        name += f", {run_name(row['normalisation'], row['tau'])}"
    return [
        plain(name), _cell(row["k"], ".1f"), spread(row), null_spread(row),
        _cell(row["p_value"], ".3g"), _cell(row["zero_share"], ".0%"),
        _cell(row["split_half"], ".3f"), _cell(row["ratio"], ".2f"),
        _cell(row["redundancy"], ".3f"), _cell(row["carried"], ".1%"),
    ]  # fmt: skip


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _families(results: Results) -> Iterator[str]:
    """Yield a table of the study's problems beside the evidence problems, run by run."""
    families = filled(results, "evidence_families")
    if families is None:
        return
    header = ["network, layer", "run", "problems", "images", "d", "F", "guess", "gap", "final gap"]
    yield from table(header, map(_family_cells, families.to_pylist()))
    yield ""
    yield (
        "Mean d; medians of F, of the success of one uniform guess, and of gaps. Evidence problems "
        "are those of most candidates; their energies have the standard deviation 1 over all "
        "selections of k maps."
    )


def _family_cells(row: dict[str, Any]) -> list[str]:
    return [
        plain(f"{row['model']}, {row['layer']}"), run_name(row["normalisation"], row["tau"]),
        row["family"], str(row["images"]), _cell(row["d"], ".1f"),
        *(_cell(row[name], ".3g") for name in ("success_probability", "guess", "gap", "final_gap")),
    ]  # fmt: skip


def all_claims(results: Results) -> list[Claim]:
    """Return every claim that the results of a study decide."""
    return [
        *overlap_claims(results), *annealing_claims(results), *evidence_claims(results)
    ]  # fmt: skip


def _claims(results: Results) -> Iterator[str]:
    for claim in all_claims(results):
        yield from claim.lines()
    yield f"- {no_advantage(results)}"


def _notes(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield warnings, classes short of images, and skipped photos."""
    for text in (*(manifest.get("warnings") or ()), *(manifest.get("shortages") or ())):
        yield f"- {plain(text)}"
    skipped = manifest.get("skipped") or ()
    if skipped:
        yield f"- Photos skipped because they cannot be read: {len(skipped)}"
    for photo in skipped[:MOST_LISTED]:
        yield f"  - {plain(photo.get('image', ''))}: {plain(photo.get('reason', ''))}"
    if len(skipped) > MOST_LISTED:
        yield f"  - and {len(skipped) - MOST_LISTED} more, in manifest.json"


def speed_of(throughput: Mapping[str, Any]) -> str:
    """Return the speed of a run, and how many images were found from earlier runs.

    >>> speed_of({"images": 60, "seconds": 12.0, "images_per_second": 5.0, "found": 140})
    '60 images explained in 12 s, 5 images a second; 140 more found from earlier runs'
    >>> speed_of({"images": 0, "seconds": 7.87, "images_per_second": 0.0, "found": 200})
    'no image was left to explain (7.87 s); 200 found from earlier runs'
    """
    images, seconds, speed = (throughput[name] for name in _TIMES[:3])
    found = throughput.get("found") or 0  # earlier versions did not count them
    if not images:
        return (
            f"no image was left to explain ({number(seconds)} s); {found} found from earlier runs"
        )
    text = f"{images} images explained in {number(seconds)} s, {number(speed)} images a second"
    return text + f"; {found} more found from earlier runs" * (found > 0)


def _throughput(throughput: Mapping[str, Any]) -> Iterator[str]:
    if not throughput:
        return
    if all(throughput.get(name) is not None for name in _TIMES[:3]):
        text = speed_of(throughput)
        yield f"{text[0].upper()}{text[1:]}."
        yield ""
    parts = {
        name: value
        for name, value in throughput.items()
        if name not in _TIMES and isinstance(value, int | float)
    }
    total = sum(parts.values()) or 1
    body = [
        [plain(name.replace("_", " ")), number(value), f"{value / total:.0%}"]
        for name, value in parts.items()
    ]
    yield from table(["part", "seconds, over all workers", "share"], body)
