"""Effects of single maps: closed forms, and whether they add up."""

import numpy as np
import pytest
import torch
from torch import nn

import annealcam as ac
from annealcam.errors import NumericalError
from annealcam.metrics.masked import masked_logits
from annealcam.sets.masked_runs import for_each_image, measure_effects
from tests.networks import FrozenTrunk, small_network
from tests.sets.linear import GivenEffects

OPTIONS = {"target": None, "class_names": None}


def effects_of(network, image, layer="maps"):
    return for_each_image(measure_effects, network, image, layer=layer, **OPTIONS)


def test_the_effects_of_a_linear_head_are_its_weights():
    rng = np.random.default_rng(0)
    effects, none = rng.normal(size=(9, 4)), rng.normal(size=4)
    network = GivenEffects(effects, none)
    measured = effects_of(network, network.image)
    assert measured.alone == pytest.approx(effects, abs=1e-12)
    assert measured.none == pytest.approx(none, abs=1e-12)
    assert measured.every == pytest.approx(none + effects.sum(axis=0), abs=1e-12)
    assert measured.add_up
    assert 0 <= measured.error < measured.tolerance < 1e-12


class Paired(GivenEffects):
    """Maps 0 and 1 together add to a logit what 2 and 3 together take away again."""

    def forward(self, x):
        means = self.maps(x).mean(dim=(2, 3))
        return self.fc(means) + (means[:, [0]] * means[:, [1]] - means[:, [2]] * means[:, [3]])


def test_effects_that_add_up_over_all_maps_alone_do_not_count():
    effects = np.eye(6)
    measured = effects_of(Paired(effects, np.zeros(6)), torch.ones(6, 2, 2, dtype=torch.float64))
    assert measured.every == pytest.approx(measured.alone.sum(axis=0))
    assert measured.error == pytest.approx(1.0)
    assert not measured.add_up


@pytest.mark.parametrize(
    ("layer", "linear"), [("0", False), ("1", False), ("2", True), ("3", True)]
)
def test_relu_behind_the_layer_adds_up_map_by_map(layer, linear):
    """Before its last ReLU the network is linear in masks, though not in the maps."""
    image = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(1))
    assert effects_of(small_network(), image, layer).add_up == linear


def test_runs_are_those_of_masked_logits():
    image = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(1))
    network = small_network(maps=10)
    masks = np.random.default_rng(0).random((70, 10)) < 0.5  # more than one chunk

    def find(runs):
        live = runs.channels.tolist()
        return runs.kept(masks[:, live]), runs.removed(~masks[:, live]), runs.runs, repr(runs)

    (kept, removed, count, text) = for_each_image(find, network, image, layer="3", **OPTIONS)
    expected = masked_logits(network, image[None], layer="3", masks=masks[None])[0]
    assert kept == pytest.approx(expected, abs=1e-6)
    assert np.array_equal(kept, removed)
    assert (count, text) == (140, "MaskedRuns(layer='3', maps=10, runs=140)")


def test_dead_maps_are_no_channels_unless_asked_for():
    network = GivenEffects(np.eye(5), np.zeros(5))
    image = network.image
    image[[1, 2, 4]] = 0
    for dead, channels in ((0, [0, 3]), (2, [0, 1, 2, 3]), (9, [0, 1, 2, 3, 4])):
        options = {"layer": "maps", "dead": dead, **OPTIONS}
        found = for_each_image(lambda runs: runs.channels.tolist(), network, image, **options)
        assert found == channels


def test_trunks_that_freeze_themselves_and_bfloat16():
    image = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(1))
    plain = ac.flip_set(small_network(), image, layer="3")
    frozen = ac.flip_set(FrozenTrunk().eval(), image, layer="net.3")
    assert frozen.channels.tolist() == plain.channels.tolist()
    rough = ac.flip_set(small_network().bfloat16(), image, layer="3")
    assert rough.flipped == plain.flipped
    assert rough.margin == pytest.approx(plain.margin, abs=0.05)


class Exploding(nn.Module):
    """A network whose logits are infinite without its first map."""

    def __init__(self):
        super().__init__()
        self.maps, self.fc = nn.Identity(), nn.Linear(3, 2)

    def forward(self, x):
        means = self.maps(x).mean(dim=(2, 3))
        return self.fc(means) / means[:, :1]


def test_logits_that_are_infinite_under_a_mask():
    network = Exploding().train()
    with pytest.raises(NumericalError, match="logits under a mask"):
        ac.flip_set(network, torch.ones(3, 4, 4), layer="maps")
    assert network.training
    assert "forward" not in network.maps.__dict__
