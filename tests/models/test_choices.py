"""What users and cards state about a network: the input it gets, its record, its classes."""

import copy
import json
import pickle

import numpy as np
import pytest
import skimage.data
import torch
import torchvision
from PIL import Image
from torch import nn
from torchvision import transforms as T

from annealcam.errors import AnnealcamWarning, ArgumentError, ModelError
from annealcam.models.cards.choices import assumed_sentence, input_channels
from annealcam.models.images import ArrayInput
from annealcam.models.load import load_model
from annealcam.models.loaded import PREPROCESSING, LoadedModel
from annealcam.models.preprocess import Preprocess

PHOTO = Image.fromarray(skimage.data.chelsea())
NAME = "torchvision:squeezenet1_1"


def network(outputs=3, seed=1):
    torch.manual_seed(seed)
    return torchvision.models.squeezenet1_1(weights=None, num_classes=outputs).eval()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("w") / "mine.pth"
    torch.save(network().state_dict(), path)
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with networks of users, `chosen_nets:bare` and others."""
    (tmp_path / "chosen_nets.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "from annealcam.models import LoadedModel, Preprocess\n"
        "def bare(channels=1):\n"
        "    torch.manual_seed(0)\n"
        "    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1),\n"
        "                         nn.Flatten(), nn.Linear(4, 2))\n"
        "def twelve():\n    return bare(12)\n"
        "def colour():\n    return bare(3)\n"
        "def named():\n    return bare(), Preprocess(8, 8, [0.5], [0.5]), {1: 'b', 0: 'a'}\n"
        "def own():\n    return bare(), (lambda photo: torch.zeros(1, 8, 8)), None\n"
        "def linked():\n    return LoadedModel(*named(), link='sigmoid')\n"
        "def twice():\n    return bare(), None, {0: 'a', 2: 'b'}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_loaded_model_unpacks_to_three_and_has_a_link_and_a_record():
    net, preprocess, classes = parts = nn.Linear(1, 2), Preprocess(), ("a", "b")
    loaded = LoadedModel(*parts, link="sigmoid", record={"card": None})
    assert tuple(loaded) == parts == loaded
    assert (len(loaded), loaded[0], loaded[-1]) == (3, net, classes)
    assert (loaded.model, loaded.preprocess, loaded.classes) == parts
    assert (loaded.link, loaded.record) == ("sigmoid", {"card": None})
    assert LoadedModel(*parts) == loaded
    assert (LoadedModel(*parts).link, LoadedModel(*parts).record) == (None, {})
    changed = loaded.changed(classes=None)
    assert (changed.classes, changed.link, changed.preprocess) == (None, "sigmoid", preprocess)
    assert copy.copy(loaded).link == pickle.loads(pickle.dumps(loaded)).link == "sigmoid"
    assert repr(loaded).endswith("classes=2, link='sigmoid')")
    with pytest.raises(TypeError):
        loaded[0] = net


def test_what_a_weights_file_does_not_hold_is_recorded_as_assumed(weights):
    loaded = load_model(f"{NAME}:{weights}")
    known = load_model(f"{NAME}:none")
    assert loaded.preprocess == known.preprocess
    assert loaded.record["assumed"] == list(PREPROCESSING)
    assert loaded.record["card"] is None
    assert loaded.record["preprocess"] == loaded.preprocess.as_json()
    assert known.record["assumed"] == []
    json.dumps(loaded.record)
    sentence = assumed_sentence(loaded, "mine.pth")
    assert (
        "assumed: mean 0.485/0.456/0.406, std 0.229/0.224/0.225, size 224, resize 256" in sentence
    )
    assert assumed_sentence(known, "x") == ""


def test_options_replace_what_is_assumed(weights):
    loaded = load_model(
        f"{NAME}:{weights}", classes=["cat", "dog", "fox"], mean=0.5, std=[0.1, 0.2, 0.3], size=96,
        link="sigmoid", interpolation="bicubic",
    )  # fmt: skip
    steps = [
        T.Resize(round(96 * 256 / 224), T.InterpolationMode.BICUBIC), T.CenterCrop(96),
        T.ToTensor(), T.Normalize([0.5] * 3, [0.1, 0.2, 0.3]),
    ]  # fmt: skip
    expected = T.Compose(steps)(PHOTO)
    assert torch.equal(loaded.preprocess(PHOTO), expected)
    with torch.no_grad():
        assert torch.equal(loaded.model(expected[None]), network()(expected[None]))
    assert loaded.classes == ("cat", "dog", "fox")
    assert loaded.link == "sigmoid"
    assert loaded.record["assumed"] == ["resize"]
    assert loaded.record["preprocess"]["mean"] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("options", "steps", "assumed"),
    [
        ({"size": 96, "crop": False}, [T.Resize((96, 96))], set()),
        ({"crop": False}, [T.Resize((224, 224))], {"size"}),
        ({"size": (60, 90)}, [T.Resize((60, 90))], set()),
        ({"size": 96, "resize": 100}, [T.Resize(100), T.CenterCrop(96)], set()),
        ({"crop": 96, "resize": (100, 120)}, [T.Resize((100, 120)), T.CenterCrop(96)], set()),
        ({"size": (60, 90), "resize": 100}, [T.Resize(100), T.CenterCrop((60, 90))], set()),
        ({"resize": 230}, [T.Resize(230), T.CenterCrop(224)], {"size"}),
        ({"crop": 112}, [T.Resize(128), T.CenterCrop(112)], {"resize"}),
        ({"size": 112, "crop": True}, [T.Resize(128), T.CenterCrop(112)], {"resize"}),
        ({"crop": True}, [T.Resize(256), T.CenterCrop(224)], {"size", "resize"}),
    ],
)
def test_sizes(weights, options, steps, assumed):
    preset = [T.ToTensor(), T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
    loaded = load_model(f"{NAME}:{weights}", **options)
    assert torch.equal(loaded.preprocess(PHOTO), T.Compose(steps + preset)(PHOTO))
    assert {"size", "resize"} & set(loaded.record["assumed"]) == assumed


def test_channels_of_the_network_decide_what_is_assumed(folder):
    grey = load_model("chosen_nets:bare")
    assert (grey.preprocess.mean, grey.preprocess.std) == (
        (pytest.approx(0.449),), (pytest.approx(0.226),)
    )  # fmt: skip
    assert grey.preprocess(PHOTO).shape == (1, 224, 224)
    assert grey.record["assumed"] == list(PREPROCESSING)
    twelve = load_model("chosen_nets:twelve")
    assert (twelve.preprocess.mean, twelve.preprocess.std) == ((0,) * 12, (1,) * 12)
    assert load_model("chosen_nets:colour").preprocess == Preprocess()
    assert input_channels(nn.Sequential(nn.Linear(3, 4), nn.Conv2d(5, 6, 1))) is None
    assert input_channels(nn.ReLU()) is None


def test_grey_and_chosen_bands(folder):
    grey = load_model("chosen_nets:bare", mean=0.3, std=0.2, size=8)
    steps = [T.Grayscale(), T.Resize(9), T.CenterCrop(8), T.ToTensor(), T.Normalize(0.3, 0.2)]
    assert torch.equal(grey.preprocess(PHOTO), T.Compose(steps)(PHOTO))
    assert grey.record["assumed"] == ["resize", "interpolation"]
    green = load_model("chosen_nets:bare", mean=0.3, std=0.2, channels=[1], size=8)
    colours = load_model("chosen_nets:colour", mean=[0, 0.3, 0], std=[1, 0.2, 1], size=8)
    assert torch.equal(green.preprocess(PHOTO)[0], colours.preprocess(PHOTO)[1])
    values = ArrayInput(np.arange(20 * 4, dtype=np.float32).reshape(20, 2, 2), "x.npy")
    twelve = load_model("chosen_nets:twelve", channels=list(range(19, 7, -1)))
    assert torch.equal(
        twelve.preprocess(values), torch.tensor(values.values[list(range(19, 7, -1))])
    )


def test_arrays_are_normalised_where_mean_or_std_is_given(folder):
    values = np.random.default_rng(0).normal(size=(12, 5, 5)).astype(np.float32)
    array = ArrayInput(values, "x.npy")
    plain = load_model("chosen_nets:twelve")
    assert torch.equal(plain.preprocess(array), torch.tensor(values))
    given = load_model("chosen_nets:twelve", mean=list(range(12)), std=2)
    expected = T.Normalize(list(range(12)), [2] * 12)(torch.tensor(values))
    assert torch.equal(given.preprocess(array), expected)
    assert given.record["preprocess"]["normalise_arrays"] is True


def test_a_card_beside_the_weights_and_options_over_it(tmp_path):
    path, card = tmp_path / "mine.pth", tmp_path / "mine.pth.toml"
    torch.save(network().state_dict(), path)
    (tmp_path / "names.txt").write_text("ant\nbee\ncat\n")
    card.write_text(
        "classes = 'names.txt'\nmean = [0.1, 0.2, 0.3]\nstd = 0.5\nsize = 64\nlink = 'sigmoid'\n"
        "layer = 'features.12'\n"
    )
    name = f"{NAME}:{path}"
    loaded = load_model(name)
    assert loaded.record["card"] == str(card)
    assert loaded.classes == ("ant", "bee", "cat")
    assert (loaded.preprocess.mean, loaded.preprocess.crop) == ((0.1, 0.2, 0.3), 64)
    assert (loaded.link, loaded.record["layer"]) == ("sigmoid", "features.12")
    over = load_model(name, std=[1, 2, 3], crop=96, link="softmax")
    assert (over.preprocess.mean, over.preprocess.std) == ((0.1, 0.2, 0.3), (1, 2, 3))
    assert (over.preprocess.crop, over.link, over.classes) == (96, "softmax", loaded.classes)
    without = load_model(name, card=False)
    assert (without.record["card"], without.classes) == (None, None)
    other = tmp_path / "other.toml"
    other.write_text("size = 32")
    assert load_model(name, card=other).preprocess.crop == 32
    assert load_model(name, card=str(other)).record["card"] == str(other)
    with pytest.raises(ArgumentError, match=r"for 3 and 1 channels.*mine.pth.toml and the opt"):
        load_model(name, std=[1.0])
    with pytest.raises(ModelError, match="missing.toml': no such file"):
        load_model(name, card="missing.toml")
    card.write_text("sizes = 3")
    with pytest.raises(ModelError, match=r"mine\.pth\.toml: 'sizes' = 3.*did you mean 'size'"):
        load_model(name)


def test_networks_of_users_with_their_own_parts(folder):
    named = load_model("chosen_nets:named")
    assert named.classes == ("a", "b")
    assert named.record["assumed"] == []
    assert load_model("chosen_nets:named", mean=[0.2]).preprocess == Preprocess(
        8, 8, [0.2], [0.5], normalise_arrays=True
    )
    own = load_model("chosen_nets:own")
    assert own.record["preprocess"] is None
    assert load_model("chosen_nets:own", classes=["a", "b"], link="sigmoid").link == "sigmoid"
    with pytest.raises(ArgumentError, match="size: the network brings its own preprocessing"):
        load_model("chosen_nets:own", size=3)
    assert load_model("chosen_nets:linked").link == "sigmoid"
    with pytest.raises(ModelError, match="chosen_nets:twice.*index 1 has no name"):
        load_model("chosen_nets:twice")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"classes": ["a", "b"]}, "classes: 2 names, but the network has 3 outputs; give 3 names"),
        ({"classes": "missing.txt"}, "no such file of names"),
        ({"mean": [0.5]}, "mean and std: for 1 channels, but the network takes 3"),
        ({"std": "x"}, "std='x'"),
        ({"std": np.zeros(3)}, "std=.*above 0"),
        ({"channels": 12}, "channels: for 12 channels, but the network takes 3"),
        ({"channels": [0, 1], "mean": [1, 2, 3]}, "channels=.*channels"),
        ({"size": "big"}, "size='big'"),
        ({"size": 3, "crop": 4}, "both are the network's input"),
        ({"resize": 3, "crop": False}, "without a crop"),
        ({"interpolation": "cubic"}, "interpolation='cubic'"),
        ({"link": "logit"}, "link='logit'"),
        ({"card": 3}, "card, a int: must be the path"),
        ({"card": True}, "card, a bool: must be the path"),
        ({"mean": 10**400}, "mean: must be an array of numbers"),
        ({"mean": torch.zeros(2, 2)}, "mean=.*must be a list"),
        ({"size": 2**40}, "size=.*more than 100000000 pixels"),
        ({"resize": (2**40, 3)}, "resize=.*more than 100000000 pixels"),
        ({"channels": 2**40}, "channels=.*must be 10000 or fewer"),
        ({"size": 2**70}, "size: has 71 bits; must be below 2.64"),
        ({"interpolation": "x" * 9999}, "interpolation='xxx"),
        ({"card": "x" * 9999}, "xxx"),
        ({"transform_input": True}, "SqueezeNet has none; leave it out"),
        ({"transform_input": "yes"}, "must be true or false"),
        ({"architecture": 3}, "architecture"),
    ],
)
def test_options_that_do_not_fit_give_one_line(weights, options, match):
    with pytest.raises((ArgumentError, ModelError), match=match) as caught:
        load_model(f"{NAME}:{weights}", **options)
    assert "\n" not in str(caught.value)


def test_one_output_takes_one_name_or_two(tmp_path):
    torch.save(network(1).state_dict(), tmp_path / "one.pth")
    name = f"{NAME}:{tmp_path / 'one.pth'}"
    for names in (["cat"], ["other", "cat"]):
        assert load_model(name, classes=names).classes == tuple(names)
    with pytest.raises(ArgumentError, match="has 1 outputs; give one name, or two"):
        load_model(name, classes=["a", "b", "c"])


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_transform_input_gives_the_logits_of_the_network_that_was_saved(tmp_path, name, value):
    torch.manual_seed(2)
    options = {"num_classes": 3, "transform_input": value, "init_weights": False}
    own = torchvision.models.get_model(name, weights=None, **options).eval()
    torch.save(own.state_dict(), tmp_path / "w.pth")
    name = f"torchvision:{name}:{tmp_path / 'w.pth'}"
    image = torch.randn(1, 3, 96, 96)
    loaded = load_model(name, transform_input=value)
    with torch.no_grad():
        expected = own(image)
        assert torch.equal(loaded.model(image), expected)
    assert loaded.record["transform_input"] is value
    assert "transform_input" not in loaded.record["assumed"]
    with pytest.warns(AnnealcamWarning, match="transform_input=True is assumed"):
        assumed = load_model(name)
    assert assumed.record["assumed"][-1] == "transform_input"
    with torch.no_grad():
        assert torch.equal(assumed.model(image), expected) is value
