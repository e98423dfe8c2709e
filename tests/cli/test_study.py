"""`annealcam study` and `annealcam figures` as a user meets them."""

import pytest

from annealcam.study.figures import drawing
from tests.cli.helpers import run

CONFIG = """
[data]
choose = "all"
per_class = 1
[network]
models = ["tests.networks:digit_network"]
layers = ["3"]
[annealing]
tau = 1
normalisations = "per_qubit"
gaps = false
[statistics]
bootstrap = 10
permutations = 10
"""


def test_from_a_file_to_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "draw", lambda *_: [])
    (tmp_path / "s.toml").write_text(CONFIG)
    result = run("study", tmp_path / "s.toml", "-o", tmp_path / "r", "--workers", 1)
    assert "digits, part test: 10 images explained" in result.output
    again = run("figures", tmp_path / "r")
    assert "summary.md" in again.output
    other = tmp_path / "other.toml"
    other.write_text(CONFIG.replace("per_class = 1", "per_class = 2"))
    refused = run("study", other, "-o", tmp_path / "r", "--workers", 1, code=2)
    assert "config.data.per_class is 1 there, 2 here" in refused.output


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--preset", "papr"], "preset='papr': one of crops, digits"),
        (["x.toml", "--preset", "digits"], "give one of the two"),
        (["nowhere.toml"], "cannot be read"),
        (["--workers", "2", "--scheduler", "tcp://x:1"], "give one of the two"),
        (["--workers", "0"], "workers=0"),
        (["--preset", "paper-imagenette", "--root", "nowhere"], "nowhere"),
    ],
)
def test_one_line_for_what_cannot_be(tmp_path, monkeypatch, arguments, complaint):
    monkeypatch.chdir(tmp_path)
    result = run("study", *arguments, code=2)
    assert complaint in result.output
    assert result.output.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_figures_of_nothing(tmp_path):
    result = run("figures", tmp_path, code=1)
    assert "manifest.json: cannot be read" in result.output
