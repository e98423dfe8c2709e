"""How much an explanation depends on its class: its map beside those of other classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor, nn

from annealcam._internal.links import is_two_sided
from annealcam._internal.types import Array
from annealcam.attribution.activations import Capture, capture
from annealcam.attribution.contrast import contrasted_classes
from annealcam.attribution.network.hooks import find_layer
from annealcam.attribution.network.layer_output import Reshape
from annealcam.errors import ArgumentError
from annealcam.evaluation.calibration import DRAWS, SPARE, Figure, defined, plain, random_selections
from annealcam.evaluation.methods import map_of, method_maps
from annealcam.explanation import Explanation
from annealcam.metrics.randomised import classifier_layer, random_weights
from annealcam.metrics.sensitivity import (
    between_images,
    fidelity,
    mean_of_defined,
    other_classes,
    rank_correlation,
    top_overlap,
)
from annealcam.settings import Settings

CLASSIFIERS = 8  # random ones, over which a rank correlation is averaged: one alone varies by 0.4
WHICH = {"next": "next most likely class", "least": "least likely class"}


@dataclass(frozen=True, eq=False)
class ClassCheck:
    """Maps of one image for several classes, by annealcam, Grad-CAM and random selections.

    All select as many maps as the explanation. A random selection takes the same maps for every
    class, so that its map changes only as the contributions of these maps do: it is the level of a
    selection that ignores the class.
    """

    model: nn.Module
    image: Float[Tensor, " channels *size"]
    e: Explanation
    settings: Settings
    class_names: Sequence[str] | None
    reshape_transform: Reshape | None = None

    @property
    def same_maps(self) -> dict[str, Any]:
        """The options of a capture that give the maps of the explanation again."""
        record = self.e.provenance
        return {
            "direction": self.e.direction,
            "run": record["run"] if record.get("runs", 1) > 1 else None,
            "reshape_transform": self.reshape_transform,
        }

    @cached_property
    def others(self) -> dict[str, int]:
        """The next and the least likely class; empty if there is none besides the contrasted.

        There is none where the outputs are numbers, and one where they are two sides of one.
        """
        if self.e.link == "identity":
            return {}
        if is_two_sided(self.e.logits, self.e.link):
            return {"next": 1 - self.e.target}
        excluded = contrasted_classes(self.e.provenance.get("against"))
        logits, target = self.e.logits[None], np.array([self.e.target])
        try:
            return {
                which: int(other_classes(logits, target, which=which, excluded=excluded)[0])
                for which in WHICH
            }
        except ArgumentError:
            return {}

    def name_of(self, which: str) -> str:
        """Return the name of the next or the least likely class, or its number."""
        other = self.others[which]
        return str(other) if self.class_names is None else self.class_names[other]

    def _kind_of(self, which: str) -> str:
        """Return what the next or the least likely class is."""
        if is_two_sided(self.e.logits, self.e.link):
            return "other side of the output"
        return WHICH[which].replace("class", self.e.output_noun)

    @cached_property
    def selections(self) -> list[Int[Array, " k"]]:
        """Random selections of as many maps of positive contribution."""
        return random_selections(
            self.e.contribution, len(self.e.selected), draws=SPARE * DRAWS, seed=self.settings.seed
        )

    @cached_property
    def _captured(self) -> Capture:
        """The capture for the explained class and the others."""
        return self._capture([self.e.target, *self.others.values()])

    @cached_property
    def _random_maps(self) -> Float[Array, " draws *grid"]:
        return self._drawn(self._captured, 0)

    def figures(self) -> list[Figure]:
        """Return fidelity, and the likeness with maps of other classes and random classifiers."""
        own, gradcam, *random = self._fidelities()
        name = "cosine of the map with the positive evidence"
        figures = [Figure("fidelity", name, "higher", own, gradcam, defined(np.array(random)))]
        for row, values in self._others:
            meaning = (
                f"rank correlation with the map for {row['class']}, the "
                f"{self._kind_of(row['other'])}; low if the map depends on the "
                f"{self.e.output_noun}"
            )
            figures.append(self._likeness(f"{row['other']}_class", meaning, values))
        correlations = self._random_classifiers()
        if correlations is not None:
            last, name = "classifier", "random_classifier"
            if self.e.link == "identity":
                last, name = "output layer", "random_output"
            meaning = (
                f"rank correlation with the map under {CLASSIFIERS} random {last}s; low if the "
                f"map depends on what the {last} has learnt"
            )
            figures.append(self._likeness(name, meaning, correlations))
        return figures

    def _fidelities(self) -> list[float]:
        """Return the cosine with the evidence of annealcam, Grad-CAM and random selections."""
        evidence = self._captured.contribution_maps[0].sum(dim=0).cpu().numpy()
        maps = [self.e.map, self.e.baselines["gradcam"], *self._random_maps]
        return [fidelity(map_, evidence) for map_ in maps]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each other class."""
        rows = []
        for row, values in self._others:
            figure = self._likeness(row["other"], f"with the map for {row['class']}", values)
            rows.append(
                {**row, "rank_correlation": plain(figure.annealcam),
                 "gradcam_rank_correlation": plain(figure.gradcam),
                 "verdict": _verdict(figure, self.e.output_noun)}
            )  # fmt: skip
        return rows

    @cached_property
    def _others(self) -> list[tuple[dict[str, Any], Float[Array, " all"]]]:
        """Class, overlap and rank correlations for each other class."""
        found = []
        maps = list(self._maps(self._captured))[1:]
        for i, which in enumerate(self.others):
            own, gradcam = maps[i]
            random = self._drawn(self._captured, i + 1)
            overlap = top_overlap(self.e.map[None], own[None])[0]
            row = {
                "other": which, "kind": self._kind_of(which), "class": self.name_of(which),
                "top_overlap": plain(overlap),
            }  # fmt: skip
            found.append((row, self._correlations(own, gradcam, random)))
        return found

    def _random_classifiers(self) -> Float[Array, " all"] | None:
        """Return rank correlations, the mean over random classifiers; None without a classifier."""
        try:
            name = classifier_layer(self.model, self.image[None])
        except ArgumentError:
            return None
        each = []
        for number in range(CLASSIFIERS):
            with random_weights(find_layer(self.model, name), seed=[self.settings.seed, number]):
                captured = self._capture([self.e.target])
            ((own, gradcam),) = self._maps(captured)
            each.append(self._correlations(own, gradcam, self._drawn(captured, 0)))
        return mean_of_defined(np.array(each).T)

    def _likeness(self, name: str, meaning: str, values: Float[Array, " all"]) -> Figure:
        """Return a figure from the rank correlations of annealcam, Grad-CAM and random ones."""
        unrelated = between_images(self._random_maps)
        return Figure(
            name, meaning, "lower", float(values[0]), float(values[1]), defined(values[2:]),
            np.nan if unrelated is None else unrelated,
        )  # fmt: skip

    def _correlations(self, own: Array, gradcam: Array, random: Array) -> Float[Array, " all"]:
        """Return rank correlations of the explained class's maps with those of another class."""
        first = np.stack([self.e.map, self.e.baselines["gradcam"], *self._random_maps])
        return rank_correlation(first, np.stack([own, gradcam, *random]))

    def _capture(self, targets: Sequence[int]) -> Capture:
        against, layer = self.e.provenance.get("against"), self.e.provenance["layer"]
        images = self.image[None].repeat(len(targets), *[1] * self.image.ndim)
        return capture(
            self.model, images, layer=layer, targets=targets, against=against,
            integrated=self.settings.integrated, **self.same_maps,
        )  # fmt: skip

    def _maps(self, captured: Capture) -> Iterator[tuple[Array, Array]]:
        """Yield the maps of annealcam and Grad-CAM for each class of a capture."""
        k = len(self.e.selected)
        settings = replace(self.settings, cardinality=k) if k else self.settings
        seeds = [settings.seed] * len(captured.targets)
        for maps in method_maps(captured, settings, ["annealcam", "gradcam"], seeds=seeds):
            yield maps["annealcam"].map, maps["gradcam"].map

    def _drawn(self, captured: Capture, i: int) -> Float[Array, " draws *grid"]:
        """Return the maps of the random selections for one class of a capture."""
        return np.stack([map_of(captured, i, c, self.settings) for c in self.selections])


def _verdict(figure: Figure, noun: str) -> str:
    value = figure.as_row()["annealcam"]
    if value is None:
        return "a map is constant: nothing can be compared"
    words = {
        "better": f"this map depends on the {noun} more than random selections do",
        "worse": f"this map depends on the {noun} less than random selections do",
        None: f"no verdict, since random selections depend on the {noun} as much",
    }
    return f"{words[figure.verdict]} (rank correlation {value:.2f})"
