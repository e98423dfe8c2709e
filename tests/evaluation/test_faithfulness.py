"""`explain --check`: closed forms on a linear head, and the folder that holds them."""

import json

import numpy as np
import pytest
import torch

import annealcam as ac
from annealcam.evaluation.faithfulness import check_explanation, check_sentences
from annealcam.settings import resolve
from tests.networks import headed, small_network


@pytest.fixture(scope="module")
def checked():
    network = small_network(maps=14)
    image = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(6))
    settings = resolve(sampler="exact")
    e = ac.explain(network, image, layer="3", sampler="exact")
    return network, image, e, check_explanation(network, image, e, settings)


def test_shares_are_those_of_the_contributions(checked):
    _, _, e, found = checked
    selection, top, random = found["channels"]
    k, total = len(e.selected), e.contribution.sum()
    assert {row["maps"] for row in found["channels"]} == {k}
    for row, gain in (
        (selection, e.contribution[e.selected].sum()), (top, np.sort(e.contribution)[-k:].sum())
    ):  # fmt: skip
        assert row["kept_share"] == pytest.approx(gain / total, rel=1e-4)
        assert row["lost_share"] == pytest.approx(gain / total, rel=1e-4)
        assert row["probability"] == pytest.approx(e.probability, rel=1e-5)
    assert random["kept_share"] <= top["kept_share"]


def test_classes_are_the_next_and_the_least_likely(checked):
    network, image, e, found = checked
    order = np.argsort(e.logits)
    other = order[order != e.target]
    assert [row["class"] for row in found["classes"]] == [str(other[-1]), str(other[0])]
    second = ac.explain(network, image, layer="3", sampler="exact", target=int(other[-1]))
    rho = found["classes"][0]["rank_correlation"]
    if rho is not None:
        from scipy.stats import spearmanr

        assert rho == pytest.approx(spearmanr(e.map.ravel(), second.map.ravel()).statistic)


def test_every_finding_is_a_sentence_and_json(checked):
    found = checked[3]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    lines = check_sentences(found)
    assert len(lines) == 6
    assert lines[0].startswith("selection: ")
    assert "distinguish" in lines[4] or "nothing can be compared" in lines[4]


def test_an_empty_explanation_has_no_share_in_silence():
    network = small_network(maps=6, classes=2)
    with torch.no_grad():
        network[-1].weight.abs_().neg_()  # every map speaks against every class
    image = torch.randn(3, 20, 20)
    with pytest.warns(ac.errors.AnnealcamWarning, match="empty"):
        e = ac.explain(network, image, layer="3", sampler="exact")
    found = check_explanation(network, image, e, resolve(sampler="exact"))
    assert [row["kept_share"] for row in found["channels"]] == [None] * 3
    assert "no defined share" in check_sentences(found)[0]


def test_the_curve_is_that_of_a_linear_head(checked):
    _, _, e, found = checked
    curve, total = found["curve"], e.contribution.sum()
    assert [row["maps"] for row in curve] == sorted(row["maps"] for row in curve)
    assert curve[-1]["beta"] == 1.0
    assert curve[-1]["maps"] == e.provenance["candidates_in_all"]
    for row in curve:
        most = np.sort(e.contribution)[::-1][: row["maps"]].sum() / total
        assert row["kept_share_top"] == pytest.approx(most, rel=1e-3)
        assert row["kept_share"] <= most + 1e-4
    few = min(row["maps"] for row in curve if row["kept_share"] >= 0.9)
    assert check_sentences(found)[3].startswith(f"{few} maps keep ")


def test_the_fewest_maps_keep_nine_tenths():
    row = {"beta": 0.5, "kept_share_top": 0.95}
    curve = [row | {"maps": k, "kept_share": kept} for k, kept in ((2, 0.89), (3, 0.91), (5, 0.99))]
    (line,) = check_sentences({"channels": [], "curve": curve, "classes": []})
    assert line.startswith("3 maps keep 91.0% of the layer's effect")
    (line,) = check_sentences({"channels": [], "curve": curve[:1], "classes": []})
    assert line.startswith("no beta selects maps that keep 90%")


def test_random_maps_are_drawn_among_those_that_contribute():
    live = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(1)) + 0.1
    maps = torch.cat([live, torch.zeros(30, 4, 4)])
    network = headed(lambda x: maps.expand(len(x), -1, -1, -1), [1.0] * 33)
    image = torch.zeros(3, 4, 4)
    e = ac.explain(network, image, layer="maps", sampler="exact", cardinality=3)
    check = check_explanation(network, image, e, resolve(sampler="exact", cardinality=3))
    assert [row["kept_share"] for row in check["channels"]] == pytest.approx([1.0] * 3)
