"""The end of a run: its figures, its summary and the complete manifest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from annealcam._internal.storage.checksums import CHECKSUMS
from annealcam._internal.storage.files import file_written_aside, seal, unseal, written_aside
from annealcam._internal.storage.reading import reading
from annealcam._internal.text import signed_maps, visible
from annealcam._internal.types import Progress
from annealcam._internal.validation import one_line, whole
from annealcam.errors import AnnealcamError, OutputError
from annealcam.study.config import study_of
from annealcam.study.run import store

SIGNED = 0.001  # share of negative entries above which the maps of a layer are called signed


def redraw(run: Path, *, progress: Progress | None = None) -> dict[str, Any]:
    """Draw the figures and write the summary of a finished run again; return its manifest.

    Only the table and the manifest are read; nothing else is computed.

    Raises:
        OutputError: the folder holds no finished run, or cannot be written.
    """
    manifest = store.read_manifest(run)
    if not manifest.get("finished"):
        raise OutputError(
            f"{run}: the study is not finished; run the command that began it again to resume it"
        )
    with store.part_store(run).alone():
        store.refuse_changed(run)
        # Runs of earlier versions remain unverified; of others, the list may lack after a kill.
        sealed = manifest.get("sealed") or (run / CHECKSUMS).exists()
        unseal(run)
        _draw(run, manifest, progress or (lambda *_: None))
        if sealed:
            seal(run)
    return manifest


def finish(run: Path, content: Mapping[str, Any], *, progress: Progress) -> dict[str, Any]:
    """Draw a run whose shards are all done, and complete its manifest."""
    store.tidy(run)
    unseal(run)
    logs = store.read_logs(run)
    with reading(f"{run / store.LOG}: the logs", "; remove the logs and the table of this shard"):
        facts = _log_facts(logs, content["data"]["classes"])
        manifest = {**store.read_manifest(run), **content, **facts}
        session = manifest["session"]
        session["found"] = manifest["counts"]["used"] - session["images"]
        if session["images"] or "throughput" not in manifest:
            manifest["throughput"] = _throughput(logs, **session)
    _draw(run, manifest, progress)
    manifest["finished"] = manifest["sealed"] = True
    store.write_manifest(run, manifest)
    seal(run)
    return manifest


def _draw(run: Path, manifest: Mapping[str, Any], report: Progress) -> None:
    from annealcam.study.analysis import analyse
    from annealcam.study.claims import summary
    from annealcam.study.figures import drawing

    report("statistics", 0, 2)
    table, checks = store.read_table(run), store.read_checks(run)
    with reading(f"{run}: its table or {store.MANIFEST}"):
        study = study_of(manifest["config"])
        results = analyse(
            table, bootstrap=study.statistics.bootstrap,
            permutations=study.statistics.permutations, seed=whole("seed", manifest["seed"]),
            checks=checks,
        )  # fmt: skip
        report("figures", 1, 2)
        text = visible(summary(results, manifest))
    folder = run / store.FIGURES
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    marker = min(names, default="")
    with written_aside(folder, names=names, marker=marker, checksums=False) as aside:
        try:
            drawing.draw(results, aside)
        except (AnnealcamError, OSError):
            raise
        except Exception as error:  # of whatever library draws numbers that nobody wrote
            raise OutputError(f"{run}: its table cannot be drawn ({one_line(error)})") from error
    with file_written_aside(run / store.SUMMARY) as aside:
        aside.write_text(text, encoding="utf-8")


def _log_facts(logs: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> dict[str, Any]:
    """Skipped photos, classes short of images, warnings and counts, from the logs."""
    skipped = {s["image"]: s["reason"] for log in logs for s in log["skipped"]}
    return {
        "skipped": [{"image": image, "reason": why} for image, why in sorted(skipped.items())],
        "shortages": list(_shortages(logs, classes)),
        "warnings": [*_warnings(logs), *_mixed(logs)],
        "environments": _environments(logs),
        "counts": {
            name: sum(log[name] for log in logs) for name in ("looked_at", "correct", "used")
        },
    }


def _shortages(logs: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each network, layer and class with fewer images than wanted."""
    counts: dict[tuple[str, str, int], Counter[str]] = {}
    for log in logs:
        count = counts.setdefault((log["model"], log["layer"], log["label"]), Counter())
        for name in ("wanted", "used", "looked_at", "correct"):
            count[name] += log[name]
    for (model, layer, label), count in counts.items():
        if count["used"] < count["wanted"]:
            never = "" if count["correct"] else "; the network never predicts this class for them"
            yield (
                f"{model}, layer {layer}: {count['used']} of {count['wanted']} images of class "
                f"{classes[label]!r} ({count['looked_at']} examined, {count['correct']} predicted "
                f"correctly{never})"
            )


def _warnings(logs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    settings = dict.fromkeys((log["model"], log["layer"]) for log in logs)
    for model, layer in settings:
        of_setting = [log for log in logs if (log["model"], log["layer"]) == (model, layer)]
        used = sum(log["used"] for log in of_setting) or 1
        negative = sum(log["negative"] for log in of_setting) / used
        empty = sum(log["empty"] for log in of_setting)
        if negative > SIGNED:
            yield f"{model}, layer {layer}: {signed_maps(negative)}"
        if empty:
            yield f"{model}, layer {layer}: {empty} of {used} images have no candidate map"


def _environments(logs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the different environments of all parts; parts of earlier versions record none."""
    found = {json.dumps(log["environment"]): log["environment"] for log in logs
             if log.get("environment")}  # fmt: skip
    return list(found.values())


def _mixed(logs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a sentence if the parts were not computed with equal software and processors."""
    found = _environments(logs)
    named = [
        name
        for name in ("versions", "processor")
        if any(e.get(name) != found[0].get(name) for e in found)
    ]
    if named:
        yield (
            f"parts of the table were computed with different {' and '.join(named)}: a run in one "
            "place differs from it in the last bits (manifest.json, `environments`)"
        )


def _throughput(
    logs: Sequence[Mapping[str, Any]], images: int, seconds: float, found: int
) -> dict[str, float]:
    """Images a second in the last session with any work, the start of the workers included.

    `found` is the number of images of earlier sessions. The other values are seconds of each part,
    summed over all workers and sessions.
    """
    times = [log["seconds"] for log in logs]
    parts = {name: sum(time[name] for time in times) for name in (times[0] if times else {})}
    counts = {"images": images, "seconds": seconds, "found": found}
    return counts | {"images_per_second": images / seconds, **parts}
