"""Networks and inputs of public bug reports: the value on the right of each, as an equality."""

import functools
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.attribution.network.replay import behind
from annealcam.errors import AnnealcamError, ArgumentError, LayerError, ModelError, TargetError
from tests.any_network.convolutional import of_timm, of_torchvision
from tests.any_network.handwritten import (
    AttentionLast,
    InPlace,
    SharedRelu,
    Tokens,
    WithDecoder,
    plain,
)
from tests.any_network.inputs_and_outputs import (
    Returns,
    Siamese,
    Slices,
    WithTable,
    one_dimensional,
    three_dimensional,
)

FAST = {"sampler": "exact", "max_qubits": 6}
SIZE = (3, 16, 16)
pytestmark = pytest.mark.filterwarnings("ignore::annealcam.errors.AnnealcamWarning")


def plain_output(network, layer, *inputs):
    """The outputs of each run of a layer, by a plain hook."""
    outputs = []
    handle = network.get_submodule(layer).register_forward_hook(
        lambda module, given, output: outputs.append(output.detach().clone())
    )
    with torch.no_grad():
        network(*inputs)
    handle.remove()
    return outputs


def explained(network, image, **options):
    return ac.explain(network, image, **FAST, **options)


def test_a1_one_output_has_two_sides(tmp_path):
    import torchvision

    network = torchvision.models.resnet18(num_classes=1).eval()
    nn.init.constant_(network.fc.bias, -5.0)
    image = torch.randn(3, 64, 64)
    with torch.no_grad():
        z = float(network(image[None]))
    options = {"class_names": ["healthy", "ill"]}
    e = explained(network, image, **options)
    assert (e.target, e.provenance["target_name"], e.provenance["link"]) == (
        0,
        "healthy",
        "sigmoid",
    )
    assert e.probability == pytest.approx(1 / (1 + np.exp(z)), rel=1e-5)
    ill = explained(network, image, target="ill", **options)
    assert ill.probability == pytest.approx(1 / (1 + np.exp(-z)), rel=1e-5)
    assert np.array_equal(e.contribution, -ill.contribution)
    assert np.array_equal(e.logits, [-ill.logits[1], ill.logits[1]])
    for each in (e, ill):
        page = tmp_path / "page.html"
        each.to_html(page)
        assert each.provenance["target_name"] in page.read_text()


@pytest.mark.parametrize(
    ("function", "link"),
    [
        (torch.sigmoid, "sigmoid"), (nn.Sigmoid(), "sigmoid"), (nn.Softmax(dim=1), "softmax"),
        (lambda z: z.softmax(dim=-1), "softmax"), (lambda z: z.sigmoid().squeeze(1), "sigmoid"),
    ],
)  # fmt: skip
def test_a2_a_probability_is_the_network_s_own(function, link):
    classes = 4
    network = Returns(function, classes).eval()
    image = torch.randn(SIZE)
    own = network(image[None])[0].detach()
    for target in range(classes):
        e = explained(network, image, target=target)
        assert (e.probability, e.provenance["link"]) == (pytest.approx(float(own[target])), link)
    chosen = explained(plain(classes), image, link="sigmoid", target=2)
    assert chosen.probability == pytest.approx(1 / (1 + np.exp(-chosen.logits[2])))
    other = {"softmax": "sigmoid", "sigmoid": "softmax"}[link]
    with pytest.raises(ArgumentError, match=f"link='{other}': the network ends in a {link}"):
        explained(network, image, link=other)


@pytest.mark.parametrize("outputs", [1, 2])
def test_a3_numbers_are_explained_in_both_directions(outputs, tmp_path):
    network, image = plain(outputs).eval(), torch.randn(SIZE)
    options = {"link": "identity", "target": outputs - 1}
    up, down = (explained(network, image, direction=d, **options) for d in ("up", "down"))
    assert np.array_equal(up.contribution, -down.contribution)
    assert np.array_equal(up.evidence, -down.evidence)
    assert up.logits.shape == (outputs,)
    assert (up.probability, down.probability) == (None, None)
    for e in (up, down):
        assert "class" not in repr(e).lower()
    with pytest.raises(ArgumentError, match="direction='down': for numbers alone"):
        explained(network, image, direction="down")


def test_a4_one_relu_for_convolutions_and_linear_layers():
    network, image = SharedRelu().eval(), torch.randn(SIZE)
    e = explained(network, image)
    assert (e.provenance["layer"], e.provenance["run"], e.provenance["runs"]) == ("relu", 1, 2)
    captured = capture(network, image[None], layer="relu")
    second = plain_output(network, "relu", image[None])[1]
    assert torch.equal(captured.activations, second)
    assert np.array_equal(e.selected_maps, second[0, e.selected].numpy())
    first = capture(network, image[None], layer="relu", run=0)
    assert torch.equal(first.activations, plain_output(network, "relu", image[None])[0])


