"""`explain --check`: closed forms on a linear head, and the scale of random selections."""

import json
import math

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.evaluation.calibration import DRAWS, SPARE, Figure, random_selections
from annealcam.evaluation.class_sensitivity import CLASSIFIERS
from annealcam.evaluation.faithfulness import check_explanation, check_sentences
from annealcam.settings import resolve
from tests.networks import headed, small_network

FIGURES = ["kept", "lost", "lead", "fidelity", "next_class", "least_class", "random_classifier"]


@pytest.fixture(scope="module")
def checked():
    """A linear head of 40 maps, one image, its explanation by 5 maps, and the check."""
    network = small_network(maps=40)
    image = torch.randn(3, 26, 26, generator=torch.Generator().manual_seed(6))
    choice = {"sampler": "exact", "cardinality": 5, "seed": 3}
    e = ac.explain(network, image, layer="3", **choice)
    return network, image, e, check_explanation(network, image, e, resolve(**choice))


def figure_of(check, name):
    return next(row for row in check["figures"] if row["figure"] == name)


def draws_of(e, count=DRAWS):
    return random_selections(e.contribution, len(e.selected), draws=count, seed=3)


def contribution_maps(network, image, target):
    return capture(network, image[None], layer="3", targets=target).contribution_maps[0].numpy()


def rank_correlation(a, b):
    flat = np.ptp(a) == 0 or np.ptp(b) == 0
    return math.nan if flat else spearmanr(a.ravel(), b.ravel()).statistic


def test_shares_are_those_of_the_contributions(checked):
    _, _, e, found = checked
    selection, top, alpha, random = found["channels"]
    k, total = len(e.selected), e.contribution.sum()
    assert {row["maps"] for row in found["channels"]} == {k}
    of_largest_alpha = np.argsort(-np.where(e.contribution != 0, e.alpha, -np.inf))[:k]
    for row, gain in (
        (selection, e.contribution[e.selected].sum()), (top, np.sort(e.contribution)[-k:].sum()),
        (alpha, e.contribution[of_largest_alpha].sum()),
        (random, np.mean([e.contribution[channels].sum() for channels in draws_of(e)])),
    ):  # fmt: skip
        assert row["kept_share"] == pytest.approx(gain / total, rel=1e-4)
        assert row["lost_share"] == pytest.approx(gain / total, rel=1e-4)
        assert row["probability"] == pytest.approx(e.probability, rel=1e-5)


def test_figures_of_channels_have_the_scale_of_random_selections(checked):
    network, _, e, found = checked
    rows, total = found["channels"], e.contribution.sum()
    random = [e.contribution[channels].sum() / total for channels in draws_of(e)]
    for name in ("kept", "lost"):
        row = figure_of(found, name)
        assert row["annealcam"] == pytest.approx(rows[0]["kept_share"])
        assert row["gradcam"] == pytest.approx(rows[2]["kept_share"])
        ends = (min(random), np.mean(random), max(random))
        assert (row["random_low"], row["random"], row["random_high"]) == pytest.approx(
            ends, rel=1e-4
        )
        assert row["draws"] == DRAWS
        expected = "better" if row["annealcam"] > max(random) else None
        assert row["verdict"] == expected
    second = int(np.argsort(e.logits)[-2])
    assert second != e.target
    with torch.no_grad():
        weight = network[-1].weight.numpy()
    other = e.contribution[e.selected] * weight[second, e.selected] / weight[e.target, e.selected]
    lead = (e.contribution[e.selected] - other).sum()
    assert figure_of(found, "lead")["annealcam"] == pytest.approx(lead, rel=1e-3)


def test_classes_are_the_next_and_the_least_likely_with_as_many_maps(checked):
    network, image, e, found = checked
    order = np.argsort(e.logits)
    other = order[order != e.target]
    assert [row["class"] for row in found["classes"]] == [str(other[-1]), str(other[0])]
    second = ac.explain(
        network, image, layer="3", sampler="exact", cardinality=5, target=int(other[-1])
    )
    row, figure = found["classes"][0], figure_of(found, "next_class")
    assert row["rank_correlation"] == pytest.approx(rank_correlation(e.map, second.map))
    assert row["rank_correlation"] == figure["annealcam"]
    gradcam = rank_correlation(e.baselines["gradcam"], second.baselines["gradcam"])
    assert row["gradcam_rank_correlation"] == figure["gradcam"] == pytest.approx(gradcam)
    assert -1 < row["rank_correlation"] < 1


