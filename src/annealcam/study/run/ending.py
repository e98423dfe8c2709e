"""The end of a run: what was found, in figures and words; drawn again at any time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from annealcam._internal.files import file_written_aside, written_aside
from annealcam._internal.text import signed_maps
from annealcam._internal.types import Progress
from annealcam.errors import OutputError
from annealcam.study.config import Statistics
from annealcam.study.run import store

SIGNED = 0.001  # share of negative entries above which a layer's maps are called signed


def redraw(run: Path, *, progress: Progress | None = None) -> dict[str, Any]:
    """Draw a run's figures and write its summary anew, from its table alone; return the manifest.

    Raises:
        OutputError: the folder holds no finished run, or cannot be written.
    """
    manifest = store.read_manifest(run)
    if not manifest.get("finished"):
        raise OutputError(f"{run}: the study is not finished; the command that began it goes on")
    _draw(run, manifest, progress or (lambda *_: None))
    return manifest


def finish(run: Path, told: Mapping[str, Any], *, progress: Progress) -> dict[str, Any]:
    """Complete the manifest of a run whose shards are all done; draw and tell what was found."""
    store.tidy(run)
    logs = store.read_logs(run)
    manifest = {**store.read_manifest(run), **told, **_found(logs, told["data"]["classes"])}
    if manifest["session"]["images"] or "throughput" not in manifest:
        manifest["throughput"] = _throughput(logs, **manifest["session"])
    _draw(run, manifest, progress)
    manifest["finished"] = True
    store.write_manifest(run, manifest)
    return manifest


def _draw(run: Path, manifest: Mapping[str, Any], tell: Progress) -> None:
    from annealcam.study.analysis import analyse
    from annealcam.study.claims.summary import summary
    from annealcam.study.figures import draw

    tell("statistics", 0, 2)
    asked = Statistics(**manifest["config"]["statistics"])
    columns = analyse(
        store.read_table(run), bootstrap=asked.bootstrap, permutations=asked.permutations,
        seed=manifest["seed"],
    )  # fmt: skip
    tell("figures", 1, 2)
    text = summary(columns, manifest)
    older = run / store.FIGURES
    names = {path.name for path in older.iterdir()} if older.is_dir() else set()
    with written_aside(older, names=names, marker=min(names, default="")) as aside:
        draw(columns, aside)
    with file_written_aside(run / store.SUMMARY) as aside:
        aside.write_text(text, encoding="utf-8")


def _found(logs: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> dict[str, Any]:
    """What the logs say: photos skipped, classes short of images, warnings, counts."""
    skipped = {s["image"]: s["reason"] for log in logs for s in log["skipped"]}
    return {
        "skipped": [{"image": image, "reason": why} for image, why in sorted(skipped.items())],
        "shortages": list(_shortages(logs, classes)),
        "warnings": list(_warnings(logs)),
        "counts": {
            name: sum(log[name] for log in logs) for name in ("looked_at", "correct", "used")
        },
    }


def _shortages(logs: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> Iterator[str]:
    """A sentence for each network, layer and class that gave fewer images than were asked for."""
    wanted: Counter[tuple[str, str, int]] = Counter()
    sums: dict[str, Counter[tuple[str, str, int]]] = {
        name: Counter() for name in ("used", "looked_at", "correct")
    }
    for log in logs:
        key = (log["model"], log["layer"], log["label"])
        wanted[key] += log["wanted"]
        for name, count in sums.items():
            count[key] += log[name]
    for key in wanted:
        used, looked, right = (sums[n][key] for n in ("used", "looked_at", "correct"))
        if used < wanted[key]:
            never = "" if right else "; the network never predicts this class for them"
            yield (
                f"{key[0]}, layer {key[1]}: {used} of {wanted[key]} images of class "
                f"{classes[key[2]]!r} ({looked} looked at, {right} predicted correctly{never})"
            )


def _warnings(logs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    settings = dict.fromkeys((log["model"], log["layer"]) for log in logs)
    for model, layer in settings:
        own = [log for log in logs if (log["model"], log["layer"]) == (model, layer)]
        used = sum(log["used"] for log in own) or 1
        negative = sum(log["negative"] for log in own) / used
        empty = sum(log["empty"] for log in own)
        if negative > SIGNED:
            yield (f"{model}, layer {layer}: {signed_maps(negative)}")
        if empty:
            yield f"{model}, layer {layer}: {empty} of {used} images have no candidate map"


def _throughput(logs: Sequence[Mapping[str, Any]], images: int, seconds: float) -> dict[str, float]:
    """Images a second, of the last time that any were explained, start of the workers included.

    The parts are seconds of the workers, summed over all of them and all of the run.
    """
    parts = [log["seconds"] for log in logs]
    told = {name: sum(part[name] for part in parts) for name in (parts[0] if parts else {})}
    return {"images": images, "seconds": seconds, "images_per_second": images / seconds, **told}
