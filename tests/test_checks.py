"""`explain --check`: closed forms on a linear head, and the folder that holds them."""

import json

import numpy as np
import pytest
import torch

import annealcam as ac
from annealcam.checks import check, sentences
from annealcam.settings import resolve
from builders import small_network


@pytest.fixture(scope="module")
def checked():
    network = small_network(maps=14)
    image = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(6))
    settings = resolve(sampler="exact")
    e = ac.explain(network, image, layer="3", sampler="exact")
    return network, image, e, check(network, image, e, settings)


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
    lines = sentences(found)
    assert len(lines) == 5
    assert lines[0].startswith("selection: ")
    assert "classes apart" in lines[3] or "nothing can be compared" in lines[3]


def test_an_empty_explanation_has_no_share_in_silence():
    network = small_network(maps=6, classes=2)
    with torch.no_grad():
        network[-1].weight.abs_().neg_()  # every map speaks against every class
    image = torch.randn(3, 20, 20)
    with pytest.warns(ac.errors.AnnealcamWarning, match="empty"):
        e = ac.explain(network, image, layer="3", sampler="exact")
    found = check(network, image, e, resolve(sampler="exact"))
    assert [row["kept_share"] for row in found["channels"]] == [None] * 3
    assert "no defined share" in sentences(found)[0]
