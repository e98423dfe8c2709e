"""One forward and one backward pass through a network: all that explanations are made from."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from annealcam._internal.pictures.views import stored_view, view_record
from annealcam._internal.text import short_repr
from annealcam._internal.types import Array
from annealcam.attribution.activations import Capture, UnreachedLayer, capture
from annealcam.attribution.contrast import resolve_against
from annealcam.attribution.layers import LayerChoice, choose_layer
from annealcam.attribution.network.adapted import network_of
from annealcam.attribution.network.hooks import layer_name
from annealcam.attribution.network.inputs import as_batch
from annealcam.attribution.network.layer_output import Reshape
from annealcam.attribution.targets import names_of_classes, names_of_targets, resolve_targets
from annealcam.errors import ArgumentError

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, repr=False)
class ForwardPass:
    """The result of one pass through a network; any number of explanations can be made from it.

    Attributes:
        captured: activations and gradients of the layer.
        images: what went through the network.
        record: what the provenance of a result holds of the pass; plain values.
        class_names: of the logits; None where they have none.
    """

    captured: Capture
    images: Float[Tensor, "n channels *size"]
    record: Mapping[str, Any]
    class_names: Sequence[str] | None

    def view(self, i: int) -> Array | None:
        """Return an image of the batch as a small array to show, as `stored_view` makes it."""
        return stored_view(self.images[i].detach().float().cpu().numpy())

    def __repr__(self) -> str:
        names = None if self.class_names is None else len(self.class_names)
        return short_repr("ForwardPass", captured=self.captured, class_names=names)


def run_forward(
    model: nn.Module,
    image: Any,
    *,
    layer: str | nn.Module | None = None,
    target: Any = None,
    against: Any = None,
    direction: str = "up",
    integrated: bool = True,
    run: int | None = None,
    reshape_transform: Reshape | None = None,
    model_name: str | None = None,
    photo_name: str | None = None,
    class_names: Any = None,
    network_record: Mapping[str, Any] | None = None,
) -> ForwardPass:
    """Run the network once on an image or a batch; arguments and errors are those of `explain`.

    With `integrated`, what lies behind the layer runs as often as `capture` needs to make the
    contributions of the maps add up.

    Args:
        model: the network, or what `adapt` makes of it.
        image: one tensor; `batches` splits several inputs.
        network_record: what is known about the origin of the network, for the record.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> run_forward(net, torch.randn(3, 8, 8), layer="1").captured.layer
    '1'
    """
    if network_record is not None and not isinstance(network_record, Mapping):
        raise ArgumentError(
            f"network_record: a {type(network_record).__name__}; give a dict, such as "
            "load_model(...).record"
        )
    images = as_batch(image, model)
    names = names_of_targets(class_names, getattr(model, "link", None))
    contrast = resolve_against(against, names)
    options = {
        "targets": resolve_targets(target, names), "against": contrast, "direction": direction,
        "integrated": integrated, "reshape_transform": reshape_transform,
    }  # fmt: skip
    choice, captured = _captured(model, images, layer, run, options)
    log.info("layer %s%s", choice.name, " (the default)" if layer is None else "")
    record = {
        "photo": photo_name,
        "model": model_name or type(network_of(model)).__name__,
        "network": dict(network_record or {}),
        "layer_was_named": layer is not None,
        "target_was_named": target is not None,
        "target_is_a_function": _has_function(target),
        "against": contrast,
        "direction": direction,
        "input_shape": list(images.shape[1:]),
        **output_record(captured),
        "run_was_chosen": run is not None or (layer is None and not choice.ambiguous),
        "torch": torch.__version__,
        "device": str(captured.logits.device),
        "dtype": str(captured.dtype).removeprefix("torch."),
        "view": view_record(images.shape[1:]),
    }
    count = captured.logits.shape[1]
    names = names_of_classes(class_names, count, two_sided=captured.two_sided)
    return ForwardPass(captured, images, record, names)


def output_record(captured: Capture) -> dict[str, Any]:
    """Return how the outputs of the network and of the layer were read, as plain values."""
    form = captured.form
    return {
        "link": captured.link,
        "link_reason": captured.link_reason,
        "output_taken": captured.output_taken,
        "form": None if form is None else form.form,
        "prefix_tokens": 0 if form is None else form.prefix,
        "rows_of_an_image": 1 if form is None else form.rows,
        "run": captured.run,
        "runs": captured.runs,
    }


def _captured(
    model: nn.Module,
    images: Tensor,
    layer: str | nn.Module | None,
    run: int | None,
    options: Mapping[str, Any],
) -> tuple[LayerChoice, Capture]:
    """Capture a layer, or the default one.

    The default layer of a convolutional network is chosen by a forward pass alone. Only if no
    gradient reaches it are the gradients of all layers computed.
    """
    if layer is not None:
        choice = LayerChoice(layer_name(model, layer), run)
        return choice, capture(model, images, layer=choice.name, run=run, **options)
    if options["reshape_transform"] is not None:
        raise ArgumentError("reshape_transform: given without a layer; name the layer it is for")
    choice = choose_layer(model, images[:1], reached=False)
    try:
        return choice, _of_choice(model, images, choice, run, options)
    except UnreachedLayer:
        choice = choose_layer(model, images[:1])
        return choice, _of_choice(model, images, choice, run, options)


def _of_choice(
    model: nn.Module,
    images: Tensor,
    choice: LayerChoice,
    run: int | None,
    options: Mapping[str, Any],
) -> Capture:
    number = choice.run if run is None else run
    return capture(model, images, layer=choice.name, run=number, **options)


def _has_function(target: Any) -> bool:
    each = target if isinstance(target, list | tuple) else [target]
    return any(callable(one) for one in each)
