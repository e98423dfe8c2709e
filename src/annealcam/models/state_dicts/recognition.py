"""Find the architecture that tensors belong to, by their names and shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from annealcam.errors import ModelError
from annealcam.models.state_dicts.fit import fit_to, names_in, on_meta
from annealcam.models.state_dicts.search import StateDict

# A pattern in the names of tensors, and the architectures that have such names. Only these are
# made: making all of torchvision takes seconds.
_FAMILIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (r"layer1\.0\.conv1\.", r"(wide_)?resne(x)?t\d+.*",
     ("resnet10t", "resnet14t", "resnet18d", "resnet26", "resnet26d", "resnet34d", "resnet50d",
      "seresnet50", "ecaresnet26t", "resnetv2_50")),
    (r"denseblock1\.denselayer1\.", r"densenet\d+", ()),
    (r"features\.1\.conv\.", r"mobilenet_v2", ()),
    (r"features\.\d+\.block\.\d+\.\d+\.", r"mobilenet_v3_.*", ()),
    (r"features\.\d+\.\d+\.block\.\d+\.\d+\.", r"efficientnet_.*", ()),
    (r"features\.\d+\.\d+\.layer_scale", r"convnext_.*", ()),
    (r"blocks\.0\.layers\.0\.layers\.", r"maxvit_.*", ()),
    (r"features\.\d+\.squeeze\.", r"squeezenet.*", ()),
    (r"features\.1\.0\.attn\.", r"swin_.*", ()),
    (r"features\.\d+\.weight$", r"alexnet|vgg.*", ()),
    (r"encoder_layer_0\.", r"vit_.*", ()),
    (r"inception3a\.", r"googlenet", ()),
    (r"Mixed_5b\.", r"inception_v3", ("inception_v3", "inception_v4")),
    (r"stage2\.0\.branch2\.", r"shufflenet_.*", ()),
    (r"trunk_output\.", r"regnet_.*", ()),
    (r"layers\.8\.0\.layers\.", r"mnasnet.*", ()),
    (r"(^|\.)blocks\.0\.0\.", "", (
        "mobilenetv3_small_050", "mobilenetv3_small_100", "mobilenetv3_large_100",
        "mobilenetv2_100", "efficientnet_b0", "efficientnet_b1", "efficientnet_b2",
        "tf_efficientnet_lite0", "efficientnet_lite0", "mnasnet_100")),
    (r"stages\.0\.blocks\.0\.", "", (
        "convnext_atto", "convnext_nano", "convnext_tiny", "convnext_small", "convnext_base",
        "convnextv2_tiny", "regnety_040")),
    (r"blocks\.0\.attn\.qkv\.", "", (
        "vit_tiny_patch16_224", "vit_small_patch16_224", "vit_base_patch16_224",
        "vit_base_patch32_224", "beit_base_patch16_224")),
    (r"layers\.0\.blocks\.0\.attn\.", "", (
        "swin_tiny_patch4_window7_224", "swin_small_patch4_window7_224",
        "swin_base_patch4_window7_224")),
)  # fmt: skip


@dataclass(frozen=True)
class Likeness:
    """How much of an architecture is in a file: the share of equal names and shapes."""

    name: str
    share: float
    fits: bool


def recognise(states: Sequence[StateDict], makers: Mapping[str, Callable[[], nn.Module]]) -> str:
    """Return the one architecture of torchvision that the tensors fit by all names and shapes.

    Args:
        states: the dictionaries of tensors in a file.
        makers: functions that make networks, by names such as `torchvision:resnet18`.

    Raises:
        ModelError: none or several fit; the nearest ones are named.
    """
    own = {name: make for name, make in makers.items() if name.startswith("torchvision:")}
    fitting = [candidate.name for candidate in nearest(states, own) if candidate.fits]
    if len(fitting) == 1:
        return fitting[0]
    candidates = nearest(states, makers)
    raise ModelError(
        f"{states[0]}: the network is not known by its tensors alone; give "
        f"architecture='torchvision:NAME', 'timm:NAME' or MODULE:FUNCTION{nearest_text(candidates)}"
    )


def nearest(
    states: Sequence[StateDict], makers: Mapping[str, Callable[[], nn.Module]]
) -> list[Likeness]:
    """Return the architectures with similar names of tensors, the nearest first."""
    found = []
    names = list(dict.fromkeys(name for state in states for name in state.tensors))
    for name in _family(names, makers):
        try:
            network = on_meta(makers[name])
        except Exception:  # one that this version of its library cannot make on the meta device
            continue
        best = max(states, key=lambda state: _share(network, state))
        found.append(Likeness(name, _share(network, best), _fits(network, best)))
    return sorted(found, key=lambda likeness: (-likeness.fits, -likeness.share))


def nearest_text(candidates: Iterable[Likeness]) -> str:
    """Return `; nearest: NAME (share of its tensors), ...` for at most three, or nothing."""
    near = [c for c in candidates if c.share > 0.2 or c.fits][:3]
    if not near:
        return ""
    texts = [f"{c.name} ({'fits' if c.fits else f'{c.share:.0%} of its tensors'})" for c in near]
    return f"; nearest: {', '.join(texts)}"


def _family(tensors: Sequence[str], makers: Mapping[str, Callable[[], nn.Module]]) -> Iterator[str]:
    matching = [
        (torchvision, timm)
        for pattern, torchvision, timm in _FAMILIES
        if any(re.search(pattern, name) for name in tensors)
    ]
    for name in makers:
        library, _, own = name.partition(":")
        for torchvision, timm in matching:
            if (library == "timm" and own in timm) or (
                library == "torchvision" and re.fullmatch(torchvision, own)
            ):
                yield name


def _share(network: nn.Module, state: StateDict) -> float:
    """Return the share of tensors with equal names and shapes, of all names in either."""
    expected, given = names_in(network, state)
    equal = sum(name in given and given[name].shape == t.shape for name, t in expected.items())
    return equal / max(len(expected.keys() | given.keys()), 1)


def _fits(network: nn.Module, state: StateDict) -> bool:
    try:
        fit_to(lambda: network, [state])
    except ModelError:
        return False
    return True
