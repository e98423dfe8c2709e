"""AnnealCAM beside the methods of the real package."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

import annealcam as ac
from annealcam.errors import AnnealcamWarning, ArgumentError, LayerError, NumericalError
from tests.networks import FrozenTrunk, headed, small_network

grad_cam = pytest.importorskip("pytorch_grad_cam")
from pytorch_grad_cam.metrics.cam_mult_image import (  # noqa: E402
    CamMultImageConfidenceChange,
    DropInConfidence,
)
from pytorch_grad_cam.metrics.road import ROADMostRelevantFirst  # noqa: E402
from pytorch_grad_cam.utils.image import show_cam_on_image  # noqa: E402
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget  # noqa: E402

from annealcam.interop.grad_cam import AnnealCAM  # noqa: E402

EVERY = {"beta": 1.0, "importance": "gradcam", "max_qubits": 24, "sampler": "exact"}


def positive_network():
    """The small network with a head that finds every map important for class 0."""
    network = small_network()
    network[6].weight.data[0].abs_()
    return network


def scaled(raw, size):
    """A raw map as the package shows it: resized by OpenCV and scaled, twice."""
    from pytorch_grad_cam.utils.image import scale_cam_image

    return scale_cam_image(scale_cam_image(raw[None], size))[0]


def test_with_every_map_selected_it_is_their_gradcam(images):
    network, targets = positive_network(), [ClassifierOutputTarget(0)] * 3
    with AnnealCAM(network, [network[3]], **EVERY) as ours, torch.no_grad():
        found = ours(images, targets)
    with grad_cam.GradCAM(network, [network[3]]) as theirs:
        expected = theirs(images, targets)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("preset", [None, "paper"])
@pytest.mark.parametrize("sampler", ["exact", "greedy"])
def test_the_map_is_that_of_explain(network, images, preset, sampler):
    with AnnealCAM(network, [network[3]], preset=preset, sampler=sampler) as cam:
        found = cam(images, None)
    explained = ac.explain(network, images, layer="3", preset=preset, sampler=sampler)
    for one, e in zip(found, explained, strict=True):
        np.testing.assert_allclose(one, scaled(e.map, (20, 20)), atol=1e-6)
        assert one.min() >= 0
        assert one.max() <= 1


def test_annealing_and_objects_of_dimod_select(network, images):
    dimod = pytest.importorskip("dimod")
    with AnnealCAM(network, [network[3]], cardinality=2) as cam:
        by_annealing = cam.get_cam_weights(None, None, None, *captured(network, images))
    assert ((by_annealing != 0).sum(axis=1) == 2).all()
    with AnnealCAM(network, [network[3]], sampler=dimod.ExactSolver()) as cam:
        by_dimod = cam(images, None)
    with AnnealCAM(network, [network[3]], sampler="exact") as cam:
        np.testing.assert_array_equal(by_dimod, cam(images, None))


def captured(network, images):
    from annealcam.attribution.activations import capture

    c = capture(network, images, layer="3")
    return c.activations.numpy(), c.gradients.numpy()


def test_smoothing_and_several_layers(network, images):
    targets = [ClassifierOutputTarget(2)] * 3
    with AnnealCAM(network, [network[1], network[3]], sampler="exact") as cam:
        plain = cam(images, targets)
        for options in ({"aug_smooth": True}, {"eigen_smooth": True}):
            smooth = cam(images, targets, **options)
            assert smooth.shape == plain.shape == (3, 20, 20)
            assert np.isfinite(smooth).all()
            assert not np.array_equal(smooth, plain)


def test_eigen_smooth_is_theirs_when_every_map_is_selected(images):
    network, targets = positive_network(), [ClassifierOutputTarget(0)] * 3
    with AnnealCAM(network, [network[3]], **EVERY) as ours:
        found = ours(images, targets, eigen_smooth=True)
    with grad_cam.GradCAM(network, [network[3]]) as theirs:
        np.testing.assert_allclose(found, theirs(images, targets, eigen_smooth=True), atol=1e-5)


def test_refinecam_is_the_product_of_the_layers(network, images):
    targets = [ClassifierOutputTarget(1)] * 3
    base, layers = partial(AnnealCAM, sampler="exact"), [network[1], network[3]]
    refined = grad_cam.RefineCAM(network, layers, base_method=base)(images, targets)
    each = []
    for layer in layers:
        with AnnealCAM(network, [layer], sampler="exact") as cam:
            each.append(cam(images, targets))
    product = np.stack([scaled(a, (20, 20)) for a in np.prod(each, axis=0)])
    np.testing.assert_allclose(refined, product, atol=1e-5)


def test_finercam_explains_the_difference_of_logits(network, images):
    from pytorch_grad_cam.utils.model_targets import FinerWeightedTarget

    finer = grad_cam.FinerCAM(
        network, [network[3]], base_method=partial(AnnealCAM, sampler="exact")
    )
    target = [FinerWeightedTarget(0, [1, 2], 1.0)] * 3
    with AnnealCAM(network, [network[3]], sampler="exact") as cam:
        np.testing.assert_array_equal(finer(images, target), cam(images, target))
    assert finer(images).shape == (3, 20, 20)


def test_their_metrics_and_overlay_take_the_maps(network, images):
    targets = [ClassifierOutputTarget(1)] * 3
    with AnnealCAM(network, [network[3]], sampler="exact") as cam:
        maps = cam(images, targets)
    for metric in (CamMultImageConfidenceChange(), DropInConfidence()):
        assert np.isfinite(metric(images, maps, targets, network)).all()
    scores = ROADMostRelevantFirst(percentile=75)(images, maps, targets, network)
    assert np.asarray(scores).shape == (3,)
    assert np.isfinite(scores).all()
    assert show_cam_on_image(np.zeros((20, 20, 3), np.float32), maps[0]).shape == (20, 20, 3)


def test_frozen_models_and_bfloat16(network, images):
    with AnnealCAM(network, [network[3]], sampler="exact") as cam:
        expected = cam(images, None)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    with AnnealCAM(network, [network[3]], sampler="exact") as cam:
        np.testing.assert_allclose(cam(images, None), expected, atol=1e-6)
    half = small_network().to(torch.bfloat16)
    with AnnealCAM(half, [half[3]], sampler="exact") as cam:
        found = cam(images.to(torch.bfloat16), None)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_where_their_gradcam_fails_and_this_does_not(images):
    frozen, half = FrozenTrunk().eval(), small_network().to(torch.bfloat16)
    for network, layer in ((frozen, frozen.net[3]), (half, half[3])):
        like = images.to(next(network.parameters()).dtype)
        with (
            grad_cam.GradCAM(network, [layer]) as theirs,
            pytest.raises((TypeError, AttributeError)),
        ):
            theirs(like, None)
        with AnnealCAM(network, [layer], sampler="exact") as ours:
            assert ours(like, None).max() > 0.9


def test_inference_mode_and_one_image(network, images):
    with AnnealCAM(network, [network[3]], sampler="exact") as cam:
        expected = cam(images, None)
        with torch.inference_mode():
            found = cam(images[:1].clone(), None)
    np.testing.assert_allclose(found, expected[:1], atol=1e-6)


def test_a_frozen_trunk_and_work_in_place_do_no_harm(network, images):
    expected = [e.map for e in ac.explain(network, images, layer="3", sampler="exact")]
    frozen = FrozenTrunk().eval()
    with AnnealCAM(frozen, [frozen.net[3]], sampler="exact") as cam:
        for one, raw in zip(cam(images, None), expected, strict=True):
            np.testing.assert_allclose(one, scaled(raw, (20, 20)), atol=1e-6)
    before_relu = AnnealCAM(network, [network[2]], sampler="exact")
    with pytest.warns(AnnealcamWarning, match="signed"):
        before_relu(images, None)
    assert (before_relu.activations_and_grads.activations[0] < 0).any()  # no ReLU came over it


def test_an_image_without_candidates_is_said_to_be_empty():
    network = headed(lambda x: x, [1.0, 1.0, -1.0])
    image = torch.zeros(1, 3, 8, 8)
    image[0, 2, 3:, 3:] = 1.0
    with (
        AnnealCAM(network, [network.maps], sampler="exact", objective="relative") as cam,
        pytest.warns(AnnealcamWarning, match="no map is selected for 1 of 1"),
    ):
        np.testing.assert_array_equal(cam(image, [ClassifierOutputTarget(0)]), np.zeros((1, 8, 8)))


def test_signed_maps_are_warned_of(network, images):
    with (
        AnnealCAM(nn.Sequential(network[2], *network[4:]), [network[2]], sampler="exact") as cam,
        pytest.warns(AnnealcamWarning, match="signed maps"),
    ):
        cam(torch.randn(1, 8, 9, 9), None)


def test_bad_input_is_refused_in_one_line(network, images):
    with pytest.raises(ArgumentError, match="bta: no such option; did you mean 'beta'"):
        AnnealCAM(network, [network[3]], bta=0.5)
    assert not network[3]._forward_hooks
    with AnnealCAM(network, [network[3]], sampler="exact", cardinality=12) as cam:
        with pytest.raises(ArgumentError, match="candidate maps for image 0"):
            cam(images, None)
        with pytest.raises(ArgumentError, match="no images"):
            cam(images[:0], None)
        with pytest.raises(NumericalError, match="maps: NaN"):
            cam(images * float("nan"), None)
    with AnnealCAM(network, [network[4]]) as cam, pytest.raises(LayerError, match="1 x 1"):
        cam(images, None)
    with AnnealCAM(network, [network[5]]) as cam, pytest.raises(LayerError, match="reshape_trans"):
        cam(images, None)
    tail = nn.Sequential(network, nn.Linear(5, 2))
    with AnnealCAM(tail, [network[3]]) as cam, pytest.raises(LayerError, match="no gradient"):
        cam(images, [lambda output: tail[1].weight.sum()] * 3)


def test_hooks_go_when_it_is_released(network, images):
    cam = AnnealCAM(network, [network[3]], sampler="exact")
    assert network[3]._forward_hooks
    del cam
    assert not network[3]._forward_hooks
