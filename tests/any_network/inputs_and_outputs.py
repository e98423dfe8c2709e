"""Networks with other outputs than softmax logits, and other inputs than one photo."""

from __future__ import annotations

from collections import namedtuple
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from tests.any_network.entry import LAST, Entry, tokens
from tests.any_network.handwritten import NOTHING_REACHED, SMALL, plain

Pair = namedtuple("Pair", ["scores", "features"])


class Returns(nn.Module):
    """A network whose logits pass through a function before they are returned."""

    def __init__(self, function: Any, classes: int = 5, channels: int = 3) -> None:
        super().__init__()
        self.body, self.function = plain(classes, channels), function

    def forward(self, x: Tensor) -> Any:
        return self.function(self.body(x))


class Slices(nn.Module):
    """Eight slices of a volume as rows of the batch, of which the mean is taken."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), nn.ReLU())
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        n, slices, height, width = x.shape
        maps = self.trunk(x.reshape(n * slices, 1, height, width))
        return self.fc(maps.mean(dim=(2, 3)).reshape(n, slices, 8).mean(dim=1))


class Video(nn.Module):
    """Frames (n, time, 3, h, w) as rows of the batch, and an LSTM over time."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU())
        self.time, self.fc = nn.GRU(8, 6, batch_first=True), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        features = self.trunk(x.flatten(0, 1)).mean(dim=(2, 3)).unflatten(0, x.shape[:2])
        return self.fc(self.time(features)[0][:, -1])


class Siamese(nn.Module):
    """One trunk for two images."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU())
        self.fc = nn.Linear(8, 2)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        a, b = (self.trunk(x).mean(dim=(2, 3)) for x in (a, b))
        return self.fc((a - b).abs())


class WithTable(nn.Module):
    """An image and numbers that belong to it."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU())
        self.numbers, self.fc = nn.Linear(4, 6), nn.Linear(14, 5)

    def forward(self, image: Tensor, numbers: Tensor) -> Tensor:
        maps, numbers = self.trunk(image).mean(dim=(2, 3)), self.numbers(numbers).relu()
        return self.fc(torch.cat([maps, numbers], dim=1))


class TwoTrunks(nn.Module):
    """Two images of different sizes, each with its trunk."""

    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
        self.far = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU())
        self.fc = nn.Linear(16, 5)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        maps = self.near(a).mean(dim=(2, 3)), self.far(b).mean(dim=(2, 3))
        return self.fc(torch.cat(maps, dim=1))


class SignalTransformer(nn.Module):
    """Patches of a signal, a class token, and PyTorch's own encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.fc = nn.Conv1d(2, 12, 8, stride=8), nn.Linear(12, 5)
        layer = nn.TransformerEncoderLayer(12, 2, 24, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).relu().transpose(1, 2)
        return self.fc(self.encoder(x).mean(dim=1))


class SignalMemory(nn.Module):
    """A signal (n, channels, length), convolved, then through an LSTM over its length."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lstm = nn.Conv1d(2, 8, 3), nn.LSTM(8, 6, batch_first=True)
        self.fc = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).relu().transpose(1, 2)
        return self.fc(self.lstm(x)[0].mean(dim=1))


