"""The choice of a layer on networks as people have them, and the survey's numbers."""

import pytest
import torch
import torchvision
from torch import nn

from annealcam.attribution.activations import capture
from annealcam.attribution.candidates import find_candidates
from annealcam.attribution.importance import importance_of
from annealcam.attribution.layers import default_layer, survey
from annealcam.errors import LayerError, NumericalError, TargetError
from tests.networks import FrozenTrunk, small_network

LAST = {
    "resnet18": "layer4",
    "vgg11": "features.19",
    "alexnet": "features.11",
    "mobilenet_v2": "features",
    "googlenet": "inception5b",
    "squeezenet1_1": "features",
    "densenet121": "features",
    "shufflenet_v2_x0_5": "conv5",
    "mobilenet_v3_small": "features",
    "regnet_y_400mf": "trunk_output",
}


@pytest.mark.parametrize("name", LAST)
def test_last_convolutional_output_after_its_activation(name):
    options = {"init_weights": False} if name == "googlenet" else {}
    model = torchvision.models.get_model(name, weights=None, **options).eval()
    assert default_layer(model, torch.zeros(1, 3, 96, 96)) == LAST[name]


def test_network_without_convolutions():
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    with pytest.raises(LayerError, match="no layer of the network has several maps"):
        default_layer(model, torch.zeros(1, 3, 4, 4))


def test_class_scores_are_taken_where_there_is_nothing_else():
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert default_layer(model, torch.zeros(1, 3, 8, 8)) == "1"


@pytest.mark.parametrize("name", ["contribution", "gradcam"])
def test_survey_agrees_with_one_capture_a_layer(name):
    torch.manual_seed(0)
    model = torchvision.models.resnet18(weights=None).eval()
    image = torch.randn(1, 3, 64, 64)
    found = survey(model, image, importance=name)
    assert len({layer.name for layer in found}) == len(found)
    assert {"layer4", "layer1.0", "bn1", "relu", "maxpool"} <= {layer.name for layer in found}
    for layer in found[::5]:
        one = capture(model, image, layer=layer.name)
        maps, weight = one.activations, importance_of(one.activations, one.gradients, name)[0]
        live = find_candidates(maps[0], weight, limit=10**6)
        assert (layer.channels, *layer.size) == tuple(maps.shape[1:])
        assert layer.negative == pytest.approx(float((maps < 0).float().mean()))
        assert layer.dead == pytest.approx(live.dead / layer.channels)
        assert layer.candidates == pytest.approx(len(live.channels) / layer.channels, abs=0.01)


def test_survey_of_a_chosen_class_differs(network, images):
    shares = [
        [layer.candidates for layer in survey(network, images[:1], target=target)]
        for target in range(5)
    ]
    assert any(shares[0] != other for other in shares[1:])


def test_survey_sees_behind_a_trunk_that_the_model_freezes(images):
    frozen = {layer.name: layer for layer in survey(FrozenTrunk(), images[:1])}
    free = {layer.name: layer for layer in survey(small_network(), images[:1])}
    assert frozen["net.3"].candidates == free["3"].candidates


def test_survey_of_what_cannot_be_explained(network, images):
    dense = nn.Sequential(nn.Flatten(), nn.Linear(1200, 2))
    with pytest.raises(LayerError, match="no gradient"):
        survey(dense, images[:1])
    with pytest.raises(TargetError, match="target=7"):
        survey(network, images[:1], target=7)
    with pytest.raises(NumericalError, match="logits"):
        survey(network, images[:1] * float("nan"))


def test_survey_leaves_the_model_alone(images):
    model = small_network().train()
    before = [p.clone() for p in model.parameters()]
    survey(model, images[:1])
    default_layer(model, images[:1])
    assert all(m.training for m in model.modules())
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks for m in model.modules())
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
