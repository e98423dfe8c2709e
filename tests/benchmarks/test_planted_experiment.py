"""The command line of the planted-shortcut experiment, from its options to its folder."""

import json

import pytest
from typer.testing import CliRunner

from annealcam.data.sets import load_set
from annealcam.data.splits import draw_per_class
from benchmarks.planted import __main__ as command, report


def run(*words):
    return CliRunner().invoke(command.app, list(map(str, words)))


def few_digits(name, **options):
    return draw_per_class(load_set(name, **options), 20)


def test_a_planted_corner_patch_in_digits(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "load_set", few_digits)
    figures = []  # made, but not rendered: that would take half of the time
    monkeypatch.setattr(report, "save", lambda _, folder, name: figures.append(name))
    words = ["digits", "3", "--seeds", "1", "--epochs", "3", "--maps", "8",
             "--train-per-class", "20", "--photos-per-class", "4", "--side", "0.25",
             "--pattern", "plain", "--place", "corner", "-o", tmp_path / "out"]  # fmt: skip
    result = run(*words)
    assert result.exit_code == 0, result.output
    experiment = json.loads((tmp_path / "out" / "experiment.json").read_text())
    planted_row, control = experiment["rows"]
    assert (planted_row["network"], control["network"]) == ("planted", "control")
    assert planted_row["accuracy_with"] > planted_row["accuracy_without"]
    assert planted_row["inside:gradcam++"] > control["inside:gradcam++"]
    for row in experiment[
        "rows"
    ]:  # all maps: HiResCAM if contributions are drawn, Grad-CAM if alpha
        assert row["on_patch_contributions:all maps"] == pytest.approx(row["inside:hirescam"])
        assert row["on_patch_alpha:all maps"] == pytest.approx(row["inside:gradcam"])
    assert planted_row["with:evidence (default)"] >= 0.5
    before = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "out.trials").iterdir()}
    assert figures == list(report.PICTURES)
    content = (tmp_path / "out" / "experiment.json").read_bytes()
    assert run(*words).exit_code == 0  # nothing is trained again
    assert {f.name: f.stat().st_mtime_ns for f in (tmp_path / "out.trials").iterdir()} == before
    assert (tmp_path / "out" / "experiment.json").read_bytes() == content
    assert "of another plan" in run(*words, "--epochs", "4").output


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["11"], "target=11"),
        (["3", "--side", "2"], "side=2"),
        (["3", "--seeds", "0"], "seeds=0"),
        (["3", "3"], "classes"),
    ],
)
def test_invalid_options_fail_with_one_line(words, line, tmp_path):
    result = run("digits", *words, "-o", tmp_path / "out")
    assert result.exit_code == 2
    lines = [text for text in result.output.splitlines() if text.startswith("annealcam:")]
    assert len(lines) == 1
    assert line in lines[0]
    assert not (tmp_path / "out").exists()
