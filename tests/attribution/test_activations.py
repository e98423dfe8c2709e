"""The capture's numbers, and the promise to give a model back as it was."""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.errors import (
    ArgumentError,
    LayerError,
    ModelError,
    NumericalError,
    TargetError,
)
from annealcam.testing.global_state import global_state
from annealcam.testing.network_state import network_state, same
from tests.networks import FrozenTrunk, small_network


def independent(model, images, layer, target):
    """Activations and gradients by torch's own retain_grad, with a plain hook."""
    kept = []

    def keep(_module, _inputs, output):
        output.retain_grad()
        kept.append(output)
        return output.clone()

    model = copy.deepcopy(model)
    model.get_submodule(layer).register_forward_hook(keep)
    logits = model(images)
    logits[:, target].sum().backward()
    return kept[-1].detach(), kept[-1].grad, logits.detach()


@pytest.mark.parametrize("layer", ["0", "2", "3"])
def test_equals_autograd(network, images, layer):
    captured = capture(network, images, layer=layer, targets=2)
    activations, gradients, logits = independent(network, images, layer, 2)
    assert torch.equal(captured.activations, activations)
    assert torch.allclose(captured.gradients, gradients, atol=1e-8)
    assert torch.allclose(captured.logits, logits, atol=1e-6)


def test_linear_head_gradient_is_the_weight(network, images):
    captured = capture(network, images, layer="3", targets=[0, 1, 4])
    area = captured.activations[0, 0].numel()
    expected = network[-1].weight.detach()[[0, 1, 4]] / area
    assert torch.allclose(captured.gradients.mean(dim=(-2, -1)), expected / 1, atol=1e-8)


def test_predicted_class_is_the_default_target(network, images):
    captured = capture(network, images, layer="3")
    assert torch.equal(captured.targets, captured.logits.argmax(dim=1))


def test_each_image_of_a_batch_stands_alone(network, images):
    together = capture(network, images, layer="3")
    for i in range(len(images)):
        alone = capture(network, images[i : i + 1], layer="3")
        assert torch.allclose(together.gradients[i], alone.gradients[0], atol=1e-7)


def test_in_place_relu_after_the_layer_leaves_the_maps_signed(network, images):
    assert (capture(network, images, layer="2").activations < 0).any()


def state_of(model):
    return network_state(model) | global_state()


class Breaks(nn.Module):
    def forward(self, x):
        torch.rand(3)
        raise RuntimeError("out of luck")


@pytest.mark.parametrize("breaks", [False, True])
def test_model_is_left_exactly_as_found(images, breaks):
    model = torchvision.models.resnet18(weights=None)
    model.train()
    model.layer1.eval()  # every module keeps its own mode
    model.fc.weight.requires_grad_(False)
    model(images).sum().backward()
    if breaks:
        model.fc = Breaks()
    before = state_of(model)
    if breaks:
        with pytest.raises(ModelError, match="out of luck"):
            capture(model, images, layer="layer3")
    else:
        capture(model, images, layer="layer3")
    assert same(before, state_of(model))


@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_works_whatever_the_grad_mode(network, images, guard):
    expected = capture(network, images, layer="3")
    with guard():
        captured = capture(network, images * 1, layer="3")
    assert torch.equal(captured.gradients, expected.gradients)
    assert not captured.gradients.is_inference()


def test_works_with_frozen_parameters(network, images):
    expected = capture(network, images, layer="3")
    assert torch.equal(
        capture(network.requires_grad_(False), images, layer="3").gradients, expected.gradients
    )


def test_works_where_the_model_freezes_its_own_trunk(images):
    captured = capture(FrozenTrunk(), images, layer="net.2")
    assert torch.equal(captured.gradients, capture(FrozenTrunk().net, images, layer="2").gradients)


def test_bfloat16_gives_float32_near_the_truth(network, images):
    expected = capture(network, images, layer="3", targets=1)
    captured = capture(copy.deepcopy(network).bfloat16(), images, layer="3", targets=1)
    assert captured.gradients.dtype == torch.float32
    assert torch.allclose(captured.gradients, expected.gradients, rtol=0.02, atol=1e-5)


def test_float64_stays(network, images):
    assert capture(network.double(), images, layer="3").gradients.dtype == torch.float64


@pytest.mark.parametrize("way", ["function", "method"])
def test_compiled_models_have_the_same_capture(network, images, way):
    expected = capture(network, images, layer="3")
    compiled = torch.compile(network, backend="eager") if way == "function" else network
    if way == "method":
        network.compile(backend="eager")
    compiled(images)  # compiled before any hook exists
    captured = capture(compiled, images, layer="3")
    assert torch.equal(captured.gradients, expected.gradients)
    assert torch.equal(captured.activations, expected.activations)


def test_layer_that_runs_twice_counts_at_its_last_run(images):
    block = torchvision.models.resnet18(weights=None).eval()
    images = torch.randn(1, 3, 64, 64)
    last = capture(block, images, layer="layer4.1.relu")
    assert torch.equal(last.activations, capture(block, images, layer="layer4").activations)


def test_output_object_with_logits(network, images):
    class Output:
        def __init__(self, logits):
            self.logits = logits

    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = network

        def forward(self, x):
            return Output(self.net(x))

    captured = capture(Wrapped(), images, layer="net.3")
    assert torch.equal(captured.gradients, capture(network, images, layer="3").gradients)


