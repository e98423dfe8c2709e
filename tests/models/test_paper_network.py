"""The paper's network against its formula, trunks against hooks, checkpoints to the bit."""

import json
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.errors import ArgumentError, LayerError, ModelError, ModelNameError
from annealcam.models import load
from annealcam.models.checkpoints import read_header, write_checkpoint
from annealcam.models.load import load_checkpoint, load_model, load_trunk
from annealcam.models.loaded import LoadedModel
from annealcam.models.paper_network import PaperNetwork
from annealcam.models.trunks import Trunk, cut_at

NOISE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (300, 260, 3), dtype=np.uint8))


def network(frozen=True, maps=5, classes=3):
    """A PaperNetwork on the small trunk, with BatchNorm statistics that are no longer 0 and 1."""
    trunk = load_trunk("plain")
    made = PaperNetwork(
        trunk.layers, features=trunk.features, maps=maps, classes=classes, frozen=frozen
    )
    made.train()
    with torch.no_grad():
        made(torch.randn(8, 3, 32, 32))
    return made.eval(), trunk


def test_forward_is_the_formula():
    net, trunk = network()
    x = torch.randn(2, 3, 32, 32)
    conv, _, norm = net.block
    f = F.relu(F.conv2d(trunk.layers(x), conv.weight, conv.bias, padding=1))
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    f = scale[:, None, None] * (f - norm.running_mean[:, None, None]) + norm.bias[:, None, None]
    weights = net.classifier.weight.reshape(3, 5, 16, 16)
    expected = torch.einsum("cahw,nahw->nc", weights, f) + net.classifier.bias
    assert torch.allclose(net(x), expected, atol=1e-5)
    assert torch.equal(net(x), net.head(trunk.layers(x)))


def test_importance_is_the_mean_weight_for_every_image():
    net, _ = network()
    seen = capture(net, torch.randn(4, 3, 32, 32), layer="block", targets=2)
    alpha = seen.gradients.mean(dim=(2, 3))
    expected = net.classifier.weight[2].reshape(5, -1).mean(dim=1)
    assert torch.allclose(alpha, expected.expand(4, 5), atol=1e-8)


def test_the_maps_before_batchnorm_are_not_negative():
    net, _ = network()
    images = torch.randn(4, 3, 32, 32)
    assert capture(net, images, layer="block.1").activations.min() >= 0
    assert capture(net, images, layer="block").activations.min() < 0


def test_a_frozen_trunk_stays_as_it_is_in_training():
    for frozen in (True, False):
        net, trunk = network(frozen)
        before = trunk.fingerprint()
        net.train()
        net(torch.randn(4, 3, 32, 32)).sum().backward()
        assert (trunk.fingerprint() == before) == frozen
        assert all((p.grad is None) == frozen for p in trunk.layers.parameters())
        assert net.block[2].training


@pytest.mark.parametrize(
    ("name", "cut", "features"),
    [
        ("efficientnet-lite0", "blocks.4", (112, 14, 14)),
        ("torchvision:resnet18:none", "layer3", (256, 14, 14)),
    ],
)
def test_a_cut_gives_what_the_whole_network_computes_there(name, cut, features):
    trunk = load_trunk(name)
    assert (trunk.cut, trunk.features) == (cut, features)
    model, preprocess, _ = load_model(name)
    seen = []
    model.get_submodule(cut).register_forward_hook(lambda m, i, o: seen.append(o.clone()))
    x = preprocess(NOISE)[None]
    with torch.no_grad():
        model(x)
        assert torch.equal(trunk.layers(x), seen[0])
    assert torch.equal(trunk.preprocess(NOISE)[None], x)
    assert sum(p.numel() for p in trunk.layers.parameters()) < sum(
        p.numel() for p in model.parameters()
    )


