"""From an image to its explanation: the whole way on one page."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from annealcam._internal.deprecation import renamed_arguments
from annealcam._internal.text import signed_maps
from annealcam._internal.types import Array
from annealcam._version import __version__
from annealcam.attribution.cam import BESIDE, cam_maps, explanation_map
from annealcam.attribution.candidates import Candidates
from annealcam.attribution.capture import capture
from annealcam.attribution.forward_pass import ForwardPass, as_batch, run_forward
from annealcam.attribution.importance import contributions, gradcam_weights
from annealcam.attribution.importance import importance as importance_of
from annealcam.attribution.layer_maps import build_problem
from annealcam.attribution.layers import default_layer
from annealcam.attribution.targets import resolve_targets
from annealcam.errors import AnnealcamWarning
from annealcam.explanation import Explanation, carried_share
from annealcam.samplers.selection import select
from annealcam.settings import Settings, resolve


@renamed_arguments(convention="normalisation")
def explain(
    model: nn.Module,
    image: Float[Tensor, "*batch channels height width"],
    *,
    layer: str | None = None,
    target: int | str | Sequence[int] | None = None,
    importance: str | None = None,
    objective: str | None = None,
    beta: float | None = None,
    cardinality: int | None = None,
    preset: str | None = None,
    sampler: Any = "anneal",
    sampler_options: Mapping[str, Any] | None = None,
    seed: int = 0,
    max_qubits: int = 16,
    tau: float | None = None,
    normalisation: str = "per_qubit",
    schedule: str = "linear",
    shots: int | None = None,
    map_form: str | None = None,
    model_name: str | None = None,
    photo_name: str | None = None,
    class_names: Sequence[str] | None = None,
) -> Explanation | list[Explanation]:
    """Select the few feature maps that a prediction rests on, and draw their map.

    E(n) = (1 - beta) sum_{p<q} J_pq n_p n_q - beta sum_p h_p n_p is minimised over selections n
    of the candidate maps: alive, of positive importance; J their |cosine|, h their importance
    over its maximum. The map is ReLU(sum_a alpha_a f^(a)) over the selection.

    Args:
        model: an image classifier; it is left exactly as found.
        image: (3, H, W), or (n, 3, H, W) for a list of explanations; already normalised.
        layer: a module's name; None takes the last convolutional output after its activation.
        target: a class, by index or by name; one for each image, or one for all; None takes the
            predicted class.
        importance: `contribution` (sum_ij g_ij f_ij, its part of the logit; default) or `gradcam`
            (alpha, the mean of g).
        objective: what beta weighs. `relative` (default): relevance and redundancy as shares of
            those of the most relevant maps, so that beta means one thing for any image and size;
            `problem.beta` is the beta of the energy that follows. `sum`: the energy's own beta.
        beta: trade-off of relevance against redundancy in [0, 1]; default 2/3 (`sum`: 0.9).
        cardinality: select exactly so many maps; None leaves it to the energy (about seven).
        preset: `paper` takes importance gradcam, the plain sum, beta 0.7 and the map of the
            paper's code.
        sampler: a name in `annealcam.samplers.SAMPLERS` (docs/samplers.md): `anneal` (exact
            simulation of an annealer, best of `shots`; above 24 candidates `local` replaces it,
            with a warning), `exact` (with proof), `sa`, ...; or an object with dimod's
            `sample(bqm)`.
        sampler_options: the sampler's own, such as {"chain_strength": 2.0}; docs/samplers.md.
        seed: equal seeds give equal bits.
        max_qubits: keep so many candidates: relevant ones that are unlike each other, or with
            `sum` the most relevant; the result says how many were left out and what share of the
            relevance they carry.
        tau, normalisation, schedule: of the annealing; see `annealcam.anneal`. tau is 100 if not
            given, with the preset `paper` 50.
        shots: measurements of the annealed state; None takes d^2.
        map_form: `relu_of_sum` (default) or `sum_of_relu` (the paper's code).
        model_name, photo_name: for the record.
        class_names: for the record, and for a target by name.

    Raises:
        UsageError: an argument, layer or target that cannot be; the message says what can.
        ModelError: the model fails on the image, or returns no logits.
        NumericalError: maps, gradients or logits hold NaN or infinity.
        SamplerError: a sampler object returned nothing usable.

    Source: arXiv 2604.25649; docs/method.md.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> e = explain(net, torch.randn(3, 8, 8), layer="1", sampler="exact")
    >>> e.map.shape, e.optimal
    ((6, 6), True)
    """
    settings = resolve(
        preset, importance=importance, objective=objective, beta=beta, cardinality=cardinality,
        sampler=sampler, sampler_options=sampler_options, seed=seed, max_qubits=max_qubits, tau=tau,
        normalisation=normalisation, schedule=schedule, shots=shots, map_form=map_form,
    )  # fmt: skip
    look = run_forward(
        model, image, layer=layer, target=target, model_name=model_name, photo_name=photo_name,
        class_names=class_names,
    )  # fmt: skip
    found = explained(look, settings)
    for text in (text for one in found for text in one.provenance["warnings"]):
        warnings.warn(text, AnnealcamWarning, stacklevel=3)  # past the decorator
    return found if image.ndim == 4 else found[0]


def explained(look: ForwardPass, settings: Settings) -> list[Explanation]:
    """Explain each image that was looked at; the network is not run again.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> look = run_forward(net, torch.randn(3, 8, 8), layer="1")
    >>> [len(explained(look, resolve(beta=beta))[0].selected) for beta in (0.0, 1.0)]
    [0, 3]
    """
    return [_explain_one(look, i, settings) for i in range(len(look.views))]


def cam(
    model: nn.Module,
    image: Float[Tensor, "*batch channels height width"],
    *,
    layer: str | None = None,
    target: int | Sequence[int] | None = None,
    method: str = "gradcam",
) -> Float[Array, "*batch h w"]:
    """Return a baseline's raw map at the layer's resolution: ReLU applied, not normalised.

    Methods: the names in `attribution.cam.CAM_METHODS`, among them `gradcam`, `gradcam++` and
    `hirescam`; a batch (n, 3, H, W) gives (n, h, w).

    Raises:
        ArgumentError: no method has that name.
        AnnealcamError: as `explain` does, for the layer, the target and the model.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> cam(net, torch.randn(3, 8, 8), layer="1").shape
    (6, 6)
    """
    images = as_batch(image)
    layer = layer if layer is not None else default_layer(model, images[:1])
    captured = capture(model, images, layer=layer, targets=resolve_targets(target, None))
    maps = _array(cam_maps(captured.activations, captured.gradients, method))
    return maps if image.ndim == 4 else maps[0]


def _explain_one(look: ForwardPass, i: int, settings: Settings) -> Explanation:
    """Explain image i of a batch that was looked at."""
    captured, class_names = look.captured, look.class_names
    maps, gradients = captured.activations[i : i + 1], captured.gradients[i : i + 1]
    weight = importance_of(maps, gradients, settings.importance)[0]
    alpha = gradcam_weights(gradients)[0]
    found, problem = build_problem(
        maps[0], weight, beta=settings.beta, limit=settings.max_qubits,
        objective=settings.objective, cardinality=settings.cardinality, image=i,
    )  # fmt: skip
    selection = select(problem, **settings.sampling())
    chosen = found.channels[torch.from_numpy(np.flatnonzero(selection.n)).to(maps.device)]
    chosen = chosen[weight[chosen].argsort(descending=True, stable=True)]
    contribution = _array(contributions(maps, gradients)[0])
    target = int(captured.targets[i])
    provenance = {
        "annealcam": __version__,
        **look.about,
        "layer": captured.layer,
        "target_name": None if class_names is None else str(class_names[target]),
        "predicted": int(captured.logits[i].argmax()),
        **settings.as_provenance(),
        **_census(maps[0], found),
        "largest_importance": float(weight[found.channels].max()) if problem.d else None,
    }
    provenance["warnings"] = _doubts(provenance, carried_share(contribution, _array(chosen)))
    if selection.info.get("instead_of"):
        provenance["warnings"] += (
            f"{problem.d} candidates are beyond the simulated annealer: selected by local search",
        )
    return Explanation(
        map=_array(explanation_map(maps[0, chosen], alpha[chosen], form=settings.map_form)),
        selected=_array(chosen),
        selected_maps=_array(maps[0, chosen]),
        candidates=_array(found.channels),
        importance=_array(weight),
        alpha=_array(alpha),
        contribution=contribution,
        logits=_array(captured.logits[i]),
        target=target,
        baselines={cam.name: _array(cam.function(maps, gradients)[0]) for cam in BESIDE},
        problem=problem,
        selection=selection,
        provenance=provenance,
        view=look.views[i],
    )


def _census(maps: Float[Tensor, "maps h w"], found: Candidates) -> dict[str, Any]:
    return {
        "channels": len(maps),
        "dead": found.dead,
        "candidates_in_all": len(found.channels) + found.left_out,
        "left_out": found.left_out,
        "left_out_relevance_share": found.left_out_share,
        "negative_share": float((maps < 0).float().mean()),
    }


def _doubts(told: Mapping[str, Any], carried: float) -> tuple[str, ...]:
    """What a reader must know before trusting the result; it is kept with it."""
    found = []
    if told["negative_share"] > 0:
        found.append(
            f"layer {told['layer']!r} has {signed_maps(told['negative_share'])}; "
            "a layer after a ReLU is better"
        )
    if told["candidates_in_all"] == 0:
        found.append("no map is alive and of positive importance: the explanation is empty")
    elif carried < 0.1:
        found.append(
            f"the selected maps carry {carried:.1%} of the positive contributions to the logit, "
            "under 10 %: the map shows little of what the prediction rests on"
        )
    return tuple(found)


def _array(values: Tensor) -> Array:
    """A copy of its own: what a model keeps and overwrites must not change a result."""
    return np.array(values.detach().cpu().numpy())
