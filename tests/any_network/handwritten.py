"""Networks as people write them by hand: their modules, functions and branches."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.any_network.entry import LAST, SEQUENCE, Entry, tokens

SMALL = (3, 16, 16)
NOTHING_REACHED = (
    "layer=None: no layer of the network has several maps which the gradient of the prediction "
    "reaches; give a layer, and `reshape_transform` if its output is no maps"
)


class SharedRelu(nn.Module):
    """One ReLU and one dropout behind convolutions and linear layers alike."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(8 * 4 * 4, 32), nn.Linear(32, 5)
        self.relu, self.drop, self.pool = nn.ReLU(), nn.Dropout(0.5), nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu(self.conv1(x)))
        x = self.pool(self.relu(self.conv2(x)))
        x = self.drop(self.relu(self.fc1(self.drop(x.flatten(1)))))
        return self.fc2(x)


class SharedDropout(SharedRelu):
    """As above, with functions for the ReLUs and the dropout behind the convolutions."""

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(self.drop(functional.relu(self.conv2(x))), 2)
        return self.fc2(self.drop(functional.relu(self.fc1(x.flatten(1)))))


class Functional(nn.Module):
    """No modules but those with weights, and none between the last convolution and the head."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, stride=2), nn.Conv2d(6, 8, 3)
        self.fc = nn.Linear(8, classes)

    def features(self, x: Tensor) -> Tensor:
        return self.conv2(functional.relu(self.conv1(x)))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(functional.relu(self.features(x)).mean(dim=(2, 3)))


class FunctionalWeights(nn.Module):
    """Weights as parameters, and no module at all."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(8, 3, 3, 3))
        self.head = nn.Parameter(torch.randn(5, 8))

    def forward(self, x: Tensor) -> Tensor:
        maps = functional.conv2d(x, self.kernel).relu()
        return maps.mean(dim=(2, 3)) @ self.head.T


class InPlace(Functional):
    """Operations in place on the output of the last convolution, and on the input."""

    def forward(self, x: Tensor) -> Tensor:
        x -= 0.5
        x = self.features(x)
        x *= 2
        return self.fc(x.relu_().mean(dim=(2, 3)))


class Listed(nn.Module):
    """Blocks in a ModuleList, with residuals."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
            for _ in range(3)
        )
        self.head = nn.ModuleDict({"fc": nn.Linear(8, 5)})

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head["fc"](x.mean(dim=(2, 3)))


class Recurrent(nn.Module):
    """One convolution that runs three times on its own output."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.cell = nn.Conv2d(3, 8, 3, stride=2), nn.Conv2d(8, 8, 3, padding=1)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        for _ in range(3):
            x = self.cell(x).relu()
        return self.fc(x.mean(dim=(2, 3)))


class AttentionLast(nn.Module):
    """A branch of attention, with a single map, is the last convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU())
        self.attention = nn.Sequential(nn.Conv2d(8, 1, 1), nn.Sigmoid())
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        return self.fc((x * self.attention(x)).mean(dim=(2, 3)))


class SqueezeExcite(nn.Module):
    """Convolutions of 1 x 1 numbers, as in squeeze and excitation, are the last ones."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU())
        self.squeeze = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 1), nn.Sigmoid()
        )
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        return self.fc((x * self.squeeze(x)).mean(dim=(2, 3)))


class WithDecoder(nn.Module):
    """A classifier, and a decoder that makes an image, which comes later."""

    def __init__(self, *, joined: bool = True) -> None:
        super().__init__()
        self.joined = joined
        self.encoder = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU())
        self.fc = nn.Linear(8, 5)
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(8, 6, 2, stride=2), nn.ReLU(), nn.Conv2d(6, 3, 3, padding=1)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor] | Tensor:
        x = self.encoder(x)
        logits, made = self.fc(x.mean(dim=(2, 3))), self.decoder(x)
        return (logits, made) if self.joined else logits