class VolumeTransformer(nn.Module):
    """A ViT over patches of a volume."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.fc = nn.Conv3d(1, 12, 4, stride=4), nn.Linear(12, 5)
        self.token = nn.Parameter(torch.randn(1, 1, 12))
        self.block = nn.TransformerEncoderLayer(12, 2, 24, batch_first=True)
        self.last = nn.TransformerEncoderLayer(12, 2, 24, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1)
        return self.fc(self.last(self.block(x))[:, 0])


def one_dimensional() -> nn.Module:
    """A convolutional network for signals."""
    return nn.Sequential(
        nn.Conv1d(2, 6, 5, stride=2), nn.BatchNorm1d(6), nn.ReLU(), nn.Conv1d(6, 8, 3), nn.ReLU(),
        nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 5),
    )  # fmt: skip


def three_dimensional() -> nn.Module:
    """A convolutional network for volumes."""
    return nn.Sequential(
        nn.Conv3d(1, 6, 3, stride=2), nn.BatchNorm3d(6), nn.ReLU(), nn.Conv3d(6, 8, 3), nn.ReLU(),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(8, 5),
    )  # fmt: skip


def mil() -> nn.Module:
    """A bag of 6 instances as a 5-axis input, pooled by the largest."""

    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU())
            self.fc = nn.Linear(8, 5)

        def forward(self, x: Tensor) -> Tensor:
            each = self.fc(self.trunk(x.flatten(0, 1)).mean(dim=(2, 3)))
            return each.unflatten(0, x.shape[:2]).amax(dim=1)

    return Bag()


def segmentation() -> nn.Module:
    """A score for each class at each pixel."""
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 5, 1))


MAPS = {"layer": "body.1", "maps": 8, "grid": (7, 7)}
WAY = "give `output`, a function from what the model returns to logits (n, classes)"


def returns(name: str, function: Any, classes: int = 5, **rest: Any) -> Entry:
    """An entry of a network whose logits pass through a function."""
    return Entry(name, lambda: Returns(function, classes), SMALL, **{**MAPS, **rest})


def behind(network: Returns, maps: Tensor) -> Tensor:
    """The logits that the last maps of a network give, before its function."""
    return network.body[2:](maps)


def log_odds(p: Tensor) -> Tensor:
    """The logit of a probability."""
    return p.log() - (1 - p).log()


def two_sided(z: Tensor) -> Tensor:
    """The two classes of one output."""
    z = z.reshape(len(z), 1)
    return torch.cat([-z, z], dim=1)


FIRST_OF_TWO = "the network returns several outputs: the first of 2 outputs is explained"

ENTRIES = [
    returns("one output", lambda z: z, 1, link="sigmoid", logits=two_sided),
    returns("one output without its axis", lambda z: z.squeeze(1), 1, link="sigmoid",
            logits=two_sided),
    returns("one output, nn.Sigmoid", nn.Sigmoid(), 1, link="sigmoid",
            logits=lambda p: two_sided(log_odds(p)), tolerance=1e-4),
    returns("one output, sigmoid, squeeze", lambda z: torch.sigmoid(z).squeeze(1), 1,
            link="sigmoid", logits=lambda p: two_sided(log_odds(p)), tolerance=1e-4),
    returns("second column of a softmax", lambda z: z.softmax(dim=1)[:, 1], 2, link="sigmoid",
            logits=lambda p: two_sided(log_odds(p)), tolerance=1e-4),
    returns("one output, sigmoid, clamped", lambda z: z.sigmoid().clamp(1e-6, 1 - 1e-6), 1,
            link="sigmoid", logits=lambda p: two_sided(log_odds(p)), tolerance=1e-4),
    returns("one output, one less the sigmoid", lambda z: 1 - z.sigmoid(), 1,
            link="sigmoid", logits=lambda p: two_sided(log_odds(p)), tolerance=1e-4),
    returns("labels of their own", lambda z: z, link="sigmoid", options={"link": "sigmoid"}),
    returns("labels of their own, sigmoid", torch.sigmoid, link="sigmoid", logits=log_odds,
            tolerance=1e-4),
    returns("labels of their own, sigmoid by hand", lambda z: 1 / (1 + (-z).exp()),
            link="sigmoid", options={"output": log_odds, "link": "sigmoid"}, logits=log_odds,
            tolerance=1e-4),
    returns("ends in nn.Softmax", nn.Softmax(dim=1), head=behind),
    returns("ends in a softmax by hand", lambda z: z.exp() / z.exp().sum(dim=1, keepdim=True),
            logits=torch.log, tolerance=1e-4),
    returns("ends in nn.LogSoftmax", nn.LogSoftmax(dim=1)),
    returns("softmax of a temperature", lambda z: (z / 3).softmax(dim=-1),
            head=lambda network, maps: behind(network, maps) / 3),
    returns("regression, one output", lambda z: z, 1, link="identity",
            options={"link": "identity"}),
    returns("regression, two outputs, downwards", lambda z: z, 2, link="identity",
            options={"link": "identity", "direction": "down", "target": 1}),
    returns("dictionary", lambda z: {"logits": z, "loss": None}, logits=lambda r: r["logits"]),
    returns("dictionary of other names", lambda z: {"cls": z}, logits=lambda r: r["cls"],
            ),
    returns("dictionary of two heads", lambda z: {"age": z, "sex": z},
            refusal="model: Returns gives a mapping with age: float32 (1, 5), sex: float32 (1, 5), "
            f"of which it is not clear what holds the logits (1, classes); {WAY}"),
    returns("dictionary of two heads, chosen", lambda z: {"age": z, "sex": 2 * z},
            options={"output": lambda r: r["sex"]}, logits=lambda r: r["sex"]),
    returns("tuple", lambda z: (z, z.sum()), logits=lambda r: r[0], warning=FIRST_OF_TWO),
    returns("named tuple", lambda z: Pair(z, z.exp()), logits=lambda r: r.scores,
            warning=FIRST_OF_TWO),
    returns("list of one", lambda z: [z], logits=lambda r: r[0]),
    returns("object with logits", lambda z: SimpleNamespace(logits=z, other=None),
            logits=lambda r: r.logits),
    returns("object without logits", lambda z: SimpleNamespace(scores=z),
            refusal="model: Returns gives SimpleNamespace, not logits (1, classes); " + WAY),
    returns("nothing", lambda z: None,
            refusal="model: Returns gives NoneType, not logits (1, classes); " + WAY),
    returns("class index", lambda z: z.argmax(dim=1),
            refusal="model: Returns gives int64 (1,), not logits (1, classes); " + WAY),
    returns("scores on a 1 x 1 grid", lambda z: z[:, :, None, None],
            logits=lambda r: r.flatten(1)),
    Entry("segmentation", segmentation, SMALL,
          refusal="model: Sequential gives float32 (1, 5, 14, 14), not logits (1, classes); "
          + WAY),
    Entry("segmentation, mean score", segmentation, SMALL, "1", maps=8, grid=(14, 14),
          options={"output": lambda r: r.mean(dim=(2, 3))}, logits=lambda r: r.mean(dim=(2, 3))),
    Entry("slices in the batch", Slices, (8, 16, 16), "trunk", maps=8, grid=(8, 7, 7), rows=8),
    Entry("video, GRU over frames", Video, (4, 3, 16, 16), "trunk", maps=8, grid=(4, 7, 7),
          rows=4, given_as_batch=True),
    Entry("bag of instances", mil, (6, 3, 16, 16), "trunk", maps=8, grid=(6, 7, 7), rows=6,
          given_as_batch=True),
    Entry("siamese", Siamese, (SMALL, SMALL), "trunk", maps=8, grid=(7, 7), run=1,
          warning="layer 'trunk' runs 2 times in a forward pass"),
    Entry("siamese, first image", Siamese, (SMALL, SMALL), "trunk", maps=8, grid=(7, 7),
          options={"run": 0}),
    Entry("image and numbers", WithTable, (SMALL, (4,)), "trunk", maps=8, grid=(7, 7)),
    Entry("two images, two trunks", TwoTrunks, (SMALL, (1, 12, 12)), "far", maps=8, grid=(10, 10)),
    Entry("signal", one_dimensional, (2, 40), "4", maps=8, grid=(16,)),
    Entry("signal, transformer", SignalTransformer, (2, 64), "encoder", LAST, 12, (8,)),
    Entry("signal, LSTM", SignalMemory, (2, 24), "conv", maps=8, grid=(22,)),
    Entry("volume", three_dimensional, (1, 12, 14, 16), "4", maps=8, grid=(3, 4, 5)),
    Entry("volume, transformer", VolumeTransformer, (1, 8, 12, 16), "block", tokens(1), 12,
          (2, 3, 4)),
    Entry("flattened image", lambda: nn.Sequential(nn.Flatten(), nn.Linear(768, 5)), SMALL,
          refusal=NOTHING_REACHED),
]  # fmt: skip
