"""The whole way: from an image to its explanation."""

import itertools
import math
import threading
import warnings

import dimod
import numpy as np
import pytest
import torch
from torch import nn

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.attribution.layers import default_layer
from annealcam.errors import (
    AnnealcamWarning,
    ArgumentError,
    LayerError,
    TargetError,
)
from annealcam.samplers.registry import SAMPLERS
from tests.networks import headed, same, small_network


def explain(model, image, **options):
    return ac.explain(model, image, **{"layer": "3", **options})


def test_the_problem_is_that_of_the_method(network, images):
    """Candidates, relevance, redundancy and map, each computed here by the formula."""
    e = explain(network, images[0], sampler="exact", objective="relative", map_form="relu_of_sum")
    captured = capture(network, images[:1], layer="3")
    f, g = captured.activations[0].double(), captured.gradients[0].double()
    alpha = g.mean(dim=(1, 2))
    weight = (g * f).sum(dim=(1, 2))
    channels = [a for a in range(12) if weight[a] > 0 and f[a].any()]
    assert e.candidates.tolist() == channels
    assert np.allclose(e.importance, weight, atol=1e-9)
    assert np.allclose(e.problem.h, weight[channels] / weight[channels].max(), rtol=1e-5)
    flat = f[channels].flatten(1)
    cosine = torch.nn.functional.cosine_similarity(flat[:, None], flat[None], dim=2).abs()
    assert np.allclose(e.problem.J, cosine - torch.eye(len(channels)), atol=1e-7)
    assert e.energy == ac.solve_exact(e.problem).energy
    expected = (alpha[e.selected.copy(), None, None] * f[e.selected.copy()]).sum(dim=0).relu()
    assert np.allclose(e.map, expected, atol=1e-7)
    assert np.array_equal(e.selected_maps, captured.activations[0][e.selected.copy()])


def test_selected_are_sorted_by_importance_and_are_candidates(network, images):
    for e in explain(network, images):
        assert set(e.selected) == set(e.candidates[e.selection.n.astype(bool)])
        assert (np.diff(e.importance[e.selected]) <= 0).all()


def test_beta_one_selects_every_candidate_and_draws_gradcam_without_its_negative_part(
    network, images
):
    e = explain(network, images[0], beta=1.0, importance="gradcam", sampler="exact")
    f = capture(network, images[:1], layer="3").activations[0]
    alive = f.flatten(1).any(dim=1).numpy()
    assert set(e.selected) == set(np.flatnonzero((e.alpha > 0) & alive))
    positive = torch.tensor(np.maximum(e.alpha, 0))[:, None, None]
    assert np.allclose(e.map, (positive * f).sum(dim=0), atol=1e-7)


def test_preset_paper_and_what_stands_above_it(network, images):
    e = explain(network, images[0], preset="paper")
    provenance = e.provenance
    assert (provenance["importance"], e.problem.beta, provenance["map_form"]) == (
        "gradcam",
        0.7,
        "sum_of_relu",
    )
    assert np.array_equal(e.importance, e.alpha)
    summed = np.maximum(e.alpha[e.selected, None, None] * e.selected_maps, 0).sum(axis=0)
    assert np.allclose(e.map, summed, atol=1e-8)
    above = explain(network, images[0], preset="paper", beta=0.4, map_form="relu_of_sum")
    assert (above.problem.beta, above.provenance["importance"]) == (0.4, "gradcam")
    summed = explain(network, images[0], objective="sum")
    shares = explain(network, images[0], objective="relative")
    assert explain(network, images[0]).provenance["objective"] == "evidence"
    assert (shares.provenance["importance"], shares.provenance["beta"]) == ("contribution", 2 / 3)
    assert (summed.provenance["objective"], summed.problem.beta) == ("sum", 0.9)


def test_beta_weighs_shares_of_what_the_most_relevant_maps_have(network, images):
    for k in (2, 3):
        e = explain(
            network, images[0], objective="relative", cardinality=k, beta=0.6, sampler="exact"
        )
        r, J = e.importance[e.candidates].astype(float), e.problem.J
        order = np.argsort(-r)
        pool = order[: 2 * k]
        shared = J[np.ix_(pool, pool)].sum() / (len(pool) * (len(pool) - 1))
        most = r[order[:k]].sum()

        def cost(pick, k=k, r=r, J=J, most=most, shared=shared):
            own = J[np.ix_(pick, pick)].sum() / (k * (k - 1))
            return 0.4 * own / shared - 0.6 * r[list(pick)].sum() / most

        best = min(itertools.combinations(range(e.problem.d), k), key=cost)
        assert sorted(e.selected) == e.candidates[list(best)].tolist()


