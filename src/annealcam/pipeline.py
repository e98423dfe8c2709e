"""From an image to its explanation: the whole way on one page."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict, Unpack, overload

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from annealcam._internal.deprecation import renamed_arguments
from annealcam._internal.environment import environment
from annealcam._internal.map_axes import grid_axes
from annealcam._internal.types import Array
from annealcam._internal.validation import one_of
from annealcam._version import __version__
from annealcam.attribution.activations import Capture
from annealcam.attribution.cam import BESIDE, CAM_METHODS, selection_map
from annealcam.attribution.cams.inputs import CamInputs
from annealcam.attribution.contrast import Score
from annealcam.attribution.evidence import evidence
from annealcam.attribution.forward_pass import ForwardPass, run_forward
from annealcam.attribution.importance import gradcam_weights
from annealcam.attribution.network.hooks import layer_name
from annealcam.attribution.network.inputs import batches, target_of
from annealcam.attribution.network.layer_output import Reshape
from annealcam.attribution.network.model_output import Output
from annealcam.attribution.record import (
    candidates_record,
    doubts,
    evidence_record,
    fidelity_of,
    path_record,
)
from annealcam.errors import AnnealcamWarning, ArgumentError
from annealcam.explanation import Explanation, carried_share
from annealcam.map_selection import select_maps
from annealcam.settings import Settings, resolve

Images: TypeAlias = Any  # a tensor (*batch, channels, *size), or a tuple of it and other inputs
Target: TypeAlias = int | str | Score | Sequence[int | str | Score] | None
Layers: TypeAlias = (
    list[str] | list[nn.Module] | list[str | nn.Module] | tuple[str | nn.Module, ...]
)


class ExplainOptions(TypedDict, total=False):
    """The keyword arguments of `explain` besides `layer`, for its typed overloads."""

    target: Target
    against: int | str | Sequence[int | str] | None
    importance: str | None
    objective: str | None
    beta: float | None
    cardinality: int | None
    fidelity: float | None
    preset: str | None
    sampler: Any
    sampler_options: Mapping[str, Any] | None
    seed: int
    max_qubits: int | None
    gradients: str | None
    tau: float | None
    normalisation: str
    schedule: str
    shots: int | None
    map_form: str | None
    model_name: str | None
    photo_name: str | None
    class_names: Sequence[str] | Mapping[int, str] | None
    network_record: Mapping[str, Any] | None
    run: int | None
    link: str | None
    direction: str
    output: Output | None
    reshape_transform: Reshape | None


@overload
def explain(
    model: nn.Module,
    image: Images,
    *,
    layer: str | nn.Module | None = None,
    **options: Unpack[ExplainOptions],
) -> Explanation | list[Explanation]: ...


@overload
def explain(
    model: nn.Module,
    image: Images,
    *,
    layer: Layers,
    **options: Unpack[ExplainOptions],
) -> list[Explanation] | list[list[Explanation]]: ...


@renamed_arguments(convention="normalisation")
def explain(
    model: nn.Module,
    image: Images,
    *,
    layer: str | nn.Module | Layers | None = None,
    target: Target = None,
    against: int | str | Sequence[int | str] | None = None,
    objective: str | None = None,
    importance: str | None = None,
    beta: float | None = None,
    cardinality: int | None = None,
    fidelity: float | None = None,
    preset: str | None = None,
    sampler: Any = Settings.sampler,
    sampler_options: Mapping[str, Any] | None = None,
    seed: int = Settings.seed,
    max_qubits: int | None = None,
    gradients: str | None = None,
    tau: float | None = None,
    normalisation: str = Settings.normalisation,
    schedule: str = Settings.schedule,
    shots: int | None = None,
    map_form: str | None = None,
    model_name: str | None = None,
    photo_name: str | None = None,
    class_names: Sequence[str] | Mapping[int, str] | None = None,
    network_record: Mapping[str, Any] | None = None,
    run: int | None = None,
    link: str | None = None,
    direction: str = "up",
    output: Output | None = None,
    reshape_transform: Reshape | None = None,
) -> Any:
    """Select the few feature maps that a prediction rests on, and draw their map.

    The contribution maps g_a of all feature maps add up to the evidence G for the class. The
    selection n is the k maps whose sum draws its positive part best: it minimises

        || G+ - s sum_a n_a g_a ||^2 / || G+ ||^2,    sum_a n_a = k

    and k is the least that reaches a fidelity, the cosine of that sum with G+. The explanation map
    is ReLU(sum_a n_a g_a).

    Args:
        model: a network with maps: of images, volumes or signals; it is not changed.
        image: (channels, H, W), or (n, channels, H, W) for a list of explanations; already
            normalised. Volumes have an axis more, signals one less. A tuple of the image and
            further inputs is what the network is called with; it is not changed.
        layer: a module's name, or the module itself; None takes the last convolutional output after
            its activation, or for transformers the last block or norm. A list of them gives a list
            with the result of each, in its order.
        target: a class, by index or by name; one for each image, or one for all; None takes the
            predicted class. A function of the logits of one image, such as the targets of the
            package `grad-cam`, may take the place of a class. A network with one output has the
            classes 0 and 1.
        against: explain why the target and not another class: `next` (the most likely other one),
            `rest` (all others, as the log-odds weigh them), a class, or a list of classes; None
            explains the target's logit.
        objective: `evidence` (default): the maps that draw the evidence together. `relative`:
            minimise (1 - beta) times redundancy less beta times relevance, E(n) = (1 - beta)
            sum_{p<q} J_pq n_p n_q - beta sum_p h_p n_p, J the |cosine| of maps, h the importance
            over its maximum, with both as shares of those of the most relevant maps. `sum`: the
            same with beta as it is, as published. `problem.beta` is the beta of the energy.
        importance: `alignment` (the part of the evidence that a map draws; the only one of
            `evidence`), `contribution` (sum_ij g_ij, its part of the logit; the default of the
            others) or `gradcam` (alpha, the mean gradient). Any but the first, without an
            objective, takes `relative`.
        beta: trade-off in [0, 1]. `evidence`: 0 draws the evidence, 1 takes the maps of largest
            contribution; None takes what suits the head behind the layer, and the result records
            it. `relative`: relevance against redundancy, 2/3 by default; `sum`: 0.9.
        cardinality: select exactly so many maps; None leaves it to the fidelity, or for `relative`
            and `sum` to the energy (about seven).
        fidelity: without a cardinality, `evidence` takes the smallest selection that reaches this
            cosine with the evidence, of 7 maps at most; 0.95 by default.
        preset: `paper` takes importance gradcam, the plain sum, beta 0.7, plain gradients and the
            map of the paper's code.
        sampler: a name in `annealcam.samplers.SAMPLERS` (docs/samplers.md): `anneal` (exact
            simulation of an annealer, best of `shots`; above 24 candidates `local` replaces it,
            with a warning), `exact` (with proof), `sa`, ...; or an object with dimod's
            `sample(bqm)`.
        sampler_options: options of the sampler, such as {"chain_strength": 2.0}; docs/samplers.md.
        seed: equal seeds give equal results, to the bit for an equal number of threads, batch,
            processor and versions, which the result records (docs/reproducibility.md).
        max_qubits: keep so many candidates. None: 16 for `anneal` and `dwave`, whose result then
            records what that costs against the best selection over all maps; all of them for other
            samplers of `evidence`, and 16 for `relative` and `sum`.
        gradients: `integrated` (default): contributions add up to the layer's effect on the logit,
            by integrated gradients where the plain gradient falls short of that. `plain`: the
            gradient at the image, which predicts best what removing a single map does.
        tau, normalisation, schedule: of the annealing; see `annealcam.anneal`. tau is 100 by
            default, and 50 with the preset `paper`.
        shots: measurements of the annealed state; None takes d^2.
        map_form: `contributions` (default), or Grad-CAM's weighted sum over the selected maps as
            `relu_of_sum` or `sum_of_relu` (the paper's code).
        model_name, photo_name: for the record.
        class_names: for the record, and for a target by name: a list, or a dict from index to name.
            For a network with one output, the name of class 1 is enough.
        network_record: the origin of the network, for the record: `load_model(...).record`.
        run: which run of a layer that runs several times in a forward pass, from 0; None takes the
            last one.
        link: what makes probabilities of the outputs: `softmax` for exclusive classes, `sigmoid`
            for independent labels, `identity` for numbers, as in regression. None: `sigmoid` for
            one output, otherwise `softmax`; if the network itself ends in a softmax or a sigmoid,
            that function, and the logits are what goes into it.
        direction: `up`: what raises the target; `down`: what lowers it, for `identity` alone.
        output: a function from what the network returns to logits (n, classes). None reads tensors,
            `.logits`, mappings and the first tensor of a tuple.
        reshape_transform: a function from the layer's output to maps (n, maps, h, w), where their
            axis is not recognised.

    Raises:
        UsageError: an argument, layer or target is not valid; the message names what is.
        ModelError: the model fails on the image, or returns no logits.
        NumericalError: maps, gradients or logits hold NaN or infinity.
        SamplerError: a sampler object returned nothing usable.

    Source: arXiv 2604.25649; docs/method.md.

    >>> import torch
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> e = explain(net, torch.randn(3, 8, 8), layer="1", sampler="exact")
    >>> e.map.shape, e.optimal
    ((6, 6), True)
    >>> [e.provenance["layer"] for e in explain(net, torch.randn(3, 8, 8), layer=["1", net[1]])]
    Traceback (most recent call last):
    annealcam.errors.ArgumentError: Each layer may appear only once: layer=['1', '1'].
    """
    settings = resolve(
        preset, objective=objective, importance=importance, beta=beta, cardinality=cardinality,
        fidelity=fidelity, sampler=sampler, sampler_options=sampler_options, seed=seed,
        max_qubits=max_qubits, gradients=gradients, tau=tau, normalisation=normalisation,
        schedule=schedule, shots=shots, map_form=map_form,
    )  # fmt: skip
    several = isinstance(layer, list | tuple)
    pairs, single = batches(model, image, link=link, output=output)
    layers: Sequence[str | nn.Module | None]
    layers = _each_once(pairs[0][0], layer) if isinstance(layer, list | tuple) else [layer]
    results: list[Any] = []
    for each in layers:
        explanations: list[Explanation] = []
        for i, (network, images) in enumerate(pairs):
            forward_pass = run_forward(
                network, images, layer=each, target=target_of(target, i, len(pairs)),
                against=against, direction=direction, integrated=settings.integrated, run=run,
                reshape_transform=reshape_transform, model_name=model_name, photo_name=photo_name,
                class_names=class_names, network_record=network_record,
            )  # fmt: skip
            explanations += explain_pass(forward_pass, settings)
        for text in (text for e in explanations for text in e.provenance["warnings"]):
            warnings.warn(text, AnnealcamWarning, stacklevel=3)  # past the decorator
        results.append(explanations[0] if single else explanations)
    return results if several else results[0]


def _each_once(model: nn.Module, layers: Sequence[str | nn.Module]) -> list[str]:
    names = [layer_name(model, layer) for layer in layers]
    if not names:
        raise ArgumentError("layer=[]: an empty list; give at least one layer")
    if len(set(names)) < len(names):
        raise ArgumentError(f"Each layer may appear only once: layer={names}.")
    return names


def explain_pass(forward_pass: ForwardPass, settings: Settings) -> list[Explanation]:
    """Return the explanation of each image of a forward pass; the network is not run again.

    >>> import torch
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> done = run_forward(net, torch.randn(3, 8, 8), layer="1")
    >>> [len(explain_pass(done, resolve(cardinality=k))[0].selected) for k in (1, 2)]
    [1, 2]
    """
    return [_explain_image(forward_pass, i, settings) for i in range(len(forward_pass.images))]


def cam(
    model: nn.Module,
    image: Images,
    *,
    layer: str | nn.Module | None = None,
    target: Target = None,
    against: int | str | Sequence[int] | None = None,
    method: str = "gradcam",
    run: int | None = None,
    link: str | None = None,
    direction: str = "up",
    output: Output | None = None,
    reshape_transform: Reshape | None = None,
) -> Float[Array, "..."]:
    """Return the raw map of a method at the layer's resolution: ReLU applied, not normalised.

    Args:
        model: an image classifier; it is not changed.
        image: as in `explain`; a batch of n images gives maps (n, h, w).
        layer: as in `explain`.
        target: a class, or one for each image; None takes the predicted class.
        against: as in `explain`: `next`, `rest`, a class or a list of classes; None: the logit
            of the target alone.
        method: a name in `attribution.cam.CAM_METHODS`: `gradcam`, `gradcam++`, `hirescam`,
            `layercam`, `xgradcam`, `eigencam`, `finercam`; or `scorecam`, `ablationcam`, which run
            the network, or what lies behind the layer, once for each live map.
        run, link, direction, output, reshape_transform: as in `explain`.

    Raises:
        ArgumentError: no method has that name.
        AnnealcamError: as `explain` does, for the layer, the target and the model.

    >>> import torch
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> cam(net, torch.randn(3, 8, 8), layer="1").shape
    (6, 6)
    """
    one_of("method", method, CAM_METHODS)
    pairs, single = batches(model, image, link=link, output=output)
    maps = []
    for i, (network, images) in enumerate(pairs):
        captured = run_forward(
            network, images, layer=layer, target=target_of(target, i, len(pairs)), against=against,
            direction=direction, integrated=False, run=run, reshape_transform=reshape_transform,
        ).captured  # fmt: skip
        maps.append(_array(CAM_METHODS[method].maps(CamInputs.of(captured, network, images))))
    whole = np.concatenate(maps)
    return whole[0] if single else whole


def _explain_image(forward_pass: ForwardPass, i: int, settings: Settings) -> Explanation:
    captured, class_names = forward_pass.captured.of_image(i), forward_pass.class_names
    if not settings.integrated:
        captured = captured.plain()
    maps, gradients = captured.activations[0], captured.path_gradients[0]
    weight, drawn = captured.importance(settings.importance)[0], captured.contribution_maps[0]
    inputs = CamInputs(captured.activations, captured.gradients)
    alpha = gradcam_weights(inputs.gradients)[0]
    result = select_maps(maps, gradients, weight, settings, image=i)
    problem, selection, channels = result.problem, result.selection, result.channels
    channels = channels[weight[channels].argsort(descending=True, stable=True)]
    contribution = _array(drawn.sum(dim=grid_axes(drawn, first=1)))
    target = int(captured.targets[0])
    map_ = selection_map(maps[channels], alpha[channels], drawn[channels], form=settings.map_form)
    provenance = {
        "annealcam": __version__,
        **forward_pass.record,
        "layer": captured.layer,
        "target_name": None if class_names is None else str(class_names[target]),
        "against_names": _contrasted(captured, forward_pass),
        "predicted": int(captured.logits[0].argmax()),
        **settings.as_provenance(),
        **candidates_record(maps, result.candidates),
        **path_record(captured),
        **evidence_record(result.candidates, selection.n, named=settings.beta is not None),
        "largest_importance": float(weight[result.candidates.channels].max())
        if problem.d
        else None,
        "environment": environment(batch=len(forward_pass.images)),
    }
    fidelity = fidelity_of(drawn, channels)
    carried = carried_share(contribution, _array(channels))
    provenance["warnings"] = doubts(provenance, carried, fidelity)
    if selection.info.get("instead_of"):
        provenance["warnings"] += (
            f"{problem.d} candidates are beyond the simulated annealer: selected by local search",
        )
    return Explanation(
        map=_array(map_),
        selected=_array(channels),
        selected_maps=_array(maps[channels]),
        candidates=_array(result.candidates.channels),
        importance=_array(weight),
        alpha=_array(alpha),
        contribution=contribution,
        evidence=_array(evidence(drawn)),
        fidelity=fidelity,
        logits=_array(captured.logits[0]),
        target=target,
        baselines={cam.name: _array(cam.maps(inputs)[0]) for cam in BESIDE},
        problem=problem,
        selection=selection,
        provenance=provenance,
        view=forward_pass.view(i),
    )


def _contrasted(captured: Capture, forward_pass: ForwardPass) -> list[str] | None:
    """Return the names of the classes that the target is contrasted with; None without names."""
    against, names = forward_pass.record["against"], forward_pass.class_names
    if against is None or against == "rest" or names is None:
        return None
    weights = captured.score_weights[0]
    others = (weights * weights[captured.targets[0]] < 0).nonzero().flatten()
    return [str(names[j]) for j in others.tolist()]


def _array(values: Tensor) -> Array:
    """Return a copy: what a model keeps and overwrites must not change a result."""
    return np.array(values.detach().cpu().numpy())
