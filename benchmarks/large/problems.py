"""The selection problems of whole layers, and SCIP as the peer that proves optima.

The last layer (`bn2`, after its activation) has maps without negative values, `blocks.6.0.bn3` has
maps of both signs; the importance is alpha (`gradcam`) of the predicted class; every live map of
positive importance is a candidate.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
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
    for maps, weight in zip(captured.activations, weights, strict=True):
        candidates, problem = build_problem(maps, weight, beta=0.7, limit=10**6)
        flat = maps[candidates.channels].flatten(1).double().numpy()
        unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
        layers.append(Layer(problem.h, problem.J, unit))
    return layers


@dataclass(frozen=True)
class Scip:
    """The result of SCIP: energy of the best selection, bound, whether they agree, and seconds."""

    energy: float
    lower_bound: float
    proved: bool
    seconds: float


def solve_by_scip(layer: Layer, beta: float, *, time_limit: float) -> Scip:
    """Solve the problem of non-negative maps by SCIP in the formulation that is fastest for it.

    E(n) = (1 - beta)/2 t - sum_p (beta h_p + (1 - beta)/2) n_p,   r = U n,   |r|^2 <= t

    U has the maps of length 1 as columns, so that U' U = J + I: one convex constraint over the
    pixels r instead of d^2 / 2 products. Default settings, one thread.
    """
    from pyscipopt import Model, quicksum

    start = perf_counter()
    model = Model()
    model.hideOutput()
    model.setParam("limits/time", time_limit)
    model.setParam("lp/threads", 1)
    n = [model.addVar(vtype="B") for _ in layer.h]
    r = [model.addVar(lb=None) for _ in layer.unit.T]
    t = model.addVar(lb=0.0)
    for pixel, values in zip(r, layer.unit.T, strict=True):
        model.addCons(quicksum(float(v) * x for v, x in zip(values, n, strict=True) if v) == pixel)
    model.addCons(quicksum(pixel * pixel for pixel in r) <= t)
    gain = beta * layer.h + 0.5 * (1.0 - beta)
    model.setObjective(
        0.5 * (1.0 - beta) * t - quicksum(float(g) * x for g, x in zip(gain, n, strict=True))
    )
    model.optimize()
    seconds = perf_counter() - start
    best = np.array([round(model.getVal(x)) for x in n]) if model.getNSols() else np.zeros(len(n))
    energy = float(layer.problem(beta).energy(best))
    return Scip(energy, model.getDualbound(), model.getStatus() == "optimal", seconds)
