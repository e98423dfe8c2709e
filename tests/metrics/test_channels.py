"""Masked maps: closed forms on linear heads, and the rest of a network run as it is."""

import numpy as np
import pytest
import torch
from torch import nn

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.errors import ArgumentError, LayerError, NumericalError, TargetError
from annealcam.metrics.channels import (
    ChannelFaithfulness,
    along_beta,
    channel_faithfulness,
    faithfulness_of_many,
    logits_by_size,
    maps_for_share,
)
from annealcam.metrics.masked import masked_logits
from tests.networks import small_network


@pytest.fixture(scope="module")
def case():
    images = torch.randn(4, 3, 20, 20, generator=torch.Generator().manual_seed(2))
    return small_network(maps=14), images


def test_a_linear_heads_shares_are_those_of_the_contributions(case):
    network, images = case
    explained = ac.explain(network, images, layer="3", sampler="exact")
    faithfulness = channel_faithfulness(
        network, images, layer="3", selected=[e.selected for e in explained],
        targets=[e.target for e in explained],
    )  # fmt: skip
    for i, e in enumerate(explained):
        share = e.contribution[e.selected].sum() / e.contribution.sum()
        assert faithfulness.kept_share[i] == pytest.approx(share, rel=1e-4)
        assert faithfulness.lost_share[i] == pytest.approx(share, rel=1e-4)
        assert faithfulness.logit[i] == pytest.approx(e.logits[e.target], rel=1e-5)
        bias = network[-1].bias[e.target].item()
        assert faithfulness.logit_none[i] == pytest.approx(bias, abs=1e-6)
        assert faithfulness.probability[i] == pytest.approx(e.probability, rel=1e-5)
    assert faithfulness.undefined == 0


def test_all_and_nothing(case):
    network, images = case
    options = {"layer": "3", "targets": [0] * 4}
    every = channel_faithfulness(network, images, selected=[np.arange(14)] * 4, **options)
    assert np.array_equal(every.logit_kept, every.logit)
    assert np.array_equal(every.logit_dropped, every.logit_none)
    none = channel_faithfulness(network, images, selected=[np.arange(0)] * 4, **options)
    assert np.array_equal(none.logit_kept, none.logit_none)
    assert np.array_equal(none.logit_dropped, none.logit)
    defined = every.logit > every.logit_none
    assert np.array_equal(np.isnan(every.kept_share), ~defined)
    assert every.undefined == (~defined).sum()
    assert np.allclose(every.kept_share[defined], 1.0)


def test_shares_by_hand():
    """Behind a head that is not linear, what is kept and what is lost differ."""
    logits = (np.array([z, 0.5]) for z in (3.0, 2.0, 1.5, 1.0))  # all, kept, dropped, none
    faithfulness = ChannelFaithfulness(*logits, *[np.full(2, 0.5)] * 3)
    np.testing.assert_array_equal(faithfulness.kept_share, [0.5, np.nan])
    np.testing.assert_array_equal(faithfulness.lost_share, [0.75, np.nan])
    assert faithfulness.undefined == 1


class Skipping(nn.Module):
    """A layer with a way around it, by sum or side by side."""

    def __init__(self, joined):
        super().__init__()
        self.joined = joined
        self.first, self.layer = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.fc = nn.Linear(12 if joined else 6, 3)

    def forward(self, x):
        x = self.first(x).relu()
        y = self.layer(x)
        z = torch.cat([x, y], dim=1) if self.joined else x + y
        return self.fc(z.relu().mean(dim=(2, 3)))


@pytest.mark.parametrize("joined", [False, True])
def test_networks_with_a_way_around_the_layer(joined):
    torch.manual_seed(1)
    network = Skipping(joined).eval()
    images = torch.randn(2, 3, 8, 8)
    masks = np.random.default_rng(0).random((2, 5, 6)) < 0.5
    logits = masked_logits(network, images, layer="layer", masks=masks)
    with torch.no_grad():
        x = network.first(images).relu()
        for m in range(5):
            y = network.layer(x) * torch.from_numpy(masks[:, m]).float()[:, :, None, None]
            z = torch.cat([x, y], dim=1) if joined else x + y
            expected = network.fc(z.relu().mean(dim=(2, 3)))
            assert np.allclose(logits[:, m], expected.numpy(), atol=1e-6)


