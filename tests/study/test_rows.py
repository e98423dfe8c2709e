"""The selections of every selector, against brute force and the formulas."""

import itertools

import numpy as np
import pytest
import torch

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.attribution.cam import gradcam_plus_plus_weights
from annealcam.attribution.layer_maps import collect_layer_maps
from annealcam.study.config import Annealing
from annealcam.study.table.rows import annealer_rows, selector_rows
from tests.networks import small_network


@pytest.fixture(scope="module")
def captured():
    generator = torch.Generator().manual_seed(5)
    images = torch.randn(3, 3, 20, 20, generator=generator)
    return capture(small_network(maps=14), images, layer="3")


@pytest.fixture(scope="module")
def maps(captured):
    return next(collect_layer_maps(captured, importance="gradcam", beta=0.7, limit=20))


def rows(maps, sizes=(1, 2, 3), draws=4):
    return list(selector_rows(maps, sizes=sizes, draws=draws, rng=np.random.default_rng(0)))


def of(selections, name, cardinality=None):
    return [r for r in selections if r["selector"] == name and r.get("cardinality") == cardinality]


def best(p, k=None):
    states = [n for n in itertools.product((0, 1), repeat=p.d) if k is None or sum(n) == k]
    return min(map(np.array, states), key=p.energy)


@pytest.mark.parametrize("k", [None, 1, 2, 3])
def test_exact_is_brute_force(maps, k):
    (row,) = of(rows(maps), "exact", k)
    n = np.array(best(maps.problem, k), dtype=bool)
    assert row["selected"] == maps.candidates[n].tolist()
    assert row["energy"] == pytest.approx(maps.problem.energy(n), abs=1e-12)


@pytest.mark.parametrize("k", [None, 2])
def test_baselines_have_the_size_of_the_optimum(maps, k):
    selections = rows(maps)
    size = of(selections, "exact", k)[0]["k"]
    alpha, gain = maps.alpha, maps.contribution
    top = sorted(range(len(alpha)), key=lambda a: -alpha[a])[:size]
    assert of(selections, "topk_alpha", k)[0]["selected"] == sorted(top)
    top = sorted(range(len(gain)), key=lambda a: -gain[a])[:size]
    assert of(selections, "topk_contribution", k)[0]["selected"] == sorted(top)
    draws = of(selections, "random", k)
    assert [r["draw"] for r in draws] == [0, 1, 2, 3]
    for row in draws:
        assert len(set(row["selected"])) == size == row["k"]
        assert set(row["selected"]) <= set(maps.candidates.tolist())


def test_weights_are_those_of_the_methods(captured, maps):
    selections = rows(maps)
    (all_positive,), (gradcam,), (plus,) = (
        of(selections, name) for name in ("positive", "gradcam", "gradcam++")
    )
    assert all_positive["selected"] == gradcam["selected"] == maps.candidates.tolist()
    assert gradcam["weights"] == maps.alpha[maps.candidates].astype(float).tolist()
    w = gradcam_plus_plus_weights(captured.activations, captured.gradients)[0].numpy()
    expected = [a for a in range(len(w)) if w[a] > 0 and maps.maps[a].any()]
    assert plus["selected"] == expected
    assert plus["weights"] == w[expected].astype(float).tolist()
    assert plus["energy"] is None


def test_scores_by_their_formulas(maps):
    p = maps.problem
    for row in rows(maps):
        chosen = row["selected"]
        if row["energy"] is not None:
            n = np.isin(maps.candidates, chosen)
            assert row["energy"] == p.energy(n)
            assert row["relevance"] == pytest.approx(p.h[n].sum(), rel=1e-6)
            pairs = [p.J[a, b] for a, b in itertools.combinations(np.flatnonzero(n), 2)]
            if pairs:
                assert row["redundancy"] == pytest.approx(np.mean(pairs), abs=1e-12)
            else:
                assert row["redundancy"] is None
        gains = np.maximum(maps.contribution, 0).astype(float)
        assert row["carried"] == pytest.approx(gains[chosen].sum() / gains.sum())
    positive = [r for r in rows(maps) if r["selector"] == "positive"]
    assert positive[0]["optimal"] is (positive[0]["k"] == rows(maps)[0]["k"])


def test_a_study_selects_what_explain_selects():
    network = small_network(maps=14)
    image = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(8))
    e = ac.explain(network, image, layer="3", preset="paper", sampler="exact", max_qubits=9)
    captured = capture(network, image[None], layer="3")
    (maps,) = collect_layer_maps(captured, importance="gradcam", beta=0.7, limit=9)
    assert rows(maps)[0]["selected"] == sorted(e.selected.tolist())
    assert rows(maps)[0]["energy"] == e.energy
    assert np.array_equal(maps.problem.J, e.problem.J)


def test_a_limit_keeps_the_selectors_of_all_maps_whole(captured):
    (maps, *_) = collect_layer_maps(captured, importance="gradcam", beta=0.7, limit=3)
    selections = rows(maps, sizes=())
    assert len(maps.candidates) == 3 < maps.candidates_in_all
    (all_positive,) = of(selections, "positive")
    assert all_positive["k"] == maps.candidates_in_all
    assert all_positive["energy"] is None
    assert all_positive["optimal"] is None


def test_the_annealers_rows(maps):
    options = Annealing(tau=(1.0, 200.0), normalisations=("per_qubit", "unit"))
    selections = list(annealer_rows(maps, options, seed=np.random.SeedSequence(1)))
    assert [(r["normalisation"], r["tau"]) for r in selections] == [
        ("per_qubit", 1.0), ("per_qubit", 200.0), ("unit", 1.0), ("unit", 200.0)
    ]  # fmt: skip
    for row in selections:
        kw = {"normalisation": row["normalisation"]}
        exact = ac.anneal(maps.problem, tau=row["tau"], **kw)
        gap = ac.minimum_gap(maps.problem, **kw)
        assert row["success_probability"] == exact.success_probability
        assert (row["gap"], row["gap_s"], row["final_gap"]) == (gap.gap, gap.s, gap.final_gap)
        assert row["landau_zener"] == gap.landau_zener(row["tau"])
        assert row["shots"] == maps.problem.d**2
        assert row["guess"] == pytest.approx(row["multiplicity"] / 2**maps.problem.d)
        assert row["best_of_shots"] == pytest.approx(
            1 - (1 - row["success_probability"]) ** row["shots"]
        )
    again = list(annealer_rows(maps, options, seed=np.random.SeedSequence(1)))
    assert again == selections


def test_nothing_important_is_nothing_selected():
    network = small_network(maps=6, classes=2)
    with torch.no_grad():
        network[-1].weight.abs_().neg_()  # every map lowers the logit of every class
    captured = capture(network, torch.randn(1, 3, 20, 20), layer="3")
    (maps,) = collect_layer_maps(captured, importance="gradcam", beta=0.7, limit=20)
    assert len(maps.candidates) == 0
    assert {row["k"] for row in rows(maps)} == {0}
    assert list(annealer_rows(maps, Annealing(), seed=np.random.SeedSequence(0))) == []
