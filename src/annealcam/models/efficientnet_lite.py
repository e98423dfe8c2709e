"""EfficientNet-Lite, the default network, in PyTorch alone.

Importing timm and torchvision takes longer than explaining a photo. The modules have the names and
the classes that they have in timm (`tf_efficientnet_lite0`), so that layers, checkpoints and stored
results are the same with either, and logits and gradients are equal to the bit.

Sources: M. Tan and Q. Le, EfficientNet (arXiv:1905.11946); R. Wightman, timm (Apache 2.0).
"""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

STEM, HEAD, CLASSES = 32, 1280, 1000
EXPANSION = 6
# For each stage: blocks, kernel, stride and channels of Lite0.
STAGES = (
    (1, 3, 1, 16),
    (2, 3, 2, 24),
    (2, 5, 2, 40),
    (3, 3, 2, 80),
    (3, 5, 1, 112),
    (4, 5, 2, 192),
    (1, 3, 1, 320),
)


class EfficientNet(nn.Module):
    """A stem, seven stages of inverted residual blocks, and a head that pools and is linear.

    Args:
        width: factor of the channels of each stage, which are rounded to a multiple of 8.
        depth: factor of the blocks of each stage but the first and the last, rounded up.

    >>> import torch
    >>> EfficientNet()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 1000])
    """

    def __init__(self, width: float = 1.0, depth: float = 1.0):
        super().__init__()
        self.conv_stem = Conv2dSame(3, STEM, 3, stride=2, bias=False)
        self.bn1 = BatchNormAct2d(STEM)
        self.blocks = nn.Sequential()
        before = STEM
        for number, (blocks, kernel, stride, channels) in enumerate(STAGES):
            block = InvertedResidual if number else DepthwiseSeparableConv
            after = _to_multiple_of_8(channels * width)
            inner = 0 < number < len(STAGES) - 1
            more = math.ceil(blocks * depth) - 1 if inner else blocks - 1
            self.blocks.append(
                nn.Sequential(
                    block(before, after, kernel, stride),
                    *(block(after, after, kernel, 1) for _ in range(more)),
                )
            )
            before = after
        self.conv_head = nn.Conv2d(before, HEAD, 1, bias=False)
        self.bn2 = BatchNormAct2d(HEAD)
        self.global_pool = SelectAdaptivePool2d()
        self.classifier = nn.Linear(HEAD, CLASSES)

    def forward(self, images: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n classes"]:
        """Return the logits of images."""
        x = self.blocks(self.bn1(self.conv_stem(images)))
        x = self.bn2(self.conv_head(x))
        return self.classifier(self.global_pool(x))


class DepthwiseSeparableConv(nn.Module):
    """A convolution within each map, then one across maps.

    `aa`, `se` and `drop_path`, here and in `InvertedResidual`, are the places of what Lite lacks:
    anti-aliasing, squeeze-and-excitation and stochastic depth.
    """

    def __init__(self, before: int, after: int, kernel: int, stride: int):
        super().__init__()
        self.has_skip = stride == 1 and before == after
        self.conv_dw = _convolution_within(before, kernel, stride)
        self.bn1 = BatchNormAct2d(before)
        self.aa = nn.Identity()
        self.se = nn.Identity()
        self.conv_pw = nn.Conv2d(before, after, 1, bias=False)
        self.bn2 = BatchNormAct2d(after, apply_act=False)
        self.drop_path = nn.Identity()

    def forward(self, x: Float[Tensor, "n before h w"]) -> Float[Tensor, "n after h2 w2"]:
        """Return the maps of the block."""
        maps = self.se(self.aa(self.bn1(self.conv_dw(x))))
        maps = self.bn2(self.conv_pw(maps))
        return self.drop_path(maps) + x if self.has_skip else maps


class InvertedResidual(nn.Module):
    """More maps, a convolution within each of them, and fewer maps again."""

    def __init__(self, before: int, after: int, kernel: int, stride: int):
        super().__init__()
        self.has_skip = stride == 1 and before == after
        wide = EXPANSION * before
        self.conv_pw = nn.Conv2d(before, wide, 1, bias=False)
        self.bn1 = BatchNormAct2d(wide)
        self.conv_dw = _convolution_within(wide, kernel, stride)
        self.bn2 = BatchNormAct2d(wide)
        self.aa = nn.Identity()
        self.se = nn.Identity()
        self.conv_pwl = nn.Conv2d(wide, after, 1, bias=False)
        self.bn3 = BatchNormAct2d(after, apply_act=False)
        self.drop_path = nn.Identity()

    def forward(self, x: Float[Tensor, "n before h w"]) -> Float[Tensor, "n after h2 w2"]:
        """Return the maps of the block."""
        maps = self.bn1(self.conv_pw(x))
        maps = self.se(self.aa(self.bn2(self.conv_dw(maps))))
        maps = self.bn3(self.conv_pwl(maps))
        return self.drop_path(maps) + x if self.has_skip else maps


class BatchNormAct2d(nn.BatchNorm2d):
    """BatchNorm, then ReLU6 unless `apply_act` is False."""

    def __init__(self, channels: int, *, apply_act: bool = True):
        super().__init__(channels, eps=1e-3)
        self.drop = nn.Identity()
        self.act = nn.ReLU6(inplace=True) if apply_act else nn.Identity()

    def forward(self, x: Float[Tensor, "n channels h w"]) -> Float[Tensor, "n channels h w"]:
        """Return the maps after normalisation and activation."""
        return self.act(self.drop(super().forward(x)))


class Conv2dSame(nn.Conv2d):
    """A convolution padded as TensorFlow does it: by one more on the right and below if uneven."""

    def forward(self, x: Float[Tensor, "n before h w"]) -> Float[Tensor, "n after h2 w2"]:
        """Return ceil(h / stride) x ceil(w / stride) values of each map."""
        edges: list[int] = []
        for axis in (1, 0):  # `pad` takes the last axis first
            side, kernel, stride = x.shape[2 + axis], self.kernel_size[axis], self.stride[axis]
            missing = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
            edges += [missing // 2, missing - missing // 2]
        return super().forward(functional.pad(x, edges))


class SelectAdaptivePool2d(nn.Module):
    """The mean of each map."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)

    def forward(self, x: Float[Tensor, "n channels h w"]) -> Float[Tensor, "n channels"]:
        """Return the means."""
        return self.flatten(self.pool(x))


def _convolution_within(channels: int, kernel: int, stride: int) -> nn.Conv2d:
    """Return a convolution of each map by itself, padded so that it keeps the size at stride 1."""
    if stride > 1:
        return Conv2dSame(channels, channels, kernel, stride, groups=channels, bias=False)
    return nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False)


def _to_multiple_of_8(channels: float) -> int:
    return int(channels + 4) // 8 * 8
