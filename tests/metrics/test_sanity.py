"""Sanity checks: explainers that must pass, others that must fail, and a restored model."""

import copy
import math

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

import annealcam as ac
from annealcam.data.sets import load_set
from annealcam.errors import ArgumentError, LayerError, NumericalError, TargetError
from annealcam.metrics.randomised import classifier_layer, redrawn, restored, stages_of
from annealcam.metrics.sanity import (
    cam_explainer,
    parameter_randomisation,
    random_classifier,
    random_logit,
)
from tests.networks import small_network


def edges(model, images, targets):
    """An explainer that does not use the network: it must fail."""
    return images.abs().sum(dim=1)


def noise(model, images, targets):
    """An explainer that depends on all parameters at once and on nothing else."""
    total = sum(float(p.detach().double().sum()) for p in model.parameters())
    rng = np.random.default_rng(int(1e9 * abs(total)))
    return rng.normal(size=(len(images), 7, 7))


def normalised_network():
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(6, 4),
    )  # fmt: skip
    net(torch.randn(8, 3, 9, 9))  # statistics worth keeping
    return net


def bits_of(model):
    return {name: values.clone() for name, values in model.state_dict().items()}


def assert_untouched(model, before, was):
    assert all(torch.equal(values, before[name]) for name, values in model.state_dict().items())
    for now, then in zip(model.modules(), was, strict=True):
        assert (now.training, len(now._forward_pre_hooks)) == then
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_an_explainer_that_ignores_the_network_stays_the_same_and_is_told_so(network, images):
    test = parameter_randomisation(network, images, edges)
    assert test.stages == ("6", "2", "0")
    np.testing.assert_allclose(test.rank_correlation, 1.0)
    np.testing.assert_array_equal(test.top_overlap, 1.0)
    assert "hardly depends" in test.verdict()


def test_an_explainer_that_follows_the_parameters_passes(network, images):
    test = parameter_randomisation(network, images, noise)
    assert np.abs(test.means).max() < 0.4
    assert test.verdict().endswith("it depends on these weights")
    assert abs(test.between_images) < 0.4


def test_gradcam_with_a_random_head_is_that_of_the_drawn_weights(network, images):
    """Closed form: a linear head after pooling, so that the map is ReLU(sum_a w_a f_a) / (H W)."""
    test = parameter_randomisation(
        network, images, cam_explainer("3"), targets=1, layers=["6"], seed=3
    )
    with restored(network), torch.no_grad():
        maps = network[:4](images)
        before = torch.einsum("a,nahw->nhw", network[6].weight[1], maps).relu().double().numpy()
        redrawn([network[6]], draw="initial", seed=[3, 0], done=set())
        after = torch.einsum("a,nahw->nhw", network[6].weight[1], maps).relu().double().numpy()
    expected = [
        spearmanr(a.ravel(), b.ravel()).statistic if a.any() and b.any() else math.nan
        for a, b in zip(before, after, strict=True)
    ]
    np.testing.assert_allclose(test.rank_correlation[0], expected, atol=1e-3)
    assert test.undefined[0] == np.isnan(expected).sum()


@pytest.mark.parametrize("cascading", [True, False])
@pytest.mark.parametrize("draw", ["initial", "shuffled"])
def test_the_model_comes_back_to_the_bit(images, cascading, draw):
    net = normalised_network()
    before, was = bits_of(net), [(m.training, 0) for m in net.modules()]
    state = torch.random.get_rng_state()
    options = {"cascading": cascading, "draw": draw}
    test = parameter_randomisation(net, images, cam_explainer("2"), **options)
    assert_untouched(net, before, was)
    assert torch.equal(torch.random.get_rng_state(), state)
    again = parameter_randomisation(net, images, cam_explainer("2"), **options)
    np.testing.assert_array_equal(test.rank_correlation, again.rank_correlation)


def test_the_model_comes_back_after_an_error(images):
    net = normalised_network()
    before, was = bits_of(net), [(m.training, 0) for m in net.modules()]
    calls = iter([edges(None, images, None)])

    def fails_on_the_second(*_):
        return next(calls)

    with pytest.raises(StopIteration):
        parameter_randomisation(net, images, fails_on_the_second)
    assert_untouched(net, before, was)


