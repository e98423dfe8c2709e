"""Networks of torchvision and timm where these are not installed."""

import re
import sys

import pytest
import torch

from annealcam.data import load_set
from annealcam.errors import MissingExtraError, ModelError, ModelNameError
from annealcam.models import load_model


@pytest.fixture
def hidden(monkeypatch):
    """A function that makes importing a package an ImportError."""

    def hide(*packages):
        loaded = [name for name in sys.modules if name.split(".")[0] in packages]
        for name in {*loaded, *packages}:
            monkeypatch.setitem(sys.modules, name, None)

    return hide


def line(needed_by, extra):
    return re.escape(f"{needed_by}: {extra} is not installed; run pip install 'annealcam[{extra}]'")


@pytest.mark.parametrize(
    ("name", "options", "needed_by", "extra"),
    [
        ("torchvision:resnet18", {}, "model='torchvision:resnet18'", "torchvision"),
        ("timm:resnet18", {}, "model='timm:resnet18'", "timm"),
        ("FILE", {}, "model='FILE': without an architecture", "torchvision"),
        ("FILE", {"architecture": "resnet18"}, "architecture='resnet18'", "torchvision"),
        ("FILE", {"architecture": "timm:vgg11"}, "model='timm:vgg11'", "timm"),
    ],
)
def test_a_missing_library_is_one_line(name, options, needed_by, extra, hidden, tmp_path):
    file = str(tmp_path / "weights.pth")
    torch.save({"fc.weight": torch.ones(2, 3)}, file)
    hidden("torchvision", "timm")
    with pytest.raises(ModelError, match=f"^{line(needed_by.replace('FILE', file), extra)}$"):
        load_model(name.replace("FILE", file), **options)


def test_without_timm_alone_names_of_torchvision_are_found(hidden, tmp_path):
    file = tmp_path / "weights.pth"
    torch.save({"fc.weight": torch.ones(2, 3)}, file)
    hidden("timm")
    with pytest.raises(ModelError, match="do not fit the network .features.0.weight"):
        load_model(file, architecture="squeezenet1_1")
    with pytest.raises(ModelError, match=line("architecture='resnet18d'", "timm")):
        load_model(file, architecture="resnet18d")


def test_names_of_networks_are_suggested_without_torchvision(hidden):
    hidden("torchvision", "timm")
    with pytest.raises(ModelNameError, match="did you mean .*'efficientnet-lite0'"):
        load_model("efficientnet-lite9")


@pytest.mark.parametrize("name", ["imagenette", "stl10", "cifar10", "caltech101", "oxford-pet"])
def test_sets_that_torchvision_reads_are_one_line_without_it(name, hidden, tmp_path):
    hidden("torchvision")
    with pytest.raises(MissingExtraError, match=f"^{line(f'data={name!r}', 'torchvision')}$"):
        load_set(name, root=tmp_path, download=True)
