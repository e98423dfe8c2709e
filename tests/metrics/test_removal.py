"""ROAD: the imputation against a dense solve, the scores against grad-cam's and by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from annealcam.errors import ArgumentError, NumericalError, TargetError
from annealcam.metrics.reference_maps import random_map
from annealcam.metrics.removal import impute, removed_count, road
from tests.networks import small_network

WEIGHTS = np.array([[1, 2, 1], [2, 0, 2], [1, 2, 1]]) / 12


class Weighing(nn.Module):
    """Logit 0 is a weighted sum of pixels, logit 1 is zero."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x):
        z = (x.sum(dim=1) * self.weight).sum(dim=(1, 2))
        return torch.stack([z, torch.zeros_like(z)], dim=1)


def smooth_maps(count, side, seed=0):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 1, 5, 5, generator=generator)
    large = nn.functional.interpolate(coarse, (side, side), mode="bicubic")[:, 0]
    return (large + 1e-3 * torch.rand(large.shape, generator=generator)).clip(0, 1).numpy()


def random_maps(count, side):
    return np.stack([np.float32(random_map((side, side), seed=k)) for k in range(count)])


def by_dense_solve(image, removed):
    """Every removed pixel is the weighted mean of its neighbours: one dense system."""
    height, width = removed.shape
    spots = [tuple(p) for p in np.argwhere(removed)]
    number = {p: k for k, p in enumerate(spots)}
    left, right = np.zeros((len(spots),) * 2), np.zeros((len(spots), len(image)))
    for k, (i, j) in enumerate(spots):
        for a in range(max(i - 1, 0), min(i + 2, height)):
            for b in range(max(j - 1, 0), min(j + 2, width)):
                weight = WEIGHTS[a - i + 1, b - j + 1]
                left[k, k] += weight
                if (a, b) in number:
                    left[k, number[a, b]] -= weight
                else:
                    right[k] += weight * image[:, a, b]
    filled = image.copy()
    filled[:, removed] = np.linalg.solve(left, right).T
    return filled


@pytest.mark.parametrize("size", [(24, 24), (17, 22), (23, 9), (3, 2), (1, 6), (40, 5)])
@pytest.mark.parametrize("kind", ["hole", "scattered", "one left"])
def test_imputation_is_the_linear_system(size, kind):
    rng = np.random.default_rng([*size])
    image = rng.normal(size=(3, *size))
    removed = np.ones(size, bool)
    if kind == "hole":
        removed[0] = removed[:, -1] = False
    elif kind == "scattered":
        removed = rng.random(size) < 0.8
        removed[0, 0] = False
    removed[-1, -1] = False
    filled = impute(torch.from_numpy(image), torch.from_numpy(removed)[None], noise=0.0)[0].numpy()
    assert np.abs(filled - by_dense_solve(image, removed)).max() < 1e-3 * np.ptp(image)
    assert np.array_equal(filled[:, ~removed], image.astype(np.float32)[:, ~removed])


def test_what_is_harmonic_is_found_again():
    ramp = torch.linspace(-2, 3, 64).repeat(3, 64, 1)
    hole = torch.zeros(1, 64, 64, dtype=torch.bool)
    hole[:, 5:60, 3:61] = True
    assert torch.allclose(impute(ramp, hole, noise=0.0)[0], ramp, atol=5e-3)
    flat = torch.full((3, 64, 64), 0.7)
    assert torch.allclose(impute(flat, hole, noise=0.0)[0], flat, atol=1e-5)


def test_nothing_and_everything_removed():
    image = torch.randn(3, 8, 8)
    masks = torch.stack([torch.zeros(8, 8), torch.ones(8, 8)]).bool()
    none, everything = impute(image, masks, noise=0.0)
    assert torch.equal(none, image)
    assert torch.allclose(everything, image.mean(dim=(1, 2), keepdim=True).expand(3, 8, 8))
    assert impute(image, masks[:0]).shape == (0, 3, 8, 8)


