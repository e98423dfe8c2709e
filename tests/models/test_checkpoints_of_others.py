"""Weights files as people have them: each gives the network that was saved, to the bit."""

import argparse
import pathlib
import re
from collections import OrderedDict, defaultdict
from functools import cache
from itertools import product

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
import torchvision
from hypothesis import HealthCheck, given, settings, strategies as st
from torch import nn
from torch.optim.swa_utils import AveragedModel

import annealcam as ac
from annealcam.errors import AnnealcamWarning, ModelError
from annealcam.models.state_dicts.fit import fill_network, taken_sentence
from annealcam.models.state_dicts.search import StateDict, WeightsFound
from tests.networks import tiny

SHUFFLE = "torchvision:shufflenet_v2_x0_5"
MOBILE = "timm:mobilenetv3_small_050"
IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


class Trainer:
    """A class that only the file of a trainer knows."""

    def __init__(self):
        self.network = nn.Linear(2, 2)


class Config(dict):
    """A dictionary of a class of its own, as Lightning and OmegaConf have."""


@cache
def trained(classes=3):
    """A small network with weights, and statistics of its normalisations, of its own."""
    torch.manual_seed(classes)
    network = torchvision.models.shufflenet_v2_x0_5(weights=None, num_classes=classes)
    network(torch.randn(4, 3, 64, 64))
    return network.eval()


@cache
def averaged():
    """Another set of weights, as an average over training has."""
    return trained(4)


def prefixed(prefix, network=None):
    tensors = (network or trained()).state_dict()
    return OrderedDict((prefix + name, tensor) for name, tensor in tensors.items())


def logits(network, images=IMAGES):
    with torch.no_grad():
        return network.eval()(images)


def optimizer_state():
    network = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def half(kind):
    return {n: t.to(kind) if t.is_floating_point() else t for n, t in prefixed("").items()}


def rounded(kind):
    network = torchvision.models.shufflenet_v2_x0_5(weights=None, num_classes=3)
    network.load_state_dict(half(kind))
    return network


LAYOUTS = {  # ending, content, key, prefixes, something left aside
    "plain": (".pth", lambda: prefixed(""), "", [], None),
    "plain dict of parameters and buffers": (".weights", lambda: dict(prefixed("")), "", [], None),
    "bin": (".bin", lambda: prefixed(""), "", [], None),
    "state_dict": (
        ".pth.tar", lambda: {"epoch": 3, "state_dict": prefixed(""), "best_acc1": torch.ones(1)},
        "state_dict", [], "best_acc1",
    ),
    "model_state_dict": (
        ".tar",
        lambda: {"model_state_dict": prefixed(""), "optimizer_state_dict": optimizer_state()},
        "model_state_dict", [], "optimizer_state_dict",
    ),
    "model": (".pt", lambda: {"model": prefixed(""), "loss": 0.3}, "model", [], "loss"),
    "net": (".pth", lambda: {"net": prefixed("module."), "acc": 98.0}, "net", ["module."], "acc"),
    "an unknown name": (".pth", lambda: {"my_stuff": {"w": prefixed("")}}, "my_stuff.w", [], None),
    "DataParallel": (".pth", lambda: prefixed("module."), "", ["module."], None),
    "torch.compile": (".pth", lambda: prefixed("_orig_mod."), "", ["_orig_mod."], None),
    "compiled and parallel": (
        ".pth", lambda: prefixed("_orig_mod.module."), "", ["_orig_mod.", "module."], None,
    ),
    "a backbone": (".pth", lambda: prefixed("model.backbone."), "", ["model.backbone."], None),
    "Lightning": (
        ".ckpt",
        lambda: {
            "state_dict": prefixed("model.") | {"loss.weight": torch.ones(3)},
            "hyper_parameters": Config(lr=0.1, root=pathlib.Path("data")),
            "callbacks": {"ModelCheckpoint": {"best_model_score": np.float64(0.5)}},
            "optimizer_states": [optimizer_state()],
            "pytorch-lightning_version": "2.0.0",
        },
        "state_dict", ["model."], "loss.weight",
    ),
    "a namespace and numpy's numbers": (
        ".pth",
        lambda: {"args": argparse.Namespace(lr=0.1), "best": np.float32(3), "model": prefixed("")},
        "model", [], "args",
    ),
    "classes of the trainer": (
        ".pth",
        lambda: {"trainer": Trainer(), "log": defaultdict(list, a=[1]), "net": prefixed("")},
        "net", [], "trainer",
    ),
    "EMA beside": (
        ".pth", lambda: {"model": prefixed("", averaged()), "model_ema": prefixed("module.")},
        "model_ema", ["module."], "model",
    ),
    "EMA of timm": (
        ".pth.tar",
        lambda: {"state_dict": prefixed("", averaged()), "state_dict_ema": prefixed("")},
        "state_dict_ema", [], "state_dict",
    ),
    "EMA within": (
        ".ckpt",
        lambda: {"state_dict": prefixed("model.", averaged()) | prefixed("ema_model.")},
        "state_dict", ["ema_model."], "model.conv1.0.weight",
    ),
    "SWA": (".pt", lambda: AveragedModel(trained()).state_dict(), "", ["module."], "n_averaged"),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, tmp_path):
    ending, content, key, prefixes, aside = LAYOUTS[layout]
    file = tmp_path / f"mine{ending}"
    torch.save(content(), file)
    loaded = ac.load_model(file, architecture=SHUFFLE)
    assert torch.equal(logits(loaded.model), logits(trained()))
    record = loaded.record["weights"]
    assert (record["key"], record["prefixes"]) == (key, prefixes)
    assert aside is None or aside in record["left_aside"]
    assert record["averaged"] == ("EMA" in layout)
    assert record["dtype"] == "float32"
    assert record["changes"] == {"fc": "Linear(1024, 3)"}
    assert record["architecture"] == SHUFFLE


