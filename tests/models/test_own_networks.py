"""Networks of users: modules, functions, classes, tuples, lazy layers, paths."""

from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

import annealcam as ac
from annealcam.errors import AnnealcamError, ArgumentError, ModelError, ModelNameError
from annealcam.models.preprocess import Preprocess

PHOTO = Image.new("RGB", (40, 30), "teal")


class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 3), nn.Dropout(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )

    def forward(self, images):
        return self.layers(images)


def preprocess(photo):
    return torch.zeros(3, 9, 9)


def two():
    return Net(2)


class Maker:
    def __call__(self):
        return Net(5), preprocess, ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("source", "width"),
    [(Net, 4), (partial(Net, width=3), 3), (lambda: Net(6), 6), (two, 2), (Maker(), 5)],
)
def test_whatever_makes_a_network(source, width):
    loaded = ac.load_model(source)
    assert loaded.model(torch.zeros(1, 3, 9, 9)).shape == (1, width)
    assert not any(module.training for module in loaded.model.modules())


def test_networks_and_tuples_are_taken_as_they_are():
    network = Net()
    loaded = ac.load_model(network, mean=0.5, std=0.5, size=16, classes=["a", "b", "c", "d"])
    assert loaded.model is network
    assert loaded.preprocess(PHOTO).shape == (3, 16, 16)
    assert loaded.classes == ("a", "b", "c", "d")
    whole = ac.load_model((network, preprocess, {0: "x", 1: "y", 2: "z", 3: "w"}))
    assert (whole.preprocess, list(whole.classes)) == (preprocess, ["x", "y", "z", "w"])
    assert isinstance(ac.load_model((network, None, None)).preprocess, Preprocess)
    again = ac.load_model(loaded)
    assert (again.model, again.preprocess) == (loaded.model, loaded.preprocess)


def test_lazy_layers_get_their_shapes_from_one_input():
    def lazy():
        return nn.Sequential(
            nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2)
        )

    before = torch.get_rng_state()
    loaded = ac.load_model(lazy, size=12)
    assert loaded.record["lazy_input"] == [1, 3, 12, 12]
    assert loaded.model[3].weight.shape == (2, 4 * 10 * 10)
    assert torch.equal(loaded.model[1].running_mean, torch.zeros(4))  # nothing was trained
    assert torch.equal(before, torch.get_rng_state())
    again = ac.load_model(lazy, size=12)
    assert torch.equal(loaded.model[0].weight, again.model[0].weight)
    grey = ac.load_model(lazy, size=12, channels=1)
    assert grey.model[0].in_channels == 1
    with pytest.raises(ModelError, match="lazy layers get no shapes"):
        ac.load_model(nn.Sequential(nn.LazyLinear(2), nn.Linear(3, 2)))


def test_weights_fill_lazy_layers(tmp_path):
    def lazy():
        return nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(2))

    network = ac.load_model(lazy, size=8).model
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    loaded = ac.load_model(tmp_path / "mine.pth", architecture=lazy, size=8)
    assert torch.equal(loaded.model[2].weight, network[2].weight)


def test_an_architecture_may_be_a_network_a_class_or_a_function_of_a_module(tmp_path, monkeypatch):
    (tmp_path / "my_net.py").write_text(
        "from torch import nn\n"
        "def make():\n    return nn.Sequential(nn.Flatten(), nn.Linear(12, 9)), None, ['a', 'b']\n"
    )
    monkeypatch.chdir(tmp_path)
    trained = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    torch.save({"model": trained.state_dict()}, "mine.pth")
    blank = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    for architecture in (blank, lambda: blank, "my_net:make"):
        loaded = ac.load_model("mine.pth", architecture=architecture)
        assert torch.equal(loaded.model[1].weight, trained[1].weight)
    assert loaded.classes == ["a", "b"]
    assert blank[1].weight.shape == (3, 12)  # a copy was filled
    (tmp_path / "mine.pth.toml").write_text('classes = ["c", "d"]')
    named = ac.load_model(Path("mine.pth"), architecture="my_net:make")
    assert named.classes == ("c", "d")
    (tmp_path / "mine.pth.toml").write_text('architecture = "my_net:make"')
    with pytest.raises(ModelError, match="my_net:make"):  # a card is data, and runs no code
        ac.load_model(Path("mine.pth"))


@pytest.mark.parametrize(
    ("source", "match"),
    [
        (5, "not int"),
        (None, "not NoneType"),
        ({"fc.weight": torch.ones(2)}, "a dictionary; save it"),
        ((Net(), preprocess), "not tuple"),
        ((1, 2, 3), "not tuple"),
        ([Net()], "not list"),
        (b"resnet18", "not bytes"),
        (lambda: 5, "returned int"),
        (lambda x: x, "cannot be made"),
        (lambda: 1 / 0, "ZeroDivisionError"),
        ((Net(), 5, None), "preprocess=5"),
        ((Net(), None, 5), "classes"),
    ],
)
def test_anything_else_is_one_sentence(source, match):
    with pytest.raises(AnnealcamError, match=match) as caught:
        ac.load_model(source)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "\0", "x" * 5000, "a.pth\0", "no/such/mine.pth", ":", "a:"])
def test_odd_names(name):
    with pytest.raises(ModelNameError):
        ac.load_model(name)
    with pytest.raises(ModelError):
        ac.load_model(name, architecture="resnet18")


def test_an_architecture_belongs_to_a_file_of_weights(tmp_path):
    for source in (Net(), "digits", "torchvision:resnet18:none"):
        with pytest.raises(ArgumentError, match="belongs to a weights file"):
            ac.load_model(source, architecture="resnet18")
    torch.save(Net().state_dict(), tmp_path / "w.pth")
    for wrong, match in [
        (5, "not int"),
        ("resnet19", "did you mean 'resnet1"),
        ("torchvision:no_such", "no such classifier"),
        ("timm:no_such", "no such network"),
        ("no_such_module:make", "cannot be made"),
        (lambda: 5, "returned int"),
        ("", "neither in torchvision nor in timm"),
    ]:
        with pytest.raises(AnnealcamError, match=match):
            ac.load_model(tmp_path / "w.pth", architecture=wrong)