class Branched(nn.Module):
    """A network whose second module runs beside the first, not after it."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.end = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, x):
        return self.end(self.a(x) + self.b(x))


@pytest.fixture
def branched(monkeypatch):
    made = Branched().eval()
    monkeypatch.setattr(
        load, "load_model", lambda name: LoadedModel(made, load_model("digits")[1], None)
    )
    return made


def test_a_cut_inside_of_branches_is_refused(branched):
    assert load_trunk("mine", "a").features == (3, 32, 32)
    with pytest.raises(ModelError, match=r"cut='b': .*branches"):
        load_trunk("mine", "b")
    with pytest.raises(ModelError, match="cut='end': gives no maps"):
        load_trunk("mine", "end")
    with pytest.raises(LayerError, match="no such layer"):
        load_trunk("mine", "c")
    assert not branched._forward_hooks


def test_a_trunk_that_nobody_knows():
    with pytest.raises(ArgumentError, match="cut=None: not known for trunk='timm:resnet10t:none'"):
        load_trunk("timm:resnet10t:none")
    with pytest.raises(ArgumentError, match="taken whole"):
        load_trunk("plain", "0")
    with pytest.raises(ModelNameError, match="did you mean"):
        load_trunk("efficientnet-lite", "blocks.4")


def test_cut_at_keeps_names_and_order():
    model = nn.Sequential(nn.Identity(), nn.Sequential(nn.ReLU(), nn.Tanh()), nn.Flatten())
    assert [n for n, _ in cut_at(model, "1").named_modules()] == ["", "0", "1", "1.0", "1.1"]
    assert [n for n, _ in cut_at(model, "1.0").named_modules()] == ["", "0", "1", "1.0"]


@pytest.mark.parametrize("frozen", [True, False])
def test_a_checkpoint_comes_back_to_the_bit(tmp_path, frozen):
    net, trunk = network(frozen)
    if not frozen:
        with torch.no_grad():
            net.trunk[0].weight.add_(1.0)
    file = tmp_path / "x.safetensors"
    write_checkpoint(file, net, trunk, ("a", "b", "c"), {"seed": 3})
    loaded = load_model(str(file))
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(loaded.model(x), net(x))
    assert loaded.classes == ("a", "b", "c")
    assert torch.equal(loaded.preprocess(NOISE), trunk.preprocess(NOISE))
    assert not any(m.training for m in loaded.model.modules())
    assert read_header(str(file))["about"] == {"seed": 3}
    stored = safetensors.torch.load_file(file)
    assert any(name.startswith("trunk.") for name in stored) != frozen
    again = tmp_path / "again.safetensors"
    write_checkpoint(again, net, trunk, ("a", "b", "c"), {"seed": 3})
    assert again.read_bytes() == file.read_bytes()


def test_a_trained_trunk_is_not_fetched_again(tmp_path, monkeypatch):
    asked = []
    real = load.load_model
    monkeypatch.setattr(load, "load_model", lambda name: asked.append(name) or real(name))
    trunk = load_trunk("torchvision:squeezenet1_1:none", "features.2")
    net = PaperNetwork(trunk.layers, features=trunk.features, maps=2, classes=2, frozen=False)
    file = tmp_path / "x.safetensors"
    write_checkpoint(
        file, net.eval(), replace(trunk, name="torchvision:squeezenet1_1"), ("a", "b"), {}
    )
    loaded = load_checkpoint(str(file))
    assert asked[1:] == ["torchvision:squeezenet1_1:none"]
    assert loaded.preprocess == trunk.preprocess
    x = loaded.preprocess(NOISE)[None]
    assert torch.equal(loaded.model(x), net(x))


def changed(file, tensors=None, **told):
    """Write a checkpoint again with another header, or with other tensors."""
    header = json.dumps(read_header(str(file)) | told)
    kept = tensors if tensors is not None else safetensors.torch.load_file(file)
    safetensors.torch.save_file(kept, file, metadata={"annealcam": header})


def test_files_that_are_no_checkpoints(tmp_path):
    file = tmp_path / "x.safetensors"
    with pytest.raises(ModelNameError, match="no such file"):
        load_model(str(file))
    file.write_text("no tensors")
    for reader, match in (
        (load_model, "not a file of plain tensors"),
        (load_checkpoint, "no checkpoint of `annealcam train`"),
    ):
        with pytest.raises(ModelError, match=match):
            reader(str(file))
    safetensors.torch.save_file({"w": torch.zeros(2)}, file)
    for reader, match in (
        (load_model, "not known by its tensors alone"),
        (load_checkpoint, "no checkpoint of `annealcam train`"),
    ):
        with pytest.raises(ModelError, match=match):
            reader(str(file))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"format": "annealcam-checkpoint-9"}, "not one that this version reads"),
        ({"maps": "5"}, r"header is damaged \(maps\)"),
        ({"maps": 0}, r"header is damaged \(maps\)"),
        ({"classes": [1, 2, 3]}, "header is damaged"),
        ({"preprocess": {"crop": 0}}, r"header is damaged \(preprocess: crop=0"),
        ({"preprocess": {"zoom": 2}}, r"header is damaged \(preprocess: .*zoom"),
        ({"maps": 6}, "does not fit"),
        ({"maps": 10**9}, "block.0.weight does not fit"),
        ({"maps": True}, r"header is damaged \(maps\)"),
        ({"classes": ["a"] * 1000}, "classifier.weight does not fit"),
        ({"sha256": "0" * 64}, "its SHA-256 is not the one in its header"),
        ({"sha257": ""}, "a checkpoint, but damaged .*sha257"),
        ({"trunk": "efficientnet-lite", "cut": "blocks.4"}, "its trunk is missing: .*did you mean"),
        ({"trunk_hash": "sha256:0"}, "other weights than the head was trained on"),
    ],
)
def test_checkpoints_that_do_not_fit(tmp_path, told, message):
    net, trunk = network()
    file = tmp_path / "x.safetensors"
    write_checkpoint(file, net, trunk, ("a", "b", "c"), {})
    changed(file, **told)
    with pytest.raises(ModelError, match=message) as raised:
        load_checkpoint(str(file))
    assert "\n" not in str(raised.value)


def test_a_checkpoint_runs_no_code_by_itself(tmp_path, monkeypatch):
    net, trunk = network()
    file = tmp_path / "x.safetensors"
    write_checkpoint(file, net, trunk, ("a", "b", "c"), {})
    changed(file, trunk="own_trunks:make", cut="a")
    module = tmp_path / "own_trunks.py"
    module.write_text("raise OSError('this module has run')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="'own_trunks:make', whose code a file does not run; if"):
        load_model(file)
    with pytest.raises(ModelError, match="its trunk is missing: .*this module has run"):
        load_model(file, architecture="own_trunks:make")
    with pytest.raises(ArgumentError, match="architecture='other:make': .* holds its own network"):
        load_model(file, architecture="other:make")


def test_a_checkpoint_that_lacks_a_tensor(tmp_path):
    net, trunk = network()
    file = tmp_path / "x.safetensors"
    write_checkpoint(file, net, trunk, ("a", "b", "c"), {})
    tensors = safetensors.torch.load_file(file)
    del tensors["classifier.bias"]
    changed(file, tensors)
    with pytest.raises(ModelError, match="classifier.bias does not fit"):
        load_checkpoint(str(file))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.half(), "block.0.weight does not fit"),
        (lambda t: t[:, :1], "block.0.weight does not fit"),
        (lambda t: t * torch.nan, "block.0.weight holds NaN or infinity"),
    ],
)
def test_a_checkpoint_with_other_numbers(tmp_path, change, message):
    net, trunk = network()
    file = tmp_path / "x.safetensors"
    write_checkpoint(file, net, trunk, ("a", "b", "c"), {})
    tensors = safetensors.torch.load_file(file)
    tensors["block.0.weight"] = change(tensors["block.0.weight"]).contiguous()
    changed(file, tensors)
    with pytest.raises(ModelError, match=message):
        load_checkpoint(str(file))


@pytest.mark.parametrize("maps", [16, 24, 32])
def test_shipped_heads_are_explained_offline(maps):
    model, preprocess, classes = ac.load_model(f"paper-{maps}")
    assert (len(classes), classes[0], classes[-1]) == (10, "tench", "parachute")
    with torch.no_grad():
        assert model.block(model.trunk(preprocess(NOISE)[None])).shape == (1, maps, 14, 14)
    header = read_header(f"paper-{maps}")
    assert header["about"]["seed"] == 0
    assert header["about"]["accuracy"]["test"] >= 0.88


def test_trunks_are_plain_values():
    trunk = load_trunk("plain")
    assert isinstance(trunk, Trunk)
    assert not trunk.pretrained
    assert trunk.fingerprint() == load_trunk("plain").fingerprint()
