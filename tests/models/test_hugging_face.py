"""Hugging Face's classifiers in local folders: as transformers loads them, and refusals."""

import json
import shutil
import socket
import sys
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import skimage.data
import torch
from PIL import Image

import annealcam as ac
from annealcam.errors import ArgumentError, ModelError, ModelNameError
from annealcam.models.hugging_face import ProcessorPreprocess, preprocess_of
from annealcam.models.preprocess import Preprocess
from tests.cli.helpers import run, skip_report_picture

transformers = pytest.importorskip("transformers")

PHOTO = Image.fromarray(skimage.data.chelsea())
PHOTOS = (PHOTO, PHOTO.rotate(90, expand=True), PHOTO.resize((97, 400)))
IMAGE = {"image_size": 32, "num_channels": 3}
TOKENS = {
    **IMAGE, "patch_size": 8, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 64,
}  # fmt: skip
STAGES = {"hidden_sizes": [16, 32], "depths": [1, 1]}
KINDS = {
    "ResNet": {**STAGES, "num_channels": 3, "embedding_size": 16, "layer_type": "basic"},
    "ConvNext": {**STAGES, **IMAGE, "num_stages": 2, "patch_size": 2},
    "PoolFormer": {
        **STAGES, "num_encoder_blocks": 2, "patch_sizes": [7, 3], "strides": [4, 2],
        "padding": [2, 1],
    },
    "ViT": TOKENS,
    "DeiT": TOKENS,
    "Beit": TOKENS,
    "Swin": {
        **IMAGE, "patch_size": 2, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2],
        "window_size": 4,
    },
}  # fmt: skip
PROCESSORS = {  # as those of the published networks, at the size of the small ones
    "ResNet": ("ConvNext", {"size": {"shortest_edge": 32}, "crop_pct": 0.875}),
    "ConvNext": ("ConvNext", {"size": {"shortest_edge": 32}, "crop_pct": 0.9}),
    "PoolFormer": (
        "PoolFormer",
        {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}},
    ),
    "ViT": ("ViT", {"size": {"height": 32, "width": 32}}),
    "DeiT": (
        "DeiT",
        {"size": {"height": 36, "width": 36}, "crop_size": {"height": 32, "width": 32}},
    ),
    "Beit": ("Beit", {"size": {"height": 32, "width": 32}}),
    "Swin": ("ViT", {"size": {"height": 32, "width": 32}}),
}
LAYERS = {  # the last one with a grid which the gradient of the prediction reaches
    "ResNet": "resnet.encoder.stages.1",
    "ConvNext": "convnext.encoder.stages.1",
    "PoolFormer": "norm",
    "ViT": "vit.layers.1.layernorm_before",
    "DeiT": "deit.layers.1.layernorm_before",
    "Beit": "beit.layers.1",  # its head takes the mean of the patches
    "Swin": "swin.layernorm",
}
LABELS = ("ant", "bee", "cat", "dog")


class Bomb:
    """Unpickling this leaves a mark."""

    went_off = False

    def __reduce__(self):
        return setattr, (Bomb, "went_off", True)


def network_of(kind, **settings):
    names = {"id2label": dict(enumerate(LABELS)), "label2id": {n: i for i, n in enumerate(LABELS)}}
    config = getattr(transformers, f"{kind}Config")(**{**KINDS[kind], **names, **settings})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return getattr(transformers, f"{kind}ForImageClassification")(config).eval()


def processor_of(kind):
    name, settings = PROCESSORS[kind]
    return getattr(transformers, f"{name}ImageProcessor")(**settings)


def folder_of(tmp_path, kind="ResNet", **settings):
    folder = tmp_path / kind
    network_of(kind, **settings).save_pretrained(folder)
    processor_of(kind).save_pretrained(folder)
    return folder


def change_json(file, **settings):
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))


@pytest.mark.parametrize("kind", KINDS)
def test_network_processor_and_classes_are_those_of_the_folder(kind, tmp_path):
    folder = folder_of(tmp_path, kind)
    model, preprocess, classes = ac.load_model(f"hf:{folder}")
    assert classes == LABELS
    assert not any(m.training for m in model.modules())
    pixels = processor_of(kind)(PHOTO, return_tensors="pt")["pixel_values"]
    assert torch.equal(preprocess(PHOTO)[None], pixels)
    with torch.no_grad():  # not to the bit: the file's tensors lie otherwise in memory
        assert torch.allclose(model(pixels).logits, network_of(kind)(pixels).logits, atol=1e-6)
    expected = network_of(kind).state_dict()
    assert all(torch.equal(expected[name], t) for name, t in model.state_dict().items())