class Gives(nn.Module):
    """A convolution, and whatever else is to come out."""

    def __init__(self, what):
        super().__init__()
        self.conv, self.what = nn.Conv2d(3, 4, 3), what

    def forward(self, x):
        return self.what(self.conv(x))


@pytest.mark.parametrize(
    ("what", "error", "match"),
    [
        (lambda f: {"out": f}, ModelError, r"a mapping with out: float32 \(3, 4, 18, 18\)"),
        (lambda f: f, ModelError, r"not logits \(3, classes\)"),
        (lambda f: f.mean(dim=(0, 2, 3)), ModelError, "not logits"),
        (lambda f: f.mean(dim=(2, 3)) * float("nan"), NumericalError, "logits: NaN"),
        (lambda f: torch.zeros(3, 2), LayerError, "no gradient"),
        (lambda f: torch.zeros(3, 0), ModelError, r"float32 \(3, 0\)"),
        (lambda f: f.mean(dim=(2, 3)) * 1j, ModelError, "complex64"),
        (lambda f: f.mean(dim=(2, 3)).long(), ModelError, "int64"),
        (lambda f: f.detach().mean(dim=(2, 3)), LayerError, "no gradient"),
    ],
)
def test_odd_outputs_get_a_clear_error(images, what, error, match):
    with pytest.raises(error, match=match):
        capture(Gives(what), images, layer="conv")


def test_a_failing_backward_pass_is_a_failure_of_the_model(images):
    def overwrites(f):
        y = torch.sigmoid(f)
        y += 1  # sigmoid needs what is overwritten here
        return y.mean(dim=(2, 3))

    with pytest.raises(ModelError, match="backward pass to layer 'conv' fails"):
        capture(Gives(overwrites), images, layer="conv")


def test_borrowers_in_several_threads_leave_the_model_as_found(images):
    model = small_network().train()
    model[1].eval()
    before = state_of(model)
    with ThreadPoolExecutor(4) as pool:
        captured = list(pool.map(lambda _: capture(model, images, layer="3"), range(12)))
    assert same(before, state_of(model))
    assert all(torch.equal(captured[0].gradients, other.gradients) for other in captured)


def test_infinite_gradient_is_named(images):
    with pytest.raises(NumericalError, match="gradients of layer 'conv'"):
        capture(Gives(lambda f: (f - f).mean(dim=(2, 3)).sqrt()), images, layer="conv")


def test_maps_of_one_pixel_are_no_maps(network, images):
    with pytest.raises(LayerError, match="1 x 1"):
        capture(network, images, layer="4")


def test_a_model_born_in_inference_mode_is_left_as_found(images):
    with torch.inference_mode():
        model = small_network().train()
    with pytest.raises(ModelError, match="nference"):
        capture(model, images, layer="1")
    assert all(m.training for m in model.modules())
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_torchscript_takes_no_hooks(network, images):
    with pytest.raises(ModelError, match="TorchScript"):
        capture(torch.jit.trace(network, images), images, layer="1")


@pytest.mark.parametrize(
    ("layer", "match"),
    [("33", "no such layer"), ("5", "not maps"), ("", "no such layer"), ("4x", "did you mean")],
)
def test_wrong_layers(network, images, layer, match):
    with pytest.raises(LayerError, match=match):
        capture(network, images, layer=layer)


def test_layer_that_never_runs(images):
    model = torchvision.models.googlenet(weights=None, init_weights=False).eval()
    with pytest.raises(LayerError, match="never ran"):
        capture(model, torch.zeros(1, 3, 64, 64), layer="aux1.conv")


@pytest.mark.parametrize("targets", [5, -1, [0, 1], [0, 1, 9]])
def test_wrong_targets(network, images, targets):
    with pytest.raises(TargetError):
        capture(network, images, layer="3", targets=targets)


def test_empty_batch(network):
    with pytest.raises(ArgumentError, match="n >= 1"):
        capture(network, torch.zeros(0, 3, 20, 20), layer="3")


def test_a_model_that_overwrites_its_input_leaves_the_images_of_the_caller(network, images):
    class Subtracts(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = network

        def forward(self, x):
            x -= 0.5
            return self.net(x)

    before = images.clone()
    model = Subtracts()
    first, second = (capture(model, images, layer="net.3", integrated=True) for _ in range(2))
    assert torch.equal(images, before)
    assert torch.equal(first.logits, second.logits)
    expected = capture(network, images - 0.5, layer="3")
    torch.testing.assert_close(first.logits, expected.logits)
    explained = [ac.explain(model, images[0], layer="net.3", sampler="exact") for _ in range(2)]
    assert torch.equal(images, before)
    assert np.array_equal(explained[0].map, explained[1].map)


def test_a_mapping_with_logits(network, images):
    class Mapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = network

        def forward(self, x):
            return {"features": x, "logits": self.net(x)}

    expected = capture(network, images, layer="3")
    captured = capture(Mapped(), images, layer="net.3")
    assert torch.equal(captured.logits, expected.logits)
    assert torch.equal(captured.gradients, expected.gradients)


@pytest.mark.parametrize(
    ("shape", "way"),
    [((3, 9, 9), "check the size of the image"), ((4, 8, 8), "check the channels")],
)
def test_images_of_another_size_or_number_of_channels_name_the_way(shape, way):
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    with pytest.raises(ModelError, match=way):
        capture(net, torch.zeros(1, *shape), layer="1")