def test_replaced_parameters_are_put_back(network):
    weight, values = network[6].weight, network[6].weight.clone()
    with restored(network):
        network[6].weight = nn.Parameter(torch.zeros_like(weight))
    assert network[6].weight is weight
    assert torch.equal(weight, values)


def test_buffers_that_share_memory_and_negative_zeros_are_left_as_they_are(network, images):
    network.register_buffer("mask", torch.ones(1).expand(4))
    network[6].bias.data.fill_(-0.0)
    parameter_randomisation(network, images[:1], edges)
    assert torch.signbit(network[6].bias).all()
    assert network.mask.stride() == (0,)


def test_one_image_is_enough_and_has_none_to_be_compared_with(network, images):
    test = parameter_randomisation(network, images[:1], cam_explainer("3"))
    assert test.rank_correlation.shape == test.top_overlap.shape == (3, 1)
    assert test.between_images is None


def test_the_first_stage_is_the_same_alone_and_in_the_cascade(network, images):
    explain = cam_explainer("3")
    whole = parameter_randomisation(network, images, explain)
    each = parameter_randomisation(network, images, explain, cascading=False)
    np.testing.assert_array_equal(whole.rank_correlation[0], each.rank_correlation[0])
    # Weights after the layer cannot change what comes before it, and the other way round.
    assert not np.array_equal(whole.rank_correlation[1], each.rank_correlation[1])


def test_stages_of_own_choice_hold_all_that_lies_inside(network, images):
    net = nn.Sequential(network[:4], network[4:])
    assert list(stages_of(net, images, ["0", "1"])) == ["1", "0"]
    assert len(stages_of(net, images, ["0"])["0"]) == 2


def test_unused_modules_and_containers_parameters_are_placed_rightly(images):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 2)  # registered first, run last
            self.unused = nn.Sequential(nn.Linear(3, 3))
            self.scale = nn.Parameter(torch.ones(1))
            self.attention = nn.MultiheadAttention(4, 1, batch_first=True)
            self.stem = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            tokens = self.stem(x * self.scale).flatten(2).transpose(1, 2)
            tokens = self.attention(tokens, tokens, tokens, need_weights=False)[0]
            return self.head(tokens.mean(dim=1))

    names = list(stages_of(Odd().eval(), images))
    assert names == ["head", "attention", "attention.out_proj", "stem", ""]


def test_tied_parameters_are_drawn_once(images):
    net = nn.Sequential(nn.Flatten(), nn.Linear(1200, 8), nn.Linear(8, 8), nn.Linear(8, 8))
    net[3].weight = net[2].weight
    done = set()
    with restored(net):
        redrawn([net[3]], draw="initial", seed=1, done=done)
        first, bias = net[2].weight.clone(), net[2].bias.clone()
        redrawn([net[2]], draw="initial", seed=2, done=done)
        assert torch.equal(net[2].weight, first)
        assert not torch.equal(net[2].bias, bias)


def test_parameters_born_in_inference_mode_and_bfloat16_models(images):
    with torch.inference_mode():
        born = small_network()
    for model, explain in ((born, edges), (small_network().bfloat16(), cam_explainer("3"))):
        before = bits_of(model)
        test = parameter_randomisation(model, images, explain)
        assert test.rank_correlation.shape == (3, 3)
        assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_dead_maps_are_counted_not_averaged(network, images):
    def dies(model, x, targets):
        alive = torch.equal(model[6].weight, kept)
        return edges(model, x, targets) * alive

    kept = network[6].weight.clone()
    test = parameter_randomisation(network, images, dies)
    assert test.undefined.tolist() == [3, 3, 3]
    assert np.isnan(test.means).all()
    assert "nothing can be compared" in test.verdict()