class TwoScales(nn.Module):
    """The same trunk on an image and on half of it."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        whole, half = self.trunk(x), self.trunk(functional.avg_pool2d(x, 2))
        return self.fc(whole.mean(dim=(2, 3)) + half.mean(dim=(2, 3)))


class UNet(nn.Module):
    """A classifier behind an encoder and a decoder with a skip."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU())
        self.bottom = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(6, 12, 3, padding=1), nn.ReLU())
        self.up = nn.Sequential(nn.Conv2d(18, 8, 3, padding=1), nn.ReLU())
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        skip = self.down(x)
        up = functional.interpolate(self.bottom(skip), scale_factor=2)
        return self.fc(self.up(torch.cat([skip, up], dim=1)).mean(dim=(2, 3)))


class Inception(nn.Module):
    """Branches whose maps are put together by a function."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2)
        self.one, self.three = nn.Conv2d(6, 4, 1), nn.Conv2d(6, 4, 3, padding=1)
        self.join = nn.Identity()
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        x = self.join(torch.cat([self.one(x), self.three(x)], dim=1))
        return self.fc(x.relu().mean(dim=(2, 3)))


class ChannelsLast(nn.Module):
    """Blocks that hold their maps on the last axis, and a norm over it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.mix = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.norm, self.fc = nn.LayerNorm(8), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).permute(0, 2, 3, 1)
        return self.fc(self.norm(x + self.mix(x)).mean(dim=(1, 2)))


class Tokens(nn.Module):
    """A small ViT of PyTorch's own layers.

    `place` is where the class token is: `first`, `last` or `none`, which takes the mean of all.
    """

    def __init__(self, place: str = "first", *, batch_first: bool = True) -> None:
        super().__init__()
        self.place, self.batch_first = place, batch_first
        self.patches = nn.Conv2d(3, 12, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, 12))
        self.position = nn.Parameter(0.1 * torch.randn(1, 16, 12))
        layer = nn.TransformerEncoderLayer(12, 2, 24, batch_first=batch_first, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.fc = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2) + self.position
        token = self.token.expand(len(x), -1, -1)
        if self.place != "none":
            x = torch.cat([token, x] if self.place == "first" else [x, token], dim=1)
        x = self.encoder(x) if self.batch_first else self.encoder(x.transpose(0, 1)).transpose(0, 1)
        if self.place == "none":
            return self.fc(x.mean(dim=1))
        return self.fc(x[:, 0 if self.place == "first" else -1])


class Frozen(nn.Module):
    """A trunk that the network itself runs under `no_grad`."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU())
        self.fc = nn.Linear(8, 5)

    def head(self, maps: Tensor) -> Tensor:
        return self.fc(maps.mean(dim=(2, 3)))

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            maps = self.trunk(x)
        return self.head(maps)


class Memory(nn.Module):
    """An LSTM over the rows of the last maps."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU())
        self.lstm, self.fc = nn.LSTM(8 * 7, 6, batch_first=True), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.features(x).permute(0, 2, 1, 3).flatten(2)
        return self.fc(self.lstm(rows)[0][:, -1])


def plain(classes: int = 5, channels: int = 3) -> nn.Sequential:
    """A convolution, a ReLU and a linear head."""
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, classes),
    )  # fmt: skip


def nested() -> nn.Module:
    """Sequentials in Sequentials, with a norm and a dropout at the end of the trunk."""
    block = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
    trunk = nn.Sequential(nn.Sequential(block), nn.Dropout2d(0.2))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LazyLinear(5))
    return nn.Sequential(trunk, head)


def lazy() -> nn.Module:
    """Layers that learn their sizes in the first forward pass, which the explanation makes."""
    return nn.Sequential(
        nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5)
    )