def test_random_selections_keep_their_maps_for_the_other_class(checked):
    network, image, e, found = checked
    second = int(np.argsort(e.logits)[-2])
    own, other = (contribution_maps(network, image, c) for c in (e.target, second))
    drawn = [
        [np.maximum(g[channels].sum(axis=0), 0) for g in (own, other)]
        for channels in draws_of(e, SPARE * DRAWS)
    ]
    values = [rank_correlation(*pair) for pair in drawn]
    expected = [value for value in values if math.isfinite(value)][:DRAWS]
    row = figure_of(found, "next_class")
    ends = (min(expected), np.mean(expected), max(expected))
    assert (row["random_low"], row["random"], row["random_high"]) == pytest.approx(ends, abs=1e-4)
    pairs = [rank_correlation(a[0], b[0]) for i, a in enumerate(drawn) for b in drawn[:i]]
    assert row["unrelated"] == pytest.approx(np.nanmean(pairs), abs=1e-3)


def test_random_classifiers_weigh_the_same_maps_anew(checked):
    network, image, e, found = checked
    with torch.no_grad():
        maps, weight = network[:4](image[None])[0].double().numpy(), network[-1].weight
    gradcam = []
    for number in range(CLASSIFIERS):
        drawn = np.random.default_rng([3, number]).standard_normal(tuple(weight.shape))[e.target]
        other = np.maximum(np.einsum("a,ahw->hw", drawn, maps), 0)
        gradcam.append(rank_correlation(e.baselines["gradcam"], other))
    row = figure_of(found, "random_classifier")
    assert row["gradcam"] == pytest.approx(np.nanmean(gradcam), abs=1e-3)
    assert row["annealcam"] is not None
    assert torch.equal(weight, small_network(maps=40)[-1].weight)  # restored


def test_fidelity_is_that_of_the_maps(checked):
    _, _, e, found = checked
    positive = np.maximum(e.evidence, 0)
    row = figure_of(found, "fidelity")
    expected = (e.map * positive).sum() / np.linalg.norm(e.map) / np.linalg.norm(positive)
    assert row["annealcam"] == pytest.approx(expected, rel=1e-5)
    assert row["gradcam"] == pytest.approx(1.0)  # a head that pools: Grad-CAM is the evidence
    assert 0 < row["random_low"] < row["random"] < row["random_high"] < 1


def test_every_finding_is_a_sentence_and_json(checked):
    found = checked[3]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [row["figure"] for row in found["figures"]] == FIGURES
    lines = check_sentences(found)
    assert len(lines) == 1 + len(FIGURES)
    assert lines[0].startswith("selection: 5 maps alone keep ")
    for row, line in zip(found["figures"], lines[1:], strict=True):
        said = {"better": "Better than", "worse": "Worse than", None: "No verdict"}
        assert said[row["verdict"]] in line
        assert row["cells"][0] == row["figure"]
        assert row["cells"][-1] == (row["verdict"] or "no verdict")
        digits = 1 if row["is_share"] else 2
        mean = row["random"] * 100 if row["is_share"] else row["random"]
        assert row["cells"][3].startswith(f"{mean:.{digits}f}")


@pytest.mark.parametrize(
    ("value", "higher", "lower"),
    [(20.5, "better", "worse"), (20, None, None), (3.5, None, None), (0.5, "worse", "better")],
)
def test_a_verdict_needs_to_be_beyond_all_random_selections(value, higher, lower):
    random = np.arange(1.0, 21.0)
    for better, expected in (("higher", higher), ("lower", lower)):
        figure = Figure("x", "a figure", better, value, math.nan, random)
        assert figure.verdict == expected
        assert figure.as_row()["gradcam_verdict"] is None
    few = Figure("x", "a figure", "higher", 99.0, 1.0, random[:18])
    assert few.verdict is None
    assert few.sentence().endswith("No verdict: too few random selections have a value")
    assert Figure("x", "a figure", "higher", math.nan, 1.0, random).as_row()["annealcam"] is None