def test_overflowing_randomised_maps_are_counted_and_original_ones_refused(network, images):
    kept = network[6].weight.clone()

    def overflows(model, x, targets):
        broken = not torch.equal(model[6].weight, kept)
        return edges(model, x, targets) + (math.inf if broken else 0.0)

    assert parameter_randomisation(network, images, overflows).undefined.tolist() == [3, 3, 3]
    with pytest.raises(NumericalError, match="NaN or infinity"):
        parameter_randomisation(network, images, lambda *_: torch.full((3, 2, 2), math.nan))


def test_random_logit_with_opposite_classes_is_the_mirror(images):
    """Two classes of opposite weights: the signed maps are each other's negatives."""
    net = small_network(classes=2)
    net[6].weight.data[1] = -net[6].weight.data[0]

    def signed(model, x, targets):
        maps = model[:4](x)
        return torch.einsum("na,nahw->nhw", model[6].weight[list(targets)], maps)

    test = random_logit(net, images, signed, targets=[0, 1, 0])
    assert test.classes.tolist() == [[1, 0, 1]]
    np.testing.assert_allclose(test.rank_correlation, -1.0)
    assert "distinguishes the classes" in test.verdict()
    assert "hardly" in random_logit(net, images, edges).verdict()


def test_random_classes_are_others_each_once_and_an_image_keeps_its_own(network, images):
    test = random_logit(network, images, edges, targets=2, draws=4, seed=5)
    assert [sorted(column) for column in test.classes.T.tolist()] == [[0, 1, 3, 4]] * 3
    alone = random_logit(network, images[:1], edges, targets=2, draws=4, seed=5)
    np.testing.assert_array_equal(alone.classes[:, 0], test.classes[:, 0])


@pytest.mark.parametrize(
    ("error", "match", "options"),
    [
        (ArgumentError, "draw='fresh'", {"draw": "fresh"}),
        (LayerError, "no such layer", {"layers": ["9"]}),
        (ArgumentError, "Layer '1' has no parameters", {"layers": ["1"]}),
        (TargetError, "classes 0 to 4", {"targets": 5}),
    ],
)
def test_bad_input_to_parameter_randomisation(network, images, error, match, options):
    with pytest.raises(error, match=match):
        parameter_randomisation(network, images, edges, **options)


def test_bad_input(network, images):
    with pytest.raises(ArgumentError, match="n >= 1"):
        parameter_randomisation(network, images[:0], edges)
    with pytest.raises(ArgumentError, match="give a batch"):
        parameter_randomisation(network, images[0], edges)
    with pytest.raises(ArgumentError, match="a map"):
        parameter_randomisation(network, images, lambda *_: np.zeros((3, 4)))
    with pytest.raises(ArgumentError, match="no parameters"):
        parameter_randomisation(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), images, edges)
    with pytest.raises(ArgumentError, match="4 other classes"):
        random_logit(network, images, edges, draws=5)
    with pytest.raises(ArgumentError, match="1 other classes"):  # the other side of one output
        random_logit(small_network(classes=1), images, edges, draws=2)


def test_gradcam_passes_and_gradcam_plus_plus_fails_on_a_trained_network():
    """Its weights are positive for nearly every map and class, whatever the head has learnt."""
    model, preprocess, _ = ac.load_model("digits")
    digits = load_set("digits", part="test")
    images = torch.stack([preprocess(digits.open(i)) for i in range(12)])
    for method, alike in (("gradcam", False), ("gradcam++", True)):
        explain = cam_explainer("block.1", method)
        head = parameter_randomisation(
            model, images, explain, layers=["classifier"], cascading=False
        )
        others = random_logit(model, images, explain, draws=3)
        assert (head.means[0] > 0.8) == (np.nanmean(others.rank_correlation) > 0.8) == alike
        assert ("hardly" in head.verdict()) == ("hardly" in others.verdict()) == alike


def test_progress_is_reported(network, images):
    calls = []
    parameter_randomisation(network, images, edges, progress=lambda *x: calls.append(x))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_a_copy_of_the_model_tells_the_same(network, images):
    explain = cam_explainer("3", "hirescam")
    one = parameter_randomisation(network, images, explain)
    other = parameter_randomisation(copy.deepcopy(network), images, explain)
    np.testing.assert_array_equal(one.rank_correlation, other.rank_correlation)


