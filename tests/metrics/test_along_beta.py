"""The curve along beta on a linear head: shares of the contributions, in closed form."""

import numpy as np
import pytest
import torch
from torch import nn

from annealcam.attribution.capture import capture
from annealcam.errors import ArgumentError
from annealcam.metrics.along_beta import along_beta
from annealcam.metrics.channels import channel_faithfulness, faithfulness_of_many
from tests.builders import small_network


@pytest.fixture(scope="module")
def seen():
    network = small_network(maps=10)
    image = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(1))
    found = capture(network, image[None], layer="3", targets=[0])
    gain = (found.activations * found.gradients)[0].sum(dim=(1, 2)).double().numpy()
    assert gain.sum() > 0
    return network, image, gain


def test_shares_are_those_of_the_contributions(seen):
    network, image, gain = seen
    weight = np.arange(10.0)[::-1].copy()
    curve = along_beta(
        network, image, layer="3", target=0, weight=weight, betas=[0.2, 0.5, 1.0],
        select=lambda beta: np.arange(10)[-round(10 * beta) :],
    )  # fmt: skip
    assert curve.maps.tolist() == [2, 5, 10]
    for k, kept, top in zip(curve.maps, curve.kept, curve.kept_top, strict=True):
        assert kept == pytest.approx(gain[10 - k :].sum() / gain.sum(), rel=1e-3, abs=1e-5)
        assert top == pytest.approx(gain[:k].sum() / gain.sum(), rel=1e-3, abs=1e-5)


def test_many_selections_of_one_image_are_those_of_many_images(seen):
    network, image, _ = seen
    chosen = [np.array([1]), np.array([], dtype=int), np.array([0, 4, 7])]
    many = faithfulness_of_many(network, image, layer="3", selections=chosen, target=2)
    each = channel_faithfulness(
        network, image.expand(3, *image.shape), layer="3", selected=chosen, targets=[2] * 3
    )
    for name, values in vars(each).items():
        assert np.allclose(getattr(many, name), values, atol=1e-6), name
    assert many.logit_kept[1] == many.logit_none[1]


def test_the_image_goes_through_the_layer_once(seen):
    network, image, _ = seen
    counted = []
    first = nn.Sequential(*network[:4])
    first[3].register_forward_hook(lambda *_: counted.append(1))
    model = nn.Sequential(first, *network[4:])
    faithfulness_of_many(
        model, image, layer="0.3", selections=[np.array([i]) for i in range(9)], target=0
    )
    assert len(counted) == 2  # once to look at the layer, once for all selections


def test_what_cannot_be(seen):
    network, image, _ = seen
    with pytest.raises(ArgumentError, match="betas: none"):
        along_beta(network, image, layer="3", target=0, weight=np.ones(10), betas=[],
                   select=lambda _: np.arange(2))  # fmt: skip
    with pytest.raises(ArgumentError, match="selections: none"):
        faithfulness_of_many(network, image, layer="3", selections=[], target=0)
    with pytest.raises(ArgumentError, match="channel 10; layer '3' has 10"):
        faithfulness_of_many(network, image, layer="3", selections=[np.array([10])], target=0)