def test_noise_is_seeded_and_of_its_size():
    image, hole = torch.zeros(3, 64, 64), torch.zeros(2, 64, 64, dtype=torch.bool)
    hole[0, :60], hole[1, :30] = True, True
    one, again, other = (impute(image, hole, noise=0.1, seed=s) for s in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert float(one[0, :, :60].std()) == pytest.approx(0.1, rel=0.05)
    assert torch.equal(one[0, :, :30], one[1, :, :30])  # a pixel's noise is its own
    assert not one[0, :, 60:].any()


@pytest.mark.parametrize("kind", ["smooth", "random"])
def test_agrees_with_grad_cam(kind, monkeypatch):
    peer = pytest.importorskip("pytorch_grad_cam.metrics.road")
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    images = torch.randn(2, 3, 48, 48)
    field = torch.randn(images[0].shape, generator=torch.Generator().manual_seed(5))

    class SameNoise(peer.NoisyLinearImputer):
        def __call__(self, image, mask):
            size, self.noise = self.noise, 0.0
            filled = super().__call__(image, mask)
            self.noise = size
            return filled + size * field * (mask == 0)

    monkeypatch.setattr(peer, "NoisyLinearImputer", SameNoise)
    maps = smooth_maps(2, 48) if kind == "smooth" else random_maps(2, 48)
    network, classes = small_network(), [ClassifierOutputTarget(c) for c in (1, 4)]
    ours = road(network, images, maps, targets=[1, 4], score="logit", seed=5)
    for theirs, our_score in (
        (peer.ROADCombined(), ours.combined),
        (peer.ROADMostRelevantFirstAverage(), ours.morf),
        (peer.ROADLeastRelevantFirstAverage(), ours.lerf),
    ):
        assert np.abs(theirs(images, maps, classes, network) - our_score).max() < 1e-3


def test_imputed_pixels_have_a_noise_of_one_hundredth():
    image, hole = torch.randn(3, 40, 40), torch.zeros(1, 40, 40, dtype=torch.bool)
    hole[0, :30] = True
    noise = impute(image, hole, seed=1) - impute(image, hole, noise=0.0)
    assert float(noise[:, :, :30].std()) == pytest.approx(0.01, rel=0.05)
    assert not noise[:, :, 30:].any()


def test_counts_are_those_of_the_percentile():
    for pixels in (49, 400, 50176):
        values = np.random.default_rng(pixels).random(pixels)
        for percent in range(0, 100, 10):
            expected = (values >= np.percentile(values, percent)).sum()
            assert abs(removed_count(1 - percent / 100, pixels) - expected) <= 1


def test_a_map_that_knows_beats_chance_and_its_inverse_is_its_opposite():
    generator = torch.Generator().manual_seed(0)
    weight = torch.zeros(24, 24)
    weight[8:16, 8:16] = 1 / 64
    images = torch.randn(2, 3, 24, 24, generator=generator)
    images[:, :, 8:16, 8:16] += 2.0
    options = {"targets": [0, 0], "noise": 0.0}
    known = np.stack([weight.numpy() + 1e-4 * random_map((24, 24), seed=1)] * 2)
    network = Weighing(weight)
    good, bad = (road(network, images, m, **options) for m in (known, -known))
    chance = road(network, images, np.stack([random_map((24, 24), seed=2)] * 2), **options)
    assert (good.combined > chance.combined + 0.05).all()
    assert np.abs(chance.combined).max() < 0.05
    assert np.allclose(good.combined, -bad.combined, atol=1e-3)
    assert np.allclose(good.most, bad.least, atol=1e-3)
    assert np.allclose(good.combined, (good.least - good.most).mean(axis=1) / 2)


def test_scale_does_not_matter_nor_who_else_is_in_the_batch():
    network, images, maps = small_network(), torch.randn(3, 3, 20, 20), random_maps(3, 5)
    whole = road(network, images, maps, targets=[0, 1, 2])
    scaled = road(network, images, 4 * maps, targets=[0, 1, 2])
    alone = road(network, images[1:2], maps[1:2], targets=[1])
    assert np.array_equal(whole.most, scaled.most)
    assert np.allclose(whole.most[1], alone.most[0], atol=1e-6)


def test_a_sparse_map_loses_no_more_than_its_share():
    network, images = small_network(), torch.randn(1, 3, 20, 20)
    sparse = np.zeros((1, 20, 20))
    sparse[0, 3, 4] = 1.0
    result = road(network, images, sparse, targets=[0], shares=[0.1, 0.2, 0.3], noise=0.0)
    assert len(set(result.most[0])) == 3
    nothing = road(network, images, 0 * sparse, targets=[0], shares=[0.0, 1.0], noise=0.0)
    assert nothing.most[0, 0] == pytest.approx(nothing.score[0])
    assert nothing.combined == pytest.approx([0.0], abs=1e-6)


def test_bfloat16_and_the_model_given_back():
    network = small_network().bfloat16().train()
    result = road(network, torch.randn(1, 3, 20, 20), random_maps(1, 5), targets=[0])
    assert np.isfinite(result.most).all()
    assert network.training


@pytest.mark.parametrize(
    ("change", "error", "complaint"),
    [
        ({"maps": np.ones((1, 4, 4))}, ArgumentError, "one map"),
        ({"targets": [0]}, ArgumentError, "one map"),
        ({"targets": [0, 9]}, TargetError, "classes 0 to 4"),
        ({"maps": np.full((2, 4, 4), np.inf)}, ArgumentError, "NaN or infinity"),
        ({"shares": [1.5]}, ArgumentError, "shares=1.5"),
        ({"shares": []}, ArgumentError, "shares is empty"),
        ({"score": "loss"}, ArgumentError, "score='loss': one of probability, logit"),
        ({"noise": -1.0}, ArgumentError, "noise=-1.0"),
        ({"noise": float("nan")}, ArgumentError, "noise=nan"),
        ({"images": torch.full((2, 3, 20, 20), torch.nan)}, ArgumentError, "images holds NaN"),
    ],
)
def test_what_cannot_be(change, error, complaint):
    options = {"images": torch.randn(2, 3, 20, 20), "maps": np.ones((2, 4, 4))}
    options |= {"targets": [0, 1]} | change
    with pytest.raises(error, match=complaint):
        road(small_network(), **options)


def test_logits_that_are_no_numbers_are_told():
    network = small_network()
    with torch.no_grad():
        network[-1].bias[0] = torch.nan
    with pytest.raises(NumericalError, match="logits"):
        road(network, torch.randn(1, 3, 20, 20), random_maps(1, 4), targets=[1])


def test_a_mask_of_another_size():
    with pytest.raises(ArgumentError, match="removed"):
        impute(torch.zeros(3, 4, 4), torch.zeros(1, 5, 4, dtype=torch.bool))
