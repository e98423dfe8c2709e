"""The methods that are compared are those of the library, on the same maps."""

import numpy as np
import pytest
import torch

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.attribution.cam import CAM_METHODS
from annealcam.attribution.layer_maps import collect_layer_maps
from annealcam.evaluation.methods import LABELS, METHODS, SELECTORS, method_maps
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
        for name in SELECTORS:
            assert len(own[name].channels) == k
        assert set(own["random"].channels) <= set(np.flatnonzero(e.contribution > 0))
        assert own["gradcam"].channels.tolist() == np.flatnonzero(e.alpha > 0).tolist()


def test_selections_by_alignment_and_greedy_are_drawn_as_the_explanation_is():
    network = small_network(maps=40)
    images = torch.randn(2, 3, 26, 26, generator=torch.Generator().manual_seed(3))
    captured = capture(network, images, layer="3")
    settings = resolve(sampler="exact", cardinality=4)
    found = method_maps(captured, settings, ["topk_alignment", "greedy"], seeds=[0, 1])
    explained = ac.explain(network, images, layer="3", sampler="exact", cardinality=4)
    for i, (own, e) in enumerate(zip(found, explained, strict=True)):
        g = captured.contribution_maps[i].double().numpy()
        rho = np.einsum("ahw,hw->a", g, np.maximum(g.sum(axis=0), 0))
        assert own["topk_alignment"].channels.tolist() == sorted(np.argsort(-rho)[:4].tolist())
        n = np.zeros(e.problem.d, dtype=np.int8)
        for _ in range(4):
            n[min(np.flatnonzero(n == 0), key=lambda p, n=n: e.problem.energy(n | unit(p, n)))] = 1
        assert own["greedy"].channels.tolist() == e.candidates[n.astype(bool)].tolist()
        for result in own.values():
            drawn = np.maximum(g[result.channels].sum(axis=0), 0)
            np.testing.assert_allclose(result.map, drawn, rtol=1e-5, atol=1e-9)
    settings = resolve(sampler="exact", cardinality=4, map_form="sum_of_relu")
    (own, _) = method_maps(captured, settings, ["greedy"], seeds=[0, 1])
    chosen, alpha = own["greedy"].channels, explained[0].alpha
    maps = captured.activations[0].numpy()[chosen]
    drawn = np.maximum(alpha[chosen][:, None, None] * maps, 0).sum(axis=0)
    np.testing.assert_allclose(own["greedy"].map, drawn, rtol=1e-5)


def unit(p, n):
    return (np.arange(len(n)) == p).astype(np.int8)


def test_the_list_names_every_method_once():
    assert tuple(LABELS) == METHODS
    assert METHODS[: len(SELECTORS) + 1] == ("annealcam", *SELECTORS)
    assert len(set(LABELS.values())) == len(METHODS)
    assert all(LABELS[name] == CAM_METHODS[name].label for name in CAM_METHODS)


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
