"""`annealcam atlas` end to end, and one line for what cannot be."""

import pytest
from PIL import Image

from tests.atlas.synthetic_atlas import write_synthetic_atlas
from tests.cli.helpers import run


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*words, code=0):
    return run("atlas", *words, code=code)


def test_digits_end_to_end(place):
    result = call("--data", "digits", "--model", "digits", "--layer", "block.1",
                "--photos-per-class", 4, "--top", 3, "-o", "mine")  # fmt: skip
    assert "40 photos through digits, layer block.1: 16 maps" in result.output
    shown = call("show", "mine", "--class", "3")
    assert "responds to" in shown.output
    assert Image.open("atlas-class-3.png").width > 1000
    assert not (place / "mine.parts").exists()
    again = call("--data", "digits", "--model", "digits", "--layer", "block.1",
                 "--photos-per-class", 4, "--top", 3, "-o", "mine")  # fmt: skip
    assert again.output == result.output


def test_a_folder_is_found_by_default_by_option_and_by_word(place):
    write_synthetic_atlas("atlas")
    for words in ([], ["atlas"], ["--atlas", "atlas"]):
        result = call("show", *words, "--channel", 3, "-o", "out/map.jpg")
        assert "mostly: church" in result.output
    assert Image.open("out/map.jpg").format == "JPEG"
    call("show", "--class", "garbage truck")
    assert (place / "atlas-class-garbage-truck.png").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "--data: give a set of photos"),
        (["--data", "dgits"], 2, "did you mean 'digits'"),
        (["--data", "digits", "show", "--class", "1"], 2, "do not combine it with `show`"),
        (
            ["--data", "digits", "--model", "digits", "--layer", "blok", "-o", "x"],
            2,
            "no such layer",
        ),
        (["show"], 2, "one of the two"),
        (["show", "--class", "a", "--channel", "1"], 2, "one of the two"),
        (["show", "one", "--atlas", "other", "--channel", "1"], 2, "one of the two"),
        (["show", "nowhere", "--channel", "1"], 1, "nowhere: holds no atlas"),
        (["show", "--class", "churhc"], 2, "did you mean 'church'"),
        (["show", "--channel", "12"], 2, "channels 0 to 11"),
        (["show", "--channel", "1", "-o", "a.txt"], 2, "must end in .png"),
        (["--data", "digits", "--model", "digits"], 2, "holds another atlas"),
    ],
)
def test_errors_are_one_line(place, words, code, message):
    write_synthetic_atlas("atlas")
    result = call(*words, code=code)
    line = result.stderr.strip()
    assert message in line
    assert len(line.splitlines()) == 1


def test_interrupted_it_says_how_to_go_on(place, monkeypatch):
    from annealcam.atlas import build

    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "build_atlas", stopped)
    result = call("--data", "digits", "--model", "digits", code=130)
    assert "finished work is stored in atlas.parts, and the same command continues" in result.stderr
