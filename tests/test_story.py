"""The way that most users take: a fine-tuned ResNet-50 in a file, explained with its class names.

The commands and lines are those of docs/own-network.md.
"""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import models

import annealcam as ac
from tests.cli.helpers import run, skip_report_picture

CLASSES = ["cat", "dog", "fox"]
SIZES = ((300, 260), (240, 320), (256, 256))  # width and height of photos


def photo(label):
    """Return noise in the colour of a class."""
    width, height = SIZES[label]
    pixels = np.random.default_rng(label).integers(0, 100, (height, width, 3))
    pixels[:, :, label] += 150
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """A folder with `mine.pth` and `photos/`; the network, and torchvision's own preprocessing.

    The trunk of the network is random, and its head is fitted to the photos by least squares.
    """
    folder = tmp_path_factory.mktemp("story")
    transforms = models.ResNet50_Weights.DEFAULT.transforms()
    photos = torch.stack([transforms(photo(label)) for label in range(3)])
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        network = models.resnet50().eval()
        network.fc = nn.Identity()
        weight = (torch.linalg.pinv(network(photos)) @ (4.0 * torch.eye(3))).T
        network.fc = nn.Linear(2048, 3)
        network.fc.weight.copy_(weight)
        network.fc.bias.zero_()
    torch.save(network.state_dict(), folder / "mine.pth")
    (folder / "photos").mkdir()
    for label, name in enumerate(CLASSES):
        photo(label).save(folder / "photos" / f"{name}.png")
    (folder / "photos" / "labels.csv").touch()
    return folder, network, transforms


def results(folder):
    """Return the record and the arrays of each result in a folder, by the photo's name."""
    found = {}
    for place in sorted(folder.iterdir()):
        with np.load(place / "maps.npz") as arrays:
            values = {name: arrays[name] for name in arrays}
        found[place.name] = json.loads((place / "explanation.json").read_text()), values
    return found


@pytest.fixture(scope="module")
def by_options(story):
    """Results of one command with options, and what it prints."""
    folder = story[0]
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        skip_report_picture(monkeypatch)
        printed = run(
            "explain", "photos/", "--model", "mine.pth", "--architecture", "resnet50",
            "--classes", "cat,dog,fox", "-o", "results",
        )  # fmt: skip
    return results(folder / "results"), printed


def test_one_command_leads_from_a_file_and_a_folder_to_named_explanations(story, by_options):
    _, network, transforms = story
    found, printed = by_options
    assert list(found) == CLASSES
    for name, (record, _) in found.items():
        image = transforms(Image.open(story[0] / "photos" / f"{name}.png"))
        with torch.no_grad():
            probabilities = network(image[None]).softmax(dim=1)[0]
        assert CLASSES[int(probabilities.argmax())] == name
        target = record["target"]
        assert (target["index"], target["name"]) == (CLASSES.index(name), name)
        assert target["probability"] == pytest.approx(float(probabilities.max()), abs=1e-5)
        assert f"photos/{name}.png: {name}, probability" in printed.stdout
        assert record["provenance"]["layer"] == "layer4"
    assert "labels.csv" in printed.stderr
    assert "the preprocessing is not stored with the network; assumed: mean" in printed.stderr


def test_a_card_beside_the_file_takes_the_place_of_the_options(story, by_options, monkeypatch):
    folder, _, transforms = story
    monkeypatch.chdir(folder)
    skip_report_picture(monkeypatch)
    card = folder / "mine.pth.toml"
    values = {
        "architecture": "torchvision:resnet50", "classes": CLASSES, "mean": transforms.mean,
        "std": transforms.std, "size": 224, "resize": 232, "interpolation": "bilinear",
    }  # fmt: skip
    card.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()))
    try:
        printed = run("explain", "photos/cat.png", "--model", "mine.pth", "-o", "by-card")
    finally:
        card.unlink()
    assert "assumed" not in printed.stderr
    record, arrays = results(folder / "by-card")["cat"]
    expected, of_options = by_options[0]["cat"]
    assert arrays.keys() == of_options.keys()
    assert all(np.array_equal(arrays[name], of_options[name]) for name in arrays)
    for key in ("target", "selected", "selection"):
        assert record[key] == expected[key]


def test_three_lines_of_python_equal_the_command(story, by_options, monkeypatch):
    folder, network, transforms = story
    monkeypatch.chdir(folder)
    image = Image.open("photos/cat.png")
    model, preprocess, classes = ac.load_model("mine.pth", architecture="resnet50", classes=CLASSES)
    e = ac.explain(model, preprocess(image), class_names=classes)
    drawn = e.overlay(image, preprocess)
    assert torch.allclose(preprocess(image), transforms(image), atol=1e-6)
    own, loaded = network.state_dict(), model.state_dict()
    assert all(torch.equal(loaded[name], own[name]) for name in loaded)
    record, arrays = by_options[0]["cat"]
    assert np.array_equal(e.map, arrays["map"])
    assert (e.target, list(e.selected)) == (0, [row["channel"] for row in record["selected"]])
    assert e.provenance["target_name"] == "cat"
    assert drawn == ac.Explanation.load("results/cat").overlay(image)
    assert drawn.size == image.size
