"""The README is short, and its code gives what it states."""

import contextlib
import io

import pytest
from PIL import Image

from tests.docs.make_example import BLOCKS, README, make_picture

MOST_WORDS = 700


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    """The names that the code defines, with what each block prints under `printed`."""
    left, printed = {}, []
    with contextlib.chdir(tmp_path_factory.mktemp("readme")):
        for code, _ in BLOCKS:
            with contextlib.redirect_stdout(io.StringIO()) as stream:
                exec(code, left)
            printed.append(stream.getvalue())
        left["overlay"] = Image.open("espresso.png").copy()
    return {**left, "printed": printed}


def test_it_is_short():
    assert len(README.split()) < MOST_WORDS


def test_its_code_prints_what_it_states(values):
    assert len(BLOCKS) == 2
    assert values["printed"] == [output for _, output in BLOCKS]
    assert values["overlay"].size == values["photo"].size


def test_its_picture_is_made_of_its_code(values):
    figure = make_picture(values)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["photo", "espresso", "espresso", "Egyptian cat, not espresso"]
    below = [axes.get_xlabel() for axes in figure.axes]
    assert below[1:] == [
        "2 selected maps: fidelity 0.98", "2 of largest contribution: 0.72",
        "1 selected map: 0.97",
    ]  # fmt: skip