@pytest.mark.parametrize(
    ("problem_type", "outputs", "link"),
    [
        ("single_label_classification", 4, "softmax"),
        ("multi_label_classification", 4, "sigmoid"),
        ("regression", 2, "identity"),
        ("regression", 1, "identity"),
        (None, 1, "identity"),
        (None, 4, None),
    ],
)
def test_the_problem_type_gives_the_link(problem_type, outputs, link, tmp_path):
    labels = {"id2label": {i: f"label {i}" for i in range(outputs)}, "label2id": {}}
    folder = folder_of(tmp_path, problem_type=problem_type, **labels)
    loaded = ac.load_model(f"hf:{folder}")
    assert loaded.link == link
    record = loaded.record["hf"]
    assert record["problem_type"] == problem_type
    assert record["architecture"] == "ResNetForImageClassification"
    assert record["transformers"] == transformers.__version__
    assert record["processor"]["size"] == {"shortest_edge": 32}
    assert json.loads(json.dumps(loaded.record)) == loaded.record


def test_options_replace_what_the_folder_states(tmp_path):
    loaded = ac.load_model(
        f"hf:{folder_of(tmp_path)}", classes=["a", "b", "c", "d"], mean=[0, 0, 0], link="sigmoid"
    )
    assert loaded.classes == ("a", "b", "c", "d")
    assert loaded.link == "sigmoid"
    assert torch.equal(
        loaded.preprocess(PHOTO), Preprocess(36, 32, [0] * 3, [0.5] * 3, "bicubic")(PHOTO)
    )


@pytest.mark.parametrize("backend", ["torchvision", "pil"])
@pytest.mark.parametrize("size", [32, 224])
@pytest.mark.parametrize("name", ["ConvNext", "ViT", "DeiT", "Beit", "Bit"])
def test_settings_of_processors_are_read_off(name, size, backend):
    square = {"height": size, "width": size}
    settings = {
        "ConvNext": {"size": {"shortest_edge": size}},
        "DeiT": {"size": {"height": size + 8, "width": size + 8}, "crop_size": square},
        "Bit": {"size": {"shortest_edge": size + 8}, "crop_size": square},
    }.get(name, {"size": square})
    pil = "Pil" if backend == "pil" else ""
    processor = getattr(transformers, f"{name}ImageProcessor{pil}")(**settings)
    preprocess = preprocess_of(processor, 3)
    assert type(preprocess) is ProcessorPreprocess
    assert preprocess.size == (size, size)
    assert preprocess.crop == size
    level = torch.tensor(preprocess.std)[:, None, None] * 255
    for photo in PHOTOS:
        pixels = processor(photo, return_tensors="pt")["pixel_values"][0]
        assert torch.equal(preprocess(photo), pixels)
        difference = ((Preprocess.__call__(preprocess, photo) - pixels) * level).abs()
        if backend == "pil":  # Pillow resizes in both
            assert difference.max() < 1e-3
        else:  # torchvision's kernels round to whole levels after each axis
            assert difference.max() < 2.001
            assert (difference > 0.5).float().mean() < 0.02


def test_a_stretching_processor_shows_the_whole_photo():
    preprocess = preprocess_of(processor_of("ViT"), 3)
    shown = np.asarray(preprocess.large_view(PHOTO, 64), dtype=float)
    whole = np.asarray(PHOTO.resize((64, 64), Image.Resampling.LANCZOS), dtype=float)
    assert np.array_equal(shown, whole)


@pytest.mark.parametrize("size", [(451, 300), (300, 451), (64, 65), (33, 40)])
def test_the_part_of_a_photo_is_that_which_the_processor_cuts_out(size):
    rows, columns = torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
    ramps = torch.stack([columns, rows, rows], dim=-1).byte().numpy()
    photo = Image.fromarray(ramps).resize(size, Image.Resampling.BILINEAR)
    processor = transformers.ConvNextImageProcessor(
        size={"shortest_edge": 32}, crop_pct=0.8, image_mean=[0] * 3, image_std=[1 / 255] * 3
    )
    preprocess = preprocess_of(processor, 3)
    left, top, right, bottom = preprocess.box(*size)
    across, down, _ = preprocess(photo)
    width, height = size
    cells = (np.arange(32) + 0.5) / 32  # a ramp has the value of its place, up to its rounding
    x, y = left + (right - left) * cells, top + (bottom - top) * cells
    middle = slice(4, -4)  # bicubic resizing bends ramps at the ends
    np.testing.assert_allclose(across[16, middle], (x * 256 / width - 0.5)[middle], atol=2)
    np.testing.assert_allclose(down[middle, 16], (y * 256 / height - 0.5)[middle], atol=2)


def test_a_processor_of_another_kind_is_called_as_it_is():
    processor = transformers.LevitImageProcessor(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}
    )
    preprocess = preprocess_of(processor, 3)
    assert not isinstance(preprocess, Preprocess)
    assert torch.equal(
        preprocess(PHOTO)[None], processor(PHOTO, return_tensors="pt")["pixel_values"]
    )


