"""Words about what is explained, for every link: on reports, in notebooks and on the web page."""

import numpy as np
import pytest
import torch

import annealcam as ac
from annealcam.app.answer import headline as app_headline, likely_classes
from annealcam.render.explanation_text import headline, map_facts, selection_summary
from annealcam.render.figures.picture import report_picture
from annealcam.render.html.notebook import notebook_html
from annealcam.render.subject_text import (
    evidence_key,
    introduction,
    link_sentence,
    reading_sentences,
    score_name,
    subject,
)
from tests.networks import small_network

IMAGE = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(5))
pytestmark = pytest.mark.filterwarnings("ignore::annealcam.errors.AnnealcamWarning")
NAMES = ["ant", "bee", "cat", "dog", "eel"]


def explained(classes=5, **options):
    return ac.explain(small_network(classes=classes), IMAGE, layer="3", sampler="exact", **options)


def texts(e):
    """All texts of a report, and those of the notebook and of the web page."""
    report = "\n".join(text.get_text() for text in report_picture(e).texts)
    facts = "\n".join(map_facts(e, i) for i in range(len(e.selected)))
    return "\n".join(
        [report, facts, headline(e), app_headline(e), selection_summary(e), notebook_html(e)]
    )


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("names", [None, NAMES])
def test_numbers_are_neither_classes_nor_probable(direction, names):
    e = explained(link="identity", direction=direction, class_names=names, target=1)
    assert "class" not in texts(e).lower()
    assert "probab" not in texts(e).lower()
    verb = "raises" if direction == "up" else "lowers"
    name = "bee" if names else "output 1"
    assert headline(e).startswith(f"{name}: value {e.logits[1]:.3g}, what {verb} it: ")
    assert app_headline(e).startswith(f"value {e.logits[1]:.3g} · what {verb} it · ")
    assert introduction(e) == f"What {verb}"
    assert evidence_key(e)[1] == verb
    assert score_name(e) == "value"
    assert likely_classes(e, names)[0][2] == e.logits.max()


def test_a_difference_of_numbers():
    e = explained(link="identity", class_names=NAMES, target="bee", against=["ant", "eel"])
    value = e.logits[1] - (e.logits[0] + e.logits[4]) / 2
    assert subject(e) == "bee less ant or eel"
    assert f"difference {value:.3g}" in headline(e)
    assert score_name(e) == "difference from ant or eel"


def test_a_label_is_predicted_by_its_own_probability():
    for target in range(5):
        e = explained(link="sigmoid", target=target)
        predicted = e.logits[target] > 0
        assert ("(not predicted)" in headline(e)) == (not predicted)
        assert f"label {target}" in headline(e)
        assert f"probability {1 / (1 + np.exp(-e.logits[target])):.2g}" in headline(e)
        known = "Why the network predicts"
        assert (introduction(e) == known) == predicted
        assert "class" not in headline(e) + introduction(e)


def test_the_link_and_its_reason_are_in_the_text():
    one = explained(classes=1)
    assert link_sentence(one) == "Probabilities by sigmoid: the network has one output."
    assert link_sentence(one) in selection_summary(one)
    usual = explained()
    assert "exclusive" in link_sentence(usual)
    assert reading_sentences(usual) == []


def test_what_was_read_of_a_network_is_in_the_text():
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            network = small_network()
            self.first, self.relu, self.rest = network[:3], torch.nn.ReLU(), network[4:]

        def forward(self, x):
            z = self.rest(self.relu(self.relu(self.first(x))))
            return z, x

    e = ac.explain(Twice(), IMAGE, layer="relu", run=0, sampler="exact")
    text = " ".join(reading_sentences(e))
    assert "Of what the network returns, the first of 2 outputs is explained." in text
    assert "The layer runs 2 times in a forward pass; run 0, counted from 0, is explained." in text


def test_a_function_of_the_outputs_has_no_probability():
    e = explained(target=lambda z: z[1] + z[2])
    assert headline(e).startswith("a function of the outputs: ")
    assert "probability" not in headline(e)
    assert score_name(e) == "function"


def test_a_report_of_version_0_has_no_sentence_on_the_link():
    e = ac.Explanation.load("tests/data_v0/default")
    assert link_sentence(e) == ""
    assert e.link == "softmax"
    assert (e.output_noun, e.direction) == ("class", "up")