def test_the_format_before_torch_1_6(tmp_path):
    file = tmp_path / "mine.pth"
    content = {"state_dict": prefixed("module."), "args": argparse.Namespace(lr=1)}
    torch.save(content, file, _use_new_zipfile_serialization=False)
    loaded = ac.load_model(str(file), architecture=SHUFFLE)
    assert torch.equal(logits(loaded.model), logits(trained()))


def test_safetensors(tmp_path):
    file = tmp_path / "mine.safetensors"
    safetensors.torch.save_file(prefixed("model."), file)
    loaded = ac.load_model(file, architecture=SHUFFLE)
    assert torch.equal(logits(loaded.model), logits(trained()))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(kind, tmp_path):
    file = tmp_path / "mine.pth"
    torch.save(half(kind), file)
    loaded = ac.load_model(file, architecture=SHUFFLE)
    assert torch.equal(logits(loaded.model), logits(rounded(kind)))
    assert loaded.record["weights"]["dtype"] == str(kind).removeprefix("torch.")
    assert {p.dtype for p in loaded.model.parameters()} == {torch.float32}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_torchscript_gives_its_tensors(tmp_path):
    file = tmp_path / "mine.pt"
    torch.jit.trace(trained(), IMAGES).save(str(file))
    loaded = ac.load_model(file, architecture=SHUFFLE)
    assert torch.equal(logits(loaded.model), logits(trained()))


def sequential(*layers):
    torch.manual_seed(3)
    return nn.Sequential(*(make() for make in layers))


