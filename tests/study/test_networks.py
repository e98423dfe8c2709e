"""The classes of the data among those of a network."""

import pytest
import torch
from PIL import Image

from annealcam.errors import ArgumentError, LayerError
from annealcam.study.run.networks import card_of, matched, opened

NAMES = ["hare", "Cat", "dog"]


def test_by_name_by_label_and_by_order():
    assert matched(["dog", "cat"], NAMES, 3, {}, "m") == (2, 1)
    assert matched(["kitty", "dog"], NAMES, 3, {"kitty": "cat"}, "m") == (1, 2)
    assert matched(["a", "b"], NAMES, 3, {"a": "2", "b": "0"}, "m") == (2, 0)
    assert matched(["a", "b"], None, 2, {}, "m") == (0, 1)
    assert matched(["a", "b"], None, 2, {"a": "1", "b": "0"}, "m") == (1, 0)


@pytest.mark.parametrize(
    ("names", "count", "labels", "complaint"),
    [
        (NAMES, 3, {}, "class 'kitty' is no class of model 'm'.*labels"),
        (NAMES, 3, {"kity": "cat"}, "'kity' is no class of the data; did you mean 'kitty'"),
        (NAMES, 3, {"kitty": "dog"}, "two classes of the data are the same"),
        (NAMES, 3, {"kitty": "7"}, "the model has classes 0 to 2"),
        (None, 3, {}, "3 classes without names, the data have 2"),
        (None, 3, {"kitty": "cat"}, "no class names"),
    ],
)
def test_what_does_not_match(names, count, labels, complaint):
    with pytest.raises(ArgumentError, match=complaint):
        matched(["kitty", "dog"], names, count, labels, "m")


def test_the_card_of_a_network():
    photo = Image.new("RGB", (20, 20))
    classes = tuple(str(i) for i in range(10))
    card = card_of("tests.networks:digit_network", (), "cpu", classes, {}, photo)
    assert card.layers == ("3",)
    assert card.targets == tuple(range(10))
    opened.cache_clear()
    assert card_of("tests.networks:digit_network", (), "cpu", classes, {}, photo).hash == card.hash
    with torch.no_grad():
        opened("tests.networks:digit_network", "cpu").model[0].bias[0] += 1e-3
    assert card_of("tests.networks:digit_network", (), "cpu", classes, {}, photo).hash != card.hash
    opened.cache_clear()
    with pytest.raises(LayerError, match="no such layer"):
        card_of("tests.networks:digit_network", ("block",), "cpu", classes, {}, photo)
    with pytest.raises(ArgumentError, match="device='cuda:99': not available"):
        card_of("tests.networks:digit_network", (), "cuda:99", classes, {}, photo)