def test_a5_slices_in_the_batch_are_the_first_axis_of_their_image():
    network, volumes = Slices().eval(), torch.randn(2, 8, 16, 16)
    captured = capture(network, volumes, layer="trunk")
    (rows,) = plain_output(network, "trunk", volumes)
    expected = torch.stack([rows[:8].transpose(0, 1), rows[8:].transpose(0, 1)])
    assert torch.allclose(captured.activations, expected, atol=1e-6)
    together = explained(network, volumes)
    for volume, e in zip(volumes, together, strict=True):
        alone = explained(network, volume)
        assert e.map.shape == (8, 7, 7)
        assert np.array_equal(e.selected, alone.selected)
        assert np.allclose(e.contribution, alone.contribution, atol=1e-6)


def test_a6_runs_are_counted_named_and_chosen():
    network = Siamese().eval()
    pair = torch.randn(SIZE), torch.randn(SIZE)
    with pytest.warns(ac.errors.AnnealcamWarning) as caught:
        e = ac.explain(network, pair, **FAST)
    text = (
        "layer 'trunk' runs 2 times in a forward pass: run 1 is explained; choose another one by "
        "`run`"
    )
    assert text in e.provenance["warnings"]
    assert text in [str(warning.message) for warning in caught]
    outputs = plain_output(network, "trunk", *(each[None] for each in pair))
    for run in (0, 1):
        chosen = explained(network, pair, run=run)
        assert np.array_equal(chosen.selected_maps, outputs[run][0, chosen.selected].numpy())
        assert not any("runs 2 times" in text for text in chosen.provenance["warnings"])
    with pytest.raises(LayerError, match="run=2: layer 'trunk' runs 2 times with maps"):
        explained(network, pair, run=2)


def test_a7_swin_has_its_maps_on_the_last_axis():
    network, image = of_torchvision("swin_t")().eval(), torch.randn(3, 64, 64)
    captured = capture(network, image[None], layer="features.7")
    (output,) = plain_output(network, "features.7", image[None])
    assert captured.activations.shape == (1, 768, 2, 2)
    assert torch.equal(captured.activations, output.permute(0, 3, 1, 2))


def test_a8_tokens_of_the_last_block_are_a_grid():
    network = of_timm("vit_tiny_patch16_224", img_size=64, depth=2)().eval()
    image = torch.randn(3, 64, 64)
    e = explained(network, image)
    assert (e.provenance["layer"], e.map.shape) == ("blocks.1.norm1", (4, 4))
    (tokens,) = plain_output(network, "blocks.1.norm1", image[None])
    grid = tokens[0, 1:].reshape(4, 4, 192).permute(2, 0, 1)
    assert np.array_equal(e.selected_maps, grid[e.selected].numpy())
    by_hand = explained(
        network, image, layer="blocks.1.norm1",
        reshape_transform=lambda t: t[:, 1:].transpose(1, 2).reshape(len(t), 192, 4, 4),
    )  # fmt: skip
    assert np.array_equal(by_hand.selected, e.selected)
    assert np.allclose(by_hand.contribution, e.contribution, atol=1e-6)
    behind = explained(network, image, layer="blocks.1")  # the head reads the class token alone
    assert not behind.contribution.any()
    assert "choose an earlier one" in behind.provenance["warnings"][-1]


@pytest.mark.parametrize("place", ["first", "last"])
def test_a8_a_class_token_may_be_first_or_last(place):
    network, image = Tokens(place).eval(), torch.randn(SIZE)
    maps = capture(network, image[None], layer="encoder.layers.1.norm1").activations
    (tokens,) = plain_output(network, "encoder.layers.1.norm1", image[None])
    patches = tokens[:, 1:] if place == "first" else tokens[:, :-1]
    assert torch.allclose(maps, patches.transpose(1, 2).reshape(1, 12, 4, 4), atol=1e-6)


def test_a8_tokens_that_nothing_places_are_refused():
    class Padded(Tokens):
        def forward(self, x):
            x = self.patches(x).flatten(2).transpose(1, 2)
            x = self.encoder(nn.functional.pad(x, (0, 0, 1, 0)))
            return self.fc(x[:, 0])

    with pytest.raises(LayerError, match="17 tokens, 1 more than the grid 4 x 4, and nothing"):
        explained(Padded().eval(), torch.randn(SIZE), layer="encoder.layers.0")


