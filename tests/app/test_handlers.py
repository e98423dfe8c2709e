"""Handlers of the page's events: lists, comparisons, and only the last question of a tab."""

import re

import numpy as np
import pytest

from annealcam.app.choices import PREDICTED
from annealcam.app.engine import Engine
from annealcam.app.handlers import TWO, Handlers, TabState
from annealcam.errors import TargetError
from tests.app.helpers import NETWORKS, as_bytes, controls, picture


@pytest.fixture
def handlers():
    return Handlers(Engine(NETWORKS))


def test_a_new_photo_or_network_brings_its_lists_and_defaults(handlers):
    first = handlers.show(controls(target=3), TabState())
    e = handlers.engine.explain(controls().choices(handlers.engine, None))
    assert first.lists.target == PREDICTED
    assert first.lists.classes[0][1] == PREDICTED
    assert sorted(index for _, index in first.lists.classes[1:]) == list(range(10))
    best = np.argsort(-e.logits, kind="stable")
    assert [index for _, index in first.lists.others[:5]] == best[:5].tolist()
    assert first.lists.other == best[1]
    assert first.lists.layer == NETWORKS["digits"].default
    assert {name for _, name in first.lists.layers} == {x.name for x in NETWORKS["digits"].layers}
    same = handlers.show(controls(beta=0.3), first.state)
    assert same.lists is None
    assert (same.state.tab, same.state.turn) == (first.state.tab, 2)
    layer = NETWORKS["digits"].layers[0].name
    other = handlers.show(controls(photo="skimage:rocket", layer=layer), same.state)
    assert other.lists.layer == layer
    network = handlers.show(controls(network="paper-16", layer=layer), other.state)
    assert network.lists.layer == NETWORKS["paper-16"].default


def test_the_default_layer_and_the_predicted_class_are_not_named(handlers):
    values = controls(layer=NETWORKS["digits"].default, target=PREDICTED)
    e = handlers.engine.explain(values.choices(handlers.engine, values.target))
    assert not e.provenance["layer_was_named"]
    assert not e.provenance["target_was_named"]


def test_two_classes_show_the_maps_of_both(handlers):
    state = handlers.show(controls(), TabState()).state
    answer = handlers.show(controls(mode=TWO, target=1, other=7), state)
    assert not answer.annealed
    one, other = (
        set(handlers.engine.explain(controls().choices(handlers.engine, target)).selected.tolist())
        for target in (1, 7)
    )
    parts = re.split("<h4>", answer.html)[1:]
    result = [set(map(int, re.findall(r"<b>map (\d+)</b>", part))) for part in parts]
    assert result == [one & other, one - other, other - one]
    with pytest.raises(TargetError, match="choose another class"):
        handlers.show(controls(mode=TWO, target=1, other=1), state)


def test_the_panel_comes_in_two_steps_and_only_for_the_last_question(handlers):
    state = handlers.show(controls(), TabState()).state
    first, last = handlers.anneal(controls(), state)
    assert "being computed" in first
    assert "svg" not in first
    assert "svg" in last
    values = controls(beta=0.2)
    state = handlers.show(values, state).state
    panel = handlers.anneal(values, state)
    next(panel)
    handlers.show(controls(beta=0.9), state)  # the tab has moved on
    assert list(panel) == [None]
    other = handlers.show(controls(), TabState()).state
    assert other.tab != state.tab
    assert list(handlers.anneal(controls(mode=TWO), other)) == [""]


def test_stop_ends_what_was_begun_and_nothing_else(handlers):
    state = handlers.show(controls(), TabState()).state
    assert handlers.stop(state) is None
    panel = handlers.anneal(controls(), state)
    next(panel)
    assert "stopped" in handlers.stop(state)
    assert list(panel) == [None]
    assert handlers.stop(state) is None


def test_names_are_escaped(handlers):
    photo = handlers.engine.photos.add(as_bytes(picture(40, 40)), "<script>alert(1)</script>.png")
    answer = handlers.show(controls(photo=photo.token), TabState())
    assert "<script" not in answer.html
