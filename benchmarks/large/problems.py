"""The selection problems of whole layers.

The last layer (`bn2`, after its activation) has maps without negative values, `blocks.6.0.bn3` has
maps of both signs; the importance is alpha (`gradcam`) of the predicted class; every live map of
positive importance is a candidate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.attribution.candidates import build_problem
from annealcam.attribution.importance import importance_of
from annealcam.data.sets import load_set

Array = NDArray[np.float64]
LAYERS = {"last": "bn2", "signed": "blocks.6.0.bn3"}
BATCH = 25


@dataclass(frozen=True, eq=False)
class Layer:
    """All candidates of one photo: relevance h, redundancy J, and maps of length 1 (d, pixels)."""

    h: Array
    J: Array
    unit: Array

    def problem(self, beta: float) -> ac.SelectionProblem:
        return ac.SelectionProblem(self.h, self.J, beta=beta)


def layers_of_photos(photos: int) -> dict[str, list[Layer]]:
    """Return the problems of both layers for random photos of the part `unseen`."""
    unseen = load_set("imagenette", part="unseen")
    model, preprocess, _ = ac.load_model()
    drawn = np.sort(np.random.default_rng(1).permutation(len(unseen))[:photos])
    images = torch.stack([preprocess(unseen.open(int(i))) for i in drawn])
    return {
        name: [one for batch in torch.split(images, BATCH) for one in _layers(model, batch, layer)]
        for name, layer in LAYERS.items()
    }


def _layers(model: Any, images: torch.Tensor, layer: str) -> list[Layer]:
    captured = capture(model, images, layer=layer)
    layers = []
    weights = importance_of(captured.activations, captured.gradients, "gradcam")
    for maps, gradients, weight in zip(
        captured.activations, captured.gradients, weights, strict=True
    ):
        candidates, problem = build_problem(maps, gradients, weight, beta=0.7, limit=10**6)
        flat = maps[candidates.channels].flatten(1).double().numpy()
        unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
        layers.append(Layer(problem.h, problem.J, unit))
    return layers