@pytest.mark.parametrize(
    ("make", "shape", "layer"),
    [(one_dimensional, (2, 40), "4"), (three_dimensional, (1, 12, 14, 16), "4")],
)
def test_a9_signals_and_volumes(make, shape, layer):
    network, image = make().eval(), torch.randn(shape)
    e = explained(network, image)
    (output,) = plain_output(network, layer, image[None])
    assert (e.provenance["layer"], e.map.shape) == (layer, output.shape[2:])
    assert np.array_equal(e.selected_maps, output[0, e.selected].numpy())
    z = e.logits[e.target] - network[-1].bias.detach().numpy()[e.target]
    assert e.contribution.sum() == pytest.approx(z, rel=1e-4)  # a linear head, complete


@pytest.mark.parametrize("channels", [1, 2, 12])
def test_a10_inputs_of_any_channels(channels):
    network, image = plain(channels=channels).eval(), torch.randn(channels, 16, 16)
    e = explained(network, image)
    assert (e.provenance["layer"], e.map.shape) == ("1", (7, 7))
    assert e.view is not None


def test_a11_several_inputs():
    network = WithTable().eval()
    image, numbers = torch.randn(SIZE), torch.randn(4)
    e = explained(network, (image, numbers))
    with torch.no_grad():
        assert np.allclose(e.logits, network(image[None], numbers[None])[0], atol=1e-6)

    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network

        def forward(self, x):
            return self.inner(x, numbers[None].expand(len(x), -1))

    wrapped = explained(Wrapped().eval(), image)
    assert np.array_equal(e.selected, wrapped.selected)
    assert np.allclose(e.contribution, wrapped.contribution, atol=1e-6)
    batch = explained(network, (torch.stack([image, -image]), torch.stack([numbers, numbers])))
    assert np.array_equal(batch[0].contribution, e.contribution)


def test_a11_a_missing_input_is_named_with_the_way_to_give_it():
    with pytest.raises(ModelError, match=r"missing 1 required .*give further inputs as a tuple"):
        explained(Siamese().eval(), torch.randn(SIZE))
    with pytest.raises(ModelError, match=r"but 3 were given; a list .*: stack a batch by torch"):
        explained(WithDecoder().eval(), [torch.randn(SIZE)] * 2)


@pytest.mark.parametrize(
    ("network", "layer"),
    [(AttentionLast(), "features"), (WithDecoder(), "encoder"),
     (WithDecoder(joined=False), "encoder")],
)  # fmt: skip
def test_a12_the_gradient_reaches_the_default_layer_and_it_has_several_maps(network, layer):
    e = explained(network.eval(), torch.randn(SIZE))
    assert (e.provenance["layer"], e.provenance["channels"]) == (layer, 8)
    assert np.abs(e.contribution).max() > 0


@pytest.mark.parametrize(
    "nest",
    [
        lambda state: state,
        lambda state: {"model_state_dict": state, "epoch": 3},
        lambda state: {"model": state},
        lambda state: {"state_dict": {f"model.{k}": v for k, v in state.items()}},
        lambda state: {"state_dict": {f"module.{k}": v for k, v in state.items()}},
        lambda state: {f"_orig_mod.{k}": v for k, v in state.items()},
        lambda state: {"model_ema": {f"module.{k}": v for k, v in state.items()}},
        lambda state: {k: v.half() if v.is_floating_point() else v for k, v in state.items()},
    ],
)
def test_a13_checkpoints_of_any_layout(tmp_path, nest):
    import torchvision

    saved = torchvision.models.shufflenet_v2_x0_5(num_classes=3).eval()
    file = tmp_path / "mine.pth.tar"
    torch.save(nest(saved.state_dict()), file)
    loaded = ac.load_model(file, architecture="shufflenet_v2_x0_5")
    image = torch.randn(1, 3, 64, 64)
    is_half = nest(OrderedDict(a=torch.zeros(1))).get("a", torch.zeros(1)).dtype == torch.float16
    with torch.no_grad():
        own, other = saved(image), loaded.model(image)
    assert torch.allclose(own, other, atol=2e-2 if is_half else 1e-6)


def test_a14_what_a_weights_file_does_not_hold(tmp_path):
    import torchvision

    saved = torchvision.models.shufflenet_v2_x0_5(num_classes=3).eval()
    file = tmp_path / "mine.pth"
    torch.save(saved.state_dict(), file)
    options = {"classes": ["cats", "dogs", "foxes"], "mean": [0.5, 0.5, 0.5], "std": [0.25] * 3}
    loaded = ac.load_model(file, architecture="shufflenet_v2_x0_5", size=64, **options)
    model, preprocess, classes = loaded
    photo = np.full((80, 80, 3), 255, dtype=np.uint8)
    from PIL import Image

    image = preprocess(Image.fromarray(photo))
    assert tuple(image.shape) == (3, 64, 64)
    assert torch.allclose(image, torch.full_like(image, 2.0))
    e = explained(model, image, target="foxes", class_names=classes, network_record=loaded.record)
    assert (e.target, e.provenance["target_name"]) == (2, "foxes")
    assert e.provenance["network"]["preprocess"]["mean"] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("chosen", [True, False])
