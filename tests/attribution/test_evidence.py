"""Evidence, alignment and the selection that draws it: closed forms, brute force, invariances."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from torch import nn

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.attribution.evidence import (
    Head,
    alignment,
    drawn_evidence,
)
from annealcam.attribution.evidence_candidates import DUST, evidence_candidates
from annealcam.errors import AnnealcamWarning, ArgumentError, NumericalError
from annealcam.qubo.evidence import cosine
from tests.networks import headed


def random_maps(seed, maps=6, side=3):
    return torch.randn(maps, side, side, generator=torch.Generator().manual_seed(seed)).double()


def drawn_by(g, places):
    """Fidelity of some maps, by its definition."""
    target = g.sum(dim=0).relu().numpy()
    return cosine(g[list(places)].sum(dim=0).numpy(), target)


@given(st.integers(0, 2**32 - 1))
def test_alignments_sum_to_one(seed):
    g = random_maps(seed)
    assert float(alignment(g).sum()) == pytest.approx(1.0)
    assert float(alignment(-g.abs()).sum()) == pytest.approx(1.0)  # no evidence is positive


def test_a_map_that_is_the_evidence_has_alignment_one():
    g = torch.zeros(3, 2, 2)
    g[1] = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    assert alignment(g).tolist() == [0.0, 1.0, 0.0]


def test_alignment_by_hand():
    """G+ = (2, 1, 0); <g_1, G+> = 4 - 1, <g_2, G+> = 0 + 2, over 5."""
    g = torch.tensor([[[2.0, -1.0, 0.0]], [[0.0, 2.0, -3.0]]])
    torch.testing.assert_close(alignment(g), torch.tensor([0.6, 0.4]))


@given(st.integers(0, 2**32 - 1), st.floats(1e-25, 1e25), st.permutations(range(6)))
def test_alignment_is_invariant_to_scale_and_follows_a_permutation(seed, factor, order):
    g = random_maps(seed)
    torch.testing.assert_close(alignment(factor * g[order]), alignment(g)[order])


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
def test_the_parts_of_a_split_map_share_its_alignment(seed, share):
    g = random_maps(seed)
    split = torch.cat([g[:5], share * g[5:], (1.0 - share) * g[5:]])
    own = alignment(split)
    torch.testing.assert_close(own[5] + own[6], alignment(g)[5])
    torch.testing.assert_close(own[:5], alignment(g)[:5])


def test_no_evidence_at_all_is_refused():
    with pytest.raises(NumericalError, match="sum to zero at every position"):
        alignment(torch.tensor([[[1.0, -1.0]], [[-1.0, 1.0]]]))
    assert drawn_evidence(torch.zeros(2, 1, 2))[1] == "none"


def test_evidence_is_gradcam_where_the_head_pools_and_hirescam_everywhere(network, images):
    for layer in ("3", "1"):
        c = capture(network, images, layer=layer)
        plain = c.contribution_maps.sum(dim=1).relu()
        expected = ac.cam(network, images, layer=layer, method="hirescam")
        np.testing.assert_allclose(plain.numpy(), expected, atol=1e-6)
    c = capture(network, images, layer="3", integrated=True)
    grad_cam = ac.cam(network, images, layer="3", method="gradcam")
    np.testing.assert_allclose(c.contribution_maps.sum(dim=1).relu(), grad_cam, atol=1e-6)


def test_heads_are_distinguished_by_their_gradient(network, images):
    pooled = capture(network, images, layer="3")
    assert Head.of(pooled.path_gradients[0], pooled.contribution_maps[0]).pooled
    flat = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5))
    flat(images)
    c = capture(flat, images, layer="1", integrated=True)
    head = Head.of(c.path_gradients[0], c.contribution_maps[0])
    g = c.contribution_maps[0]
    assert not head.pooled
    assert head.incoherence == pytest.approx(
        float(g.square().sum() / g.sum(dim=0).square().sum()), rel=1e-5
    )
    assert head.beta == (0.0 if head.incoherence < 0.5 else 1.0)
    assert Head.of(g, torch.zeros_like(g)).incoherence == float("inf")


@pytest.mark.parametrize(("copies", "draws"), [(1, False), (3, True)])
def test_maps_that_agree_are_drawn_with(copies, draws):
    """m equal maps have incoherence 1/m, whatever their gradients."""
    g = torch.rand(1, 3, 3).expand(copies, -1, -1)
    head = Head.of(torch.rand(copies, 3, 3), g)
    assert head.incoherence == pytest.approx(1 / copies)
    assert head.draws is draws
    assert (head.beta, "agree" in head.reason) == (0.0 if draws else 1.0, True)


def pose(g, **options):
    defaults = {"limit": 99, "cardinality": None, "fidelity": 0.95, "beta": 0.0}
    return evidence_candidates(torch.ones_like(g), g, alignment(g), **{**defaults, **options})


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_the_best_over_all_maps_is_that_of_brute_force(seed, k):
    g = random_maps(seed, maps=8).abs()
    found = pose(g, cardinality=k)
    p = found.problem

    def residual(places):
        return p.residual(np.isin(np.arange(len(found.channels)), places))

    best = min(combinations(range(len(found.channels)), k), key=residual)
    assert found.best_residual == pytest.approx(residual(best), rel=1e-9)
    assert found.best_fidelity == pytest.approx(drawn_by(g, found.best.tolist()))


@given(st.integers(0, 2**32 - 1), st.floats(0.3, 0.99))
def test_the_size_is_the_smallest_whose_selection_reaches_the_fidelity(seed, fidelity):
    g = random_maps(seed, maps=9).abs()
    found = pose(g, fidelity=fidelity)
    k = len(found.best)
    for smaller in range(1, k):
        assert pose(g, cardinality=smaller).best_fidelity < fidelity
    assert found.best_fidelity >= fidelity or k == 7


def test_maps_under_a_thousandth_of_the_evidence_are_no_candidates():
    g = torch.zeros(4, 2, 2)
    g[:, 0, 0] = torch.tensor([1.0, 0.5, 0.4 * DUST, 0.9 * DUST])
    found = pose(g)
    assert found.channels.tolist() == [0, 1]
    assert found.dust == 2
    whole = pose(g, cardinality=3)  # unless the cardinality needs them
    assert whole.channels.tolist() == [0, 1, 3]


def test_the_limit_keeps_the_best_selection_if_it_holds_it():
    g = random_maps(5, maps=30).abs()
    cut = pose(g, cardinality=4, limit=12)
    assert len(cut.channels) == 12
    assert cut.in_all == 30
    best = ac.solve_exact(cut.problem.problem)
    assert cut.problem.residual(best.n) >= cut.best_residual - 1e-9
    assert cut.problem.scale == pose(g, cardinality=4).problem.scale


def test_explain_records_the_evidence(network, images):
    e = ac.explain(network, images[0], layer="3", cardinality=3, sampler="exact")
    c = capture(network, images[:1], layer="3", integrated=True)
    g = c.contribution_maps[0]
    np.testing.assert_allclose(e.evidence, g.sum(dim=0), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(e.importance, alignment(g), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(e.map, g[e.selected.copy()].sum(dim=0).relu(), atol=1e-6)
    assert e.fidelity == pytest.approx(drawn_by(g.double(), e.selected.tolist()), rel=1e-5)
    p = e.provenance
    assert (p["objective"], p["importance"], p["map_form"]) == (
        "evidence", "alignment", "contributions",
    )  # fmt: skip
    assert p["residual"] == pytest.approx(e.energy / p["energy_unit"] + 1.0)
    assert p["residual"] == pytest.approx(p["best_residual"])
    assert p["completeness"] == pytest.approx(1.0, abs=1e-4)
    assert "pools" in p["reason"]


def test_maps_and_selection_do_not_depend_on_the_order_of_the_channels(network, images):
    e = ac.explain(network, images[0], layer="3", cardinality=2, sampler="exact")
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        network[2].weight.copy_(network[2].weight[order])
        network[2].bias.copy_(network[2].bias[order])
        network[6].weight.copy_(network[6].weight[:, order])
    other = ac.explain(network, images[0], layer="3", cardinality=2, sampler="exact")
    assert sorted(order[other.selected.copy()].tolist()) == sorted(e.selected.tolist())
    np.testing.assert_allclose(other.map, e.map, atol=1e-6)


@pytest.mark.parametrize("against", ["next", "rest", 4, [3, 4]])
def test_a_contrast_explains_the_difference_of_logits(network, images, against):
    e = ac.explain(network, images[0], layer="3", target=1, against=against, sampler="exact")
    c = capture(network, images[:1], layer="3", targets=1, against=against, integrated=True)
    np.testing.assert_allclose(e.evidence, c.contribution_maps[0].sum(dim=0), atol=1e-6)
    assert e.provenance["against"] == against
    with pytest.raises(ac.errors.TargetError, match="against=1: is the explained class"):
        ac.explain(network, images[0], layer="3", target=1, against=1)


def test_a_class_without_positive_evidence_falls_back_and_is_named():
    model = headed(lambda x: torch.rand(1, 3, 4, 4), [1.0] * 3)
    with pytest.warns(AnnealcamWarning, match="no position has positive evidence"):
        e = ac.explain(model, torch.zeros(3, 4, 4), layer="maps", target=1)
    assert e.provenance["evidence"] == "signed"
    assert (e.evidence < 0).all()
    assert len(e.selected) > 0
    assert not e.map.any()


def test_low_fidelity_is_warned_of():
    maps = torch.eye(16).reshape(1, 16, 4, 4)
    model = headed(lambda x: maps, [1.0] * 16)
    with pytest.warns(AnnealcamWarning, match="a fidelity of 0.50, under 0.8"):
        e = ac.explain(model, torch.zeros(3, 4, 4), layer="maps", target=0, cardinality=4)
    assert e.fidelity == pytest.approx(0.5)


def test_the_evidence_objective_has_its_own_importance(network, images):
    with pytest.raises(ArgumentError, match="weighs maps by their alignment"):
        ac.explain(network, images[0], objective="evidence", importance="gradcam")
    e = ac.explain(network, images[0], layer="3", importance="gradcam", sampler="exact")
    assert e.provenance["objective"] == "relative"
    by_alignment = ac.explain(
        network, images[0], layer="3", objective="relative", importance="alignment",
        sampler="exact",
    )  # fmt: skip
    assert by_alignment.provenance["importance"] == "alignment"


@pytest.mark.parametrize("fidelity", [0.0, 1.1, "x", None.__class__])
def test_bad_fidelities(network, images, fidelity):
    with pytest.raises(ArgumentError, match="fidelity="):
        ac.explain(network, images[0], fidelity=fidelity)


def test_plain_gradients_are_an_option(images):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.Sigmoid(), nn.Flatten(),
        nn.LazyLinear(5),
    )  # fmt: skip
    net(images)
    plain = ac.explain(net, images[0], layer="1", gradients="plain", sampler="local")
    c = capture(net, images[:1], layer="1")
    np.testing.assert_allclose(plain.contribution, (c.gradients * c.activations)[0].sum((1, 2)))
    assert (plain.provenance["gradient_steps"], plain.provenance["completeness"]) == (1, None)
    whole = ac.explain(net, images[0], layer="1", sampler="local")
    assert whole.provenance["gradient_steps"] == 8
    assert abs(whole.provenance["completeness"] - 1.0) < 0.05
    with pytest.raises(ArgumentError, match="gradients='both'"):
        ac.explain(net, images[0], layer="1", gradients="both")


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_beta_one_selects_the_maps_of_largest_contribution(seed, k):
    g = random_maps(seed, maps=8) + 0.1
    contribution = g.sum(dim=(1, 2)).numpy()
    top = np.argsort(-contribution)[:k]
    if contribution[top].min() <= 1e-2 * contribution[contribution > 0].sum():
        return
    found = pose(g, cardinality=k, beta=1.0)
    assert sorted(found.best.tolist()) == sorted(top.tolist())
    assert found.proved


@pytest.mark.parametrize(("sampler", "optimal"), [("local", True), ("random", False)])
def test_the_proof_over_all_maps_certifies_any_sampler(sampler, optimal):
    model = headed(lambda x: maps, [1.0] * 40)
    maps = torch.rand(1, 40, 5, 5, generator=torch.Generator().manual_seed(3)) ** 4
    options = {"layer": "maps", "target": 0, "cardinality": 4}
    e = ac.explain(model, torch.zeros(3, 4, 4), sampler=sampler, **options)
    exact = ac.explain(model, torch.zeros(3, 4, 4), sampler="exact", **options)
    assert e.problem.d > 24
    assert e.optimal is optimal
    assert e.selection.info["optimum"] == pytest.approx(exact.energy)
    assert (e.energy == pytest.approx(exact.energy)) is optimal


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.sampled_from([0.0, 0.5, 1.0]))
def test_evidence_against_a_class_is_selected_as_that_for_it(seed, k, beta):
    g = -random_maps(seed).abs() - 0.01
    found = pose(g, cardinality=k, beta=beta)
    reversed_ = pose(-g, cardinality=k, beta=beta)
    assert (found.kind, reversed_.kind) == ("signed", "positive")
    assert found.best.tolist() == reversed_.best.tolist()
    assert found.best_value == pytest.approx(reversed_.best_value)


def test_an_image_of_a_batch_is_explained_as_by_itself(network, images):
    together = ac.explain(network, images, layer="3", sampler="exact", against="next")
    for e, image in zip(together, images, strict=True):
        alone = ac.explain(network, image, layer="3", sampler="exact", against="next")
        assert e.selected.tolist() == alone.selected.tolist()
        np.testing.assert_allclose(e.map, alone.map, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(e.importance, alone.importance, rtol=1e-4, atol=1e-6)


def test_arrays_and_tensors_name_classes_as_lists_do(network, images):
    expected = ac.explain(network, images[0], layer="3", target=0, against=[2, 3])
    for classes in (np.array([2, 3]), torch.tensor([2, 3])):
        e = ac.explain(network, images[0], layer="3", target=0, against=classes)
        assert e.provenance["against"] == [2, 3]
        assert np.array_equal(e.map, expected.map)


@pytest.mark.parametrize("beta", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_the_limit_leaves_the_objective_as_it_is_over_all_maps(beta):
    for seed in range(5):
        g = random_maps(seed, maps=40, side=4) + 0.1
        cut, whole = (pose(g, cardinality=4, beta=beta, limit=limit) for limit in (6, 40))
        for places in combinations(range(6), 4):
            n = np.isin(np.arange(6), places)
            value = whole.problem.value(np.isin(whole.channels, cut.channels[n]))
            assert cut.problem.value(n) == pytest.approx(value, rel=1e-6, abs=1e-9)
            assert cut.problem.value(n) >= cut.least_value - 1e-9


def test_stored_shares_are_parts_of_what_is_explained(network, images):
    for against in (None, "next"):
        e = ac.explain(network, images[0], layer="3", against=against)
        for row in e.as_json()["selected"]:
            if e.layer_effect > 0:
                assert row["share"] * e.layer_effect == pytest.approx(row["contribution"])
            else:
                assert row["share"] is None
