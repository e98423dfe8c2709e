"""The selections that are compared, all drawn alike: ReLU of the sum of their contribution maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.errors import ArgumentError

Array = NDArray[np.float64]
Channels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Photo:
    """One image at one layer.

    Attributes:
        explanation: by the evidence objective, with k maps.
        former: by the former default, `objective="relative"`, with k maps.
        gradcam: the map of Grad-CAM.
        maps: contribution maps g_a of all feature maps, (maps, h, w).
        number: of the image; it seeds random maps.
    """

    explanation: ac.Explanation
    former: ac.Explanation
    gradcam: Array
    maps: Array
    number: int

    @property
    def k(self) -> int:
        return len(self.explanation.selected)

    @property
    def contributions(self) -> Array:
        return self.maps.sum(axis=(1, 2))

    @property
    def evidence(self) -> Array:
        """The positive part of the evidence map, G+."""
        return np.maximum(self.maps.sum(axis=0), 0.0)

    @property
    def alignments(self) -> Array:
        """<g_a, G+> of every map, as yet without the constant 1 / ||G+||^2."""
        return np.einsum("ahw,hw->a", self.maps, self.evidence)

    @property
    def live(self) -> Channels:
        return np.flatnonzero(np.abs(self.maps).max(axis=(1, 2)) > 0)

    def drawn(self, channels: Channels) -> Array:
        return np.maximum(self.maps[channels].sum(axis=0), 0.0)


def top(values: Array, k: int) -> Channels:
    return np.argsort(-values, kind="stable")[:k]


def greedy(photo: Photo) -> Channels:
    """The same energy, lowered by one map after the other."""
    e = photo.explanation
    return e.candidates[ac.solve(e.problem, sampler="greedy").n == 1]


def top_alpha(photo: Photo) -> Channels:
    live = photo.live
    return live[top(photo.explanation.alpha[live].astype(float), photo.k)]


def random_live(photo: Photo, draw: int = 0) -> Channels:
    rng = np.random.default_rng([photo.number, draw])
    return rng.choice(photo.live, min(photo.k, len(photo.live)), replace=False)


EVIDENCE, RANDOM, FORMER = "evidence", "random live maps", "relative (former default)"
SELECTORS: dict[str, Callable[[Photo], Channels]] = {
    EVIDENCE: lambda p: p.explanation.selected,
    "greedy": greedy,
    "top-k by alignment": lambda p: top(p.alignments, p.k),
    "top-k by contribution": lambda p: top(p.contributions, p.k),
    "top-k by alpha": top_alpha,
    RANDOM: random_live,
    FORMER: lambda p: p.former.selected,
}


def maps_of_methods(photo: Photo) -> dict[str, Array]:
    """Return the map of each method; explanations are drawn as `explain` draws them."""
    drawn = {name: photo.drawn(select(photo)) for name, select in SELECTORS.items()}
    return drawn | {
        EVIDENCE: photo.explanation.map,
        FORMER: photo.former.map,
        "Grad-CAM": photo.gradcam,
    }


def explained(
    model: nn.Module,
    images: Tensor,
    *,
    layer: str | None,
    target: list[int],
    k: int,
    first: int = 0,
) -> list[Photo]:
    """Explain a batch in every way; `first` is the number of its first image."""
    options: dict[str, Any] = {"layer": layer, "target": target}
    explanations = ac.explain(
        model, images, objective="evidence", cardinality=k, sampler="local", **options
    )
    former = explained_at_most(model, images, k, objective="relative", **options)
    gradcam = ac.cam(model, images, **options)
    name = explanations[0].provenance["layer"]
    captured = capture(model, images, layer=name, targets=target, integrated=True)
    maps = captured.contribution_maps.double().numpy()
    parts = enumerate(zip(explanations, former, gradcam, maps, strict=True))
    return [Photo(*each, number=first + i) for i, each in parts]


def explained_at_most(
    model: nn.Module, images: Tensor, k: int, *, target: list[int], **options: Any
) -> list[ac.Explanation]:
    """Explain a batch with k maps each, or with all candidates where there are fewer."""
    try:
        return ac.explain(model, images, target=target, cardinality=k, sampler="local", **options)
    except ArgumentError:  # fewer candidates than k in one of the images
        if len(images) == 1:
            return explained_at_most(model, images, k - 1, target=target, **options)
    one_by_one = zip(images.split(1), target, strict=True)
    return [e for image, each in one_by_one
            for e in explained_at_most(model, image, k, target=[each], **options)]  # fmt: skip
