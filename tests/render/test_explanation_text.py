"""Sentences about an explanation contain its numbers, and are right for its objective."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import annealcam as ac
from annealcam.errors import AnnealcamWarning
from annealcam.render.explanation_text import (
    completeness_sentence,
    core_sentence,
    cut_sentence,
    fidelity_sentence,
    headline,
    map_facts,
    objective_sentence,
    price_sentence,
    selection_summary,
    stand_in,
)
from annealcam.render.subject_text import contrast, score_name
from tests.networks import headed, small_network

NAMES = ["ant", "bee", "cat", "dog", "eel"]


@pytest.fixture(scope="module")
def network():
    return small_network(maps=40)


@pytest.fixture
def e(network, images):
    return ac.explain(network, images[0], layer="3", max_qubits=8, target=2, class_names=NAMES)


def changed(e, **provenance):
    return replace(e, provenance={**e.provenance, **provenance})


def test_fidelity_is_said_in_words(e):
    text = fidelity_sentence(e)
    assert text.startswith(f"Fidelity {e.fidelity:.2f}: ")
    assert "40 maps" in text
    words = {0.97: "nearly the same", 0.9: "roughly the same", -0.2: "only partly the same"}
    for fidelity, degree in words.items():
        assert f"{degree} evidence" in fidelity_sentence(replace(e, fidelity=fidelity))
    one = replace(e, selected=e.selected[:1], selected_maps=e.selected_maps[:1])
    assert "the selected map alone draws" in fidelity_sentence(one)
    assert "the positive part of" in text
    assert "the positive part of" not in fidelity_sentence(changed(e, evidence="signed"))
    assert fidelity_sentence(replace(e, fidelity=None)) == ""


def test_contributions_that_add_up_need_no_words(e):
    assert completeness_sentence(changed(e, completeness=1.004)) == ""
    assert completeness_sentence(changed(e, completeness=None)) == ""
    text = completeness_sentence(changed(e, completeness=0.8))
    assert (
        text == "The contributions of all maps add up to 0.80 of the layer's effect on the logit."
    )


def test_sure_maps_are_named(network, images):
    e = ac.explain(network, images[0], layer="3", max_qubits=8, cardinality=3)
    e.__dict__["inclusion"] = np.zeros(8)  # a cached property
    assert core_sentence(e).startswith("None of the selected maps is sure: ")
    inclusion = e.inclusion.copy()
    inclusion[np.searchsorted(e.candidates, e.selected[1])] = 1.0
    e.__dict__["inclusion"] = inclusion
    assert core_sentence(e).startswith(f"1 of the 3 selected maps is sure ({e.selected[1]}); ")
    assert "sure, inclusion 1.00" in map_facts(e, 1).splitlines()
    assert "not sure, inclusion 0.00" in map_facts(e, 0).splitlines()
    e.__dict__["inclusion"] = np.ones(8)
    assert core_sentence(e) == "All selected maps are sure."


@pytest.mark.parametrize("beta", [0.0, 1.0, 0.5, None])
def test_the_objective_and_its_reason(network, images, beta):
    e = ac.explain(network, images[0], layer="3", max_qubits=8, beta=beta, cardinality=2)
    text = objective_sentence(e)
    aims = {0.0: "draws the evidence best;", 1.0: "of largest contribution;"}
    assert aims.get(e.provenance["beta"], "draw the evidence and have large") in text
    reason = "as given" if beta is not None else f"because {e.provenance['reason']}"
    assert f"beta is {e.provenance['beta']:.3g} {reason}." in text
    assert "The number of maps, 2, was given." in text
    assert "relevance" not in selection_summary(e)
    other, price = stand_in(e, int(e.selected[0]))
    cost = e.stand_ins[int(e.selected[0])][1] / e.provenance["energy_unit"]
    assert price == f"{100 * cost:+.2g} %"
    n = e.selection.n.copy()
    n[np.searchsorted(e.candidates, [e.selected[0], other])] = [0, 1]
    swapped = e.problem.energy(n) - e.energy
    assert cost == pytest.approx(swapped / e.provenance["energy_unit"])
    assert ("contribution that is lost" in price_sentence(e)) == (beta == 1)


def test_the_size_follows_from_the_fidelity(e):
    p, reached = e.provenance, changed(e, best_fidelity=0.97)
    assert len(e.selected) > 1
    found = objective_sentence(reached)
    assert f"No selection found of fewer maps reaches a fidelity of {p['fidelity']:g}." in found
    one = replace(reached, selected=e.selected[:1], selected_maps=e.selected_maps[:1])
    assert f"One map is enough for a fidelity of {p['fidelity']:g}." in objective_sentence(one)
    out_of_reach = objective_sentence(changed(e, best_fidelity=0.5))
    assert f"No selection found of up to {len(e.selected)} maps reaches" in out_of_reach


def test_the_cost_of_the_limit(e):
    assert e.provenance["left_out"] > 0
    same = changed(e, best_selected=e.selected.tolist())
    assert "the limit of 8 candidates costs nothing" in cut_sentence(same)
    better = changed(
        e, best_selected=[0], best_fidelity=0.9876, best_residual=0.0123, loss=0.0345,
        best_proved=True, gap=0.0,
    )  # fmt: skip
    assert "fidelity 0.988 and residual 0.012; this one, among 8" in cut_sentence(better)
    assert f"has {e.fidelity:.3f} and {e.provenance['residual']:.3f}" in cut_sentence(better)
    assert cut_sentence(better).endswith("(energy higher by 3.45%).")
    unproved = cut_sentence(changed(better, best_proved=False, gap=0.0012))
    assert "the best selection found has" in unproved
    assert unproved.endswith("can have an energy lower by more than 0.12%.")
    assert cut_sentence(changed(e, left_out=0)) == ""


def test_relevance_and_redundancy_belong_to_other_objectives(network, images):
    e = ac.explain(network, images[0], layer="3", objective="relative", max_qubits=8)
    assert objective_sentence(e).startswith("Objective relative: relevance against redundancy")
    assert cut_sentence(e) == ""
    assert "hold" in selection_summary(e)
    assert price_sentence(e).endswith("the increase of the energy.")
    paper = ac.explain(network, images[0], layer="3", preset="paper")
    assert objective_sentence(paper).endswith("beta 0.7.")
    assert map_facts(paper, 0).startswith("alpha ")


def test_the_objective_of_no_candidates():
    nothing = headed(lambda x: torch.rand(len(x), 3, 4, 4), [1.0] * 3)
    with pytest.warns(AnnealcamWarning, match="the explanation is empty"):
        e = ac.explain(nothing, torch.zeros(3, 4, 4), layer="maps", target=1, objective="relative")
    assert objective_sentence(e) == "Objective relative: there are no candidates."


@pytest.mark.parametrize(
    ("against", "words"),
    [(None, None), ("rest", "any other class"), ("bee", "bee"), (["bee", "eel"], "bee or eel")],
)
def test_a_contrast_has_names(network, images, against, words):
    e = ac.explain(network, images[0], layer="3", target="cat", against=against, class_names=NAMES)
    assert contrast(e) == words
    assert score_name(e) == ("logit" if words is None else f"lead over {words}")
    assert (f"cat and not {words}" in headline(e)) == (words is not None)


def test_the_next_class_is_named_for_each_image(network, images):
    for e in ac.explain(network, images[:3], layer="3", against="next", class_names=NAMES):
        others = np.where(np.arange(5) == e.target, -np.inf, e.logits)
        assert contrast(e) == NAMES[others.argmax()]
    unnamed = ac.explain(network, images[0], layer="3", against="next")
    assert contrast(unnamed) == "the next class"
    pair = ac.explain(network, images[0], layer="3", target=0, against=[1, 2])
    assert contrast(pair) == "class 1 or class 2"


def test_results_of_version_0_1_have_texts():
    e = ac.Explanation.load(Path(__file__).parents[1] / "data_v0" / "default")
    assert fidelity_sentence(e) == completeness_sentence(e) == cut_sentence(e) == ""
    assert "relevance against redundancy" in selection_summary(e)
    assert map_facts(e, 0)
