"""Options of networks of weights files, arrays as inputs, and model cards, on the command line."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
import torchvision
from PIL import Image
from torchvision import transforms as T

import annealcam as ac
from annealcam.cli.networks.options import parsed
from annealcam.errors import ArgumentError
from annealcam.models.cards.model_card import read_card
from annealcam.models.images import load_input
from annealcam.models.loaded import PREPROCESSING
from tests.cli.helpers import run, skip_report_picture

NAME = "torchvision:squeezenet1_1"
ASSUMED = "warning: {}: the preprocessing of photos is not stored with the network; assumed: mean"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with weights of three classes, networks of a user, a photo and arrays."""
    folder = tmp_path_factory.mktemp("made")
    torch.manual_seed(1)
    network = torchvision.models.squeezenet1_1(weights=None, num_classes=3)
    torch.save(network.state_dict(), folder / "mine.pth")
    (folder / "listed_nets.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "def make(channels=1, seed=0):\n"
        "    torch.manual_seed(seed)\n"
        "    return nn.Sequential(nn.Conv2d(channels, 12, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1),\n"
        "                         nn.Flatten(), nn.Linear(12, 3))\n"
        "def twelve():\n    return make(12)\n"
    )
    Image.fromarray(skimage.data.chelsea()).save(folder / "cat.png")
    np.save(folder / "x.npy", np.random.default_rng(0).normal(size=(12, 20, 24)))
    np.save(folder / "flat.npy", np.zeros((20, 24)) + np.arange(24))
    (folder / "names.txt").write_text("cat\ndog\nfox\n")
    return folder


@pytest.fixture
def folder(made, monkeypatch):
    monkeypatch.chdir(made)
    skip_report_picture(monkeypatch)
    return made


def test_weights_with_options_are_explained_as_in_the_library(folder, tmp_path):
    options = [
        "--classes", "cat, dog,fox", "--mean", ".4,.5,.6", "--std", "0.25", "--size", "64",
        "--crop", "none", "--interpolation", "bicubic",
    ]  # fmt: skip
    printed = run(
        "explain", "cat.png", "--model", f"{NAME}:mine.pth", *options, "--target", "fox",
        "-o", tmp_path,
    )  # fmt: skip
    assert "assumed" not in printed.output
    assert "fox" in printed.stdout
    e = ac.Explanation.load(tmp_path / "cat")
    steps = [
        T.Resize((64, 64), T.InterpolationMode.BICUBIC), T.ToTensor(),
        T.Normalize([0.4, 0.5, 0.6], [0.25] * 3),
    ]  # fmt: skip
    image = T.Compose(steps)(Image.open("cat.png").convert("RGB"))
    model = ac.load_model(f"{NAME}:mine.pth").model
    own = ac.explain(model, image, target=2)
    assert np.array_equal(own.selected, e.selected)
    assert np.allclose(own.map, e.map, atol=1e-6)
    assert e.target == 2
    network = e.provenance["network"]
    assert (network["card"], network["assumed"]) == (None, [])
    assert network["preprocess"]["mean"] == [0.4, 0.5, 0.6]
    assert network["preprocess"]["resize"] is None


def test_the_link_is_that_of_the_option(folder, tmp_path):
    arguments = ["explain", "flat.npy", "--model", "listed_nets:make", "-o", tmp_path]
    model = ac.load_model("listed_nets:make").model
    with torch.no_grad():
        logits = model(torch.from_numpy(load_input("flat.npy").values)[None, None])[0]
    for link in ("softmax", "sigmoid"):
        run(*arguments, "--link", link)
        e = ac.Explanation.load(tmp_path / "flat")
        assert e.provenance["link"] == link
        expected = logits.softmax(0) if link == "softmax" else logits.sigmoid()
        assert e.probability == pytest.approx(float(expected[e.target]), rel=1e-5)


def test_what_is_assumed_is_printed_once(folder, tmp_path):
    name = f"{NAME}:mine.pth"
    printed = run("explain", "cat.png", "cat.png", "--model", name, "--size", "64", "-o", tmp_path)
    assert printed.output.count(ASSUMED.format(name)) == 1
    assert "resize 73, interpolation bilinear. Give what your training used" in printed.output