def test_annealing_reports_its_chances(network, images):
    e = explain(network, images[0], tau=20.0, shots=30, normalisation="unit")
    own = ac.anneal(e.problem, tau=20.0, normalisation="unit")
    info = e.selection.info
    assert info["success_probability"] == own.success_probability
    assert info["best_of_shots_probability"] == pytest.approx(
        1 - (1 - own.success_probability) ** 30
    )
    subsets = math.comb(e.problem.d, len(e.selected))
    assert info["guess_probability"] == pytest.approx(1 - (1 - 1 / subsets) ** 30)
    assert (e.selection.shots, e.normalisation, e.provenance["tau"]) == (30, "unit", 20.0)
    best = own.sample(30, seed=0)
    assert e.energy == pytest.approx(e.problem.energy(best).min())
    assert explain(network, images[0]).selection.shots == e.problem.d**2
    assert explain(network, images[0], sampler="exact").normalisation is None


def test_anneal_has_the_defaults_of_explain(network, images):
    e = explain(network, images[0])
    assert e.provenance["tau"] == ac.annealing.DEFAULT_TAU
    assert ac.anneal(e.problem).success_probability == e.selection.info["success_probability"]
    limited = explain(network, images[0], cardinality=3)
    again = ac.anneal(limited.problem)
    assert again.success_probability == limited.selection.info["success_probability"]


def test_equal_seeds_give_equal_bits(network, images):
    a, b = (explain(network, images[0], seed=3, shots=2) for _ in range(2))
    assert same(a, b)


def test_a_batch_gives_what_its_images_give(network, images):
    together = explain(network, images, sampler="exact", target=[0, 1, 2])
    assert isinstance(together, list)
    for i, e in enumerate(together):
        alone = explain(network, images[i], sampler="exact", target=i)
        assert e.target == alone.target == i
        assert np.array_equal(e.selected, alone.selected)
        assert np.allclose(e.map, alone.map, atol=1e-6)


@pytest.mark.parametrize("target", [2, "2", "two", np.int64(2)])
def test_targets(network, images, target):
    e = explain(network, images[0], target=target, class_names=["zero", "one", "two", "3", "4"])
    assert (e.target, e.provenance["target_name"]) == (2, "two")
    assert np.allclose(e.alpha * 64, network[-1].weight.detach()[2] * 64 / 49, atol=1e-6)


def test_the_default_layer_is_chosen_and_told(network, images):
    e = ac.explain(network, images[0], sampler="exact")
    assert e.provenance["layer"] == default_layer(network, images[:1]) == "3"
    assert not e.provenance["layer_was_named"]


@pytest.mark.parametrize("sampler", [name for name, s in SAMPLERS.items() if s.built_in])
def test_every_sampler_by_name(network, images, sampler):
    e = explain(network, images[0], sampler=sampler, cardinality=2)
    assert (e.selection.sampler, len(e.selected)) == (sampler, 2)


def test_a_sampler_that_cannot_be_copied(network, images):
    class Held(dimod.ExactSolver):
        def __init__(self):
            super().__init__()
            self.lock = threading.Lock()  # as clients of a service have them

    assert explain(network, images[0], sampler=Held()).provenance["sampler"] == "Held"


