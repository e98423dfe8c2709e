"""The result of a photo in a few numbers: for a line, a table, JSON and a page of all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annealcam.explanation import PAGE

_NOUNS = {"sigmoid": "label", "identity": "output"}
PROOFS = {True: "proved optimal", False: "not optimal", None: "not proved"}


@dataclass(frozen=True)
class PhotoRecord:
    """What `annealcam explain` found for a photo, in a few numbers.

    Attributes:
        photo: the photo as it was named.
        folder: the name of the folder of its result.
        name: the class that is explained, or its number if it has no name.
        target: the index of the class.
        probability: of the class; None where the output is a number.
        value: the output before the link.
        selected: the channels of the selected maps.
        channels: the number of maps of the layer.
        fidelity: cosine of what the selected maps draw with the evidence.
        share: the share of the logit that the selected maps have; None where it is not known.
        optimal: whether the selection is proved optimal, or proved not to be; None if unknown.
        model: the network.
        layer: the layer.
        has_page: whether there is a page of the explanation.
        warnings: what is doubtful.
    """

    photo: str
    folder: str
    name: str
    target: int
    probability: float | None
    value: float
    selected: tuple[int, ...]
    channels: int
    fidelity: float | None
    share: float | None
    optimal: bool | None
    model: str
    layer: str
    has_page: bool
    warnings: tuple[str, ...]

    @property
    def outcome(self) -> str:
        """The probability of the class, or the value of the output."""
        if self.probability is None:
            return f"value {self.value:.3g}"
        return f"probability {self.probability:#.2g}"

    @property
    def facts(self) -> list[str]:
        """The number of maps, the fidelity, and whether the selection is proved optimal."""
        k = len(self.selected)
        fidelity = [] if self.fidelity is None else [f"fidelity {self.fidelity:.2f}"]
        return [f"{k} map{'' if k == 1 else 's'}", *fidelity, PROOFS[self.optimal]]

    @property
    def line(self) -> str:
        """The result in one line."""
        doubts = len(self.warnings)
        more = [f"{doubts} warning{'' if doubts == 1 else 's'}"] if doubts else []
        return f"{self.photo}: {', '.join([self.name, self.outcome, *self.facts, *more])}"

    def row(self) -> dict[str, Any]:
        """Return the row of `summary.csv`."""
        return {
            "photo": self.photo,
            "folder": self.folder,
            "class": self.name,
            "index": self.target,
            "probability": self.probability,
            "value": self.value,
            "maps": len(self.selected),
            "channels": self.channels,
            "fidelity": self.fidelity,
            "share": self.share,
            "proved_optimal": {True: "yes", False: "no", None: None}[self.optimal],
            "selected": " ".join(map(str, self.selected)),
            "model": self.model,
            "layer": self.layer,
            "warnings": len(self.warnings),
        }

    def as_json(self, folder: Path) -> dict[str, Any]:
        """Return the record as plain values, with the folder of the result."""
        return {
            "photo": self.photo,
            "class": self.name,
            "index": self.target,
            "probability": self.probability,
            "value": self.value,
            "selected": list(self.selected),
            "channels": self.channels,
            "fidelity": self.fidelity,
            "share": self.share,
            "optimal": self.optimal,
            "model": self.model,
            "layer": self.layer,
            "warnings": list(self.warnings),
            "folder": str(folder),
            "page": str(folder / PAGE) if self.has_page else None,
        }


def record_of(values: Mapping[str, Any], folder: Path) -> PhotoRecord:
    """Return the record of an explanation.

    Args:
        values: the explanation, as `Explanation.as_json` returns it and `explanation.json` holds
            it.
        folder: of the result.

    Raises:
        KeyError, TypeError, ValueError: values are missing, or are of wrong kinds.
    """
    target, p = values["target"], values["provenance"]
    noun = _NOUNS.get(p.get("link", "softmax"), "class")
    is_function = p.get("target_is_a_function", False)
    name = "a function of the outputs" if is_function else target["name"]
    return PhotoRecord(
        photo=str(p.get("photo") or folder.name),
        folder=folder.name,
        name=str(name or f"{noun} {target['index']}"),
        target=int(target["index"]),
        probability=_finite(target["probability"]),
        value=_finite(target["logit"]) or 0.0,
        selected=tuple(int(row["channel"]) for row in values["selected"]),
        channels=int(p["channels"]),
        fidelity=_finite(values.get("fidelity")),
        share=_finite(values.get("share")),
        optimal={True: True, False: False}.get(values["selection"]["optimal"]),
        model=str(p["model"]),
        layer=str(p["layer"]),
        has_page=(folder / PAGE).exists(),
        warnings=tuple(map(str, p.get("warnings", ()))),
    )


def _finite(value: Any) -> float | None:
    """Return a number, or None for None; others, of a damaged file, are refused."""
    if value is None:
        return None
    if not math.isfinite(value):
        raise ValueError(f"{value}: is no finite number")
    return float(value)