def test_the_curve_and_its_least_size(case):
    network, images = case
    e = ac.explain(network, images, layer="3", sampler="exact")
    orders = np.array([np.argsort(-one.contribution) for one in e])
    targets = [one.target for one in e]
    curve = logits_by_size(network, images, layer="3", orders=orders, targets=targets)
    assert curve.shape == (4, 15)
    for i, one in enumerate(e):
        steps = np.concatenate([[0.0], np.cumsum(one.contribution[orders[i]])])
        assert np.allclose(curve[i] - curve[i, 0], steps, atol=1e-4)
        k = maps_for_share(curve[i], float(one.logits[one.target]))
        assert k == int(np.argmax(steps >= 0.9 * steps[-1]))


def test_no_share_of_nothing():
    assert maps_for_share(np.array([1.0, 0.5]), 0.5) is None
    assert maps_for_share(np.array([0.0, 0.1, 0.2]), 1.0) is None


def test_the_model_is_given_back_and_bfloat16_works(case):
    network, images = case
    before = [p.clone() for p in network.parameters()]
    options = {"layer": "3", "selected": [np.array([1])] * 4, "targets": [0] * 4}
    exact = channel_faithfulness(network, images, **options)
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    assert not network[3]._forward_hooks
    rough = channel_faithfulness(small_network(maps=14).bfloat16(), images, **options)
    assert np.allclose(exact.logit, rough.logit, atol=0.05)


@pytest.mark.parametrize(
    ("change", "error", "complaint"),
    [
        ({"selected": [np.array([1])]}, ArgumentError, "1 selections and 4 targets for 4 images"),
        (
            {"selected": [np.array([14])] * 4},
            ArgumentError,
            "channel 14: layer '3' has channels 0 to 13",
        ),
        ({"selected": [np.array([-1, 1])] * 4}, ArgumentError, "channel -1"),
        ({"targets": [-1, 0, 0, 0]}, TargetError, "target=-1: the model has classes 0 to 4"),
        ({"targets": [9, 0, 0, 0]}, TargetError, "target=9: the model has classes 0 to 4"),
        ({"layer": "x"}, LayerError, "no such layer"),
        ({"layer": "6"}, LayerError, "not maps"),
    ],
)
def test_what_cannot_be(case, change, error, complaint):
    network, images = case
    options = {"layer": "3", "selected": [np.array([1])] * 4, "targets": [0] * 4} | change
    with pytest.raises(error, match=complaint):
        channel_faithfulness(network, images, **options)


def test_masks_of_another_size(case):
    network, images = case
    with pytest.raises(ArgumentError, match="of at least one"):
        channel_faithfulness(network, images[:0], layer="3", selected=[], targets=[])
    with pytest.raises(ArgumentError, match="masks has 1 maps: layer '3' has 14"):
        masked_logits(network, images, layer="3", masks=np.ones((4, 2, 1), dtype=bool))


class Overflowing(nn.Module):
    """A network whose maps are the image itself: infinite where the image is."""

    def __init__(self):
        super().__init__()
        self.maps, self.fc = nn.Identity(), nn.Linear(2, 2)

    def forward(self, x):
        maps = self.maps(x[:, :2])
        return self.fc(maps.mean(dim=(2, 3)))


def test_an_infinite_map_is_refused_where_it_is_kept_and_not_where_it_goes():
    images = torch.ones(2, 3, 4, 4)
    images[1, 1] = torch.inf
    model = Overflowing().eval()
    only_first = np.array([[[True, False]], [[True, False]]])
    assert np.isfinite(masked_logits(model, images, layer="maps", masks=only_first)).all()
    with pytest.raises(NumericalError, match="image 1"):
        masked_logits(model, images, layer="maps", masks=~only_first)