def test_a_result_is_its_own_copy(images):
    class Keeps(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = small_network()

        def forward(self, x):
            self.last = self.net(x)
            return self.last

    model = Keeps()
    e = ac.explain(model, images[0], layer="net.3", sampler="exact")
    before = e.logits.copy()
    with torch.no_grad():
        model.last.zero_()
    assert np.array_equal(e.logits, before)


def test_warnings_point_at_the_caller():
    model = headed(lambda x: torch.randn(1, 5, 4, 4), [1.0, 1.0, -1.0, -1.0, 1.0])
    with pytest.warns(AnnealcamWarning, match="signed maps") as caught:
        ac.explain(model, torch.zeros(3, 4, 4), layer="maps", target=0)
    assert caught[0].filename == __file__


def test_cardinality_names_the_image_that_cannot_meet_it():
    model = headed(lambda x: x, [1.0, 1.0, 1.0])
    images = torch.ones(2, 3, 4, 4)
    images[1, 2] = 0
    with pytest.raises(ArgumentError, match="only 2 candidate maps for image 1; lower it$"):
        ac.explain(model, images, layer="maps", target=0, cardinality=3)
    with pytest.raises(ArgumentError, match="image 0; lower it, or raise max_qubits"):
        ac.explain(model, images, layer="maps", target=0, cardinality=3, max_qubits=2)


def test_a_dimod_sampler_object(network, images):
    e = explain(network, images[0], sampler=dimod.ExactSolver())
    assert e.optimal
    assert e.provenance["sampler"] == "ExactSolver"


def test_left_out_candidates_are_counted(network, images):
    whole, part = (explain(network, images[0], objective="sum", max_qubits=m) for m in (16, 2))
    provenance = part.provenance
    assert (part.problem.d, provenance["left_out"]) == (2, whole.problem.d - 2)
    weights = np.sort(whole.importance[whole.candidates])[::-1]
    assert provenance["left_out_relevance_share"] == pytest.approx(
        weights[2:].sum() / weights.sum(), rel=1e-5
    )
    assert set(part.candidates) <= set(whole.candidates)


def test_dead_maps_are_counted_and_never_selected():
    maps = torch.rand(1, 6, 4, 4)
    maps[0, [1, 4]] = 0
    model = headed(lambda x: maps.expand(len(x), -1, -1, -1), [1.0] * 6)
    e = ac.explain(model, torch.zeros(3, 4, 4), layer="maps", target=0, cardinality=4)
    assert (e.provenance["dead"], e.problem.d) == (2, 4)
    assert sorted(e.selected) == [0, 2, 3, 5]


def test_no_candidate_is_an_honest_empty_explanation():
    model = headed(lambda x: torch.rand(1, 3, 4, 4), [1.0] * 3)
    empty = {"layer": "maps", "target": 1, "objective": "relative"}
    with pytest.warns(AnnealcamWarning, match="the explanation is empty"):
        e = ac.explain(model, torch.zeros(3, 4, 4), **empty)
    assert (len(e.selected), e.energy, e.optimal, e.problem.d) == (0, 0.0, True, 0)
    assert e.map.shape == (4, 4)
    assert not e.map.any()
    assert not e.heatmap((8, 8)).any()
    assert e.carried_share == 0.0
    with pytest.warns(AnnealcamWarning):  # no cardinality can be asked of nothing
        asked = ac.explain(model, torch.zeros(3, 4, 4), **empty, cardinality=2)
    assert len(asked.selected) == 0


def test_one_candidate():
    model = headed(lambda x: torch.rand(1, 3, 4, 4), [1.0, -1.0, -2.0])
    e = ac.explain(model, torch.zeros(3, 4, 4), layer="maps", target=0)
    assert (e.selected.tolist(), e.problem.d, e.optimal) == ([0], 1, True)
    assert e.largest_cosines.tolist() == [0.0]


def test_equal_maps_are_redundant_and_the_tie_is_counted():
    model = headed(lambda x: torch.ones(1, 5, 4, 4), [1.0] * 5)
    e = ac.explain(
        model, torch.zeros(3, 4, 4), layer="maps", target=0, objective="sum", beta=0.4,
        sampler="exact",
    )  # fmt: skip
    assert np.allclose(e.problem.J, 1 - np.eye(5))
    assert (len(e.selected), e.selection.info["multiplicity"]) == (1, 5)


def test_signed_maps_are_warned_of():
    model = headed(lambda x: torch.randn(1, 5, 4, 4), [1.0, 1.0, -1.0, -1.0, 1.0])
    with pytest.warns(AnnealcamWarning, match="signed maps"):
        e = ac.explain(model, torch.zeros(3, 4, 4), layer="maps", target=0)
    assert "signed maps" in e.provenance["warnings"][0]


def test_a_selection_that_carries_little_is_warned_of():
    maps = torch.ones(1, 4, 4, 8)
    maps[0, 0] = 0.01
    model = headed(lambda x: maps, [10.0, 1.0, 1.0, 1.0])
    with pytest.warns(AnnealcamWarning, match="under 10 %"):
        e = ac.explain(
            model, torch.zeros(3, 4, 8), layer="maps", target=0, preset="paper", cardinality=1
        )
    assert e.selected.tolist() == [0]
    assert e.carried_share == pytest.approx(0.1 / 3.1, rel=1e-5)


def test_shares_of_a_linear_head_sum_to_the_logit():
    """Without bias, all maps' shares sum to one; the selected ones' to what they carry."""
    model = headed(lambda x: torch.rand(1, 4, 4, 8), [1.0, 0.5, 0.2, 0.1])
    e = ac.explain(model, torch.zeros(3, 4, 8), layer="maps", target=0, cardinality=4)
    assert e.share == pytest.approx(1.0, rel=1e-5)
    with pytest.warns(DeprecationWarning, match="use shares"):
        assert e.logit_shares.sum() == pytest.approx(1.0, rel=1e-5)
    assert e.carried_share == pytest.approx(1.0)


def test_baselines_come_along(network, images):
    e = explain(network, images[0])
    for method in ("gradcam", "gradcam++"):
        own = ac.cam(network, images[0], layer="3", method=method)
        assert np.array_equal(e.baselines[method], own)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"beta": 1.2}, ArgumentError, "beta=1.2"),
        ({"importance": "alpha"}, ArgumentError, "importance='alpha'"),
        ({"preset": "papers"}, ArgumentError, "did you mean 'paper'"),
        ({"sampler": "annealing"}, ArgumentError, "did you mean 'anneal'"),
        ({"sampler": object()}, ArgumentError, "has no method sample"),
        ({"cardinality": 0}, ArgumentError, "cardinality=0"),
        ({"cardinality": 99}, ArgumentError, "cardinality=99: there are only"),
        ({"tau": -1}, ArgumentError, "tau=-1"),
        ({"max_qubits": 0}, ArgumentError, "max_qubits=0"),
        ({"shots": 0}, ArgumentError, "shots=0"),
        ({"seed": -1}, ArgumentError, "seed=-1"),
        ({"normalisation": "x"}, ArgumentError, "normalisation='x'"),
        ({"schedule": "x"}, ArgumentError, "schedule='x'"),
        ({"map_form": "x"}, ArgumentError, "map_form='x'"),
        ({"layer": "conv"}, LayerError, "layer='conv'"),
        ({"target": 5}, TargetError, "target=5"),
        ({"target": "cat"}, TargetError, "no class names"),
        ({"target": [1, None]}, TargetError, "None among several"),
        ({"target": 1.5}, TargetError, "target=1.5"),
        ({"target": {}}, TargetError, "whole number or a name"),
        ({"class_names": ["a"]}, ArgumentError, "1 names, but the model has 5"),
        ({"beta": "x"}, ArgumentError, "beta='x': must be a number"),
        ({"seed": 1.5}, ArgumentError, "seed=1.5: must be a whole number"),
        ({"shots": 2.5}, ArgumentError, "shots=2.5"),
        ({"cardinality": 1.5}, ArgumentError, "cardinality=1.5"),
        ({"preset": []}, ArgumentError, "preset="),
    ],
)
def test_bad_arguments(network, images, options, error, match):
    with pytest.raises(error, match=match):
        explain(network, images[0], **options)


