"""Short texts of results."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, strategies as st

from annealcam._internal.text import visible
from annealcam.metrics import ChannelFaithfulness, Road


def test_results_of_many_images_fit_in_a_line():
    values = np.random.default_rng(0).random(10_000)
    faithfulness = ChannelFaithfulness(*[values] * 7)
    assert repr(faithfulness) == (
        "ChannelFaithfulness(kept_share=(10000,), lost_share=(10000,), undefined=10000)"
    )  # without a logit to share, there is no mean
    both = np.stack([values, values], axis=1)
    road = Road(np.array([0.1, 0.2]), values, both, both)
    assert repr(road) == (
        "Road(shares=(2,) mean 0.15, combined=(10000,) mean 0, morf=(10000,) mean 0, "
        "lerf=(10000,) mean 0)"
    )


@given(st.text())
def test_no_control_character_reaches_a_terminal(text):
    shown = visible(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    if text.isascii() and text.isprintable():
        assert shown == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cat\x1b]0;title\x07", r"cat\x1b]0;title\x07"),
        ("a\u202egnp.exe", r"a\u202egnp.exe"),
        ("caf\udce9", r"caf\udce9"),  # a file name that is no UTF-8
        ("\x9b31m", r"\x9b31m"),
        ("Käse 日本 a\u200db\n\t\u00a0", "Käse 日本 a\u200db\n\t\u00a0"),
    ],
)
def test_escapes_are_shown(text, shown):
    assert visible(text) == shown
