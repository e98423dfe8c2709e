"""Questions of the page and their answers: lists, comparisons, panels; nothing is remembered."""

import re

import numpy as np
import pytest

from annealcam.app.answer import likely_classes
from annealcam.app.engine import Engine
from annealcam.app.limits import STORED_ANSWERS
from annealcam.app.questions import TWO, Controls, Questions
from annealcam.errors import ArgumentError, TargetError
from annealcam.sets import flip_set
from tests.app.helpers import NETWORKS, as_bytes, controls, picture


@pytest.fixture
def questions():
    return Questions(Engine(NETWORKS))


def test_layers_and_classes_are_those_of_the_network(questions):
    lists = questions.choices(controls())
    names = [layer.name for layer in reversed(NETWORKS["digits"].layers)]
    default = NETWORKS["digits"].default
    assert [value for value, _ in lists["layers"]] == ["" if n == default else n for n in names]
    assert [label.split(" · ")[0] for _, label in lists["layers"]] == names
    assert lists["classes"] == list(NETWORKS["digits"].loaded.classes)


def test_likely_classes_come_in_the_order_of_their_probability(questions):
    e = questions.engine.explain(questions._choices(controls(), target=None))
    likely = likely_classes(e, NETWORKS["digits"].loaded.classes)
    assert [index for _, index, _ in likely] == np.argsort(-e.logits, kind="stable")[:5].tolist()
    assert likely[0][2] == pytest.approx(e.probability, rel=1e-6)
    assert f'data-target="{likely[1][0]}"' in questions.answer(controls()).html


def test_the_default_layer_and_the_predicted_class_are_not_named(questions):
    e = questions.engine.explain(questions._choices(controls(), target=None))
    assert not e.provenance["layer_was_named"]
    assert not e.provenance["target_was_named"]


def test_a_class_is_named_by_its_label_or_number(questions):
    by_name = questions.answer(controls(target=NETWORKS["digits"].loaded.classes[3]))
    assert questions.answer(controls(target="3")) == by_name
    with pytest.raises(TargetError, match="no such class"):
        questions.answer(controls(target="unicorn"))


def test_two_classes_show_the_maps_of_both(questions):
    answer = questions.answer(controls(mode=TWO, target="1", other="7"))
    one, other = (
        set(questions.engine.explain(questions._choices(controls(), target=i)).selected.tolist())
        for i in (1, 7)
    )
    parts = re.split("<h4>", answer.html)[1:]
    result = [set(map(int, re.findall(r"<b>map (\d+)</b>", part))) for part in parts]
    assert result == [one & other, one - other, other - one]
    with pytest.raises(TargetError, match="choose another class"):
        questions.answer(controls(mode=TWO, target="1", other="1"))
    predicted, second = (
        label for label, *_ in likely_classes(
            questions.engine.explain(questions._choices(controls(), target=None)),
            NETWORKS["digits"].loaded.classes,
        )[:2]
    )  # fmt: skip
    named = questions.answer(controls(mode=TWO, target=predicted, other=second)).html
    assert questions.answer(controls(mode=TWO, target=predicted)).html == named


def test_the_panel_of_the_annealing_comes_in_two_steps(questions):
    first = questions.annealing(controls())
    whole = questions.levels(controls())
    assert (first["finished"], whole["finished"]) == (False, True)
    assert "being computed" in first["html"]
    assert "svg" not in first["html"]
    assert "svg" in whole["html"]
    assert questions.annealing(controls(tau=30.0))["finished"]  # the levels do not depend on tau


def test_the_flip_set_is_that_of_the_library(questions):
    network = NETWORKS["digits"]
    photo = questions.engine.photos["skimage:coffee"].opened()
    s = flip_set(
        network.loaded.model, network.preprocess(photo), class_names=network.loaded.classes
    )
    html = questions.flip(controls())
    assert s.sentence in html
    assert re.findall(r"<b>map (\d+)</b>", html) == [str(c) for c in s.channels[:12]]


def test_a_question_has_the_same_answer_after_a_thousand_others(questions):
    first = questions.answer(controls())
    for number in range(1000):
        other = controls(importance="contribution", beta=number / 1000)
        questions.engine.explain(questions._choices(other, target=None))
    assert len(questions.engine._answers) == STORED_ANSWERS
    assert questions.answer(controls()) == first


def test_controls_are_read_from_a_form():
    assert Controls.read([]) == Controls()
    assert Controls.read([("tau", "7"), ("cardinality", "3")]) == Controls(tau=7.0, cardinality=3)
    for name, value in (
        ("tau", "x"),
        ("cardinality", "2.5"),
        ("mode", "three"),
        ("against", "all"),
    ):
        with pytest.raises(ArgumentError):
            Controls.read([(name, value)])


def test_names_are_escaped(questions):
    photo = questions.engine.photos.add(as_bytes(picture(40, 40)), "<script>alert(1)</script>.png")
    assert "<script" not in questions.answer(controls(photo=photo.token)).html