HEADS = {
    "Dropout, Linear": lambda n: sequential(nn.Dropout, lambda: nn.Linear(n, 4)),
    "no bias": lambda n: nn.Linear(n, 4, bias=False),
    "one output": lambda n: nn.Linear(n, 1),
    "Linear, Linear": lambda n: sequential(lambda: nn.Linear(n, 8), lambda: nn.Linear(8, 4)),
    "Linear, ReLU, Linear": lambda n: sequential(
        lambda: nn.Linear(n, 8), nn.ReLU, lambda: nn.Linear(8, 4)
    ),
    "Linear, ReLU, Dropout, Linear": lambda n: sequential(
        lambda: nn.Linear(n, 8), nn.ReLU, nn.Dropout, lambda: nn.Linear(8, 4)
    ),
    "Dropout, Linear, BatchNorm, ReLU, Dropout, Linear": lambda n: sequential(
        nn.Dropout, lambda: nn.Linear(n, 8), lambda: nn.BatchNorm1d(8), nn.ReLU, nn.Dropout,
        lambda: nn.Linear(8, 4),
    ),
    "LayerNorm, Linear, PReLU, Dropout, Linear": lambda n: sequential(
        lambda: nn.LayerNorm(n), lambda: nn.Linear(n, 8), nn.PReLU, nn.Dropout,
        lambda: nn.Linear(8, 4),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("architecture", "head"),
    [*(("fc", head) for head in HEADS), *product(["classifier.1", "head.fc"], list(HEADS)[:3])],
)
def test_heads(architecture, head, tmp_path):
    make = {
        "fc": lambda: torchvision.models.shufflenet_v2_x0_5(weights=None),
        "classifier.1": lambda: torchvision.models.mnasnet0_5(weights=None),
        "head.fc": lambda: timm.create_model("edgenext_xx_small"),
    }[architecture]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = make()
        original = network.get_submodule(architecture)
        parent, _, name = architecture.rpartition(".")
        setattr(network.get_submodule(parent), name, HEADS[head](original.in_features))
    file = tmp_path / "mine.pth"
    torch.save(network.state_dict(), file)
    assumed = "ReLU" in head and "PReLU" not in head
    if assumed:
        with pytest.warns(AnnealcamWarning, match="ReLU right after each hidden linear layer"):
            loaded = ac.load_model(file, architecture=make)
    else:
        loaded = ac.load_model(file, architecture=make)
    assert torch.equal(logits(loaded.model), logits(network))
    assert ("assumed" in loaded.record["weights"]) == assumed


REPLACED = {
    "mobilenet_v2": lambda net: setattr(net, "classifier", nn.Linear(1280, 3)),
    "mobilenet_v3_small": lambda net: net.classifier.__setitem__(3, nn.Linear(1024, 3)),
    "convnext_tiny": lambda net: setattr(
        net, "classifier", sequential(nn.Flatten, lambda: nn.Linear(768, 3))),
    "squeezenet1_1": lambda net: net.classifier.__setitem__(1, nn.Conv2d(512, 3, 1)),
    "googlenet": lambda net: setattr(net, "fc", nn.Linear(1024, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_small", "squeezenet1_1"])
def test_replaced_heads_of_torchvision(name, tmp_path):
    network = torchvision.models.get_model(name, weights=None)
    REPLACED[name](network)
    file = tmp_path / "mine.pth"
    torch.save(network.state_dict(), file)
    loaded = ac.load_model(file, architecture=name)
    assert torch.equal(logits(loaded.model), logits(network))
    assert loaded.classes is None


@pytest.mark.parametrize("name", ["convnext_tiny", "googlenet"])
@pytest.mark.filterwarnings("ignore::annealcam.errors.AnnealcamWarning")
def test_replaced_heads_of_larger_networks(name, tmp_path):
    options = {"init_weights": False} if name == "googlenet" else {}
    network = torchvision.models.get_model(name, weights=None, **options)
    REPLACED[name](network)
    if name == "googlenet":
        network.aux1 = network.aux2 = None
    file = tmp_path / "mine.pth"
    torch.save(network.state_dict(), file)
    loaded = ac.load_model(file, architecture=name, **transform_input(name))
    assert torch.equal(logits(loaded.model), logits(network))


def transform_input(name):
    return {"transform_input": False} if name == "googlenet" else {}


@pytest.mark.parametrize("channels", [1, 12])
def test_input_channels(channels, tmp_path):
    images = torch.randn(2, channels, 64, 64)
    network = timm.create_model("mobilenetv3_small_050", in_chans=channels, num_classes=5)
    file = tmp_path / "mine.pth"
    torch.save(network.state_dict(), file)
    loaded = ac.load_model(file, architecture=MOBILE)
    assert torch.equal(logits(loaded.model, images), logits(network, images))
    grey = torchvision.models.shufflenet_v2_x0_5(weights=None, num_classes=2)
    grey.conv1[0] = nn.Conv2d(channels, 24, 3, 2, 1)  # with a bias, where the original has none
    torch.save(grey.state_dict(), file)
    loaded = ac.load_model(file, architecture="shufflenet_v2_x0_5")
    assert torch.equal(logits(loaded.model, images), logits(grey, images))
    assert loaded.record["weights"]["changes"]["conv1.0"] == f"input channels: {channels}"


@pytest.mark.parametrize("name", ["repvit_m0_9"])
def test_networks_of_timm_with_several_first_or_last_layers(name, tmp_path):
    network = timm.create_model(name, num_classes=5, in_chans=1)
    torch.save(network.state_dict(), tmp_path / "w.pth")
    loaded = ac.load_model(tmp_path / "w.pth", architecture=f"timm:{name}")
    images = torch.randn(1, 1, 224, 224)
    assert torch.equal(logits(loaded.model, images), logits(network, images))
    options = loaded.record["weights"].get("options", {})
    assert options["num_classes"] == 5


REFUSED_HEADS = {
    "names": (lambda: nn.Sequential(OrderedDict(a=nn.Linear(1024, 8), b=nn.Linear(8, 2))), "plain"),
    "other width": (lambda: nn.Linear(512, 2), "512 features, but 1024"),
    "three gaps": (
        lambda: sequential(lambda: nn.Linear(1024, 8), nn.ReLU, nn.ReLU, nn.ReLU,
                           lambda: nn.Linear(8, 2)), "which one is the activation",
    ),
    "gaps around": (
        lambda: sequential(lambda: nn.Linear(1024, 8), nn.ReLU, lambda: nn.BatchNorm1d(8),
                           nn.Dropout, lambda: nn.Linear(8, 2)), "which one is the activation",
    ),
    "none": (nn.Identity, "the file holds no head"),
    "attention": (lambda: nn.Sequential(nn.MultiheadAttention(1024, 2)), "MODULE:FUNCTION"),
}  # fmt: skip


@pytest.mark.parametrize("head", REFUSED_HEADS)
def test_heads_that_have_several_readings(head, tmp_path):
    make, match = REFUSED_HEADS[head]
    network = torchvision.models.shufflenet_v2_x0_5(weights=None)
    network.fc = make()
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    with pytest.raises(ModelError, match=match):
        ac.load_model(tmp_path / "mine.pth", architecture=SHUFFLE)


def test_an_architecture_is_found_by_its_tensors(tmp_path):
    file = tmp_path / "mine.pth"
    torch.save({"state_dict": prefixed("model.")}, file)
    loaded = ac.load_model(file)
    assert loaded.record["weights"]["recognised_by_its_tensors"]
    assert loaded.record["weights"]["architecture"] == SHUFFLE
    assert torch.equal(logits(loaded.model), logits(trained()))


def test_the_nearest_architecture_is_named(tmp_path):
    file = tmp_path / "mine.pth"
    torch.save(prefixed(""), file)
    with pytest.raises(ModelError, match=rf"do not fit .* is missing.*nearest: {SHUFFLE} \(fits\)"):
        ac.load_model(file, architecture="resnet18")
    torch.save({n: t for n, t in prefixed("").items() if "stage4.3" not in n}, file)
    with pytest.raises(ModelError, match=rf"by its tensors alone.*nearest: {SHUFFLE} \(9\d%"):
        ac.load_model(file)
    torch.save({"blob": torch.ones(3)}, file)
    with pytest.raises(ModelError, match="give architecture="):
        ac.load_model(file)
    network = timm.create_model("mobilenetv3_small_050", num_classes=2)
    torch.save(network.state_dict(), file)
    with pytest.raises(ModelError, match=rf"nearest: {MOBILE} \(fits\)"):
        ac.load_model(file)


def test_tensors_that_would_change_what_is_computed_are_not_dropped(tmp_path):
    file = tmp_path / "mine.pth"
    torch.save(prefixed("backbone.") | {"head.weight": torch.ones(2, 3)}, file)
    with pytest.raises(ModelError, match=r"head.weight has no place in it.*MODULE:FUNCTION"):
        ac.load_model(file, architecture=SHUFFLE)
    torch.save(prefixed("") | {"stage2.0.se.weight": torch.ones(2, 3)}, file)
    with pytest.raises(ModelError, match=r"stage2.0.se.weight is unexpected"):
        ac.load_model(file, architecture=SHUFFLE)
    torch.save({"student": prefixed(""), "teacher": prefixed("")}, file)
    with pytest.raises(ModelError, match="'student' and 'teacher' fit the network equally well"):
        ac.load_model(file, architecture=SHUFFLE)


PARTS = st.sampled_from(
    ["model.", "module.", "_orig_mod.", "net.", "encoder.", "a_1.", "backbone."]
)
KEYS = st.sampled_from(["state_dict", "model", "my_net", "net", "checkpoint", "1"])


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(parts=st.lists(PARTS, max_size=4), keys=st.lists(KEYS, max_size=4), extra=st.booleans())
def test_any_nesting_and_any_prefix(tmp_path, parts, keys, extra):
    network = tiny()
    content = {"".join(parts) + name: t for name, t in network.state_dict().items()}
    if extra:
        content |= {"n_averaged": torch.tensor(3), "criterion.weight": torch.ones(2)}
    for key in keys:
        content = {key: content, "epoch": 3, "optimizer": optimizer_state()}
    torch.save(content, tmp_path / "w.pth")
    loaded = ac.load_model(tmp_path / "w.pth", architecture=tiny)
    for name, tensor in loaded.model.state_dict().items():
        assert torch.equal(tensor, network.state_dict()[name])
    assert loaded.record["weights"]["key"] == ".".join(reversed(keys))
    assert "".join(loaded.record["weights"]["prefixes"]).count("_orig_mod.") <= 1


def test_nothing_is_allocated_before_the_shapes_fit():
    made = []

    def make():
        made.append(torch.empty(0).device.type)
        return nn.Sequential(nn.Linear(10, 2))

    state = StateDict({"0.weight": torch.ones(3, 5)}, WeightsFound("w", "0"))
    with pytest.raises(ModelError, match="5 features, but 10"):
        fill_network(make, [state])
    assert made == ["meta"]


class LikeVGG(nn.Module):
    """A head of several linear layers in the architecture itself."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = sequential(
            lambda: nn.Linear(4, 8), nn.ReLU, nn.Dropout, lambda: nn.Linear(8, 8), nn.ReLU,
            nn.Dropout, lambda: nn.Linear(8, 1000),
        )  # fmt: skip

    def forward(self, images):
        return self.classifier(self.features(images))


@pytest.mark.parametrize(
    ("change", "description"),
    [
        (lambda c: c.__setitem__(6, nn.Linear(8, 3)), "Linear(8, 3)"),
        (
            lambda c: c.__setitem__(6, sequential(nn.Dropout, lambda: nn.Linear(8, 3))),
            "Sequential(Identity, Linear(8, 3))",
        ),
        (lambda c: c.__delitem__(slice(4, 7)), "Sequential(Linear, ReLU, Dropout, Linear(8, 8))"),
        (
            lambda c: c.append(nn.ReLU()).append(nn.Linear(1000, 3)),
            "Sequential(Linear, ReLU, Dropout, Linear, ReLU, Dropout, Linear, ReLU, "
            "Linear(1000, 3))",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::annealcam.errors.AnnealcamWarning")
def test_layers_of_a_head_that_fit_are_kept(change, description, tmp_path):
    network = LikeVGG()
    change(network.classifier)
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    loaded = ac.load_model(tmp_path / "mine.pth", architecture=LikeVGG)
    assert torch.equal(logits(loaded.model), logits(network))
    assert list(loaded.record["weights"]["changes"].values()) == [description]


def test_a_file_in_words():
    record = {
        "file": "w.pth", "key": "state_dict", "averaged": False, "dtype": "float16",
        "prefixes": ["_orig_mod.", "module."], "left_aside": ["epoch", "args"],
        "changes": {"fc": "Linear(8, 2)"}, "recognised_by_its_tensors": True,
        "architecture": "torchvision:resnet18",
    }  # fmt: skip
    assert taken_sentence(record) == (
        "w.pth: takes state_dict, without the prefix _orig_mod.module., from float16, "
        "fc: Linear(8, 2), recognised as torchvision:resnet18; leaves aside epoch, args"
    )
    plain = WeightsFound("w.pth", "0").as_record() | {"changes": {}}
    assert taken_sentence(plain) == ""


def test_counts_of_operations_are_left_aside(tmp_path):
    counted = prefixed("") | {"total_ops": torch.zeros(1), "conv1.0.total_params": torch.zeros(1)}
    torch.save(counted, tmp_path / "w.pth")
    record = ac.load_model(tmp_path / "w.pth", architecture=SHUFFLE).record["weights"]
    assert record["left_aside"] == ["total_ops", "conv1.0.total_params"]


def test_regnets_are_filled_though_they_compute_while_they_are_made(tmp_path):
    network = torchvision.models.regnet_y_400mf(weights=None, num_classes=2)
    torch.save(network.state_dict(), tmp_path / "w.pth")
    loaded = ac.load_model(tmp_path / "w.pth", architecture="regnet_y_400mf")
    assert torch.equal(logits(loaded.model), logits(network))


def test_densenets_of_torchvision_0_1_have_other_names(tmp_path):
    network = torchvision.models.densenet121(weights=None, num_classes=2)
    old = {re.sub(r"(norm|conv)([12])\.", r"\1.\2.", n): t for n, t in network.state_dict().items()}
    old = {n: t for n, t in old.items() if not n.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "w.pth")
    loaded = ac.load_model(tmp_path / "w.pth", architecture="densenet121")
    assert torch.equal(logits(loaded.model), logits(network))
