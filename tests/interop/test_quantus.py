"""The explanation function under Quantus' own metrics."""

import copy

import numpy as np
import pytest
import torch

import annealcam as ac
from annealcam.errors import ArgumentError, LayerError, TargetError
from annealcam.interop.quantus import explain_func
from tests.networks import small_network

OPTIONS = {"layer": "3", "sampler": "exact"}
CLASSES = np.array([0, 1, 2])


def test_the_maps_are_those_of_explain_resized(network, images):
    found = explain_func(network, images.numpy(), CLASSES, **OPTIONS)
    explained = ac.explain(network, images, target=[0, 1, 2], **OPTIONS)
    raw = torch.from_numpy(np.stack([e.map for e in explained]))[:, None]
    expected = torch.nn.functional.interpolate(raw, (20, 20), mode="bilinear")
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)


def test_targets_and_inputs_in_other_forms(network, images):
    expected = explain_func(network, images.numpy(), CLASSES, **OPTIONS)
    for targets in (torch.tensor([0, 1, 2]), [0, 1, 2], CLASSES[:, None], CLASSES.astype(float)):
        np.testing.assert_array_equal(expected, explain_func(network, images, targets, **OPTIONS))
    double = explain_func(network, images.double().numpy(), CLASSES, **OPTIONS)
    np.testing.assert_array_equal(expected, double)
    one = explain_func(network, images[:1], 0, device="cpu", **OPTIONS)
    np.testing.assert_allclose(one, expected[:1], atol=1e-6)
    assert explain_func(network, images, None, sampler="exact").shape == (3, 1, 20, 20)
    nearest = explain_func(network, images, CLASSES, interpolation="nearest", **OPTIONS)
    assert nearest.shape == expected.shape


def test_the_layer_is_found_by_name_in_every_copy(network, images):
    before = explain_func(network, images, CLASSES, **OPTIONS)
    other = small_network(seed=5)
    twin = copy.deepcopy(network)
    twin.load_state_dict(other.state_dict())
    np.testing.assert_array_equal(
        explain_func(twin, images, CLASSES, **OPTIONS),
        explain_func(other, images, CLASSES, **OPTIONS),
    )
    np.testing.assert_array_equal(before, explain_func(network, images, CLASSES, **OPTIONS))


def test_the_model_is_given_back_and_bfloat16_works(network, images):
    network.train()
    state = copy.deepcopy(network.state_dict())
    explain_func(network, images, CLASSES, **OPTIONS)
    assert network.training
    assert all(p.grad is None for p in network.parameters())
    assert all(torch.equal(v, state[k]) for k, v in network.state_dict().items())
    found = explain_func(small_network().to(torch.bfloat16), images, CLASSES, **OPTIONS)
    assert found.dtype == np.float32


def test_bad_input_is_refused_in_one_line(network, images):
    for spoilt, options, error, text in [
        (images[0], {}, ArgumentError, r"inputs: of shape \(3, 20, 20\)"),
        (images[0, 0], {}, ArgumentError, "inputs: of shape"),
        (images[:0], {}, ArgumentError, "n >= 1"),
        (images, {"layer": "33"}, LayerError, "no such layer"),
        (images, {"interpolation": "cubic"}, ArgumentError, "interpolation='cubic'"),
        (images, {"sampler": "exat"}, ArgumentError, "did you mean 'exact'"),
        (images, {"layers": "3"}, ArgumentError, "no such option"),
    ]:
        with pytest.raises(error, match=text):
            explain_func(network, spoilt, None, **{**OPTIONS, **options})
    with pytest.raises(TargetError, match="2 classes for 3 images"):
        explain_func(network, images, [0, 1], **OPTIONS)
    with pytest.raises(TargetError, match="whole number"):
        explain_func(network, images, [0.5, 1, 2], **OPTIONS)


@pytest.fixture(scope="module")
def quantus():
    return pytest.importorskip("quantus")


def scores(metric, images, **options):
    found = metric(
        model=small_network(),
        x_batch=images.numpy(),
        y_batch=CLASSES,
        explain_func=explain_func,
        explain_func_kwargs=dict(OPTIONS),
        device="cpu",
        **options,
    )
    return np.asarray(found, dtype=float)


QUIET = {"disable_warnings": True, "display_progressbar": False}


def test_faithfulness_correlation(quantus, images):
    metric = quantus.FaithfulnessCorrelation(
        nr_runs=10, subset_size=40, return_aggregate=False, **QUIET
    )
    found = scores(metric, images)
    assert found.shape == (3,)
    assert (np.abs(found) <= 1).all()


def test_random_logit(quantus, images):
    found = scores(quantus.RandomLogit(num_classes=5, **QUIET), images)
    assert found.shape == (3,)
    assert (found <= 1).all()


def test_sparseness_is_the_gini_index_of_the_map(quantus, images):
    found = scores(quantus.Sparseness(**QUIET), images)
    maps = explain_func(small_network(), images, CLASSES, **OPTIONS).reshape(3, -1)
    ranked = np.sort(maps, axis=1) + 1e-7
    n = ranked.shape[1]
    gini = ((2 * np.arange(1, n + 1) - n - 1) * ranked).sum(axis=1) / (n * ranked.sum(axis=1))
    np.testing.assert_allclose(found, gini, atol=1e-3)


def test_the_pointing_game_with_a_mask(quantus, images):
    everywhere = np.ones((3, 1, 20, 20), dtype=bool)
    metric = quantus.PointingGame(**QUIET)
    assert scores(metric, images, s_batch=everywhere).tolist() == [1, 1, 1]
    maps = explain_func(small_network(), images, CLASSES, **OPTIONS)
    but_the_peak = maps < maps.max(axis=(2, 3), keepdims=True)
    assert scores(metric, images, s_batch=but_the_peak).tolist() == [0, 0, 0]


def test_parameter_randomisation_re_initialises_copies(quantus, images):
    network = small_network()
    state = copy.deepcopy(network.state_dict())
    metric = quantus.MPRT(similarity_func=quantus.correlation_pearson, **QUIET)
    metric(
        model=network,
        x_batch=images.numpy(),
        y_batch=CLASSES,
        explain_func=explain_func,
        explain_func_kwargs=dict(OPTIONS),
        device="cpu",
    )
    assert all(torch.equal(v, state[k]) for k, v in network.state_dict().items())
