"""The command `annealcam train`: what it prints and writes is what the library says."""

import pytest

from annealcam.models.checkpoints import read_header
from tests.cli.helpers import run


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_early_figures_a_checkpoint_and_its_card(folder):
    result = run("train", "--data", "digits", "--maps", "8", "--epochs", "2", "--seed", "3")
    about = read_header("digits-8.safetensors")["about"]
    assert (about["seed"], about["recipe"]["epochs"], about["trunk"]) == (3, 2, "plain")
    lines = result.stdout.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["epoch", "1"], ["epoch", "2"]]
    best = f"validation accuracy {about['accuracy']['validation']:.4f}"
    assert best in lines[about["best_epoch"] - 1]
    assert f"accuracy on the test part {about['accuracy']['test']:.4f} (359 photos)" in lines[2]
    assert {p.name for p in folder.iterdir()} == {"digits-8.safetensors", "digits-8.md"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "digit"], "did you mean 'digits'"),
        (["--epochs", "0"], "epochs=0"),
        (["-o", "x.pt"], "must end in .safetensors"),
        (["-o", "nowhere/x.safetensors"], "the folder 'nowhere' does not exist"),
        (["--data", "imagenette", "--root", "."], "imagenette"),
        (["--trunk", "torchvision:resnet18:none", "--cut", "layer9"], "no such layer"),
    ],
)
def test_wrong_usage_is_one_line_and_writes_nothing(folder, options, message):
    result = run("train", *options, code=2)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(folder.iterdir()) == []
