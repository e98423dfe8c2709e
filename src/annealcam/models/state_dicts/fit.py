"""Fit the tensors of a weights file to an architecture, and fill a network with them."""

from __future__ import annotations

import re
import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from annealcam._internal.text import shorten
from annealcam.errors import AnnealcamWarning, ModelError
from annealcam.models.state_dicts.heads import (
    ASSUMED,
    Change,
    HeadError,
    changes_for,
    odd_names,
    required,
)
from annealcam.models.state_dicts.search import AVERAGED, StateDict

# Written into the names by torch.compile, FSDP and activation checkpointing, at any place.
_WRAPPERS = re.compile(r"(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
# DenseNets saved before torchvision 0.2 have `norm.1`; torchvision renames them as well.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])(?=\.)")
# Tensors that no network computes its outputs from: losses, metrics, counters of averages.
_HARMLESS = re.compile(
    r"(^|\.)(\w*loss\w*|\w*criterion\w*|\w*metrics?\w*|\w*acc|\w*accuracy|\w*auroc|\w*f1|\w*confmat"
    r"|n_averaged|num_updates|decay|initted|step|epoch|(model_)?ema(_model)?|swa(_model)?"
    r"|averaged_model)(\.|$)",
    re.IGNORECASE,
)
_OWN = "for a network of your own, give MODULE:FUNCTION, a function that makes it"
_COUNTED = re.compile(r"(^|\.)total_(ops|params)$")  # by thop, in each module


class FitError(ModelError):
    """Tensors do not fit an architecture."""


@dataclass(frozen=True)
class Fit:
    """How the tensors of a file fill an architecture: under which names, with which changes."""

    state: StateDict
    changes: tuple[Change, ...]

    def as_record(self) -> dict[str, Any]:
        """Return what was taken, removed, changed and assumed, as plain JSON values."""
        record = self.state.found.as_record()
        record["changes"] = {change.path: change.description for change in self.changes}
        if any(change.assumed for change in self.changes):
            record["assumed"] = ASSUMED
        return record


def taken_sentence(record: Mapping[str, Any]) -> str:
    """Return in words what was taken from a weights file, empty where it is all of it.

    Args:
        record: of `fill_network`.

    >>> taken_sentence({
    ...     "file": "w.pth", "key": "model_ema", "averaged": True, "dtype": "float32",
    ...     "prefixes": ["module."], "left_aside": ["model"], "changes": {},
    ... })
    'w.pth: takes model_ema (averaged weights), without the prefix module.; leaves aside model'
    """
    taken = record["key"] or ("all tensors" if record["left_aside"] else "the tensors")
    averaged = " (averaged weights)" if record["averaged"] else ""
    facts = [f"without the prefix {''.join(record['prefixes'])}"] if record["prefixes"] else []
    facts += [f"from {record['dtype']}"] if record["dtype"] not in ("float32", "") else []
    facts += [f"{path}: {text}" for path, text in record["changes"].items()]
    if record.get("recognised_by_its_tensors"):
        facts.append(f"recognised as {record['architecture']}")
    aside = f"; leaves aside {', '.join(record['left_aside'])}" if record["left_aside"] else ""
    if not (facts or aside or record["key"] or averaged):
        return ""
    return f"{record['file']}: takes {', '.join([taken + averaged, *facts])}{aside}"


def fill_network(
    make: Callable[[], nn.Module], states: Iterable[StateDict]
) -> tuple[nn.Module, dict[str, Any]]:
    """Return a network with the tensors of a file, and a record of what was taken.

    The network is first made without memory, on the meta device, so that nothing is allocated
    before all names and shapes fit. The first of `states` that fits is taken. The number of
    classes, simple heads and the number of input channels follow the tensors.

    Raises:
        FitError: the tensors belong to another architecture.
        HeadError: the head cannot be rebuilt from its tensors.

    Warns:
        AnnealcamWarning: activations of the head are assumed, since they leave no tensors.

    >>> from annealcam.models.state_dicts.search import WeightsFound
    >>> trained = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 5))
    >>> tensors = {f"module.{name}": t for name, t in trained.state_dict().items()}
    >>> state = StateDict(tensors, WeightsFound("mine.pth", "0" * 64))
    >>> network, record = fill_network(
    ...     lambda: nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(8, 1000)), [state]
    ... )
    >>> record["prefixes"], record["changes"]
    (['module.'], {'0': 'input channels: 1', '2': 'Linear(8, 5)'})
    """
    fit = fit_to(make, states)
    network = make()
    for change in fit.changes:
        change.apply(network)
    _load_tensors(network, fit.state)
    count = classes_of(network)
    if count and isinstance(getattr(network, "num_classes", None), int):
        network.num_classes = count  # type: ignore[assignment]
    if any(change.assumed for change in fit.changes):
        texts = "; ".join(f"{c.path}: {c.description}" for c in fit.changes if c.assumed)
        warnings.warn(
            f"{fit.state}: {texts}. Assumed for {ASSUMED}. If the network has others, give "
            "MODULE:FUNCTION",
            AnnealcamWarning,
            stacklevel=2,
        )
    return network, fit.as_record()


def _load_tensors(network: nn.Module, state: StateDict) -> None:
    """Copy tensors that fit into a network; counters of old files are taken as 0."""
    own = network.state_dict()
    zeros = {n: torch.zeros_like(t) for n, t in own.items() if n.endswith("num_batches_tracked")}
    tensors = OrderedDict(zeros | state.tensors)
    # The layout is the network's own, whatever version of it the file is of (see MNASNet).
    tensors._metadata = getattr(own, "_metadata", None)  # type: ignore[attr-defined]
    try:
        network.load_state_dict(tensors)
    except Exception as error:
        reason = shorten((str(error).splitlines() or [""])[-1].strip(), 200)
        raise FitError(f"{state}: do not fit the network ({reason})") from error


def fit_to(make: Callable[[], nn.Module], states: Iterable[StateDict]) -> Fit:
    """Return how the first of several dictionaries of tensors that fits fills an architecture.

    Raises:
        FitError: none of them fits, or several of equal right.
        HeadError: one fits but for its head, which cannot be rebuilt.
    """
    fits: list[Fit] = []
    errors: list[ModelError] = []
    for state in states:
        try:
            fits.append(_fit(blank(make), state))
        except (FitError, HeadError) as error:
            errors.append(error)
        if fits and fits[0].state.has_known_name:
            break
    if not fits:
        raise errors[0]
    if len(fits) > 1:
        keys = " and ".join(repr(fit.state.found.key) for fit in fits[:2])
        raise FitError(
            f"{fits[0].state}: {keys} fit the network equally well; save the one that you mean by "
            "torch.save alone"
        )
    return fits[0]


def blank(make: Callable[[], nn.Module]) -> nn.Module:
    """Make a network without memory behind it, or with, if it computes while it is made."""
    try:
        return on_meta(make)
    except NotImplementedError:  # torchvision's RegNets read values of tensors
        return make()


def on_meta(make: Callable[[], nn.Module]) -> nn.Module:
    """Make a network without memory behind it.

    Raises:
        NotImplementedError: the network reads values of tensors while it is made.
    """
    with torch.device("meta"):
        return make()


def classes_of(network: nn.Module) -> int | None:
    """Return the outputs of the last linear layer, or of a last 1 x 1 convolution."""
    kinds = nn.Linear | nn.Conv2d
    last = [
        m
        for name, m in network.named_modules()
        if isinstance(m, kinds) and "aux" not in name.lower()
    ]
    return int(last[-1].weight.shape[0]) if last else None


def names_in(network: nn.Module, state: StateDict) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the tensors of an architecture, and those of a file under its names."""
    expected, tensors = required(network), _without_wrappers(state).tensors
    prefix = _prefixes(tensors, expected)[0]
    return expected, {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def _fit(network: nn.Module, state: StateDict) -> Fit:
    state = _with_names_of(network, state)
    try:
        with torch.device("meta"):
            changes = changes_for(network, state.tensors)
            for change in changes:
                change.apply(network)
    except HeadError as error:
        raise HeadError(f"{state}: {error}") from None
    if odd := odd_names(network, state.tensors):
        first = _first_odd(network, state, odd)
        raise FitError(f"{state}: do not fit the network ({first}); {_OWN}")
    return Fit(state, tuple(changes))


def _first_odd(network: nn.Module, state: StateDict, odd: list[str]) -> str:
    """Return in words the first tensor that does not fit, and how many more there are."""
    expected, name = required(network), odd[0]
    if name not in state.tensors:
        text = f"{name} is missing"
        extra = next((n for n in odd if n not in expected), None)
        text += f", {extra} is unexpected" if extra else ""
    elif name not in expected:
        text = f"{name} is unexpected"
    else:
        given, wanted = tuple(state.tensors[name].shape), tuple(expected[name].shape)
        text = f"{name} has shape {given}, not {wanted}"
    return f"{text}; {len(odd)} tensors differ in all" if len(odd) > 1 else text


def _with_names_of(network: nn.Module, state: StateDict) -> StateDict:
    """Return the tensors under the names of an architecture, without what has no place in it."""
    state = _without_wrappers(state)
    expected = required(network)
    prefixes = _prefixes(state.tensors, expected)
    prefix = prefixes[0]
    inside = {n.removeprefix(prefix): t for n, t in state.tensors.items() if n.startswith(prefix)}
    outside = [name for name in state.tensors if not name.startswith(prefix)]
    raw = tuple(prefixes[1:]) if set(prefix.split(".")) & set(AVERAGED) else ()
    own = {name.partition(".")[0] for name in expected}
    aside = [
        n
        for n in inside
        if _COUNTED.search(n) or (n.partition(".")[0] not in own and _HARMLESS.search(n))
    ]
    if refused := [
        name for name in outside if not _HARMLESS.search(name) and not name.startswith(raw)
    ]:
        if len(inside) > len(outside):
            raise FitError(
                f"{state}: do not fit the network ({refused[0]} has no place in it, and may change "
                f"what is computed); {_OWN}"
            )
        raise FitError(f"{state}: do not fit the network ({refused[0]} is unexpected); {_OWN}")
    tensors = {name: tensor for name, tensor in inside.items() if name not in aside}
    return state.without(prefix, [prefix + name for name in aside] + outside, tensors)


def _without_wrappers(state: StateDict) -> StateDict:
    renamed: dict[str, Tensor] = {}
    removed: dict[str, None] = {}
    for name, tensor in state.tensors.items():
        removed |= dict.fromkeys(f"{wrapper}." for wrapper in _WRAPPERS.findall(name))
        renamed[_OLD_DENSENET.sub(r"\1\2", _WRAPPERS.sub("", name))] = tensor
    for wrapper in removed:
        state = state.without(wrapper, (), state.tensors)
    return state.without("", (), renamed)


def _prefixes(tensors: dict[str, Tensor], expected: dict[str, Tensor]) -> list[str]:
    """Return the starts of names after which most names of the architecture follow.

    If several fit as well, that of averaged weights comes first, then the shortest.
    """
    counts: Counter[str] = Counter()
    for name in tensors:
        parts = name.split(".")
        for at in range(len(parts)):
            tail = ".".join(parts[at:])
            counts[name.removesuffix(tail)] += tail in expected
    most = max(counts.values())
    best = [prefix for prefix, count in counts.items() if count == most]
    return sorted(best, key=lambda p: (not set(p.split(".")) & set(AVERAGED), len(p)))
