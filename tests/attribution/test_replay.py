"""The rest of a network, run from stored values, against the whole network."""

import pytest
import torch
import torchvision
from torch import nn

import annealcam as ac
from annealcam.attribution.activations import capture
from annealcam.attribution.network.hooks import borrowed, find_layer, hooked, run
from annealcam.attribution.network.replay import Recording, behind, recording
from annealcam.errors import LayerError

NETWORKS = {
    "resnet18": ("layer1", "layer3.0.bn1", "layer3.0", "layer4.1.relu", "layer4"),
    "densenet121": ("features.denseblock4.denselayer3.conv1", "features.transition3", "features"),
    "mnasnet0_5": ("layers.9.0.layers.3", "layers.15"),
    "squeezenet1_1": ("features.6.expand3x3", "classifier.2"),
    "mobilenet_v3_small": ("features.4.block.1", "features"),
    "shufflenet_v2_x0_5": ("stage3.1.branch2", "conv5"),
    "vgg11": ("features.0", "features.20"),
}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    torch.manual_seed(0)
    model = torchvision.models.get_model(request.param, weights=None)
    return model.eval(), NETWORKS[request.param]


def masked_by_a_hook(model, images, layer, kept):
    """The plain way: all of the network for each copy of the image."""
    module = find_layer(model, layer)
    runs = []
    with borrowed(model), torch.no_grad():
        with hooked({module: lambda *_: runs.append(1)}):
            run(model, images[:1])
        left = iter(range(len(runs) - 1, -1, -1))

        def mask(_module, _inputs, output):
            return None if next(left) else output * kept[:, :, None, None]

        with hooked({module: mask}):
            return run(model, images.expand(len(kept), -1, -1, -1))


def test_the_rest_of_real_networks_gives_the_logits_of_the_whole(network):
    model, layers = network
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = model(images)
    for layer in layers:
        before = dict(find_layer(model, layer).__dict__)
        with behind(model, images, layer) as (maps, rest):
            torch.testing.assert_close(rest.logits(maps), expected)
            torch.testing.assert_close(rest.logits(maps), expected)  # nothing was overwritten
        assert "forward" not in find_layer(model, layer).__dict__
        assert before.keys() == find_layer(model, layer).__dict__.keys()
        with behind(model, images[:1], layer) as (maps, rest):
            kept = torch.rand(3, maps.shape[1], generator=torch.Generator().manual_seed(2)) < 0.5
            logits = rest.logits(maps * kept[:, :, None, None])
        torch.testing.assert_close(logits, masked_by_a_hook(model, images[:1], layer, kept.float()))


def test_only_what_lies_behind_the_layer_runs():
    calls = []

    class Counted(nn.Conv2d):
        def forward(self, x):
            calls.append(self)
            return super().forward(x)

    net = nn.Sequential(
        nn.Sequential(Counted(3, 4, 3), nn.ReLU(inplace=True)), Counted(4, 5, 3), nn.ReLU(),
        Counted(5, 6, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2),
    )  # fmt: skip
    with behind(net, torch.randn(1, 3, 12, 12), "2") as (maps, rest):
        calls.clear()
        rest.logits(maps.expand(7, -1, -1, -1))
    assert calls == [net[3]]


class Twice(nn.Module):
    """A layer that runs twice, and a stage that runs before and behind it."""

    def __init__(self):
        super().__init__()
        self.stage, self.layer = nn.Conv2d(3, 3, 3, padding=1), nn.Tanh()
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16, 2))

    def forward(self, x):
        x = self.layer(self.stage(x))
        x = self.layer(self.stage(x))
        return self.head(self.stage(x))


def test_a_layer_counts_at_its_last_run_and_a_shared_stage_at_each_of_its_runs():
    torch.manual_seed(0)
    model, images = Twice(), torch.randn(1, 3, 4, 4)
    kept = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    with behind(model, images, "layer") as (maps, rest):
        torch.testing.assert_close(rest.logits(maps), model(images))
        logits = rest.logits(maps * kept[:, :, None, None])
    torch.testing.assert_close(logits, masked_by_a_hook(model, images, "layer", kept))


def test_hooks_of_the_user_apply_once():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(64, 2))
    net[0].register_forward_hook(lambda _m, _i, output: output + 1.0)
    net[1].register_forward_hook(lambda _m, _i, output: output * 2.0)
    images = torch.randn(1, 3, 8, 8)
    with behind(net, images, "1") as (maps, rest):
        torch.testing.assert_close(rest.logits(maps), net(images))


def test_compiled_networks_and_networks_that_freeze_their_trunk():
    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
            self.head = nn.Sequential(nn.Flatten(), nn.Linear(144, 5), nn.Tanh(), nn.Linear(5, 2))

        def forward(self, x):
            with torch.no_grad():
                x = self.trunk(x)
            return self.head(x)

    torch.manual_seed(0)
    model, images = Frozen(), torch.randn(2, 3, 8, 8)
    plain = capture(model, images, layer="trunk.1", integrated=True)
    compiled = capture(torch.compile(model), images, layer="trunk.1", integrated=True)
    assert plain.steps == compiled.steps > 1
    torch.testing.assert_close(plain.path_gradients, compiled.path_gradients)


def test_pretrained_network_is_run_behind_its_layer_alike():
    effnet = ac.load_model("efficientnet-lite0").model
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with behind(effnet, images, "blocks.5") as (maps, rest), torch.no_grad():
        torch.testing.assert_close(rest.logits(maps), effnet(images))


def test_a_layer_that_never_runs():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    net[2].extra = nn.ReLU()
    with (
        pytest.raises(LayerError, match="never ran"),
        behind(net, torch.ones(1, 3, 8, 8), "2.extra"),
    ):
        pass


def test_recording_leaves_no_hook():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    with recording(net, Recording(net[0])):
        pass
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
