"""Checkpoints of the paper's network: safetensors files with a header that describes them.

A checkpoint with a frozen trunk contains the head and the name of the trunk; others contain both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from annealcam._internal.text import shorten
from annealcam.errors import AnnealcamError, ArgumentError, ModelError, ModelNameError
from annealcam.models.cards.model_card import runs_code
from annealcam.models.checkpoint_files import (
    FORMAT,
    StoredCheckpoint,
    is_checkpoint,
    read_stored,
    sealed,
)
from annealcam.models.loaded import SHIPPED, LoadedModel
from annealcam.models.paper_network import PaperNetwork
from annealcam.models.preprocess import Preprocess
from annealcam.models.sources.published import published
from annealcam.models.trunks import Trunk

_HEADS = Path(__file__).parent / "heads"
_SHA256 = {  # of the shipped files
    "paper-16": "043303c8793b4701f3a0a993d367f9f8651c6b3f1e7e79581b0582f496a022c0",
    "paper-24": "e5ad33514112f678dcefacef915b61128c042f8a83dac640d52fcc986f5f1c76",
    "paper-32": "6bba36c6f33ab582c0e467dee94c5c8c905d5f1cb21f8135ee4de23f71721580",
    "digits": "efe74bc8f5f5cb8a5b653c411e2c4beefbc90bff98f72e5b5c56edee29caeb62",
}


def checkpoint_file(name: str) -> Path:
    """Return the file of a shipped network, once its SHA-256 is checked, or a checkpoint's path.

    Raises:
        ModelError: the file of a shipped network is damaged or was changed.

    >>> checkpoint_file("paper-16").name
    'paper-16.safetensors'
    """
    if name not in SHIPPED:
        return Path(name)
    file = _HEADS / f"{name}.safetensors"
    return published(file, _SHA256[name], model=name, package="annealcam")


def write_checkpoint(
    file: Path, network: PaperNetwork, trunk: Trunk, classes: tuple[str, ...], about: dict[str, Any]
) -> None:
    """Write a network, what is needed to build it again, and `about`: how it was trained.

    Equal networks and values give equal bytes. The header states the SHA-256 of itself and of the
    tensors. The caller ensures that the file is written whole.
    """
    from safetensors.torch import save

    header = {
        "format": FORMAT,
        "trunk": trunk.name,
        "cut": trunk.cut,
        "trunk_hash": trunk.fingerprint(),
        "frozen": network.frozen,
        "preprocess": trunk.preprocess.as_json() if type(trunk.preprocess) is Preprocess else None,
        "maps": network.block[0].out_channels,
        "classes": list(classes),
        "about": about,
    }
    tensors = {name: t.detach().contiguous() for name, t in _stored(network).items()}
    file.write_bytes(save(tensors, metadata=sealed(header, save(tensors))))


def read_header(name: str) -> dict[str, Any]:
    """Return the header of a checkpoint: its trunk, cut, maps, classes, and `about`.

    Raises:
        ModelNameError: there is no such file.
        ModelError: it is no checkpoint of annealcam, or it is changed or damaged.

    >>> read_header("digits")["maps"]
    16
    """
    return _stored_in(name).header


def _stored_in(name: str) -> StoredCheckpoint:
    """Return what a checkpoint holds, after all checks that need no tensors."""
    file = checkpoint_file(name)
    if not file.is_file():
        raise ModelNameError(f"model={name!r}: no such file")
    try:
        stored = read_stored(file)
    except Exception as error:
        if is_checkpoint(file):
            reason = shorten(" ".join(str(error).split()) or type(error).__name__, 200)
            raise ModelError(f"model={name!r}: a checkpoint, but damaged ({reason})") from error
        raise ModelError(
            f"model={name!r}: no checkpoint of `annealcam train`; plain weights need their "
            "network's name, as architecture='torchvision:resnet18' or torchvision:resnet18:FILE"
        ) from error
    if not stored.intact:
        raise ModelError(
            f"model={name!r}: is changed or damaged: its SHA-256 is not the one in its header"
        )
    _refuse_odd(name, stored.header)
    return stored


def read_checkpoint(
    name: str, load_trunk: Callable[[str, str | None], Trunk], *, architecture: str | None = None
) -> LoadedModel:
    """Return the network of a checkpoint on the trunk that `load_trunk(name, cut)` gives.

    Args:
        name: of a shipped network, or a file.
        load_trunk: loads a trunk by its name.
        architecture: the trunk, which must be given if it is MODULE:FUNCTION: a file runs no code.

    Raises:
        ModelNameError: there is no such file.
        ModelError: the file is no checkpoint of annealcam, its parts do not fit together, its
            trunk is missing or has other weights by now, or is code that was not given.
    """
    stored = _stored_in(name)
    header = stored.header
    if runs_code(header["trunk"]) and header["trunk"] != architecture:
        own = shorten(header["trunk"], 100)
        raise ModelError(
            f"model={name!r}: its trunk is {own!r}, whose code a file does not run; if it is "
            f"yours, give architecture={own!r} (--architecture {own})"
        )
    try:
        trunk = load_trunk(_trunk_name(header), header["cut"])
    except AnnealcamError as error:
        raise ModelError(f"model={name!r}: its trunk is missing: {error}") from error
    if header["frozen"] and trunk.fingerprint() != header["trunk_hash"]:
        raise ModelError(
            f"model={name!r}: its trunk {header['trunk']!r} has other weights than the head was "
            "trained on; train it again"
        )
    _refuse_other_shapes(name, stored, trunk.features)
    network = PaperNetwork(
        trunk.layers,
        features=trunk.features,
        maps=header["maps"],
        classes=len(header["classes"]),
        frozen=header["frozen"],
    )
    _fill(network, checkpoint_file(name), name)
    preprocess = _preprocess(name, header["preprocess"]) or trunk.preprocess
    return LoadedModel(network.eval(), preprocess, tuple(header["classes"]))


def _trunk_name(header: dict[str, Any]) -> str:
    """The trunk's name; one that trained as well is in the file, and is not fetched again."""
    name: str = header["trunk"]
    library, *rest = name.split(":")
    if header["frozen"] or library not in ("torchvision", "timm"):
        return name
    return f"{library}:{rest[0]}:none"


