"""annealcam as an attribution of Captum: `LayerAnnealCAM`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from annealcam._internal.extras import missing_extra
from annealcam.attribution.network.layer_output import Reshape
from annealcam.errors import ArgumentError, LayerError
from annealcam.interop.selection import selection_maps, settings_of

try:
    from captum._utils.common import _run_forward  # type: ignore[import-untyped]
    from captum._utils.gradient import compute_layer_gradients_and_eval  # type: ignore[import-untyped]
    from captum.attr import LayerAttribution  # type: ignore[import-untyped]
    from captum.attr._utils.attribution import GradientAttribution  # type: ignore[import-untyped]
    from captum.log import log_usage  # type: ignore[import-untyped]
except ModuleNotFoundError as error:
    raise missing_extra(
        str(error.name), extra="captum", needed_by="annealcam.interop.captum"
    ) from error


class LayerAnnealCAM(LayerAttribution, GradientAttribution):  # type: ignore[misc]  # untyped
    """The map of the few feature maps that annealcam selects, as Captum gives attributions.

    A = ReLU(sum_a n_a alpha_a f^(a)), n the selection of `annealcam.explain`. With every map
    selected it is Captum's `LayerGradCam` with `relu_attributions=True`. It is no gradient times
    input: `multiplies_by_inputs` is False, and there is no convergence delta.

    As everywhere in Captum, the model runs in the mode that it is in: call `model.eval()`.

    Args:
        forward_func: the model, or a function of it.
        layer: the module to explain.
        device_ids: of a DataParallel model, as in Captum.
        reshape_transform: makes maps, such as (n, maps, h, w), of the layer's output;
            `interop.tokens.token_grid` makes one for transformers.
        choices: keywords of `annealcam.explain`: importance, beta, cardinality, preset, sampler,
            seed, max_qubits, tau, normalisation, schedule, shots, map_form.

    Raises:
        ArgumentError: an option is unknown or out of range.

    Source: arXiv 2604.25649; the interface is that of Captum 0.8 and 0.9.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> a = LayerAnnealCAM(net, net[1], sampler="exact").attribute(torch.randn(2, 3, 8, 8), 0)
    >>> a.shape, LayerAttribution.interpolate(a, (8, 8), "bilinear").shape
    (torch.Size([2, 1, 6, 6]), torch.Size([2, 1, 8, 8]))
    """

    def __init__(
        self,
        forward_func: Callable[..., Tensor],
        layer: nn.Module,
        device_ids: list[int] | None = None,
        *,
        reshape_transform: Reshape | None = None,
        **choices: Any,
    ) -> None:
        LayerAttribution.__init__(self, forward_func, layer, device_ids)
        GradientAttribution.__init__(self, forward_func)
        self.settings = settings_of(choices)
        self.reshape_transform = reshape_transform

    @log_usage()  # type: ignore[untyped-decorator]  # NoiseTunnel looks for what it wraps
    def attribute(
        self,
        inputs: Tensor | tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        attribute_to_layer_input: bool = False,
    ) -> Float[Tensor, "n 1 *grid"]:
        """Return the raw maps at the layer's resolution, not negative, (n, 1, *grid).

        The grid has one axis for signals, two for images and three for volumes.

        Args:
            inputs, additional_forward_args, attribute_to_layer_input: as in Captum.
            target: as in Captum; None takes the predicted class of every input, where the
                function returns several numbers. Under a NoiseTunnel every noisy copy then has
                its own: give a target there.

        Raises:
            ArgumentError: no inputs, or an image has fewer candidates than the cardinality.
            LayerError: no spatial maps, or several tensors.
            NumericalError: maps or gradients hold NaN or infinity.
        """
        each = inputs if isinstance(inputs, tuple) else (inputs,)
        for value in each:
            if not isinstance(value, Tensor):
                raise ArgumentError(f"inputs: {type(value).__name__}; give a tensor, or several")
        if len(each[0]) == 0:
            raise ArgumentError("inputs: a batch of no images; give (n, 3, H, W), n >= 1")
        if target is None:
            target = self._predicted(inputs, additional_forward_args)
        with torch.inference_mode(False):
            gradients, maps = compute_layer_gradients_and_eval(
                self.forward_func,
                self.layer,
                tuple(x.clone() if x.is_inference() else x for x in each),
                target,
                additional_forward_args,
                device_ids=self.device_ids,
                attribute_to_layer_input=attribute_to_layer_input,
            )
        if len(maps) != 1:
            raise LayerError(f"layer: gives {len(maps)} tensors, not one of maps (n, maps, h, w)")
        signals = each[0].ndim == 3 or self.reshape_transform is not None
        found = self._maps(maps[0]), self._maps(gradients[0])
        return selection_maps(*found, self.settings, signals=signals)[:, None]

    def _maps(self, values: Tensor) -> Tensor:
        """Maps, or their gradients, without graph and in at least float32."""
        values = values.detach().to(torch.promote_types(values.dtype, torch.float32))
        return values if self.reshape_transform is None else self.reshape_transform(values)

    def _predicted(self, inputs: Any, additional: Any) -> Tensor | None:
        with torch.no_grad():
            scores = _run_forward(self.forward_func, inputs, additional_forward_args=additional)
        return scores.argmax(dim=1) if scores.ndim == 2 and scores.shape[1] > 1 else None
