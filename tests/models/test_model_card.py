"""Model cards and class names: written and read again, and refused with one line."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from annealcam._internal.links import LINKS
from annealcam.errors import ArgumentError, ModelError
from annealcam.models.cards.class_names import class_names
from annealcam.models.cards.model_card import ModelCard, find_card, read_card, write_card
from annealcam.models.preprocess import INTERPOLATIONS

NAMES = ["cat", "wild dog", "fox, red", "Ü\u00e9"]

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
sides = st.one_of(st.integers(1, 9999), st.tuples(st.integers(1, 999), st.integers(1, 999)))
reals = st.floats(-1e6, 1e6)
positive = st.floats(1e-6, 1e6)


@st.composite
def card_values(draw):
    """Values of cards with any of the keys, which fit each other."""
    n = draw(st.integers(1, 13))
    values = {
        "architecture": draw(names.filter(lambda name: ":" not in name)),
        "classes": draw(st.lists(names, min_size=1)),
        "mean": draw(st.one_of(reals, st.lists(reals, min_size=n, max_size=n))),
        "std": draw(st.one_of(positive, st.lists(positive, min_size=n, max_size=n))),
        "size": draw(sides),
        "resize": draw(sides),
        "interpolation": draw(st.sampled_from(INTERPOLATIONS)),
        "channels": draw(st.one_of(st.just(n), st.just(list(range(n))))),
        "link": draw(st.sampled_from(LINKS)),
        "transform_input": draw(st.booleans()),
        "layer": draw(names),
    }
    values["crop"] = draw(st.sampled_from([True, values["size"]]))
    if draw(st.booleans()):
        values["crop"] = False
        del values["resize"]
    kept = draw(st.sets(st.sampled_from(sorted(values))))
    return {name: values[name] for name in kept}


@settings(max_examples=50)
@given(values=card_values())
def test_a_card_is_read_as_it_was_written(tmp_path_factory, values):
    card = ModelCard(**values)
    file = tmp_path_factory.getbasetemp() / "card.toml"
    write_card(card, file, comments=dict.fromkeys(card.given, "assumed"))
    assert read_card(file) == card
    assert ModelCard(**card.given) == card


@settings(max_examples=50)
@given(card_values(), card_values())
def test_updating_keeps_what_the_other_card_leaves_out(values, other_values):
    card, other = ModelCard(**values), ModelCard(**other_values)
    for name in ("mean", "std", "channels"):  # of one length
        object.__setattr__(other, name, getattr(card, name))
    both = card.updated(other)
    assert both.given.items() >= other.given.items()
    for name in set(card.given) - set(other.given) - {"size", "crop", "resize"}:
        assert getattr(both, name) == getattr(card, name)
    assert card.updated(ModelCard()) == card
    assert card.updated(card) == card


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("sise = 3", "'sise' = 3: a model card has no such key; did you mean 'size'"),
        ("zzzz = 'a'", "'zzzz' = 'a': a model card has no such key; a card has architecture, clas"),
        ("mean = [0.5, 0.5, 0.5]\nstd = [1.0]", r"mean=.*std=.*: for 3 and 1 channels; give"),
        ("mean = [0.5]\nchannels = 3", r"mean=\[0.5\], channels=3: for 1 and 3 channels"),
        ("mean = []", "mean=.*one number for each channel"),
        ("mean = '0.5'", "mean='0.5': must be one number for each channel"),
        ("mean = [[1.0], [2.0]]", "mean=.*one number for each channel"),
        ("mean = [1, 'a']", "mean: must be an array of numbers"),
        ("mean = [nan]", "mean: contains NaN or infinity"),
        ("mean = true", "mean=True: must be one number"),
        ("std = [1.0, 0.0]", r"std=\[1.0, 0.0\]: must be above 0"),
        ("std = -1", "std=-1.0: must be above 0"),
        ("std = 1979-05-27", "std: must be an array of numbers"),
        ("[mean]\na = 3", "mean={'a': 3}: must be one number"),
        ("size = '224'", "size='224': must be a whole number"),
        ("size = [1, 2, 3]", r"size=\[1, 2, 3\]: must be a whole number or \(height, width\)"),
        ("size = 0", "size=0: must be 1 or more"),
        ("size = 1.5", "size=1.5: must be a whole number"),
        ("size = true", "size=True: must be a whole number or"),
        ("size = 3\ncrop = 4", "size=3, crop=4: both are the network's input"),
        ("resize = 3\ncrop = false", "resize=3, crop=False: without a crop"),
        ("resize = false", "resize=False"),
        ("interpolation = 'bilinar'", "interpolation='bilinar'.*did you mean 'bilinear'"),
        ("channels = 0", "channels=0: must be 1 or more"),
        ("channels = []", "channels=.*must be a list of bands"),
        ("channels = true", "channels=True"),
        ("channels = [0, -1]", "channels=-1: must be 0 or more"),
        ("link = 'sigmoids'", "link='sigmoids'.*did you mean 'sigmoid'"),
        ("link = ['sigmoid']", "link="),
        ("transform_input = 'yes'", "transform_input='yes': must be true or false"),
        ("classes = 3", "classes=3: give a list of names"),
        ("classes = []", "classes: there are no names"),
        ("classes = ['a', 2]", "classes: 2 at 1 is no name"),
        ("classes = ['a', ' ']", "classes: ' ' at 1 is no name"),
        ("classes = 'no.txt'", "no.txt.: no such file of names"),
        ("architecture = 3", "architecture=3: must be a name"),
        ("architecture = 'os:abort'", "architecture='os:abort': a card names networks of"),
        ("layer = ''", "layer='': must be a name"),
        ("size = ", "cannot be read as TOML"),
        ("size = 1\nsize = 2", "cannot be read as TOML"),
        ("size = " + "9" * 5000, "cannot be read as TOML"),
        ("\0", "cannot be read as TOML"),
        ("mean = " + "[" * 10_000, "nested too deeply"),
        ("#" * 2**21, "more than 1048576 bytes"),
    ],
)  # fmt: skip
def test_a_wrong_card_gives_one_line_with_its_file(tmp_path, text, match):
    file = tmp_path / "mine.pth.toml"
    file.write_text(text)
    with pytest.raises(ModelError, match=match) as caught:
        read_card(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_cards_that_are_no_files(tmp_path):
    for path in (tmp_path, tmp_path / "missing.toml"):
        with pytest.raises(ModelError, match="no such file"):
            read_card(path)
    (tmp_path / "x.toml").write_bytes(b"layer = '\xff'")
    with pytest.raises(ModelError, match=r"x\.toml: cannot be read as TOML"):
        read_card(tmp_path / "x.toml")


def test_the_card_beside_the_weights(tmp_path):
    weights = tmp_path / "mine.best.pth"
    assert find_card(weights) is None
    other, own = tmp_path / "mine.best.toml", tmp_path / "mine.best.pth.toml"
    other.touch()
    assert find_card(weights) == other
    own.touch()
    assert find_card(weights) == own
    assert find_card(tmp_path / "mine.best.toml") is None


INDEXED = dict(enumerate(NAMES))
FILES = {
    "names.txt": "\n".join(NAMES) + "\n\n",
    "bom.txt": "\ufeff" + "\r\n".join(NAMES),
    "list.json": json.dumps(NAMES),
    "index.json": json.dumps(INDEXED),
    "to_idx.json": json.dumps({name: i for i, name in INDEXED.items()}),
    "config.json": json.dumps({"hidden": 3, "id2label": INDEXED, "label2id": {}}),
    "class_to_idx.json": json.dumps({"class_to_idx": {name: i for i, name in INDEXED.items()}}),
    "class_index.json": json.dumps({i: [f"n{i}", name] for i, name in INDEXED.items()}),
    "no_ending": json.dumps(NAMES),
}


@pytest.mark.parametrize("file", FILES)
def test_class_names_of_every_kind_of_file(tmp_path, file):
    path = tmp_path / file
    path.write_text(FILES[file], encoding="utf-8", newline="")
    assert class_names(path) == class_names(str(path)) == tuple(NAMES)
    (tmp_path / "card.toml").write_text(f"classes = '{file}'")
    assert read_card(tmp_path / "card.toml").classes == tuple(NAMES)


def test_class_names_of_every_kind_of_value():
    assert class_names(NAMES) == class_names(tuple(NAMES)) == tuple(NAMES)
    assert class_names(np.array(NAMES)) == tuple(NAMES)
    backwards = dict(reversed(INDEXED.items()))
    assert class_names(backwards) == tuple(NAMES)
    assert class_names({str(i): name for i, name in backwards.items()}) == tuple(NAMES)
    assert class_names({name: i for i, name in backwards.items()}) == tuple(NAMES)
    assert class_names({"7": 1, "3": 0}) == ("3", "7")  # names that are numbers
    assert class_names({0: "7", 1: "3"}) == ("7", "3")


@pytest.mark.parametrize(
    ("classes", "match"),
    [
        (3, "classes=3: give a list of names"),
        (b"ab", "give a list"),
        ({}, "there are no names"),
        ({0: "a", 2: "b"}, "index 1 has no name; give indices from 0 to 1"),
        ({"a": 0, "b": 0}, "index 0 has two names"),
        ({"a": "b"}, "'a' is no index"),
        ({0: "a", True: "b"}, "True is no index"),
        ({0: None}, "None at 0 is no name"),
        (["a", None], "None at 1 is no name"),
        (iter("ab"), "give a list of names"),
        ("missing.txt", "classes='missing.txt': no such file of names"),
        (Path("missing.txt"), "classes='missing.txt': no such file of names"),
        ("a" * 5000, "cannot be read|no such file"),
        ("a\0b", "cannot be read|no such file"),
    ],
)
def test_class_names_that_are_none(classes, match):
    with pytest.raises(ArgumentError, match=match) as caught:
        class_names(classes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"\xff\xfe", "cannot be read"),
        (b"", "there are no names"),
        (b"a\n\nb", "'' at 1 is no name"),
        (b"[1, 2]", "1 at 0 is no name"),
        (b"[" * 100_000, "cannot be read"),
        (b'{"id2label": 3}', "index 0 has no name|no index|no name"),
        (b"{", "cannot be read"),
    ],
)
def test_files_of_names_that_are_none(tmp_path, content, match):
    file = tmp_path / "names"
    file.write_bytes(content)
    with pytest.raises(ArgumentError, match=match) as caught:
        class_names(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
