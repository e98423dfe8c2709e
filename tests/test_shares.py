"""The share of the logit: one number for maps, selections and what the network keeps of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import annealcam as ac
from annealcam.evaluation import compare_with_explanation
from annealcam.render.explanation_text import share_sentence
from annealcam.render.html.cards import cards
from annealcam.render.html.trust import STRIP, _at, _place, scale_strip
from annealcam.render.views import view_of_explanation


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
