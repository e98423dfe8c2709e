"""Find the tensors of a network in what a weights file holds, and report what was taken."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from annealcam._internal.text import shorten
from annealcam.errors import ModelError
from annealcam.models.state_dicts.files import Unknown, read_object, sha256_of

# As in timm (`load_checkpoint(use_ema=True)`), averaged weights go before raw ones: they are what
# training with an average was for.
AVERAGED = (
    "state_dict_ema", "ema_state_dict", "model_ema", "ema_model", "model_ema_state_dict",
    "model_state_dict_ema", "ema", "params_ema", "swa", "swa_model", "swa_state_dict",
    "averaged_model", "swa_model_state_dict",
)  # fmt: skip
RAW = (
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "net_state_dict",
    "weights", "params", "module", "backbone", "encoder", "classifier",
)  # fmt: skip
_NO_NETWORK = re.compile(r"optim|sched|scaler|^amp|rng|callback|^loops|hyper|loss|criterion")
_MOST_NAMED = 20  # entries left aside that a record lists
_SAVE = "save the tensors by torch.save(model.state_dict(), 'mine.pth')"
_LONGEST_NAME = 500  # of a tensor


@dataclass(frozen=True)
class WeightsFound:
    """What was taken from a weights file, and what was left.

    Attributes:
        file: the file.
        sha256: its SHA-256.
        key: where the tensors were, such as `model_ema`; empty for the top of the file.
        prefixes: what was removed from the start of the names, such as `module.`.
        left_aside: entries and tensors that do not belong to the network, such as `optimizer`.
        dtype: the type of the floating-point tensors as stored; the network has float32.
        averaged: whether these are averaged weights (EMA, SWA).
    """

    file: str
    sha256: str
    key: str = ""
    prefixes: tuple[str, ...] = ()
    left_aside: tuple[str, ...] = ()
    dtype: str = "float32"
    averaged: bool = False

    def as_record(self) -> dict[str, Any]:
        """Return plain JSON values; a long list of what was left aside is cut."""
        record: dict[str, Any] = {**asdict(self), "prefixes": list(self.prefixes)}
        record["left_aside"] = list(self.left_aside[:_MOST_NAMED])
        if len(self.left_aside) > _MOST_NAMED:
            record["left_aside"].append(f"... and {len(self.left_aside) - _MOST_NAMED} more")
        return record


@dataclass(frozen=True)
class StateDict:
    """Named tensors in a weights file, and the report about them."""

    tensors: dict[str, Tensor]
    found: WeightsFound

    @property
    def has_known_name(self) -> bool:
        """Return whether the tensors are where they usually are, such as under `state_dict`."""
        parts = self.found.key.split(".")
        return self.found.averaged or parts[0] in ("", *RAW)

    def __str__(self) -> str:
        return f"weights={self.found.file!r}"

    def without(
        self, prefix: str, left_aside: Iterable[str], tensors: dict[str, Tensor]
    ) -> StateDict:
        """Return the tensors under their names in the network, with what was removed recorded."""
        found = self.found
        return StateDict(
            tensors,
            replace(
                found,
                prefixes=(*found.prefixes, prefix) if prefix else found.prefixes,
                left_aside=(*left_aside, *found.left_aside),
                averaged=found.averaged or _is_average(prefix.split(".")),
            ),
        )


def read_state_dicts(file: Path) -> list[StateDict]:
    """Return all dictionaries of tensors in a weights file, the likeliest first.

    Averaged weights (EMA, SWA) are preferred to raw ones, and known names such as `state_dict` to
    others.

    Raises:
        ModelNameError: there is no such file.
        ModelError: it holds no named tensors, or is damaged; nothing of it is run.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "mine.pth"
    ...     torch.save({"epoch": 3, "state_dict": {"fc.weight": torch.ones(2, 2)}}, file)
    ...     (state,) = read_state_dicts(file)
    >>> list(state.tensors), state.found.key, state.found.left_aside
    (['fc.weight'], 'state_dict', ('epoch',))
    """
    content = read_object(file)
    places = sorted(_mappings_of_tensors(content).items(), key=lambda place: _rank(place[0]))
    if not places:
        raise ModelError(f"weights={str(file)!r}: {_why_none(content)}")
    found = WeightsFound(str(file), sha256_of(file))
    return [_state_dict(found, content, path, mapping) for path, mapping in places]


def _state_dict(
    found: WeightsFound, content: Any, path: tuple[str, ...], mapping: Mapping[str, Any]
) -> StateDict:
    tensors = {k: t.detach() for k, t in mapping.items() if isinstance(t, Tensor)}
    _refuse_odd_tensors(found.file, tensors)
    aside: list[str] = []
    for depth, taken in enumerate(path):
        aside += [".".join((*path[:depth], _plain(key))) for key in content if key != taken]
        content = content[taken]
    aside += [".".join((*path, _plain(key))) for key in mapping if key not in tensors]
    report = replace(
        found,
        key=".".join(path),
        left_aside=tuple(aside),
        dtype=_stored_type(tensors),
        averaged=_is_average(path),
    )
    return StateDict({name: _as_float32(t) for name, t in tensors.items()}, report)


def _mappings_of_tensors(content: Any) -> dict[tuple[str, ...], Mapping[str, Any]]:
    """Return each dictionary with a named tensor in it, by the keys that lead to it."""
    places: dict[tuple[str, ...], Mapping[str, Any]] = {}
    waiting: list[tuple[tuple[str, ...], Any]] = [((), content)]
    visited: set[int] = set()
    while waiting:
        path, value = waiting.pop(0)
        if not isinstance(value, Mapping) or id(value) in visited or len(path) > 6:
            continue
        visited.add(id(value))
        names = [key for key in value if isinstance(key, str) and key.isprintable()]
        if any(isinstance(value[key], Tensor) for key in names):
            places[path] = value
        waiting += [((*path, key), value[key]) for key in names if not _NO_NETWORK.search(key)]
    return places


def _rank(path: tuple[str, ...]) -> tuple[int, int]:
    """Averaged weights first, then known names in their order, then others, then single tensors."""
    if _is_average(path):
        return 0, len(path)
    if path and path[0] in RAW:
        return 1, RAW.index(path[0])
    return 2, -len(path)


def _is_average(path: Iterable[str]) -> bool:
    return any(part in AVERAGED for part in path)


def _stored_type(tensors: dict[str, Tensor]) -> str:
    types = Counter(t.dtype for t in tensors.values() if t.is_floating_point())
    return " and ".join(str(kind).removeprefix("torch.") for kind, _ in types.most_common())


def _as_float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _refuse_odd_tensors(file: str, tensors: dict[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if not name.isprintable() or len(name) > _LONGEST_NAME:
            raise ModelError(f"weights={file!r}: refused, a tensor is named {_plain(name)!r}")
        if tensor.is_quantized or tensor.layout is not torch.strided:
            raise ModelError(
                f"weights={file!r}: {name} is quantized or sparse; save the network in float32"
            )
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise ModelError(f"weights={file!r}: refused, {name} is larger than its stored values")
        if tensor.is_meta:
            raise ModelError(f"weights={file!r}: {name} has a shape but no values")


def _plain(key: Any) -> str:
    """Return a key of a file on one line, cut if it is long."""
    return shorten("".join(c for c in str(key) if c.isprintable()), 80)


def _why_none(content: Any) -> str:
    module = content if isinstance(content, Unknown) else None
    if isinstance(content, Mapping):
        if not content:
            return f"holds no named tensors, it is an empty dictionary; {_SAVE}"
        module = next((v for v in content.values() if isinstance(v, Unknown) and v.parts), None)
    if module is not None and "_modules" in module.parts:
        return (
            f"holds a whole network ({type(module).__name__}), whose code is not run; load it "
            f"where its class is known, and {_SAVE}"
        )
    kind = type(content).__name__
    names = list(map(_plain, content))[:5] if isinstance(content, Mapping) else []
    entries = f" with {', '.join(names)}" if names else ""
    return f"holds no named tensors (a {kind}{entries}), and nothing else is unpickled; {_SAVE}"
