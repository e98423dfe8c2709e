"""annealcam as a method of pytorch-grad-cam: `AnnealCAM`, a `BaseCAM`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from annealcam._internal.extras import missing_extra
from annealcam._internal.map_axes import grid_axes, over_grid
from annealcam._internal.types import Array
from annealcam.attribution.network.layer_output import Reshape
from annealcam.errors import ArgumentError, LayerError
from annealcam.interop.selection import selected_maps, settings_of

try:
    from pytorch_grad_cam.base_cam import BaseCAM  # type: ignore[import-untyped]
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget  # type: ignore[import-untyped]
    from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection  # type: ignore[import-untyped]
except ModuleNotFoundError as error:
    raise missing_extra(
        str(error.name), extra="grad-cam", needed_by="annealcam.interop.grad_cam"
    ) from error


class AnnealCAM(BaseCAM):  # type: ignore[misc]  # the package is untyped
    """The map of the few feature maps that annealcam selects, as pytorch-grad-cam gives maps.

    L = ReLU(sum_a n_a alpha_a f^(a)), n the selection of `annealcam.explain`; resized to the
    input and scaled to [0, 1] by the package, which takes images and volumes, but no signals. With
    every map selected it is its `GradCAM`.

    It keeps the package's manners, not annealcam's: the model goes into evaluation mode, hooks
    stay until the object is released (`with`, or `del`), and `.grad` is overwritten.

    Args:
        model, target_layers: as for every method of the package.
        reshape_transform: makes maps, such as (n, maps, h, w), of the layer's output;
            `interop.tokens.token_grid` makes one for transformers.
        compute_input_gradient, tta_transforms: options of the package.
        choices: keywords of `annealcam.explain`: importance, beta, cardinality, preset, sampler,
            seed, max_qubits, tau, normalisation, schedule, shots, map_form.

    Raises:
        ArgumentError: an option is unknown or out of range; (when called) no image, or a signal.
        LayerError: (when called) no spatial maps, or no gradient reaches them.

    Source: arXiv 2604.25649; the interface is that of pytorch-grad-cam 1.5.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> with AnnealCAM(net, [net[1]], sampler="exact") as cam:
    ...     cam(torch.randn(2, 3, 8, 8), targets=None).shape
    (2, 8, 8)
    """

    def __init__(
        self,
        model: nn.Module,
        target_layers: Sequence[nn.Module],
        reshape_transform: Reshape | None = None,
        *,
        compute_input_gradient: bool = False,
        tta_transforms: Any = None,
        **choices: Any,
    ) -> None:
        self.settings = settings_of(choices)  # first: a refused option must leave no hooks behind
        super().__init__(
            model,
            target_layers,
            reshape_transform,
            compute_input_gradient=compute_input_gradient,
            tta_transforms=tta_transforms,
        )
        for layer in target_layers:  # theirs between ours, and released with them
            first = layer.register_forward_hook(_start_graph, prepend=True)
            last = layer.register_forward_hook(_hand_on_a_copy)
            self.activations_and_grads.handles += [first, last]

    def __del__(self) -> None:
        if hasattr(self, "activations_and_grads"):  # not if the settings were refused
            super().__del__()

    def __exit__(self, *error: object) -> None:
        """Release the hooks; the package also hides every IndexError, such as of a class."""
        self.activations_and_grads.release()

    def get_cam_weights(
        self,
        input_tensor: Any,  # noqa: ARG002  (the package's signature)
        target_layers: Any,  # noqa: ARG002
        targets: Any,  # noqa: ARG002
        activations: Array | None,
        grads: Array | None,
    ) -> Float[Array, "n maps"]:
        """Return alpha_a for the selected maps, and 0 for all others."""
        if grads is None or activations is None:
            raise LayerError("target_layers: no gradient of the targets reaches a layer of them")
        f, g = torch.from_numpy(activations), torch.from_numpy(grads)
        chosen = selected_maps(f, g, self.settings)
        return np.where(chosen.numpy(), grads.mean(axis=grid_axes(grads)), np.float32(0))

    def get_cam_image(
        self,
        input_tensor: Any,
        target_layer: Any,
        targets: Any,
        activations: Array | None,
        grads: Array | None,
        eigen_smooth: bool = False,
    ) -> Float[Array, " n *grid"]:
        """Return the weighted sum of the maps, in the settings' `map_form`."""
        weights = self.get_cam_weights(input_tensor, target_layer, targets, activations, grads)
        weighted = over_grid(weights, activations) * activations
        if self.settings.map_form == "sum_of_relu":
            weighted = np.maximum(weighted, 0)
        return get_2d_projection(weighted) if eigen_smooth else weighted.sum(axis=1)

    def compute_cam_per_layer(self, input_tensor: Any, targets: Any, eigen_smooth: bool) -> Any:
        """As the package does, also for models in bfloat16, which numpy does not know."""
        held = self.activations_and_grads
        held.activations = [_wide(a) for a in held.activations]
        held.gradients = [_wide(g) for g in held.gradients]
        return super().compute_cam_per_layer(input_tensor, targets, eigen_smooth)

    def forward(self, input_tensor: Tensor, targets: Any, eigen_smooth: bool = False) -> Any:
        """Return the maps of a batch, (n, H, W) or (n, D, H, W), in [0, 1]."""
        if not isinstance(input_tensor, Tensor):
            raise ArgumentError(f"input_tensor: {type(input_tensor).__name__}; give a tensor")
        if len(input_tensor) == 0:
            raise ArgumentError("input_tensor: a batch of no images; give (n, 3, H, W), n >= 1")
        if input_tensor.ndim not in (4, 5):
            raise ArgumentError(
                f"input_tensor: of shape {tuple(input_tensor.shape)}; the package grad-cam resizes "
                "maps to images (n, channels, H, W) and volumes only. `annealcam.explain` takes "
                "signals."
            )
        if targets is None and input_tensor.dtype == torch.bfloat16:
            with torch.no_grad():
                predicted = self.model(input_tensor.to(self.device)).argmax(dim=-1)
            targets = [ClassifierOutputTarget(int(c)) for c in predicted]
        with torch.inference_mode(False), torch.enable_grad():
            images = input_tensor.clone() if input_tensor.is_inference() else input_tensor
            return super().forward(images, targets, eigen_smooth)


def _start_graph(_module: nn.Module, _inputs: Any, output: Any) -> Any:
    """Let gradients reach the layer also where all before it is frozen."""
    if not isinstance(output, Tensor) or output.requires_grad:
        return output
    torch.set_grad_enabled(True)  # also where the model itself froze its trunk by no_grad
    return output.detach().clone().requires_grad_().clone()


def _hand_on_a_copy(_module: nn.Module, _inputs: Any, output: Any) -> Any:
    """What the package keeps must not change when the model works in place."""
    return output.clone() if isinstance(output, Tensor) else output


def _wide(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))
