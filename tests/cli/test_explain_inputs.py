"""`annealcam explain` with inputs other than photos of three colours writes every file."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import annealcam as ac
from annealcam.models.preprocess import Preprocess
from tests.cli.helpers import run, skip_report_picture

CLASSES = ["a", "b", "c"]


def network(channels, conv, pool):
    torch.manual_seed(0)
    return nn.Sequential(
        conv(channels, 6, 3, padding=1), nn.ReLU(), conv(6, 8, 3, padding=1, stride=2), nn.ReLU(),
        pool(1), nn.Flatten(), nn.Linear(8, 3),
    ).eval()  # fmt: skip


def twelve_channels(photo):
    """The photo and three filtered copies of it."""
    pixels = torch.from_numpy(np.array(photo.resize((24, 24)), dtype=np.float32) / 255)
    shifted = [pixels.roll(shift, 0) for shift in range(4)]
    return torch.cat(shifted, dim=2).permute(2, 0, 1)


def multi_spectral():
    """Twelve channels that a function of one's own makes of a photo."""
    return network(12, nn.Conv2d, nn.AdaptiveAvgPool2d), twelve_channels, CLASSES


def grey():
    """One channel."""
    preprocess = Preprocess(32, 28, mean=[0.5], std=[0.5])
    return network(1, nn.Conv2d, nn.AdaptiveAvgPool2d), preprocess, CLASSES


def volumetric():
    """One channel of a volume."""
    preprocess = Preprocess(32, 28, mean=[0.0], std=[1.0])
    return network(1, nn.Conv3d, nn.AdaptiveAvgPool3d), preprocess, CLASSES


def sequential():
    """Two channels of a signal."""
    preprocess = Preprocess(32, 28, mean=[0.0] * 2, std=[1.0] * 2)
    return network(2, nn.Conv1d, nn.AdaptiveAvgPool1d), preprocess, CLASSES


FILES = {"SHA256SUMS", "explanation.json", "maps.npz", "overlay.png", "report.png",
         "explanation.html", "check.json"}  # fmt: skip
INPUTS = {
    "multi_spectral": ("cat.png", (24, 24, 3), "image"),
    "grey": ("cat.png", (28, 28, 3), "photo"),
    "volumetric": ("volume.npy", (6, 12, 10), "volume"),
    "sequential": ("signal.npy", (2, 80), "signal"),
}


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(tmp_path / "cat.png")
    np.save(tmp_path / "volume.npy", rng.normal(size=(1, 6, 12, 10)).astype(np.float32))
    np.save(tmp_path / "signal.npy", rng.normal(size=(2, 80)).astype(np.float32))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", INPUTS)
def test_every_file_is_written(name, inputs, monkeypatch):
    if name != "multi_spectral":
        skip_report_picture(monkeypatch)
    file, shape, noun = INPUTS[name]
    model = f"tests.cli.test_explain_inputs:{name}"
    run("explain", file, "--model", model, "-o", "out", "--html", "--cardinality", 2)
    folder = inputs / "out" / file.split(".")[0]
    assert {path.name for path in folder.iterdir()} == FILES
    e = ac.Explanation.load(folder)
    assert e.view.shape == shape
    assert len(e.selected) == 2
    page = (folder / "explanation.html").read_text(encoding="utf-8")
    assert f"<b>{noun.capitalize()}</b> as the network sees it" in page
    known = json.loads((folder / "explanation.json").read_text())["provenance"].get("geometry")
    if name == "grey":
        assert known == {"photo": [80, 60], "box": list(grey()[1].box(80, 60))}
        assert e.overlay(Image.open(inputs / "cat.png")).size == (80, 60)
    else:
        assert known is None