def test_a15_the_inputs_of_googlenet_are_transformed_as_they_were(tmp_path, chosen):
    import torchvision

    options = {"num_classes": 3, "aux_logits": False, "init_weights": False}
    saved = torchvision.models.googlenet(transform_input=chosen, **options).eval()
    file = tmp_path / "mine.pth"
    torch.save(saved.state_dict(), file)
    loaded = ac.load_model(file, architecture="googlenet", transform_input=chosen)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(saved(image), loaded.model(image))
    assert loaded.record["transform_input"] is chosen


def test_a16_an_image_stays_as_it_is():
    network, image = InPlace().eval(), torch.randn(SIZE)
    before = image.clone()
    first, second = explained(network, image), explained(network, image)
    assert torch.equal(image, before)
    assert np.array_equal(first.logits, second.logits)
    assert np.array_equal(first.contribution, second.contribution)


class Overwriting(nn.Module):
    """Operations in place between modules, and on what a skip takes up again."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, padding=1)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = self.a(x)
        x *= 3
        y = self.b(x)
        x += y
        return self.fc(x.relu_().mean(dim=(2, 3)))


def test_a16_the_rest_of_a_network_that_overwrites_its_maps():
    network, images = Overwriting().eval(), torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        maps = network.b(3 * network.a(images))
        with behind(network, images, "b") as (found, rest):
            assert torch.equal(found, maps)
            assert torch.equal(rest.logits(maps), network(images))
            expected = network.fc((3 * network.a(images)).relu().mean(dim=(2, 3)))
            assert torch.allclose(rest.logits(0 * maps), expected, atol=1e-6)


def test_a17_lazy_modules_layers_names_and_targets(tmp_path):
    torch.manual_seed(0)
    lazy = nn.Sequential(nn.LazyConv2d(8, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4))
    image = torch.randn(SIZE)
    by_name = explained(lazy, image, layer="1")
    by_module, in_list = explained(lazy, image, layer=lazy[1]), explained(lazy, image, layer=["1"])
    for e in (by_module, in_list[0]):
        assert np.array_equal(e.contribution, by_name.contribution)
    named = explained(lazy, image, class_names={0: "a", 3: "d"}, target="d")
    assert (named.target, named.provenance["target_name"]) == (3, "d")
    by_function = explained(lazy, image, layer="1", target=lambda z: z[3], gradients="plain")
    by_index = explained(lazy, image, layer="1", target=3, gradients="plain")
    assert np.array_equal(by_function.contribution, by_index.contribution)

    class Target:  # as pytorch-grad-cam has them
        def __call__(self, output):
            return output[..., 3]

    both = explained(lazy, torch.stack([image, image]), layer="1", target=[Target(), 3])
    assert np.array_equal(both[0].contribution, both[1].contribution)


@pytest.mark.parametrize(
    "network", [lambda x: x, functools.partial(torch.relu), print, "net", None]
)
def test_a17_what_is_no_network_is_refused(network):
    with pytest.raises(ModelError, match="model: a .*; give the torch.nn.Module itself"):
        explained(network, torch.randn(SIZE))


def test_a17_a_function_of_the_logits_that_is_none():
    for target in (lambda z: None, lambda z: "x", lambda z: 1 / 0, lambda z: torch.tensor(3.0)):
        with pytest.raises(TargetError, match="target: the function fails on logits"):
            explained(plain(), torch.randn(SIZE), target=target)


@pytest.mark.parametrize(
    "returned",
    [
        lambda z: {"logits": z}, lambda z: (z, z.sum()), lambda z: [z], lambda z: {"out": z},
        lambda z: OrderedDict(aux=2 * z, logits=z),
    ],
)  # fmt: skip
def test_a18_logits_are_found_in_what_a_network_returns(returned):
    network, image = Returns(returned).eval(), torch.randn(SIZE)
    e, own = explained(network, image), explained(network.body, image)
    assert np.array_equal(e.logits, own.logits)
    assert np.array_equal(e.contribution, own.contribution)


def test_a18_a_function_takes_the_logits_out_of_the_rest():
    network, image = Returns(lambda z: {"a": (2 * z, z), "b": z.long()}).eval(), torch.randn(SIZE)
    e = explained(network, image, output=lambda returned: returned["a"][1])
    assert np.array_equal(e.logits, explained(network.body, image).logits)
    with pytest.raises(ModelError, match="give `output`, a function from what the model returns"):
        explained(network, image)
    with pytest.raises(AnnealcamError, match="output: fails on the dict"):
        explained(network, image, output=lambda returned: returned["c"])