def test_arrays_are_explained_as_they_are(folder, tmp_path):
    twelve = ["explain", "x.npy", "--model", "listed_nets:twelve", "-o", tmp_path]
    run(*twelve, "--classes", "names.txt")
    e = ac.Explanation.load(tmp_path / "x")
    image = torch.from_numpy(load_input("x.npy").values)
    own = ac.explain(ac.load_model("listed_nets:twelve").model, image)
    assert np.array_equal(own.selected, e.selected)
    assert np.allclose(own.map, e.map, atol=1e-6)
    grey = ["--model", "listed_nets:make", "--size", "24", "-o", tmp_path]
    run("explain", "flat.npy", "cat.png", *grey)
    assert ac.Explanation.load(tmp_path / "flat").map.shape == (18, 22)
    wrong = run(*twelve, "--mean", "0,1", code=2)
    assert "mean and std: for 2 channels, but the network takes 12" in wrong.output


@pytest.mark.parametrize("command", ["layers", "flip", "suffice", "compare-samplers"])
def test_commands_take_the_options(folder, command):
    photo = ["--photo", "cat.png"] if command == "layers" else ["cat.png"]
    options = ["--model", "listed_nets:make", "--size", "20", "--mean", "0.5", "--std", ".25"]
    if command != "compare-samplers":
        options += ["--classes", "cat,dog,fox", "--target", "fox"]
    printed = run(command, *photo, *options)
    assert "assumed: resize 23, interpolation bilinear" in printed.output


def test_the_card_names_the_layer_and_the_options_go_before_it(folder, tmp_path):
    weights = tmp_path / "own.pth"
    weights.write_bytes(Path("mine.pth").read_bytes())
    (tmp_path / "own.pth.toml").write_text(
        f"classes = '{folder / 'names.txt'}'\nmean = 0.5\nstd = 0.5\nsize = 64\nresize = 64\n"
        "interpolation = 'bilinear'\nlayer = 'features.4'\n"
    )
    arguments = ["explain", "cat.png", "--model", f"{NAME}:{weights}", "-o", tmp_path / "out"]
    printed = run(*arguments, "--target", "fox")
    assert "assumed" not in printed.output
    assert ac.Explanation.load(tmp_path / "out" / "cat").provenance["layer"] == "features.4"
    run(*arguments, "--layer", "features.3")
    assert ac.Explanation.load(tmp_path / "out" / "cat").provenance["layer"] == "features.3"
    wrong = run(*arguments, "--card", "none", "--target", "fox", code=2)
    assert "target='fox': the model has no class names" in wrong.output
    (tmp_path / "own.pth.toml").write_text("sizes = 3")
    wrong = run(*arguments, code=1)
    assert "own.pth.toml: 'sizes' = 3: a model card has no such key; did you mean" in wrong.output
    assert len(wrong.output.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--mean", "a,b,c"], "--mean a,b,c: must be numbers"),
        (["--mean", ""], "--mean : must be numbers"),
        (["--size", "2.5"], "--size 2.5: must be whole numbers"),
        (["--crop", "off"], "--crop off: must be whole numbers"),
        (["--classes", "missing.txt"], "classes='missing.txt': no such file"),
        (["--classes", "a,,b"], "classes: '' at 1 is no name"),
        (["--classes", "a,b"], "2 names, but the network has 3 outputs"),
        (["--link", "sigmoids"], "did you mean 'sigmoid'"),
        (["--channels", "1"], "channels: for 1 channels, but the network takes 3"),
        (["--card", "missing.toml"], "card='missing.toml': no such file"),
        (["--transform-input"], "SqueezeNet has none"),
    ],
)
def test_wrong_options_give_one_line(folder, options, match):
    printed = run("layers", "--model", f"{NAME}:mine.pth", *options, code=1 if "--card" in options
                  else 2)  # fmt: skip
    assert match in printed.output
    assert len(printed.output.strip().splitlines()) == 1


