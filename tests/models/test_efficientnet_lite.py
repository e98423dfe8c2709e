"""The bundled networks are timm's to the bit, and need neither timm nor torchvision."""

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch import nn
from torchvision.models._meta import _IMAGENET_CATEGORIES

import annealcam as ac
from annealcam.models.cards.imagenet import imagenet_classes, names_by_wordnet_number
from annealcam.models.sources.efficientnet_lite import LITE

NAMES = sorted(LITE)


@pytest.fixture(scope="module", params=NAMES)
def pair(request):
    """The network of a name, timm's with the same tensors, and a photo at an odd size."""
    pytest.importorskip(LITE[request.param].package)
    ours, preprocess, _ = ac.load_model(request.param)
    architecture = f"tf_{request.param.replace('-', '_')}"
    with torch.device("meta"):
        theirs = timm.create_model(architecture).eval()
    theirs.load_state_dict({n: t.clone() for n, t in ours.state_dict().items()}, assign=True)
    noise = np.random.default_rng(0).integers(0, 256, (75, 61, 3), dtype=np.uint8)
    image = preprocess(Image.fromarray(noise).resize((300, 401)))[None]
    return ours, theirs, image[..., :101, :96]  # where padding is uneven


def test_names_classes_and_tensors_are_those_of_timm(pair):
    ours, theirs, _ = pair

    def modules(network):
        return [(name, type(module).__name__) for name, module in network.named_modules()]

    assert modules(ours) == modules(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert all(parameter.requires_grad for parameter in ours.parameters())


def outputs_and_gradients(network, image):
    """The output of every module, and the gradients of a logit by image and parameters."""
    outputs = []
    hooks = [
        module.register_forward_hook(lambda *call: outputs.append(call[2].detach().clone()))
        for module in network.modules()
    ]
    network.zero_grad()
    leaf = image.clone().requires_grad_()
    network(leaf)[0, 285].backward()
    for hook in hooks:
        hook.remove()
    return [*outputs, leaf.grad, *(parameter.grad for parameter in network.parameters())]


def test_logits_maps_and_gradients_are_those_of_timm_to_the_bit(pair):
    ours, theirs, image = pair
    results = [outputs_and_gradients(network, image) for network in (ours, theirs)]
    assert len(results[0]) == len(results[1])
    assert all(map(torch.equal, *results))


def test_statistics_in_training_are_those_of_timm(pair):
    results = []
    for network in pair[:2]:
        stem = nn.Sequential(network.conv_stem, network.bn1).train()
        stem(pair[2])
        results.append(network.bn1.running_var.clone())
        stem.eval()
    assert torch.equal(*results)


def test_the_classes_of_imagenet_are_those_of_torchvision_and_timm():
    from timm.data import ImageNetInfo

    assert imagenet_classes() == tuple(_IMAGENET_CATEGORIES)
    assert list(names_by_wordnet_number()) == ImageNetInfo().label_names()
