"""Class activation maps: the map of a selection, and the one list of the methods beside it.

Nothing here needs torch itself, only its tensors: pages and figures read the list without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from jaxtyping import Float

from annealcam._internal.map_axes import over_grid
from annealcam._internal.types import Tensor
from annealcam._internal.validation import one_of
from annealcam.attribution.cams.gradients import (
    centred,
    eigencam_weights,
    gradcam_plus_plus_weights,
    hirescam,
    layercam,
    weighted_map,
    xgradcam_weights,
)
from annealcam.attribution.cams.inputs import CamInputs
from annealcam.attribution.cams.perturbation import (
    ablationcam_weights,
    finercam_weights,
    scorecam_weights,
)
from annealcam.attribution.importance import contributions, gradcam_weights

MAP_FORMS = ("contributions", "relu_of_sum", "sum_of_relu")


def explanation_map(
    maps: Float[Tensor, " k *grid"], weights: Float[Tensor, " k"], *, form: str = "relu_of_sum"
) -> Float[Tensor, "*grid"]:
    """Return Grad-CAM's weighted sum over the selected maps S only.

    relu_of_sum: ReLU(sum_{a in S} alpha_a f^(a))       (the form of Grad-CAM)
    sum_of_relu: sum_{a in S} ReLU(alpha_a f^(a))       (the paper's code)

    With every map selected, `relu_of_sum` is Grad-CAM.

    Raises:
        ArgumentError: no form has that name.

    Source: arXiv 2604.25649, "QA-fGradCAM".

    >>> import torch
    >>> explanation_map(torch.tensor([[[1., 2.]], [[3., 1.]]]), torch.tensor([1., -1.]))
    tensor([[0., 1.]])
    """
    one_of("map_form", form, MAP_FORMS[1:])
    weighted = over_grid(weights, maps) * maps
    if form == "relu_of_sum":
        return weighted.sum(dim=0).relu()
    return weighted.relu().sum(dim=0)


def selection_map(
    maps: Float[Tensor, " k *grid"],
    alpha: Float[Tensor, " k"],
    contribution_maps: Float[Tensor, " k *grid"],
    *,
    form: str = "contributions",
) -> Float[Tensor, "*grid"]:
    """Return the raw explanation map of the selected maps.

    contributions: ReLU(sum_{a in S} g_a), the part of the evidence that they draw
    relu_of_sum, sum_of_relu: the sums of `explanation_map`, weighted by Grad-CAM's alpha

    Where the gradient is constant over a map, as behind a head that pools, `contributions` and
    `relu_of_sum` are equal.

    Raises:
        ArgumentError: no form has that name.

    >>> import torch
    >>> f, g = torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[3.0, 1.0]]])
    >>> alpha = g.mean(dim=(1, 2))
    >>> selection_map(f, alpha, f * g), selection_map(f, alpha, f * g, form="relu_of_sum")
    (tensor([[3., 2.]]), tensor([[2., 4.]]))
    """
    if one_of("map_form", form, MAP_FORMS) == "contributions":
        return contribution_maps.sum(dim=0).relu()
    return explanation_map(maps, alpha, form=form)


Weights: TypeAlias = Callable[[CamInputs], Float[Tensor, "n maps"]]
Draw: TypeAlias = Callable[[CamInputs, Float[Tensor, "n maps"]], Float[Tensor, " n *grid"]]


def _weighted(inputs: CamInputs, weights: Tensor) -> Tensor:
    """Draw ReLU(sum_a w_a f^(a)), as most methods do."""
    return weighted_map(inputs.activations, weights)


@dataclass(frozen=True)
class CamMethod:
    """A method that draws a map from all feature maps of a layer.

    Attributes:
        name: the value of `method=` and the key in tables and files.
        label: how people call it.
        colour: of its dots, lines and bars, a hex value that colour-blind readers can tell from the
            other methods'.
        weights: what each map counts for; those of positive weight are the maps that the method
            rests on.
        draw: (inputs, weights) to raw maps, ReLU applied.
        compared: whether `evaluate` and `audit` compare it where no methods are named.
        beside: whether every explanation holds its map, for pages and pictures to show beside it.
    """

    name: str
    label: str
    colour: str
    weights: Weights
    draw: Draw = _weighted
    compared: bool = False
    beside: bool = False

    @property
    def css_name(self) -> str:
        """The name as pages use it for classes and colours: `gradcam-plus` for `gradcam++`."""
        return self.name.replace("++", "-plus")

    def maps(self, inputs: CamInputs) -> Float[Tensor, " n *grid"]:
        """Return the raw map of each image, ReLU applied.

        Raises:
            ArgumentError: the method runs the network, which the inputs lack.
        """
        import torch

        with torch.inference_mode(False):  # some methods need gradients of their own
            return self.draw(inputs, self.weights(inputs))


# The CAM methods by name; `annealcam.cam`, pages, figures and the command line read them.
CAM_METHODS: Mapping[str, CamMethod] = MappingProxyType(
    {
        method.name: method
        for method in (
            CamMethod("gradcam", "Grad-CAM", "#E69F00", lambda x: gradcam_weights(x.gradients),
                      compared=True, beside=True),
            CamMethod("gradcam++", "Grad-CAM++", "#009E73",
                      lambda x: gradcam_plus_plus_weights(x.activations, x.gradients),
                      compared=True, beside=True),
            CamMethod("hirescam", "HiResCAM", "#CC79A7",
                      lambda x: contributions(x.activations, x.gradients),
                      lambda x, _: hirescam(x.activations, x.gradients), compared=True),
            CamMethod("layercam", "LayerCAM", "#FFB3C7",
                      lambda x: contributions(x.activations, x.gradients.relu()),
                      lambda x, _: layercam(x.activations, x.gradients)),
            CamMethod("xgradcam", "XGrad-CAM", "#882255",
                      lambda x: xgradcam_weights(x.activations, x.gradients)),
            CamMethod("eigencam", "Eigen-CAM", "#4B0092", lambda x: eigencam_weights(x.activations),
                      lambda x, weights: weighted_map(centred(x.activations), weights)),
            CamMethod("scorecam", "Score-CAM", "#AA0DFE", scorecam_weights),
            CamMethod("ablationcam", "Ablation-CAM", "#5B3A00", ablationcam_weights),
            CamMethod("finercam", "Finer-CAM", "#DDCC77", finercam_weights),
        )
    }
)  # fmt: skip
BESIDE = tuple(method for method in CAM_METHODS.values() if method.beside)
COMPARED = tuple(method for method in CAM_METHODS.values() if method.compared)


def cam_maps(
    activations: Float[Tensor, "n maps *grid"],
    gradients: Float[Tensor, "n maps *grid"],
    method: str,
) -> Float[Tensor, " n *grid"]:
    """Return the raw maps of the method of that name, one of `CAM_METHODS`.

    Raises:
        ArgumentError: no method has that name, or it runs the network (`scorecam`, `ablationcam`,
            `finercam`): `annealcam.cam` draws those.

    >>> import torch
    >>> cam_maps(torch.ones(1, 1, 1, 2), torch.tensor([[[[2., -4.]]]]), "hirescam")
    tensor([[[2., 0.]]])
    """
    one_of("method", method, CAM_METHODS)
    return CAM_METHODS[method].maps(CamInputs(activations, gradients))
