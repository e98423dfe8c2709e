"""LayerAnnealCAM beside Captum's own attributions."""

import pytest
import torch
from torch import nn

import annealcam as ac
from annealcam.errors import AnnealcamWarning, ArgumentError, LayerError, NumericalError
from tests.networks import small_network

captum = pytest.importorskip("captum")
from captum.attr import LayerAttribution, LayerGradCam, NoiseTunnel  # noqa: E402
from captum.metrics import infidelity, sensitivity_max  # noqa: E402

from annealcam.interop.captum import LayerAnnealCAM  # noqa: E402

EVERY = {"beta": 1.0, "importance": "gradcam", "max_qubits": 24, "sampler": "exact"}


def ours(network, layer=3, **choices):
    return LayerAnnealCAM(network, network[layer], **{"sampler": "exact", **choices})


def test_with_every_map_selected_it_is_their_gradcam(network, images):
    network[6].weight.data[0].abs_()
    expected = LayerGradCam(network, network[3]).attribute(images, 0, relu_attributions=True)
    torch.testing.assert_close(ours(network, **EVERY).attribute(images, 0), expected)


@pytest.mark.parametrize("choices", [{}, {"preset": "paper"}, {"cardinality": 2}])
def test_the_map_is_that_of_explain(network, images, choices):
    explained = ac.explain(network, images, layer="3", sampler="exact", **choices)
    found = ours(network, **choices).attribute(images)
    assert found.shape == (3, 1, *explained[0].map.shape)
    for one, e in zip(found, explained, strict=True):
        torch.testing.assert_close(one[0], torch.tensor(e.map))


def test_targets_in_all_of_their_forms(network, images):
    cam = ours(network)
    expected = torch.cat([cam.attribute(images[i : i + 1], i) for i in range(3)])
    for target in ([0, 1, 2], torch.tensor([0, 1, 2])):
        torch.testing.assert_close(cam.attribute(images, target), expected)
    with torch.no_grad():
        predicted = network(images).argmax(dim=1)
        torch.testing.assert_close(cam.attribute(images), cam.attribute(images, predicted))


def test_functions_of_several_inputs_and_of_one_number(network, images):
    def margin(x, temperature, classes):
        logits = network(x) / temperature
        return logits[:, classes[0]] - logits[:, classes[1]]

    cam = LayerAnnealCAM(margin, network[3], sampler="exact")
    found = cam.attribute(images, additional_forward_args=(2.0, (1, 0)))
    network[6].weight.data[1] -= network[6].weight.data[0]
    expected = ours(network).attribute(images, 1)
    torch.testing.assert_close(2 * found, expected)


def test_the_input_of_a_layer(network, images):
    torch.testing.assert_close(
        ours(network, 4).attribute(images, 1, attribute_to_layer_input=True),
        ours(network, 3).attribute(images, 1),
    )


def test_noise_tunnel_averages_the_maps_of_noisy_copies(network, images):
    tunnel = NoiseTunnel(ours(network))
    still = tunnel.attribute(images, nt_samples=3, stdevs=0.0, target=1)
    torch.testing.assert_close(still, ours(network).attribute(images, 1))
    for kind in ("smoothgrad", "smoothgrad_sq", "vargrad"):
        noisy = tunnel.attribute(images, nt_type=kind, nt_samples=4, stdevs=0.1, target=1)
        assert noisy.shape == still.shape
        assert noisy.isfinite().all()


def resized(attributions, like):
    return LayerAttribution.interpolate(attributions, like.shape[2:], "bilinear").expand_as(like)


def test_infidelity_and_sensitivity_run_with_it(network, images):
    def perturb(inputs):
        noise = 0.05 * torch.randn_like(inputs)
        return noise, inputs - noise

    cam = ours(network)
    maps = resized(cam.attribute(images, 1), images)
    score = infidelity(network, perturb, images, maps, target=1, n_perturb_samples=5)
    assert score.shape == (3,)
    assert (score >= 0).all()

    def explained(inputs, target):  # in a tuple: Captum walks along what it is given
        return (cam.attribute(inputs, target),)

    assert sensitivity_max(explained, images, perturb_radius=1e-6, target=1).max() < 1e-2


def test_the_model_is_left_as_it_was(network, images):
    network.train()
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    ours(network).attribute(images, 1)
    assert network.training
    for module in network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())


def test_inference_mode_and_one_image(network, images):
    expected = ours(network).attribute(images, 1)
    with torch.inference_mode():
        found = ours(network).attribute(images[:1].clone(), 1)
    torch.testing.assert_close(found, expected[:1])


def test_bfloat16_gives_float32(images):
    network = small_network().to(torch.bfloat16)
    found = ours(network).attribute(images.to(torch.bfloat16), 1)
    assert found.dtype == torch.float32
    assert found.isfinite().all()


def test_bad_input_is_refused_in_one_line(network, images):
    with pytest.raises(ArgumentError, match="betta: no such option"):
        ours(network, betta=1)
    with pytest.raises(LayerError, match="not maps"):
        ours(network, 5).attribute(images, 1)
    with pytest.raises(ArgumentError, match="no images"):
        ours(network).attribute(images[:0], 1)
    spoilt = images.clone()
    spoilt[1] = float("nan")
    with pytest.raises(NumericalError, match="maps: NaN or infinity for image 1"):
        ours(network).attribute(spoilt, 1)


def test_an_empty_selection_is_said(network, images):
    network[6].weight.data[1] = -network[6].weight.data[1].abs()
    with pytest.warns(AnnealcamWarning, match="no map is selected for 3 of 3"):
        assert not ours(network, objective="relative").attribute(images, 1).any()


def test_a_layer_inside_a_module(images):
    network = nn.Sequential(small_network(), nn.Softmax(dim=1))
    found = LayerAnnealCAM(network, network[0][3], sampler="exact").attribute(images, 1)
    assert found.shape == (3, 1, 7, 7)