class Twice(nn.Module):
    """A layer that runs twice."""

    def __init__(self):
        super().__init__()
        self.first, self.layer = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        maps = self.layer(self.layer(self.first(x)).relu())
        return self.fc(maps.mean(dim=(2, 3)))


def test_of_a_layer_that_runs_twice_the_last_run_is_masked_as_it_is_captured():
    torch.manual_seed(3)
    network, images = Twice().eval(), torch.randn(2, 3, 8, 8)
    captured = capture(network, images, layer="layer", targets=1)
    gains = (captured.activations * captured.gradients).sum(dim=(2, 3)).numpy()
    masks = np.random.default_rng(1).random((2, 4, 6)) < 0.5
    logits = masked_logits(network, images, layer="layer", masks=masks)[:, :, 1]
    bias = network.fc.bias[1].item()
    for i in range(2):
        assert logits[i] == pytest.approx(bias + masks[i] @ gains[i], abs=1e-5)


@pytest.fixture(scope="module")
def one_image():
    network = small_network(maps=10)
    image = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(1))
    captured = capture(network, image[None], layer="3", targets=[0])
    gain = (captured.activations * captured.gradients)[0].sum(dim=(1, 2)).double().numpy()
    assert gain.sum() > 0
    return network, image, gain


def test_shares_along_beta_are_those_of_the_contributions(one_image):
    network, image, gain = one_image
    weight = np.arange(10.0)[::-1].copy()
    curve = along_beta(
        network, image, layer="3", target=0, weight=weight, betas=[0.2, 0.5, 1.0],
        select=lambda beta: np.arange(10)[-round(10 * beta) :],
    )  # fmt: skip
    assert curve.maps.tolist() == [2, 5, 10]
    for k, kept, top in zip(curve.maps, curve.kept, curve.kept_top, strict=True):
        assert kept == pytest.approx(gain[10 - k :].sum() / gain.sum(), rel=1e-3, abs=1e-5)
        assert top == pytest.approx(gain[:k].sum() / gain.sum(), rel=1e-3, abs=1e-5)


def test_many_selections_of_one_image_are_those_of_many_images(one_image):
    network, image, _ = one_image
    chosen = [np.array([1]), np.array([], dtype=int), np.array([0, 4, 7])]
    many = faithfulness_of_many(network, image, layer="3", selections=chosen, target=2)
    each = channel_faithfulness(
        network, image.expand(3, *image.shape), layer="3", selected=chosen, targets=[2] * 3
    )
    for name, values in vars(each).items():
        if name != "direction":
            assert np.allclose(getattr(many, name), values, atol=1e-6), name
    assert many.logit_kept[1] == many.logit_none[1]


def test_the_image_goes_through_the_layer_once(one_image):
    network, image, _ = one_image
    counted = []
    first = nn.Sequential(*network[:4])
    first[3].register_forward_hook(lambda *_: counted.append(1))
    model = nn.Sequential(first, *network[4:])
    faithfulness_of_many(
        model, image, layer="0.3", selections=[np.array([i]) for i in range(9)], target=0
    )
    assert len(counted) == 2  # once to inspect the layer, once for all selections


def test_selections_and_betas_that_do_not_fit(one_image):
    network, image, _ = one_image
    with pytest.raises(ArgumentError, match="betas is empty"):
        along_beta(network, image, layer="3", target=0, weight=np.ones(10), betas=[],
                   select=lambda _: np.arange(2))  # fmt: skip
    with pytest.raises(ArgumentError, match="selections is empty"):
        faithfulness_of_many(network, image, layer="3", selections=[], target=0)
    with pytest.raises(ArgumentError, match="channel 10: layer '3' has channels 0 to 9"):
        faithfulness_of_many(network, image, layer="3", selections=[np.array([10])], target=0)
