"""Sets of signals and volumes: those of the same network on images that are one pixel wide."""

import pytest
import torch
from torch import nn

import annealcam as ac
from annealcam.errors import TargetError
from tests.networks import Crops, inputs_along_a_line, network_along_a_line


@pytest.mark.parametrize("axes", [1, 3])
@pytest.mark.parametrize("layer", ["1", "3"])
def test_sets(axes, layer):
    for find, options in ((ac.flip_set, {}), (ac.sufficient_set, {"cardinality": 2})):
        found, expected = (
            find(network_along_a_line(a), inputs_along_a_line(a), layer=layer, **options)
            for a in (axes, 2)
        )
        assert [s.channels.tolist() for s in found] == [s.channels.tolist() for s in expected]
        assert [s.proved for s in found] == [s.proved for s in expected]


@pytest.mark.parametrize("axes", [1, 3])
def test_a_single_input_is_that_of_a_batch(axes):
    net, inputs = network_along_a_line(axes), inputs_along_a_line(axes)
    (first, _) = ac.flip_set(net, inputs, layer="3")
    assert ac.flip_set(net, inputs[0], layer="3").channels.tolist() == first.channels.tolist()
    (first, _) = ac.sufficient_set(net, inputs, layer="3", cardinality=2)
    single = ac.sufficient_set(net, inputs[0], layer="3", cardinality=2)
    assert single.channels.tolist() == first.channels.tolist()


def test_several_inputs_and_rows_folded_into_the_batch():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.crops = Crops()

        def forward(self, image, scale):
            return self.crops(image) * scale

    images, scale = torch.randn(2, 3, 20, 20), torch.ones(2, 1)
    both = ac.flip_set(Scaled(), (images, scale), layer="crops.conv")
    alone = ac.flip_set(Crops(), images, layer="conv")
    assert [s.channels.tolist() for s in both] == [s.channels.tolist() for s in alone]
    single = ac.flip_set(Scaled(), (images[1], scale[1]), layer="crops.conv")
    assert single.channels.tolist() == alone[1].channels.tolist()


def test_a_function_of_the_logits_is_no_class():
    net, inputs = network_along_a_line(2), inputs_along_a_line(2)
    with pytest.raises(TargetError, match="target: a function of the logits"):
        ac.flip_set(net, inputs, layer="3", target=lambda logits: logits[0])