def fully_convolutional() -> nn.Module:
    """The class scores are maps, averaged at the end."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )


def normed() -> nn.Module:
    """Weights behind parametrizations."""
    network = plain()
    nn.utils.parametrizations.weight_norm(network[0])
    nn.utils.parametrizations.spectral_norm(network[4])
    return network


def wrapped() -> nn.Module:
    """A network in a DataParallel."""
    return nn.DataParallel(plain())


def perceptron() -> nn.Module:
    """No maps at all."""
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 12), nn.ReLU(), nn.Linear(12, 5))


def single_numbers() -> nn.Module:
    """A convolution over the whole image: its maps are single numbers."""
    return nn.Sequential(nn.Conv2d(3, 8, 16), nn.ReLU(), nn.Flatten(), nn.Linear(8, 5))


ENTRIES = [
    Entry("shared ReLU", SharedRelu, SMALL, "relu", maps=8, grid=(8, 8), run=1),
    Entry("shared dropout", SharedDropout, SMALL, "drop", maps=8, grid=(8, 8)),
    Entry("functions alone", Functional, SMALL, "conv2", maps=8, grid=(5, 5)),
    Entry("no modules", FunctionalWeights, SMALL, refusal=NOTHING_REACHED),
    Entry("in place", InPlace, SMALL, "conv2", maps=8, grid=(5, 5)),
    Entry("nested Sequential", nested, SMALL, "0", maps=8, grid=(14, 14)),
    Entry("ModuleList", Listed, SMALL, "blocks.2", maps=8, grid=(7, 7)),
    Entry("lazy layers", lazy, SMALL, "2", maps=8, grid=(14, 14)),
    Entry(
        "one convolution three times", Recurrent, SMALL, "cell", maps=8, grid=(7, 7), run=2,
        warning="layer 'cell' runs 3 times in a forward pass",
    ),
    Entry("DataParallel", wrapped, SMALL, "module.1", maps=8, grid=(7, 7)),
    Entry("wide image", plain, (3, 12, 40), "1", maps=8, grid=(5, 19)),
    Entry("twelve channels", lambda: plain(channels=12), (12, 16, 16), "1", maps=8, grid=(7, 7)),
    Entry("grey image", lambda: plain(channels=1), (1, 16, 16), "1", maps=8, grid=(7, 7)),
    Entry("attention last", AttentionLast, SMALL, "features", maps=8, grid=(7, 7)),
    Entry("squeeze and excitation last", SqueezeExcite, SMALL, "features", maps=8, grid=(7, 7)),
    Entry(
        "classifier and decoder", WithDecoder, SMALL, "encoder", maps=8, grid=(8, 8),
        logits=lambda returned: returned[0],
        warning="the network returns several outputs: the first of 2 outputs is explained",
    ),
    Entry(
        "decoder that is thrown away", lambda: WithDecoder(joined=False), SMALL, "encoder", maps=8,
        grid=(8, 8),
    ),
    Entry(
        "two scales", TwoScales, SMALL, "trunk", maps=8, grid=(6, 6), run=1,
        warning="layer 'trunk' runs 2 times in a forward pass",
    ),
    Entry("U-Net", UNet, SMALL, "up", maps=8, grid=(16, 16)),
    Entry("joined branches", Inception, SMALL, "join", maps=8, grid=(7, 7)),
    Entry("maps on the last axis", ChannelsLast, SMALL, "norm", LAST, 8, (4, 4)),
    Entry(
        "ViT of PyTorch's layers", Tokens, SMALL, "encoder.layers.1.norm1", tokens(1), 12, (4, 4)
    ),
    Entry("ViT, mean of tokens", lambda: Tokens("none"), SMALL, "encoder", tokens(), 12, (4, 4)),
    Entry(
        "ViT, class token last", lambda: Tokens("last"), SMALL, "encoder.layers.1.norm1", tokens(),
        12, (4, 4),
    ),
    Entry(
        "ViT, tokens on the first axis", lambda: Tokens(batch_first=False), SMALL,
        "encoder.layers.1.norm1", SEQUENCE, 12, (4, 4),
    ),
    Entry(
        "trunk under no_grad", Frozen, SMALL, "trunk", maps=8, grid=(7, 7),
        head=lambda network, output: network.head(output),
    ),
    Entry("LSTM over rows", Memory, SMALL, "features", maps=8, grid=(7, 7)),
    Entry("fully convolutional", fully_convolutional, SMALL, "1", maps=8, grid=(14, 14)),
    Entry("weight norm, spectral norm", normed, SMALL, "1", maps=8, grid=(7, 7)),
    Entry("perceptron", perceptron, SMALL, refusal=NOTHING_REACHED),
    Entry("maps of single numbers", single_numbers, SMALL, refusal=NOTHING_REACHED),
]  # fmt: skip
