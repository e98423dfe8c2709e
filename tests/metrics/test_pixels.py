"""Pixels taken away or put in: closed forms on a network that sums pixels, and known maps."""

import numpy as np
import pytest
import torch
from torch import nn

from annealcam.errors import NumericalError, UsageError
from annealcam.metrics.pixels import (
    AT_ONCE,
    batched_output,
    blurred,
    confidence_change,
    perturbation,
    pixel_order,
    resized,
)
from annealcam.metrics.reference_maps import centred_gaussian, random_map
from tests.networks import small_network


class Weighing(nn.Module):
    """Logit 0 is a weighted sum of pixels, logit 1 is zero: every curve has a closed form."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x):
        z = (x.sum(dim=1) * self.weight).sum(dim=(1, 2))
        return torch.stack([z, torch.zeros_like(z)], dim=1)


@pytest.fixture(scope="module")
def case():
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(8, 8, generator=generator).double()
    images = torch.rand(3, 3, 8, 8, generator=generator).double()
    return Weighing(weight), images, weight


@pytest.mark.parametrize("mode", ["deletion", "insertion"])
def test_curves_by_hand(case, mode):
    network, images, weight = case
    maps = np.stack([random_map((8, 8), seed=i) for i in range(3)])
    result = perturbation(network, images, maps, targets=[0, 0, 1], mode=mode, steps=4)
    assert result.shares.tolist() == [0, 0.25, 0.5, 0.75, 1]
    for i, target in enumerate([0, 0, 1]):
        first, second = images[i], blurred(images[i : i + 1])[0]
        if mode == "insertion":
            first, second = second, first
        order = np.argsort(-maps[i].ravel(), kind="stable")
        for step, count in enumerate((0, 16, 32, 48, 64)):
            pixels = first.clone().reshape(3, 64)
            pixels[:, order[:count]] = second.reshape(3, 64)[:, order[:count]]
            z = float((pixels.sum(dim=0) * weight.ravel()).sum())
            expected = 1 / (1 + np.exp(-z if target == 0 else z))
            assert result.probabilities[i, step] == pytest.approx(expected, abs=1e-9)
    assert result.auc == pytest.approx(
        ((result.probabilities[:, 1:] + result.probabilities[:, :-1]) / 2).mean(axis=1)
    )


def test_the_networks_own_weights_do_best_and_their_opposite_worst(case):
    network, images, weight = case
    gain = ((images - blurred(images)).sum(dim=1) * weight).numpy()  # what each pixel is worth
    floor = np.stack([random_map((8, 8), seed=9)] * 3)
    for mode, sign in (("insertion", 1), ("deletion", -1)):
        best, random, worst = (
            sign * perturbation(network, images, m, targets=[0] * 3, mode=mode).auc
            for m in (gain, floor, -gain)
        )
        assert (best > random).all()
        assert (random > worst).all()


def test_scale_does_not_matter_and_ties_are_stable():
    network, images = small_network(), torch.randn(2, 3, 20, 20)
    maps = np.random.default_rng(0).random((2, 4, 4))
    options = {"targets": [0, 1], "mode": "deletion", "steps": 5}
    one = perturbation(network, images, maps, **options)
    other = perturbation(network, images, 8 * maps, **options)  # exact in binary
    assert np.array_equal(one.probabilities, other.probabilities)
    sparse = np.zeros((2, 4, 4))
    flat = perturbation(network, images, sparse, **options).probabilities
    assert len(np.unique(flat[0])) == 6  # a fifth of the pixels at each step, not all at once
    assert pixel_order(torch.zeros(1, 2, 2)).tolist() == [[0, 1, 2, 3]]


def test_the_ends_are_the_image_and_the_blurred_one():
    network, images = small_network(), torch.randn(2, 3, 20, 20)
    maps = np.random.default_rng(0).random((2, 4, 4))
    gone, come = (
        perturbation(network, images, maps, targets=[0, 1], mode=mode).probabilities
        for mode in ("deletion", "insertion")
    )
    assert gone[:, 0] == pytest.approx(come[:, -1], abs=1e-6)
    assert gone[:, -1] == pytest.approx(come[:, 0], abs=1e-6)
    with torch.no_grad():
        p = network(images).softmax(dim=1)
    assert gone[:, 0] == pytest.approx([float(p[0, 0]), float(p[1, 1])], abs=1e-6)


def test_logits_in_batches_are_those_of_all_images_at_once():
    network, images = small_network(), torch.randn(2 * AT_ONCE + 1, 3, 20, 20)
    batches = []
    network.register_forward_pre_hook(lambda _, inputs: batches.append(len(inputs[0])))
    with torch.no_grad():
        logits = batched_output(network, images).logits
        assert batches == [AT_ONCE, AT_ONCE, 1]
        assert torch.allclose(logits, network(images), atol=1e-6)


@pytest.mark.parametrize("size", [(8, 8), (20, 31), (224, 224)])
def test_the_blur_of_rows_and_columns_is_the_blur_of_both(size):
    from torchvision.transforms.functional import gaussian_blur

    images, side = torch.randn(2, 3, *size), min(size)
    sigma = side / 22.4
    reach = min(int(np.ceil(3 * sigma)), side - 1)
    both = gaussian_blur(images, [2 * reach + 1] * 2, [sigma, sigma])
    assert torch.allclose(blurred(images), both, atol=2e-6)
    rows = gaussian_blur(images, [2 * reach + 1, 1], [sigma, sigma])
    assert torch.equal(blurred(images), gaussian_blur(rows, [1, 2 * reach + 1], [sigma, sigma]))


def test_confidence(case):
    network, images, _ = case
    whole = confidence_change(network, images, np.ones((3, 4, 4)), targets=[0] * 3)
    assert np.allclose(whole.probability_masked, 0.5)  # a constant map shows nothing
    step = np.zeros((3, 8, 8))
    step[:, :, 4:] = 2.0
    half = confidence_change(network, images, step, targets=[0] * 3)
    with torch.no_grad():
        mask = torch.from_numpy(step / 2)[:, None]
        expected = network(images * mask).softmax(dim=1)[:, 0].numpy()
    assert half.probability_masked == pytest.approx(expected)
    p, q = half.probability, half.probability_masked
    assert half.drop == pytest.approx(np.maximum(p - q, 0) / p)
    assert half.increase.tolist() == (q > p).astype(float).tolist()


def test_floors():
    bump = centred_gaussian((7, 9))
    assert np.unravel_index(bump.argmax(), bump.shape) == (3, 4)
    assert np.allclose(bump, bump[::-1, ::-1])
    assert np.array_equal(random_map((3, 3), seed=1), random_map((3, 3), seed=1))
    assert not np.array_equal(random_map((3, 3), seed=1), random_map((3, 3), seed=2))


def test_resizing_is_torchs_and_keeps_a_constant():
    assert np.allclose(resized(np.full((1, 3, 5), 0.7), (20, 30)).numpy(), 0.7)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"maps": np.ones((1, 4, 4))}, "one class for each"),
        ({"targets": [0]}, "one class for each"),
        ({"targets": [0, 9]}, "target=9: the model has classes 0 to 4"),
        ({"targets": [0, -1]}, "target=-1: the model has classes 0 to 4"),
        ({"maps": np.full((2, 4, 4), np.nan)}, "NaN"),
        ({"mode": "removal"}, "mode='removal': one of deletion, insertion"),
        ({"steps": 0}, "steps=0"),
    ],
)
def test_what_cannot_be(change, complaint):
    options = {"maps": np.ones((2, 4, 4)), "targets": [0, 1], "mode": "deletion"} | change
    with pytest.raises(UsageError, match=complaint):
        perturbation(small_network(), torch.randn(2, 3, 20, 20), **options)


def test_logits_without_a_value_are_refused(case):
    _, images, weight = case
    broken = Weighing(weight * np.nan)
    for measure in (
        lambda m: perturbation(broken, images, m, targets=[0] * 3, mode="deletion"),
        lambda m: confidence_change(broken, images, m, targets=[0] * 3),
    ):
        with pytest.raises(NumericalError, match="logits: NaN or infinity for image 0"):
            measure(np.ones((3, 4, 4)))
