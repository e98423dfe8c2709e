"""The way that most users take: a fine-tuned ResNet-50 in a file, explained with its class names.

All commands and lines of docs/own-network.md are run here.
"""

import json
import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import models

import annealcam as ac
from tests.cli.helpers import run, skip_report_picture

PAGE = (Path(__file__).parents[1] / "docs" / "own-network.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
PYTHON = [text for language, text in BLOCKS if language == "python"]
COMMANDS = [
    shlex.split(line)[1:] for language, text in BLOCKS if not language for line in text.splitlines()
]
BY_OPTIONS, WRITE_CARD, *BY_CARD = COMMANDS
CLASSES = ["cat", "dog", "fox"]
SIZES = ((300, 260), (240, 320), (256, 256))  # width and height of photos


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """A folder with `mine.pth` and `photos/`; the network, and torchvision's own preprocessing.

    Photos are noise in the colours of the classes. The trunk of the network is random, and its head
    is fitted to the photos by least squares.
    """
    folder = tmp_path_factory.mktemp("story")
    (folder / "photos").mkdir()
    (folder / "photos" / "labels.csv").touch()
    for label, (width, height) in enumerate(SIZES):
        pixels = np.random.default_rng(label).integers(0, 100, (height, width, 3))
        pixels[:, :, label] += 150
        file = folder / "photos" / f"{CLASSES[label]}.jpg"
        Image.fromarray(pixels.astype(np.uint8)).save(file)
    transforms = models.ResNet50_Weights.DEFAULT.transforms()
    photos = [Image.open(folder / "photos" / f"{name}.jpg") for name in CLASSES]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        network = models.resnet50().eval()
        network.fc = nn.Identity()
        features = network(torch.stack([transforms(photo) for photo in photos]))
        network.fc = nn.Linear(2048, 3)
        network.fc.weight.copy_((torch.linalg.pinv(features) @ (4.0 * torch.eye(3))).T)
        network.fc.bias.zero_()
    torch.save(network.state_dict(), folder / "mine.pth")
    return folder, network, transforms


@pytest.fixture
def here(story, monkeypatch):
    """Work in the folder of the story, without the large picture."""
    monkeypatch.chdir(story[0])
    skip_report_picture(monkeypatch)
    return story[0]


@pytest.fixture(scope="module")
def by_options(story):
    """Results of the command with options, and what it prints."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(story[0])
        skip_report_picture(monkeypatch)
        printed = run(*BY_OPTIONS)
        (story[0] / "results").rename(story[0] / "by-options")
    return results(story[0] / "by-options"), printed


def results(folder):
    """Return the record and the arrays of each result in a folder, by the photo's name."""
    found = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        with np.load(place / "maps.npz") as arrays:
            values = {name: arrays[name] for name in arrays}
        found[place.name] = json.loads((place / "explanation.json").read_text()), values
    return found


def test_one_command_leads_from_a_file_and_a_folder_to_named_explanations(story, by_options):
    folder, network, transforms = story
    found, printed = by_options
    assert list(found) == CLASSES
    for name, (record, _) in found.items():
        image = transforms(Image.open(folder / "photos" / f"{name}.jpg"))
        with torch.no_grad():
            probabilities = network(image[None]).softmax(dim=1)[0]
        assert CLASSES[int(probabilities.argmax())] == name
        target = record["target"]
        assert (target["index"], target["name"]) == (CLASSES.index(name), name)
        assert target["probability"] == pytest.approx(float(probabilities.max()), abs=1e-5)
        assert f"photos/{name}.jpg: {name}, probability" in printed.stdout
        assert record["provenance"]["layer"] == "layer4"
    assert "labels.csv" in printed.stderr
    assert (
        "the preprocessing of photos is not stored with the network; assumed: mean"
        in printed.stderr
    )


def test_a_card_takes_the_place_of_the_options(here, by_options):
    run(*WRITE_CARD)
    shown = next(text for language, text in BLOCKS if language == "toml")
    card = tomllib.loads((here / "mine.pth.toml").read_text())
    assert card == tomllib.loads(shown)
    try:
        printed = [run(*command) for command in BY_CARD]
    finally:
        (here / "mine.pth.toml").unlink()
    assert not any("assumed" in result.stderr for result in printed)
    found = results(here / "results")
    assert found.keys() == by_options[0].keys()
    for name, (record, arrays) in found.items():
        expected, of_options = by_options[0][name]
        assert arrays.keys() == of_options.keys()
        assert all(np.array_equal(arrays[key], of_options[key]) for key in arrays)
        for key in ("target", "selected", "selection"):
            assert record[key] == expected[key]
    dog, _ = results(here / "why-dog")["cat"]
    assert (dog["target"]["index"], dog["target"]["name"]) == (1, "dog")


def test_three_lines_of_python_equal_the_command(story, here, by_options):
    _, network, transforms = story
    _, lines, with_target = PYTHON
    names = {}
    exec(lines, names)
    e, photo, preprocess = (names[name] for name in ("e", "photo", "preprocess"))
    assert torch.allclose(preprocess(photo), transforms(photo), atol=1e-6)
    own, loaded = network.state_dict(), names["model"].state_dict()
    assert all(torch.equal(loaded[name], own[name]) for name in loaded)
    record, arrays = by_options[0]["cat"]
    assert np.array_equal(e.map, arrays["map"])
    assert (e.target, list(e.selected)) == (0, [row["channel"] for row in record["selected"]])
    assert (e.class_name, e.probability) == ("cat", record["target"]["probability"])
    drawn = Image.open("overlay.png")
    assert drawn.size == photo.size
    of_command = ac.Explanation.load("by-options/cat").overlay(photo)
    assert np.array_equal(np.asarray(drawn), np.asarray(of_command))
    exec(with_target, names)
    assert (names["e"].target, names["e"].class_name) == (1, "dog")