def test_a_random_classifier_has_gaussian_weights_of_the_same_scale_and_is_restored(
    network, images
):
    before, was = bits_of(network), [(m.training, 0) for m in network.modules()]
    stds = []

    def classifier(model, batch, targets):
        weight = model[6].weight.detach().double()
        stds.append(float(weight.std(correction=0)))
        return weight[:2, None, :].repeat(len(batch) // 2 + 1, 1, 1)[: len(batch)]

    test = random_classifier(network, images, classifier, draws=2, seed=3)
    assert_untouched(network, before, was)
    assert test.classifier == "6" == classifier_layer(network, images)
    scale = float(before["6.weight"].double().std(correction=0))
    drawn = [
        np.random.default_rng([3, draw]).standard_normal(before["6.weight"].shape) * scale
        for draw in (0, 1)
    ]
    assert stds == pytest.approx([scale, *(w.std() for w in drawn)], rel=1e-6)
    expected = [
        [spearmanr(before["6.weight"][i % 2].numpy(), w[i % 2]).statistic for i in range(2)]
        for w in drawn
    ]
    assert test.rank_correlation[:, :2] == pytest.approx(np.array(expected), abs=1e-12)


def test_hirescam_under_a_random_classifier_is_that_of_the_drawn_weights(images):
    """For a linear head the map is ReLU(sum_a w_a f_a) / pixels, whatever the classifier."""
    net = small_network()
    test = random_classifier(net, images, cam_explainer("3", "hirescam"), targets=2, seed=5)
    weight = net[6].weight.detach()
    scale = float(weight.double().std(correction=0))
    drawn = torch.from_numpy(np.random.default_rng([5, 0]).standard_normal(weight.shape) * scale)
    with torch.no_grad():
        maps = net[:4](images).double()
    one, other = (
        torch.einsum("a,nahw->nhw", w[2].double(), maps).relu().numpy() for w in (weight, drawn)
    )
    for i in range(len(images)):
        expected = spearmanr(one[i].ravel(), other[i].ravel()).statistic
        assert test.rank_correlation[0, i] == pytest.approx(expected, abs=1e-3)
    assert not np.allclose(test.rank_correlation, 1.0)


def test_a_map_that_ignores_the_classifier_is_found(network, images):
    test = random_classifier(network, images, edges, draws=3)
    assert np.allclose(test.rank_correlation, 1.0)
    assert (test.rank_correlation.shape, test.undefined) == ((3, len(images)), 0)
    assert test.verdict() == "this map hardly depends on the classifier (rank correlation 1.00)"
    constant = random_classifier(network, images, lambda _, x, __: torch.ones(len(x), 3, 3))
    assert constant.verdict() == "every comparison involves a constant map: nothing can be compared"


def test_equal_seeds_give_equal_random_classifiers(network, images):
    one, same, other = (
        random_classifier(network, images, cam_explainer("3"), seed=seed).rank_correlation
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same, equal_nan=True)
    assert not np.array_equal(one, other, equal_nan=True)


def test_the_classifier_is_restored_after_an_error(network, images):
    before, was = bits_of(network), [(m.training, 0) for m in network.modules()]
    calls = []

    def failing(model, batch, targets):
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("broken")
        return batch.sum(dim=1)

    with pytest.raises(RuntimeError, match="broken"):
        random_classifier(network, images, failing)
    assert_untouched(network, before, was)


def test_the_classifier_may_be_a_convolution():
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    assert classifier_layer(net, torch.zeros(1, 3, 8, 8)) == "2"
    with pytest.raises(ArgumentError, match="no linear layer and no convolution"):
        classifier_layer(nn.Sequential(nn.BatchNorm2d(3), nn.Flatten()), torch.zeros(1, 3, 2, 2))
    weighted = nn.Sequential(nn.Flatten(), nn.utils.parametrizations.weight_norm(nn.Linear(4, 2)))
    with pytest.raises(ArgumentError, match="layer '1' computes its weights"):
        classifier_layer(weighted, torch.zeros(1, 1, 2, 2))