def _preprocess(name: str, settings: dict[str, Any] | None) -> Preprocess | None:
    if settings is None:
        return None
    try:
        values: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        return Preprocess(**values)
    except (TypeError, ArgumentError) as error:
        raise ModelError(f"model={name!r}: its header is damaged (preprocess: {error})") from error


def _fill(network: PaperNetwork, file: Path, name: str) -> None:
    from safetensors.torch import load_file

    try:
        tensors = load_file(file)
    except Exception as error:
        raise ModelError(f"model={name!r}: damaged ({shorten(str(error), 200)})") from error
    expected = _stored(network)
    odd = sorted(expected.keys() ^ tensors.keys()) or sorted(
        key
        for key, tensor in expected.items()
        if (tensor.shape, tensor.dtype) != (tensors[key].shape, tensors[key].dtype)
    )
    if odd:
        raise _misfit(name, odd[0])
    wild = sorted(key for key, tensor in tensors.items() if not tensor.isfinite().all())
    if wild:
        raise ModelError(f"model={name!r}: {wild[0]} holds NaN or infinity; train it again")
    network.load_state_dict(tensors, strict=False)  # a frozen trunk has its weights already


def _refuse_other_shapes(
    name: str, stored: StoredCheckpoint, features: tuple[int, int, int]
) -> None:
    """Refuse a header that does not fit the tensors, before a network of its size is built."""
    channels, height, width = features
    maps, classes = stored.header["maps"], len(stored.header["classes"])
    shapes = {
        "block.0.weight": (maps, channels, 3, 3),
        "classifier.weight": (classes, maps * height * width),
    }
    for key, shape in shapes.items():
        if stored.shapes.get(key) != ("F32", shape):
            raise _misfit(name, key)


def _misfit(name: str, key: str) -> ModelError:
    return ModelError(f"model={name!r}: damaged or of another version ({key} does not fit)")


def _stored(network: PaperNetwork) -> dict[str, Tensor]:
    """What a checkpoint holds of a network: the head, and a trunk that trained with it."""
    parts: Mapping[str, Tensor] = network.state_dict()
    return {k: t for k, t in parts.items() if not (network.frozen and k.startswith("trunk."))}


def _refuse_odd(name: str, header: Mapping[str, Any]) -> None:
    """Refuse a header that lacks what a network is built from, or has it in another form."""
    forms = {
        "trunk": str, "cut": str | None, "trunk_hash": str, "frozen": bool, "maps": int,
        "classes": list, "about": dict, "preprocess": dict | None,
    }  # fmt: skip
    if header.get("format") != FORMAT:
        raise ModelError(f"model={name!r}: a checkpoint, but not one that this version reads")
    odd = [key for key, form in forms.items() if not isinstance(header.get(key, ...), form)]
    if (
        odd
        or header["maps"] < 1
        or header["maps"] is True
        or not all(isinstance(c, str) for c in header["classes"])
    ):
        raise ModelError(f"model={name!r}: its header is damaged ({odd[0] if odd else 'maps'})")
