"""The share of the logit: one number for maps, selections and what the network keeps of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import annealcam as ac
from annealcam.evaluation import check_explanation, compare_with_explanation
from annealcam.render.explanation_text import share_sentence
from annealcam.render.html.cards import cards
from annealcam.render.html.trust import STRIP, _at, _place, scale_strip, sum_sentence
from annealcam.render.subject_text import map_title
from annealcam.render.views import view_of_explanation
from annealcam.settings import resolve


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 3)).eval()


@pytest.fixture(scope="module")
def image():
    return torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("against", [None, "next"])
def test_behind_a_linear_head_it_is_what_the_maps_keep_alone(network, image, against):
    e = ac.explain(network, image, layer="1", sampler="exact", against=against, cardinality=3)
    mask = torch.zeros(8)
    with torch.no_grad():
        maps = network[:2](image[None])
        full, none = (network[2:](maps * factor)[0] for factor in (1.0, 0.0))
        mask[e.selected.copy()] = 1.0
        kept = network[2:](maps * mask[:, None, None])[0]
    if against:
        other = int(np.argsort(-e.logits)[1])
        full, none, kept = (z - z[other] for z in (full, none, kept))
    effect = float(full[e.target] - none[e.target])
    assert e.layer_effect == pytest.approx(effect, rel=1e-4)
    if effect > 0:
        assert e.share == pytest.approx(float(kept[e.target] - none[e.target]) / effect, rel=1e-4)
        assert e.share == pytest.approx(e.shares.sum())
        assert compare_with_explanation(e)[0]["share"] == pytest.approx(e.share)
        assert f"{100 * e.share:.1f} % of the" in share_sentence(e)
        assert e.as_json()["share"] == e.share
    else:
        assert np.isnan(e.share)
        assert share_sentence(e) == ""


def test_maps_under_a_thousandth_are_marked(network, image):
    e = ac.explain(network, image, layer="1", sampler="exact", cardinality=3)
    contribution = np.abs(e.contribution)
    contribution[e.selected[0]] = 0.9e-3 / (1 - 0.9e-3) * np.delete(
        contribution, e.selected[0]
    ).sum()  # fmt: skip
    changed = replace(e, contribution=contribution, provenance={**e.provenance, "completeness": 1})
    assert changed.faint.tolist() == [e.selected[0]]
    assert f"map {e.selected[0]} has under 0.1 %" in share_sentence(changed)
    faint = [c.channel for c in cards(changed, view_of_explanation(changed), None) if c.faint]
    assert faint == [e.selected[0]]
    own = [map_title(changed, int(channel)) for channel in e.selected]
    assert ["under 0.1 % of the" in title for title in own] == [True, False, False]
    assert own[0] in changed._repr_html_()


@pytest.mark.parametrize("hidden", [False, True])
def test_a_page_has_a_second_share_only_where_effects_do_not_add_up(network, image, hidden):
    torch.manual_seed(1)
    head = [nn.Flatten(), nn.Linear(288, 4), nn.Tanh(), nn.Linear(4, 3)]
    model = nn.Sequential(*network[:2], *head).eval() if hidden else network
    with torch.no_grad():
        if hidden:
            model[3].weight *= 10.0  # so that tanh is far from linear
        target = int((model(image[None]) - model[2:](0 * model[:2](image[None]))).argmax())
    settings = resolve(sampler="exact", cardinality=3)
    e = ac.explain(model, image, layer="1", target=target, sampler="exact", cardinality=3)
    checked = check_explanation(model, image, e, settings)
    row = checked["channels"][0]
    equal = row["kept_share"] == pytest.approx(e.share, abs=0.005)
    assert equal is not hidden
    assert (sum_sentence(e, checked) == "") is equal
    if hidden:
        assert f"{100 * e.share:.1f} %" in sum_sentence(e, checked)


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_figures_of_a_check_on_the_scale_of_random_selections(better):
    row = {
        "annealcam": 9.0, "gradcam": 2.0, "random": 1.5, "random_low": 1.0, "random_high": 3.0,
        "draws": 20, "better": better, "cells": ["x", "9.00", "2.00", "1.50 [1.00, 3.00]", ""],
    }  # fmt: skip
    places = [_at(row, value) for value in (-1e9, 0.0, 1.0, 2.0, 3.0, 9.0, 1e9)]
    assert places == sorted(places, reverse=better == "lower")
    assert 0 < min(places) < max(places) < STRIP
    assert {_at(row, 1.0), _at(row, 3.0)} == {_place(0.0), _place(1.0)}
    assert _at(row, 2.0) == pytest.approx((_place(0.0) + _place(1.0)) / 2)
    assert str(scale_strip(row)).count("<circle") == 2
    assert scale_strip({**row, "annealcam": None}) is None
