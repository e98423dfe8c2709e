"""What the controls ask for, and what a tab is told: lists, comparison, and the last question."""

import re

import numpy as np
import pytest

from annealcam.app.choices import PREDICTED
from annealcam.app.desk import ONE, TWO, Asked, Desk, Shown
from annealcam.app.engine import Engine
from annealcam.errors import TargetError
from tests.app.test_app_engine import NETWORKS


@pytest.fixture
def desk():
    return Desk(Engine(NETWORKS))


def asked(**changed):
    plain = {
        "photo": "skimage:coffee", "mode": ONE, "network": "digits", "layer": None, "target": None,
        "other": None, "importance": "contribution", "beta": 0.67, "cardinality": 0, "tau": 20.0,
        "sampler": "exact",
    }  # fmt: skip
    return Asked(**{**plain, **changed})


def test_a_new_photo_or_network_brings_its_lists_and_defaults(desk):
    first = desk.show(asked(target=3), Shown())
    e = desk.engine.explain(asked().choices(desk.engine, None))
    assert first.lists.target == PREDICTED
    assert first.lists.classes[0][1] == PREDICTED
    assert sorted(index for _, index in first.lists.classes[1:]) == list(range(10))
    best = np.argsort(-e.logits, kind="stable")
    assert [index for _, index in first.lists.others[:5]] == best[:5].tolist()
    assert first.lists.other == best[1]
    assert first.lists.layer == NETWORKS["digits"].default
    assert {name for _, name in first.lists.layers} == {x.name for x in NETWORKS["digits"].layers}
    same = desk.show(asked(beta=0.3), first.shown)
    assert same.lists is None
    assert (same.shown.tab, same.shown.turn) == (first.shown.tab, 2)
    layer = NETWORKS["digits"].layers[0].name
    other = desk.show(asked(photo="skimage:rocket", layer=layer), same.shown)
    assert other.lists.layer == layer
    network = desk.show(asked(network="paper-16", layer=layer), other.shown)
    assert network.lists.layer == NETWORKS["paper-16"].default


def test_the_default_layer_and_the_predicted_class_are_not_named(desk):
    values = asked(layer=NETWORKS["digits"].default, target=PREDICTED)
    e = desk.engine.explain(values.choices(desk.engine, values.target))
    assert not e.provenance["layer_was_named"]
    assert not e.provenance["target_was_named"]


def test_two_classes_show_the_maps_of_both(desk):
    shown = desk.show(asked(), Shown()).shown
    answer = desk.show(asked(mode=TWO, target=1, other=7), shown)
    assert not answer.annealed
    one, other = (
        set(desk.engine.explain(asked().choices(desk.engine, target)).selected.tolist())
        for target in (1, 7)
    )
    parts = re.split("<h4>", answer.html)[1:]
    found = [set(map(int, re.findall(r"<b>map (\d+)</b>", part))) for part in parts]
    assert found == [one & other, one - other, other - one]
    with pytest.raises(TargetError, match="choose another class"):
        desk.show(asked(mode=TWO, target=1, other=1), shown)


def test_the_panel_comes_in_two_steps_and_only_for_the_last_question(desk):
    shown = desk.show(asked(), Shown()).shown
    first, last = desk.anneal(asked(), shown)
    assert "being computed" in first
    assert "svg" not in first
    assert "svg" in last
    values = asked(beta=0.2)
    shown = desk.show(values, shown).shown
    panel = desk.anneal(values, shown)
    next(panel)
    desk.show(asked(beta=0.9), shown)  # the tab has moved on
    assert list(panel) == [None]
    other = desk.show(asked(), Shown()).shown
    assert other.tab != shown.tab
    assert list(desk.anneal(asked(mode=TWO), other)) == [""]


def test_stop_ends_what_was_begun_and_nothing_else(desk):
    shown = desk.show(asked(), Shown()).shown
    assert desk.stop(shown) is None
    panel = desk.anneal(asked(), shown)
    next(panel)
    assert "stopped" in desk.stop(shown)
    assert list(panel) == [None]
    assert desk.stop(shown) is None


def test_names_are_escaped(desk):
    from tests.app.test_app_photos import as_bytes, picture

    photo = desk.engine.photos.take(as_bytes(picture(40, 40)), "<script>alert(1)</script>.png")
    answer = desk.show(asked(photo=photo.token), Shown())
    assert "<script" not in answer.html