def test_changed_settings_leave_the_processor():
    preprocess = preprocess_of(processor_of("ViT"), 3)
    assert preprocess.as_json() == Preprocess(None, 32, [0.5] * 3, [0.5] * 3).as_json()
    changed = replace(preprocess, mean=(0, 0, 0))
    assert torch.allclose(changed(PHOTO), Preprocess.__call__(preprocess, PHOTO) + 1, atol=1e-6)


def test_a_grey_network_takes_grey_photos(tmp_path):
    folder = tmp_path / "grey"
    network_of("ResNet", num_channels=1).save_pretrained(folder)
    processor = transformers.ViTImageProcessor(
        size={"height": 32, "width": 32}, image_mean=[0.5], image_std=[0.25]
    )
    processor.save_pretrained(folder)
    _, preprocess, _ = ac.load_model(f"hf:{folder}")
    pixels = processor(PHOTO.convert("L"), return_tensors="pt")["pixel_values"][0]
    assert pixels.shape == (1, 32, 32)
    assert torch.equal(preprocess(PHOTO), pixels)


def test_weights_in_a_bin_file_are_read_and_nothing_else_is_unpickled(tmp_path):
    folder = folder_of(tmp_path)
    expected = safetensors.torch.load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(expected, folder / "pytorch_model.bin")
    loaded = ac.load_model(f"hf:{folder}").model.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in expected.items())
    torch.save({**expected, "bomb": Bomb()}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="its weights cannot be read"):
        ac.load_model(f"hf:{folder}")
    assert not Bomb.went_off


def test_code_of_a_folder_is_never_run(tmp_path):
    folder = folder_of(tmp_path)
    (folder / "own.py").write_text("raise SystemExit('this was run')")
    change_json(folder / "config.json", model_type="own", auto_map={"AutoConfig": "own.OwnConfig"})
    with pytest.raises(ModelError, match="needs Python code of the folder, which is not run"):
        ac.load_model(f"hf:{folder}")


def test_half_precision_is_read_as_float32(tmp_path):
    network_of("ResNet").half().save_pretrained(tmp_path / "half")
    processor_of("ResNet").save_pretrained(tmp_path / "half")
    model = ac.load_model(f"hf:{tmp_path / 'half'}").model
    expected = network_of("ResNet").half().float().state_dict()
    assert all(torch.equal(expected[name], t) for name, t in model.state_dict().items())


def without_head(folder):
    file = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(file)
    kept = {name: t for name, t in tensors.items() if "classifier" not in name}
    safetensors.torch.save_file(kept, file, metadata={"format": "pt"})


def without_file(name):
    return lambda folder: (folder / name).unlink()


def with_config(**settings):
    return lambda folder: change_json(folder / "config.json", **settings)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without_head, "lack 2 of the network's tensors, such as classifier.1.bias"),
        (without_file("config.json"), "holds no config.json"),
        (without_file("preprocessor_config.json"), "holds no preprocessor_config.json"),
        (without_file("model.safetensors"), "and its files hold 0 bytes"),
        (with_config(id2label={"0": "a"}), r"has shape \(4,\) in the file and \(1,\) by config"),
        (with_config(model_type="bert"), "of the type 'bert', which transformers does not use"),
        (with_config(model_type="none such"), "its config.json cannot be used"),
        (with_config(hidden_sizes=[16, 10**7]), r"describes \d+ weights, and its files hold \d+"),
        (with_config(depths=[1, 10**9]), "over 10000 layers in a stage"),
        (with_config(num_labels=10**8), "num_labels 100000000: at most 1000000"),
        (with_config(depths="many"), "its config.json cannot be used"),
        (lambda folder: (folder / "config.json").write_text("{"), "its config.json cannot be"),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(bytes(10**6)),
            "its weights cannot be read",
        ),
        (
            lambda folder: (folder / "preprocessor_config.json").write_text("[]"),
            "its image processor cannot be read",
        ),
    ],
)
def test_damaged_folders_give_one_line(damage, message, tmp_path):
    folder = folder_of(tmp_path)
    damage(folder)
    with pytest.raises(ModelError, match=message) as caught:
        ac.load_model(f"hf:{folder}")
    assert str(caught.value).startswith(f"model='hf:{folder}': ")
    assert "\n" not in str(caught.value)


