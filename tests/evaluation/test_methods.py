"""The methods that are compared are those of the library, on the same maps."""

import numpy as np
import pytest
import torch

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.attribution.cam import CAM_METHODS
from annealcam.attribution.layer_maps import collect_layer_maps
from annealcam.evaluation.methods import METHODS, method_maps
from annealcam.settings import resolve
from tests.networks import small_network


@pytest.fixture(scope="module")
def compared():
    network = small_network(maps=14)
    images = torch.randn(3, 3, 20, 20, generator=torch.Generator().manual_seed(3))
    settings = resolve(sampler="exact")
    found = method_maps(
        capture(network, images, layer="3"),
        settings,
        METHODS,
        seeds=[0, 1, 2],
        model=network,
        images=images,
    )
    explained = ac.explain(network, images, layer="3", sampler="exact")
    return network, images, found, explained


def test_the_selection_is_that_of_explain(compared):
    _, _, found, explained = compared
    for own, e in zip(found, explained, strict=True):
        assert list(own) == list(METHODS)
        assert own["annealcam"].channels.tolist() == sorted(e.selected.tolist())
        assert np.allclose(own["annealcam"].map, e.map, rtol=1e-5, atol=1e-9)


def test_baselines_are_those_of_cam(compared):
    network, images, found, _ = compared
    for name in CAM_METHODS:
        maps = ac.cam(network, images, layer="3", method=name)
        for own, map_ in zip(found, maps, strict=True):
            assert np.array_equal(own[name].map, map_)


def test_selections_have_one_size_and_the_largest_weights(compared):
    for own, e in zip(compared[2], compared[3], strict=True):
        k = len(e.selected)
        top = np.argsort(-e.contribution, kind="stable")[:k]
        assert own["topk_contribution"].channels.tolist() == sorted(top.tolist())
        assert len(own["topk_alpha"].channels) == len(own["random"].channels) == k
        assert set(own["random"].channels) <= set(np.flatnonzero(e.contribution > 0))
        assert own["gradcam"].channels.tolist() == np.flatnonzero(e.alpha > 0).tolist()


def test_random_differs_with_the_seed_alone(compared):
    network, images, _, _ = compared
    captured = capture(network, images, layer="3")
    settings = resolve(sampler="exact", cardinality=3)
    one, same, other = (
        [maps["random"].channels.tolist()
         for maps in method_maps(captured, settings, ["random"], seeds=seeds)]
        for seeds in ([0, 1, 2], [0, 1, 2], [7, 8, 9])
    )  # fmt: skip
    assert one == same != other


def test_random_maps_are_not_limited_to_the_candidates(compared):
    network, images, _, explained = compared
    captured = capture(network, images[:1], layer="3")
    settings = resolve(sampler="exact", max_qubits=4)
    drawn = set()
    for seed in range(60):
        (maps,) = method_maps(captured, settings, ["random"], seeds=[seed])
        drawn |= set(maps["random"].channels.tolist())
    assert drawn == set(np.flatnonzero(explained[0].contribution > 0).tolist())
    assert len(drawn) > 4


def test_an_image_with_fewer_candidates_than_the_cardinality_keeps_them_all():
    network = small_network(maps=14)
    images = torch.randn(4, 3, 20, 20, generator=torch.Generator().manual_seed(3))
    captured = capture(network, images, layer="3", targets=[0, 1, 2, 3])
    there = [
        one.problem.d
        for one in collect_layer_maps(captured, importance="gradcam", beta=0.7, limit=16)
    ]
    k = max(there)
    assert min(there) < k
    settings = resolve("paper", sampler="exact", cardinality=k)
    found = method_maps(captured, settings, ["annealcam", "topk_alpha"], seeds=range(4))
    assert [len(own["annealcam"].channels) for own in found] == there
    assert [len(own["topk_alpha"].channels) for own in found] == there