def test_a_first_card_is_written_edited_and_used(folder, tmp_path):
    weights = tmp_path / "own.pth"
    weights.write_bytes(Path("mine.pth").read_bytes())
    target = tmp_path / "own.pth.toml"
    printed = run("model-card", weights)
    assert "check    classes: the names of your classes, in the order" in printed.stdout
    assert "check    mean, std, size, resize, interpolation: assumed" in printed.stdout
    card = read_card(target)
    assert card.given == {
        "architecture": NAME, "classes": ("class_0", "class_1", "class_2"),
        "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "size": 224, "resize": 256,
        "interpolation": "bilinear",
    }  # fmt: skip
    text = target.read_text()
    for key in PREPROCESSING:
        assert f"# assumed: what is usual for the architecture\n{key} = " in text
    assert tomllib.loads(text)["classes"][1] == "class_1"
    own = ac.load_model(weights)
    assert own.preprocess.as_json() | {"normalise_arrays": True} == own.preprocess.as_json()
    target.write_text(text.replace("class_1", "dog"))
    assert ac.load_model(weights).classes == ("class_0", "dog", "class_2")
    again = run("model-card", weights, code=1)
    assert "own.pth.toml: exists; edit it, or replace it by --force" in again.output
    assert "dog" in target.read_text()
    run(
        "model-card",
        weights,
        "--force",
        "--classes",
        "cat,dog,fox",
        "--size",
        "64",
        "--crop",
        "none",
    )
    card = read_card(target)
    assert (card.classes, card.size, card.crop) == (("cat", "dog", "fox"), 64, False)
    assert card.resize is None
    run("explain", "cat.png", "--model", weights, "--target", "fox", "-o", tmp_path)
    assert ac.Explanation.load(tmp_path / "cat").target == 2


def test_first_cards_of_other_files(folder, tmp_path):
    torch.save({"a.weight": torch.zeros(3, 3)}, tmp_path / "odd.pth")
    printed = run("model-card", tmp_path / "odd.pth", "--classes", "a,b")
    assert "the network is not known by its tensors alone" in printed.output
    assert "add      architecture" in printed.output
    text = (tmp_path / "odd.pth.toml").read_text()
    assert text.startswith('# Model card of odd.pth: add architecture = "torchvision:NAME"\n')
    assert read_card(tmp_path / "odd.pth.toml").given == {"classes": ("a", "b")}
    (tmp_path / "bad.pth").write_text("x")
    arguments = {
        "bad.pth": "damaged", "missing.pth": "no such file",
        "odd.pth": "odd.pth.toml: exists; edit it",
    }  # fmt: skip
    for file, match in arguments.items():
        printed = run("model-card", tmp_path / file, code=2 if file == "missing.pth" else 1)
        assert match in printed.output
        assert len(printed.output.strip().splitlines()) == 1
    wrong = run("model-card", "mine.pth", "--architecture", "torchvision:resnet18", code=1)
    assert len(wrong.output.strip().splitlines()) == 1
    assert not Path("mine.pth.toml").exists()


def test_a_first_card_leaves_out_an_architecture_that_runs_code(folder, tmp_path):
    network = ac.load_model("listed_nets:make").model
    torch.save(network.state_dict(), tmp_path / "own.pth")
    printed = run("model-card", tmp_path / "own.pth", "--architecture", "listed_nets:make")
    assert "--model " in printed.output
    assert printed.output.rstrip().endswith("--architecture listed_nets:make")
    card = read_card(tmp_path / "own.pth.toml")
    assert (card.architecture, card.classes) == (None, ("class_0", "class_1", "class_2"))
    loaded = ac.load_model(tmp_path / "own.pth", architecture="listed_nets:make")
    assert loaded.classes == card.classes


def test_texts_of_options():
    assert parsed({"channels": "1", "card": "none", "resize": "9,8", "link": None}) == {
        "channels": 1, "card": False, "resize": [9, 8],
    }  # fmt: skip
    assert parsed({"channels": "2,1,0", "classes": "cat", "transform_input": False}) == {
        "channels": [2, 1, 0], "classes": ["cat"], "transform_input": False,
    }  # fmt: skip
    with pytest.raises(ArgumentError, match="--std x"):
        parsed({"std": "x"})
