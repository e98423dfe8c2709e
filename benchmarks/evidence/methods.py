"""The selections that are compared, all drawn alike: ReLU of the sum of their contribution maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

import annealcam as ac
from annealcam.attribution.cam import cam_maps
from annealcam.attribution.forward_pass import ForwardPass, run_forward
from annealcam.errors import ArgumentError
from annealcam.pipeline import explain_pass
from annealcam.settings import resolve

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


EVIDENCE_CHOICES = {"objective": "evidence"}
FORMER_CHOICES = {"objective": "relative", "gradients": "plain", "map_form": "relu_of_sum"}
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
    sizes: Sequence[int],
    first: int = 0,
) -> dict[int, list[Photo]]:
    """Explain a batch with each number of maps; `first` is the number of its first image.

    The network runs once for all of them, as `explain` and `cam` would run it for each.
    """
    passed = run_forward(model, images, layer=layer, target=target)
    captured = passed.captured
    gradcam = cam_maps(captured.activations, captured.gradients, "gradcam").double().numpy()
    maps = captured.contribution_maps.double().numpy()
    photos = {}
    for k in sizes:
        ours, former = (
            explained_at_most(model, images, passed, k, **choices)
            for choices in (EVIDENCE_CHOICES, FORMER_CHOICES)
        )
        parts = enumerate(zip(ours, former, gradcam, maps, strict=True))
        photos[k] = [Photo(*each, number=first + i) for i, each in parts]
    return photos


def explained_at_most(
    model: nn.Module, images: Tensor, passed: ForwardPass, k: int, **choices: Any
) -> list[ac.Explanation]:
    """Explain a batch with k maps each, or with all candidates where there are fewer."""
    try:
        return explain_pass(passed, resolve(cardinality=k, sampler="local", **choices))
    except ArgumentError:  # fewer candidates than k in one of the images
        if len(images) == 1:
            return explained_at_most(model, images, passed, k - 1, **choices)
    results = []
    for image, target in zip(images.split(1), passed.captured.targets.tolist(), strict=True):
        alone = run_forward(model, image, layer=passed.captured.layer, target=target)
        results += explained_at_most(model, image, alone, k, **choices)
    return results
