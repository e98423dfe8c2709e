"""Convolutional networks of torchvision and timm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from tests.any_network.entry import Entry

OF_ENTRY = ("long", "shape", "form", "tolerance", "refusal", "warning")


def of_torchvision(name: str, **options: Any) -> Callable[[], nn.Module]:
    """A network of torchvision with random weights and five classes."""

    def make() -> nn.Module:
        import torchvision

        network = torchvision.models.get_model(name, weights=None, num_classes=5, **options)
        for module in network.modules():
            if isinstance(module, nn.Linear) and module.out_features == 5:
                nn.init.normal_(module.weight, std=0.1)  # some heads begin with zeros
        return network

    return make


def of_timm(name: str, **options: Any) -> Callable[[], nn.Module]:
    """A network of timm with random weights, also those of its head, and five classes."""

    def make() -> nn.Module:
        import timm

        network = timm.create_model(name, num_classes=5, **options)
        for module in network.modules():
            if isinstance(module, nn.Linear) and module.out_features == 5:
                nn.init.normal_(module.weight, std=0.1)
        return network

    return make


def torchvision(name: str, layer: str, maps: int, side: int, **options: Any) -> Entry:
    """An entry of torchvision with square maps."""
    entry = {k: options.pop(k) for k in OF_ENTRY if k in options}
    return Entry(
        f"torchvision {name}", of_torchvision(name, **options), layer=layer, maps=maps,
        grid=(side, side), needs=("torchvision",), **entry,
    )  # fmt: skip


def timm(name: str, layer: str, maps: int, side: int, **options: Any) -> Entry:
    """An entry of timm with square maps."""
    entry = {k: options.pop(k) for k in OF_ENTRY if k in options}
    return Entry(
        f"timm {name}", of_timm(name, **options), layer=layer, maps=maps, grid=(side, side),
        needs=("timm",), **entry,
    )  # fmt: skip


NO_AUXILIARY = {"init_weights": False, "aux_logits": False}

ENTRIES = [
    torchvision("resnet18", "layer4", 512, 2),
    torchvision("resnet50", "layer4", 2048, 2, long=True),
    torchvision("squeezenet1_1", "features", 512, 3),
    torchvision("googlenet", "inception5b", 1024, 2, **NO_AUXILIARY),
    torchvision(
        "inception_v3", "Mixed_7c", 2048, 3, shape=(3, 139, 139), long=True, **NO_AUXILIARY
    ),
    torchvision("densenet121", "features", 1024, 2, long=True),
    torchvision("mobilenet_v2", "features", 1280, 2),
    torchvision("mobilenet_v3_small", "features", 576, 2),
    torchvision("shufflenet_v2_x0_5", "conv5", 1024, 2),
    torchvision("mnasnet0_5", "layers", 1280, 2),
    torchvision("regnet_y_400mf", "trunk_output", 440, 2),
    torchvision("vgg11", "features.19", 512, 4, long=True),
    torchvision("alexnet", "features.11", 256, 3, long=True),
    torchvision("efficientnet_b0", "features", 1280, 2),
    timm("convnext_atto", "stages", 320, 2),
    timm("poolformer_s12", "stages", 512, 2, long=True),
    timm("edgenext_xx_small", "stages", 168, 2),
    timm("hrnet_w18_small", "final_layer", 2048, 2, long=True),
    timm("tresnet_m", "body", 2048, 2, long=True),
    timm("fastvit_t8", "final_conv", 768, 2),
    timm("convmixer_768_32", "blocks", 768, 9, long=True),
    timm("ghostnet_100", "blocks", 960, 2),
    timm("rexnet_100", "features", 1280, 2),
    timm("repvgg_a0", "stages", 1280, 2),
    timm("dla34", "level5", 512, 2, long=True),
    timm("nfnet_f0", "final_act", 3072, 2, long=True),
    timm("resnest14d", "layer4", 2048, 2),
    timm("res2net50_26w_4s", "layer4", 2048, 2, long=True),
    timm("efficientvit_b0", "head.in_conv", 1024, 2),
    timm("inception_next_tiny", "stages", 768, 2, long=True),
    timm("focalnet_tiny_srf", "norm", 768, 2, long=True),
]
