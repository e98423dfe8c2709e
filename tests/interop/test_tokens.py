"""Transformers with a spatial token grid, through every face."""

import numpy as np
import pytest
import torch
from torch import nn

from annealcam.attribution.activations import capture
from annealcam.errors import AnnealcamWarning, LayerError
from annealcam.interop.quantus import explain_func
from annealcam.interop.tokens import token_grid
from tests.networks import small_network

pytestmark = pytest.mark.filterwarnings("ignore::annealcam.errors.AnnealcamWarning")


class Tokens(nn.Module):
    """The small network, whose maps pass through a layer as tokens behind a class token."""

    def __init__(self):
        super().__init__()
        self.net, self.tokens = small_network(), nn.Identity()

    def forward(self, x):
        f = self.net[:4](x)
        flat = f.flatten(2).transpose(1, 2)
        flat = self.tokens(torch.cat([flat.mean(dim=1, keepdim=True), flat], dim=1))
        return self.net[4:](flat[:, 1:].transpose(1, 2).reshape(f.shape))


def test_a_grid_puts_every_token_in_its_place():
    maps = torch.randn(2, 5, 3, 4)
    tokens = torch.cat([torch.zeros(2, 2, 5), maps.flatten(2).transpose(1, 2)], dim=1)
    for grid in (token_grid(3, 4, prefix=2), token_grid(width=4, prefix=2)):
        assert torch.equal(grid(tokens), maps)
    assert torch.equal(token_grid()(maps.permute(0, 2, 3, 1)), maps)
    with pytest.raises(LayerError, match="do not fill 3 x 3"):
        token_grid()(tokens)
    with pytest.raises(LayerError, match="not tokens"):
        token_grid()(torch.zeros(2, 3))


def test_tokens_give_what_their_maps_give(images):
    network = Tokens().eval()
    ours = capture(network, images, layer="tokens", targets=1, reshape_transform=token_grid())
    plain = capture(network.net, images, layer="3", targets=1)
    for name in ("activations", "gradients", "logits", "targets"):
        torch.testing.assert_close(getattr(ours, name), getattr(plain, name))
    options = {"sampler": "exact"}
    np.testing.assert_allclose(
        explain_func(
            network, images, [1] * 3, layer="tokens", reshape_transform=token_grid(), **options
        ),
        explain_func(network.net, images, [1] * 3, layer="3", **options),
        atol=1e-6,
    )


def vision_transformer():
    timm = pytest.importorskip("timm")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return timm.create_model(
            "vit_tiny_patch16_224", img_size=64, depth=2, num_classes=5, embed_dim=48
        ).eval()


def test_a_vision_transformer_by_every_face():
    network, images = vision_transformer(), torch.randn(2, 3, 64, 64)
    layer = network.blocks[-1].norm1
    options = {"sampler": "exact", "cardinality": 3, "gradients": "plain"}
    by_name = explain_func(
        network, images, [1, 2], layer="blocks.1.norm1", reshape_transform=token_grid(), **options
    )
    assert by_name.shape == (2, 1, 64, 64)
    assert by_name.max() > 0

    pytest.importorskip("pytorch_grad_cam")
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    from annealcam.interop.grad_cam import AnnealCAM

    with AnnealCAM(network, [layer], token_grid(), **options) as cam:
        assert cam(images, [ClassifierOutputTarget(c) for c in (1, 2)]).shape == (2, 64, 64)

    pytest.importorskip("captum")
    from captum.attr import LayerAttribution

    from annealcam.interop.captum import LayerAnnealCAM

    raw = LayerAnnealCAM(network, layer, reshape_transform=token_grid(), **options).attribute(
        images, [1, 2]
    )
    assert raw.shape == (2, 1, 4, 4)
    resized = LayerAttribution.interpolate(raw, (64, 64), "bilinear")
    np.testing.assert_allclose(resized.numpy(), by_name, atol=1e-6)


def test_layers_that_cannot_be_are_refused(images):
    network, grid = Tokens().eval(), token_grid()
    for layer, reshape, text in [
        ("net.6", lambda x: x, "not maps"),
        ("tokens", token_grid(5, 5), "do not fill 5 x 5"),
        ("net.0", lambda x: x.mean(dim=(2, 3), keepdim=True), r"single numbers \(1 x 1\)"),
        ("nothing", grid, "no such layer"),
    ]:
        with pytest.raises(LayerError, match=text):
            capture(network, images, layer=layer, targets=None, reshape_transform=reshape)
    spare = nn.Sequential(network)
    spare.unused = nn.Identity()
    spare.forward = network.forward
    with pytest.raises(LayerError, match="never ran"):
        capture(spare, images, layer="unused", targets=None, reshape_transform=grid)


def test_signed_tokens_are_warned_of():
    network = vision_transformer()
    with pytest.warns(AnnealcamWarning, match="signed maps"):
        explain_func(
            network,
            torch.randn(1, 3, 64, 64),
            None,
            layer="blocks.1.norm1",
            reshape_transform=token_grid(),
            sampler="exact",
        )
