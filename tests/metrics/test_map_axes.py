"""Metrics of maps on grids of one and three axes, and those that need rows and columns."""

import numpy as np
import pytest
import torch
from torch import nn

from annealcam.errors import ArgumentError
from annealcam.metrics import (
    best_iou,
    between_images,
    cam_explainer,
    cell_shares,
    centred_gaussian,
    channel_faithfulness,
    class_sensitivity,
    confidence_change,
    effective_positions,
    energy_inside,
    fidelity,
    grid_pointing,
    impute,
    masked_logits,
    parameter_randomisation,
    perturbation,
    pointing_game,
    random_classifier,
    random_logit,
    random_map,
    rank_correlation,
    road,
    sharpened,
    single_map_grid_pointing,
    top_overlap,
    under_noise,
)
from tests.networks import inputs_along_a_line, network_along_a_line, small_network

GRIDS = [(42,), (6, 1, 7), (2, 3, 7)]


@pytest.fixture
def maps():
    """Maps of two classes for five images, of numbers and of many ties."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((5, 6, 7)), rng.integers(-1, 4, (5, 6, 7)).astype(float)


@pytest.mark.parametrize("grid", GRIDS)
def test_similarities(maps, grid):
    a, b = maps
    u, v = (values.reshape(5, *grid) for values in maps)
    for measure in (rank_correlation, top_overlap):
        np.testing.assert_allclose(measure(u, v), measure(a, b), rtol=1e-12)
    assert class_sensitivity(u, v).verdict() == class_sensitivity(a, b).verdict()
    assert between_images(v) == pytest.approx(between_images(b))
    for signed in (False, True):
        same = fidelity(u[0], v[0], signed=signed)
        assert same == pytest.approx(fidelity(a[0], b[0], signed=signed))


@pytest.mark.parametrize("grid", GRIDS)
def test_sharpness_and_place(maps, grid):
    a, mask = np.abs(maps[0][0]), maps[1][0] > 1
    moved, place = a.reshape(grid), mask.reshape(grid)
    assert effective_positions(moved) == pytest.approx(effective_positions(a))
    np.testing.assert_allclose(sharpened(moved, 9.0), sharpened(a, 9.0).reshape(grid), rtol=1e-9)
    for measure in (pointing_game, energy_inside, best_iou):
        assert measure(moved, place) == pytest.approx(measure(a, mask))


def test_maps_that_do_not_depend_on_the_network():
    for size in [(5,), (3, 4), (3, 5, 7)]:
        gaussian = centred_gaussian(size)
        assert random_map(size, seed=0).shape == gaussian.shape == size
        one_axis = [centred_gaussian((n,)) for n in size]
        product = one_axis[0]
        for values in one_axis[1:]:
            product = np.multiply.outer(product, values)
        np.testing.assert_allclose(gaussian, product)  # a Gaussian is the product over its axes


@pytest.mark.parametrize("size", [(9,), (3, 3), (2, 3, 3)])
def test_noise_on_inputs_of_any_axes(size):
    images = torch.randn(3, 2, *size, generator=torch.Generator().manual_seed(2))
    stable = under_noise(lambda x: (x.flatten(2).sum(dim=2) > 0).numpy(), images, noise=1e-6)
    assert stable.jaccard.tolist() == np.ones((8, 3)).tolist()
    lost = under_noise(lambda x: (x.flatten(2).sum(dim=2) > 0).numpy(), images, noise=1e6)
    assert lost.jaccard.mean() < 1


def absolute(model, images, targets):
    """The sizes of the inputs times the weights of their classes: an explainer for any axes."""
    weight = model[-1].weight[list(targets), 0]
    return images[:, 0].abs() * weight.reshape(-1, *[1] * (images.ndim - 2)).abs() + images[:, 0]


@pytest.mark.parametrize(("axes", "layer"), [(1, nn.Conv1d), (3, nn.Conv3d)])
def test_sanity_checks_of_signals_and_volumes(axes, layer):
    torch.manual_seed(0)
    net = nn.Sequential(layer(1, 3, 3), nn.Flatten(), nn.LazyLinear(4)).eval()
    images = torch.randn(2, 1, *[5] * axes)
    net(images)
    randomised = parameter_randomisation(net, images, absolute)
    assert randomised.stages == ("2", "0")
    assert random_classifier(net, images, absolute, draws=2).rank_correlation.shape == (2, 2)
    assert random_logit(net, images, absolute).classes.shape == (1, 2)
    convolutional = nn.Sequential(layer(1, 3, 5), nn.Flatten()).eval()
    last = random_classifier(convolutional, images, lambda _, x, __: x[:, 0].square())
    assert (last.classifier, last.rank_correlation.min()) == ("0", pytest.approx(1.0))


def test_an_explainer_of_photos_returns_rows_and_columns(network, images):
    with pytest.raises(ArgumentError, match=r"maps of shape \(3, 4\): it must return a map"):
        random_logit(network, images, lambda *_: np.zeros((3, 4)))


@pytest.mark.parametrize("size", [(12,), (2, 3, 4)])
def test_metrics_of_pixels_and_grids_refuse_other_axes(size):
    images, maps = torch.randn(1, 3, *size), np.ones((1, *size))
    for measure in (perturbation, road, confidence_change):
        options = {"mode": "deletion"} if measure is perturbation else {}
        with pytest.raises(ArgumentError, match=r"images: of shape \(1, 3, .*channel_faithful"):
            measure(small_network(), images, maps, targets=[0], **options)
    with pytest.raises(ArgumentError, match=r"image: of shape \(3, "):
        impute(images[0], torch.zeros(1, *size, dtype=torch.bool))
    for measure in (cell_shares, lambda map_: grid_pointing(map_, 0)):
        with pytest.raises(ArgumentError, match=r"map_: must be one map \(h, w\), not the shape"):
            measure(maps[0])
    with pytest.raises(ArgumentError, match=r"contributions: must be maps \(k, h, w\)"):
        single_map_grid_pointing(maps, 0)


def test_metrics_of_pixels_refuse_maps_of_other_axes():
    with pytest.raises(ArgumentError, match=r"maps of shape \(1, 2, 3, 4\) .* one map \(h, w\)"):
        road(small_network(), torch.randn(1, 3, 20, 20), np.ones((1, 2, 3, 4)), targets=[0])


@pytest.mark.parametrize("axes", [1, 3])
def test_the_network_under_masks(axes):
    """The numbers of the same network on images that are one pixel wide."""

    def measured(a):
        net, inputs = network_along_a_line(a), inputs_along_a_line(a)
        chosen = [np.array([0, 2]), np.array([5])]
        kept = channel_faithfulness(net, inputs, layer="3", selected=chosen, targets=[0, 1])
        every = np.eye(9, dtype=bool)[None].repeat(2, axis=0)
        return kept.kept_share, masked_logits(net, inputs, layer="3", masks=every)

    for found, expected in zip(measured(axes), measured(2), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("axes", [1, 3])
def test_sanity_of_a_cam_method(axes):
    def measured(a):
        net, inputs = network_along_a_line(a), inputs_along_a_line(a)
        return random_classifier(net, inputs, cam_explainer("3", "hirescam"), draws=3)

    np.testing.assert_allclose(measured(axes).rank_correlation, measured(2).rank_correlation)