def test_a_name_is_no_folder_and_nothing_is_downloaded(monkeypatch, tmp_path):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelNameError, match="no such folder; hf: reads a local folder") as caught:
        ac.load_model("hf:microsoft/resnet-50")
    assert "`hf download microsoft/resnet-50 --local-dir FOLDER`" in str(caught.value)
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"")
    with pytest.raises(ModelNameError, match="a file; give the folder that holds it"):
        ac.load_model(f"hf:{file}")
    shutil.copytree(folder_of(tmp_path), tmp_path / "own" / "net")
    assert ac.load_model("hf:own/net").classes == LABELS


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("x" * 5000, r"no path of a folder \("),
        ("~no-such-user-/net", r"no path of a folder \("),
        ("null\0", r"'hf:null\\x00': no such folder; .* download NAME --local-dir"),
        ("https://hub/net", "no such folder; .* download NAME --local-dir"),
        (".", "holds no config.json"),
    ],
)
def test_odd_places_give_one_line(place, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=message) as caught:
        ac.load_model(f"hf:{place}")
    assert "\n" not in str(caught.value)


def test_names_of_another_number_than_the_outputs_are_refused(tmp_path):
    with pytest.raises(ArgumentError, match="4 names"):
        ac.load_model(f"hf:{folder_of(tmp_path)}", classes=["a", "b", "c"])


def test_without_transformers_the_extra_is_named(monkeypatch, tmp_path):
    folder = folder_of(tmp_path)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModelError, match=r"transformers is not installed; .* 'annealcam\[hf\]'"):
        ac.load_model(f"hf:{folder}")


def captured(net, layer, pixels, target):
    """The output of a layer and its gradient, by a plain hook and autograd."""
    kept = []

    def keep(_module, _inputs, output):
        kept.append(output.detach().requires_grad_())
        return kept[0] * 1

    handle = net.get_submodule(layer).register_forward_hook(keep)
    logits = net(pixels).logits
    handle.remove()
    (output,) = kept
    return output.detach(), torch.autograd.grad(logits[0, target], output)[0]


def grid_of(kind, output):
    """Maps (maps, h, w) of a layer's output; what precedes the patches of each kind is known."""
    if kind in ("ResNet", "ConvNext", "PoolFormer"):
        return output[0]
    tokens = output[0, {"ViT": 1, "DeiT": 2, "Beit": 1, "Swin": 0}[kind] :]
    side = round(len(tokens) ** 0.5)
    return tokens.mT.reshape(-1, side, side)


@pytest.mark.filterwarnings("ignore::annealcam.errors.AnnealcamWarning")  # of signed maps
@pytest.mark.parametrize("kind", KINDS)
def test_default_explanation_is_that_of_an_independent_capture(kind, tmp_path):
    model, preprocess, classes = ac.load_model(f"hf:{folder_of(tmp_path, kind)}")
    pixels = preprocess(PHOTO)
    e = ac.explain(model, pixels, gradients="plain", class_names=classes)
    assert e.provenance["layer"] == LAYERS[kind]
    f, g = captured(model, e.provenance["layer"], pixels[None], e.target)
    contributions = grid_of(kind, f * g).numpy()
    assert e.class_name == LABELS[e.target]
    assert e.evidence.shape == contributions.shape[1:]
    np.testing.assert_allclose(e.evidence, contributions.sum(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(e.contribution, contributions.sum((1, 2)), rtol=1e-3, atol=1e-6)
    drawn = contributions[e.selected].sum(0).clip(min=0)
    np.testing.assert_allclose(e.map, drawn, rtol=1e-4, atol=1e-6)
    assert len(e.selected) > 0
    pair = ac.explain(model, torch.stack([pixels.flip(2), pixels]), gradients="plain")
    np.testing.assert_allclose(pair[1].map, e.map, rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings("ignore::annealcam.errors.AnnealcamWarning")
def test_the_command_explains_a_class_by_the_name_of_the_folder(tmp_path, monkeypatch):
    folder = folder_of(tmp_path, "ViT", problem_type="multi_label_classification")
    skip_report_picture(monkeypatch)
    arguments = "skimage:chelsea", "--model", f"hf:{folder}", "--target", "cat", "-v"
    shown = run("explain", *arguments, "--output", tmp_path / "out").output
    assert f"layer {LAYERS['ViT']}: the last block or norm" in " ".join(shown.split())
    assert "ReLU" not in shown
    stored = ac.Explanation.load(tmp_path / "out" / "chelsea")
    loaded = ac.load_model(f"hf:{folder}")
    pixels = loaded.preprocess(PHOTO)
    e = ac.explain(loaded.model, pixels, target="cat", class_names=loaded.classes, link=loaded.link)
    assert stored.class_name == "cat"
    assert np.array_equal(stored.map, e.map)
    assert stored.provenance["link"] == "sigmoid"
    with torch.no_grad():
        logit = loaded.model(pixels[None]).logits[0, LABELS.index("cat")]
    assert stored.probability == pytest.approx(float(logit.sigmoid()), rel=1e-5)
    assert stored.provenance["geometry"]["box"] == [0, 0, *PHOTO.size]
