"""Class activation maps: the map of a selection, and the one list of the methods beside it.

Nothing here needs torch itself, only its tensors: pages and figures read the list without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from jaxtyping import Float

from annealcam._internal.types import Tensor
from annealcam._internal.validation import one_of
from annealcam.attribution.importance import Importance, contributions, gradcam_weights

MAP_FORMS = ("contributions", "relu_of_sum", "sum_of_relu")
GRADCAMPP_EPS = 1e-6


def explanation_map(
    maps: Float[Tensor, "k h w"], weights: Float[Tensor, " k"], *, form: str = "relu_of_sum"
) -> Float[Tensor, "h w"]:
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
    weighted = weights[:, None, None] * maps
    if form == "relu_of_sum":
        return weighted.sum(dim=0).relu()
    return weighted.relu().sum(dim=0)


def selection_map(
    maps: Float[Tensor, "k h w"],
    alpha: Float[Tensor, " k"],
    contribution_maps: Float[Tensor, "k h w"],
    *,
    form: str = "contributions",
) -> Float[Tensor, "h w"]:
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


def gradcam(
    activations: Float[Tensor, "n maps h w"], gradients: Float[Tensor, "n maps h w"]
) -> Float[Tensor, "n h w"]:
    """Return the maps of Grad-CAM: L = ReLU(sum_a alpha_a f^(a)), alpha_a = mean_ij g^(a)_ij.

    Source: Selvaraju et al. 2017, eq. 1 and 2.

    >>> import torch
    >>> gradcam(torch.ones(1, 2, 1, 2), torch.tensor([[[[1., 3.]], [[-1., 0.]]]]))
    tensor([[[1.5000, 1.5000]]])
    """
    weights = gradients.mean(dim=(-2, -1), keepdim=True)
    return (weights * activations).sum(dim=1).relu()


def gradcam_plus_plus(
    activations: Float[Tensor, "n maps h w"],
    gradients: Float[Tensor, "n maps h w"],
    *,
    eps: float = GRADCAMPP_EPS,
) -> Float[Tensor, "n h w"]:
    """Return the maps of Grad-CAM++ (exponential link): L = ReLU(sum_a w_a f^(a)).

    w_a = sum_ij q_ij ReLU(g_ij),   q = g^2 / (2 g^2 + (sum_ij f) g^3 + eps),   0/0 = 0

    `eps = 1e-6` is what the package `grad-cam` adds, so that the same words give the same map; it
    is not small against g^2 in most networks. `eps = 0` is the published formula. The derivation
    supposes maps after a ReLU.

    Source: Chattopadhay et al. 2018, eq. 5, 7 and 19.

    >>> import torch
    >>> gradcam_plus_plus(torch.ones(1, 1, 1, 2), torch.tensor([[[[1., 0.]]]]), eps=0.0)
    tensor([[[0.2500, 0.2500]]])
    """
    weights = gradcam_plus_plus_weights(activations, gradients, eps=eps)
    return (weights[:, :, None, None] * activations).sum(dim=1).relu()


def gradcam_plus_plus_weights(
    activations: Float[Tensor, "n maps h w"],
    gradients: Float[Tensor, "n maps h w"],
    *,
    eps: float = GRADCAMPP_EPS,
) -> Float[Tensor, "n maps"]:
    """Return Grad-CAM++'s weight of every map, w_a = sum_ij q_ij ReLU(g_ij); q as there.

    Where maps are not negative, neither are the weights, and nearly every map has a positive one
    for every class.

    >>> import torch
    >>> gradcam_plus_plus_weights(
    ...     torch.ones(1, 1, 1, 2), torch.tensor([[[[1., 0.]]]]), eps=0.0)
    tensor([[0.2500]])
    """
    g2 = gradients.square()
    total = activations.sum(dim=(-2, -1), keepdim=True)
    below = g2 * (2 + total * gradients) + eps
    q = (g2 / below).where((g2 > 0) & (below != 0), 0.0)
    return (q * gradients.relu()).sum(dim=(-2, -1))


def hirescam(
    activations: Float[Tensor, "n maps h w"], gradients: Float[Tensor, "n maps h w"]
) -> Float[Tensor, "n h w"]:
    """Return the maps of HiResCAM: L = ReLU(sum_a g^(a) * f^(a)), exact for a linear head.

    Source: Draelos and Carin 2020, eq. 2.

    >>> import torch
    >>> hirescam(torch.tensor([[[[1., 2.]]]]), torch.tensor([[[[3., -1.]]]]))
    tensor([[[3., 0.]]])
    """
    return (gradients * activations).sum(dim=1).relu()


Maps: TypeAlias = Callable[
    [Float[Tensor, "n maps h w"], Float[Tensor, "n maps h w"]], Float[Tensor, "n h w"]
]


@dataclass(frozen=True)
class CamMethod:
    """A method that draws a map from all feature maps of a layer.

    Attributes:
        name: the value of `method=` and the key in tables and files.
        label: how people call it.
        colour: of its dots, lines and bars, a hex value of the palette of Okabe and Ito.
        function: (activations, gradients) to raw maps, ReLU applied.
        weights: (activations, gradients) to what each map counts for; those of positive weight are
            the maps that the method rests on.
        beside: whether every explanation holds its map, for pages and pictures to show beside it.
    """

    name: str
    label: str
    colour: str
    function: Maps
    weights: Importance
    beside: bool = False

    @property
    def css_name(self) -> str:
        """The name as pages use it for classes and colours: `gradcam-plus` for `gradcam++`."""
        return self.name.replace("++", "-plus")


CAM_METHODS: Mapping[str, CamMethod] = MappingProxyType(
    {
        method.name: method
        for method in (
            CamMethod("gradcam", "Grad-CAM", "#E69F00", gradcam,
                      lambda _, gradients: gradcam_weights(gradients), beside=True),
            CamMethod("gradcam++", "Grad-CAM++", "#009E73", gradcam_plus_plus,
                      gradcam_plus_plus_weights, beside=True),
            CamMethod("hirescam", "HiResCAM", "#CC79A7", hirescam, contributions),
        )
    }
)  # fmt: skip
BESIDE = tuple(method for method in CAM_METHODS.values() if method.beside)


def cam_maps(
    activations: Float[Tensor, "n maps h w"], gradients: Float[Tensor, "n maps h w"], method: str
) -> Float[Tensor, "n h w"]:
    """Return the raw maps of the method of that name, one of `CAM_METHODS`.

    Raises:
        ArgumentError: no method has that name.

    >>> import torch
    >>> cam_maps(torch.ones(1, 1, 1, 2), torch.tensor([[[[2., -4.]]]]), "hirescam")
    tensor([[[2., 0.]]])
    """
    one_of("method", method, CAM_METHODS)
    return CAM_METHODS[method].function(activations, gradients)