@pytest.mark.parametrize(
    "image", [np.zeros((3, 8, 8)), torch.zeros(8, 8), torch.zeros(3, 8, 8).int()]
)
def test_bad_images(network, image):
    with pytest.raises(ArgumentError, match="image: "):
        ac.explain(network, image)


def test_more_qubits_than_the_state_vector_holds(images):
    model = small_network(maps=60)
    with pytest.warns(AnnealcamWarning, match="selected by local search"):
        captured = ac.explain(model, images[0], layer="3", max_qubits=60, importance="gradcam")
    assert captured.problem.d > 24
    assert (captured.selection.sampler, captured.selection.info["instead_of"]) == (
        "local",
        "anneal",
    )
    exact = explain(model, images[0], max_qubits=60, importance="gradcam", sampler="exact")
    assert exact.optimal
    assert captured.energy == pytest.approx(exact.energy)
    e = explain(model, images[0], max_qubits=60, importance="gradcam", sampler="sa")
    assert e.optimal is None or e.problem.d <= 24


def test_the_view_is_the_image_its_range_stretched(network):
    image = torch.linspace(-1, 1, 3 * 20 * 20).reshape(3, 20, 20)
    e = ac.explain(network, image, layer="1", sampler="exact", gradients="plain")
    expected = np.round(255 * (image.numpy().transpose(1, 2, 0) + 1) / 2)
    assert np.array_equal(e.view, expected)
    wide = ac.explain(network, torch.rand(3, 500, 900), layer="1", preset="paper")
    assert wide.view.shape == (249, 448, 3)