def test_a_random_selection_is_beyond_the_others_in_one_of_twenty_one():
    rng, beyond = np.random.default_rng(0), []
    for _ in range(4000):
        value, *random = rng.random(DRAWS + 1)
        beyond.append(Figure("x", "", "higher", value, 0.0, np.array(random)).verdict == "better")
    assert np.mean(beyond) == pytest.approx(1 / 21, abs=0.01)


@pytest.mark.parametrize(("make", "reason"), [(torch.zeros, "empty"), (torch.ones, "map is zero")])
def test_an_explanation_without_a_map_has_no_share_in_silence(make, reason):
    network = headed(lambda x: make(len(x), 3, 4, 4), [1.0] * 3)
    image = torch.zeros(3, 4, 4)
    with pytest.warns(ac.errors.AnnealcamWarning, match=reason):
        e = ac.explain(network, image, layer="maps", target=1)
    found = check_explanation(network, image, e, resolve())
    assert [row["kept_share"] for row in found["channels"]] == [None] * 4
    assert "no defined share" in check_sentences(found)[0]
    assert {row["verdict"] for row in found["figures"]} == {None}


def test_classes_that_are_contrasted_are_not_compared_with(checked):
    network, image, e, _ = checked
    order = [int(c) for c in np.argsort(-e.logits) if c != e.target]
    choice = {"sampler": "exact", "cardinality": 3}
    contrast = ac.explain(network, image, layer="3", against=order[0], **choice)
    found = check_explanation(network, image, contrast, resolve(**choice))
    assert [row["class"] for row in found["classes"]] == [str(order[1]), str(order[-1])]
    contrast = ac.explain(network, image, layer="3", against=order, **choice)
    found = check_explanation(network, image, contrast, resolve(**choice))
    assert found["classes"] == []
    assert "lead" not in [row["figure"] for row in found["figures"]]


def test_the_curve_is_that_of_a_linear_head():
    network = small_network(maps=14)
    image = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(6))
    settings = resolve(sampler="exact", objective="relative")
    e = ac.explain(network, image, layer="3", sampler="exact", objective="relative")
    found = check_explanation(network, image, e, settings)
    curve, total = found["curve"], e.contribution.sum()
    assert [row["maps"] for row in curve] == sorted(row["maps"] for row in curve)
    assert curve[-1]["beta"] == 1.0
    assert curve[-1]["maps"] == e.provenance["candidates_in_all"]
    for row in curve:
        most = np.sort(e.contribution)[::-1][: row["maps"]].sum() / total
        assert row["kept_share_top"] == pytest.approx(most, rel=1e-3)
        assert row["kept_share"] <= most + 1e-4
    few = min(row["maps"] for row in curve if row["kept_share"] >= 0.9)
    assert check_sentences(found)[1].startswith(f"{few} maps keep ")


def test_the_fewest_maps_keep_nine_tenths():
    row = {"beta": 0.5, "kept_share_top": 0.95}
    curve = [row | {"maps": k, "kept_share": kept} for k, kept in ((2, 0.89), (3, 0.91), (5, 0.99))]
    check = {"channels": [], "classes": [], "figures": []}
    (line,) = check_sentences(check | {"curve": curve})
    assert line.startswith("3 maps keep 91.0 % of the logit")
    (line,) = check_sentences(check | {"curve": curve[:1]})
    assert line.startswith("no beta selects maps that keep 90 %")


def test_random_maps_are_drawn_among_those_that_contribute():
    live = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(1)) + 0.1
    maps = torch.cat([live, torch.zeros(30, 4, 4)])
    network = headed(lambda x: maps.expand(len(x), -1, -1, -1), [1.0] * 33)
    image = torch.zeros(3, 4, 4)
    e = ac.explain(network, image, layer="maps", sampler="exact", cardinality=3)
    check = check_explanation(network, image, e, resolve(sampler="exact", cardinality=3))
    assert [row["kept_share"] for row in check["channels"]] == pytest.approx([1.0] * 4)