@pytest.mark.parametrize(
    "options",
    [
        {}, {"preset": "paper"}, {"tau": 20.0, "normalisation": "unit", "schedule": "quadratic"},
        {"cardinality": 2}, {"cardinality": 2, "sampler_options": {"constraint": "penalty"}},
    ],
)  # fmt: skip
def test_annealing_the_problem_again_gives_the_reported_probability(network, images, options):
    e = explain(network, images[0], **options)
    again = ac.anneal(e.problem, **e.annealing)
    assert again.success_probability == e.selection.info["success_probability"]


def test_the_default_annealing_is_that_of_anneal(network, images):
    e = explain(network, images[0])
    assert ac.anneal(e.problem).success_probability == e.selection.info["success_probability"]
    assert e.annealing == {"tau": 100.0, "normalisation": "per_qubit", "schedule": "linear"}
    assert explain(network, images[0], sampler="exact").annealing == {}


@pytest.mark.parametrize("maps", [7, 10, 11, 12])
def test_under_a_tenth_of_the_contributions_is_doubtful(maps):
    """One of m equal and disjoint maps carries 1/m: 14.3 % and 10 % pass, 9.1 % is warned of."""
    cells = torch.eye(maps)[:, :, None].expand(-1, -1, 2)[None].clone()
    model = headed(lambda x: cells.expand(len(x), -1, -1, -1), [1.0] * maps)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        e = ac.explain(
            model, torch.zeros(3, 4, 4), layer="maps", target=0, objective="relative",
            cardinality=1, sampler="exact",
        )  # fmt: skip
    assert e.carried_share == pytest.approx(1 / maps)
    doubtful = [str(w.message) for w in caught if "under 10 %" in str(w.message)]
    assert len(doubtful) == (maps > 10)
    assert len(e.provenance["warnings"]) == (maps > 10)


def test_a_layer_is_a_name_or_a_module(network, images):
    by_name, by_module = (
        ac.explain(network, images[0], layer=layer, sampler="exact") for layer in ("3", network[3])
    )
    assert same(by_name, by_module)
    assert by_module.provenance["layer"] == "3"
    assert np.array_equal(
        ac.cam(network, images[0], layer=network[3]), ac.cam(network, images[0], layer="3")
    )
    with pytest.raises(LayerError, match="this ReLU is no part of the network"):
        ac.explain(network, images[0], layer=nn.ReLU())
    with pytest.raises(LayerError, match="layer: a int; give a name such as 'layer4', or a module"):
        ac.explain(network, images[0], layer=3)


def test_a_list_of_layers_gives_a_list_in_its_order(network, images):
    options = {"sampler": "exact", "importance": "gradcam", "target": 2}
    one, three = ac.explain(network, images[0], layer=["3", network[1]], **options)
    assert same(one, ac.explain(network, images[0], layer="3", **options))
    assert same(three, ac.explain(network, images[0], layer="1", **options))
    batches = ac.explain(network, images, layer=("1", "3"), **options)
    assert [len(batch) for batch in batches] == [3, 3]
    assert batches[1][0].provenance["layer"] == "3"
    with pytest.raises(ArgumentError) as error:
        ac.explain(network, images[0], layer=["3", network[3]])
    assert str(error.value) == "Each layer may appear only once: layer=['3', '3']."
    with pytest.raises(ArgumentError, match="an empty list"):
        ac.explain(network, images[0], layer=[])


def test_old_words_are_accepted(network, images):
    new = explain(network, images[0], normalisation="unit")
    with (
        pytest.warns(DeprecationWarning, match="convention: renamed, use normalisation"),
        pytest.warns(DeprecationWarning, match="normalisation='text': renamed"),
    ):
        assert same(new, explain(network, images[0], convention="text"))
