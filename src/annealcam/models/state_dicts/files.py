"""Open a weights file of any common format, without running any code of it.

`torch.load(weights_only=True)` builds tensors, numbers, strings and containers, and nothing else.
Files often hold more: the settings of a trainer, numpy scalars, a scheduler. Each class that such
an object names is replaced by an empty stand-in, so that the tensors beside it can be read; the
class itself is never imported.
"""

from __future__ import annotations

import hashlib
import io
import pickletools
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from annealcam._internal.text import shorten
from annealcam.errors import ModelError, ModelNameError

SUFFIXES = (
    ".pth",
    ".pt",
    ".ckpt",
    ".tar",
    ".bin",
    ".safetensors",
    ".th",
    ".weights",
    ".onnx",
    ".pt2",
)
_SAVE = "torch.save(model.state_dict(), 'mine.pth')"
_NEVER_NAMED = ("os", "posix", "nt", "sys", "subprocess")
_LOADING = Lock()  # the stand-ins are set for the whole process while a file is read
_LEGACY_PICKLES = 5  # magic number, version, system, object, and the keys of its storages
_OBJECT = 3


class Unknown:
    """An object of a class that only the file names; nothing of the class is run."""

    state: Any = None

    def __new__(cls, *_args: Any, **_options: Any) -> Unknown:
        """Ignore all arguments."""
        return super().__new__(cls)

    def __init__(self, *_args: Any, **_options: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    @property
    def parts(self) -> dict[Any, Any]:
        """Return the attributes of the object, as far as the file holds them."""
        return self.state if isinstance(self.state, dict) else {}


class _UnknownMapping:
    """As `Unknown`, for classes that inherit from dict: torch fills only plain containers."""

    def __new__(cls, *_args: Any, **_options: Any) -> OrderedDict[str, Any]:  # type: ignore[misc]
        return OrderedDict()


class _UnknownAttribute:
    """As `Unknown`, for `getattr`, by which pickles name methods and classes within classes."""

    def __new__(cls, *_args: Any) -> type[Unknown]:  # type: ignore[misc]
        return Unknown


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def read_object(file: Path) -> Any:
    """Return what a weights file holds: usually a dictionary of tensors, or of dictionaries.

    Raises:
        ModelNameError: there is no such file.
        ModelError: the file is empty, damaged, of another format, or describes larger tensors than
            it holds.
    """
    _refuse_no_file(file)
    try:
        _refuse_other_formats(file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is then refused, or not needed
            if _is_safetensors(file):
                return _read_safetensors(file)
            return _read_torch(file)
    except ModelError:
        raise
    except (Exception, RecursionError) as error:
        raise ModelError(
            f"weights={str(file)!r}: damaged, or not a file of plain tensors ({_reason(error)}); "
            f"nothing else is unpickled. Save the tensors alone, by {_SAVE} or by safetensors"
        ) from error


def _reason(error: Exception) -> str:
    """Return the line of an error of torch that holds its reason."""
    text = str(error).partition("WeightsUnpickler error:")[2] or str(error)
    return shorten(next(iter(text.strip().splitlines()), type(error).__name__), 160)


def _refuse_no_file(file: Path) -> None:
    try:
        is_folder, is_file = file.is_dir(), file.is_file()
    except (OSError, ValueError):  # too long for a path, or with a null character
        is_folder = is_file = False
    if is_folder:
        raise ModelNameError(f"weights={str(file)!r}: is a folder; give the file of weights in it")
    if not is_file:
        raise ModelNameError(f"weights={shorten(str(file), 200)!r}: no such file")
    if file.stat().st_size == 0:
        raise ModelError(f"weights={str(file)!r}: the file is empty; copy or download it again")


def _refuse_other_formats(file: Path) -> None:
    """Refuse known formats that are no weights files of PyTorch, each with what to do instead."""
    with file.open("rb") as opened:
        start = opened.read(512)
    way = ""
    if file.suffix == ".onnx" or b"onnx" in start[:64]:
        way = (
            "an ONNX graph, which torch cannot differentiate; load the network in PyTorch "
            f"where it came from, and {_SAVE}"
        )
    elif start.startswith(b"\x89HDF"):
        way = "an HDF5 file, as Keras writes it; annealcam explains networks of PyTorch only"
    elif start[257:262] == b"ustar" or start.startswith(b"\x1f\x8b"):
        way = f"an archive (tar or gzip); unpack it, or save again by {_SAVE}"
    elif start.lstrip()[:5].lower() in (b"<!doc", b"<html"):
        way = "a web page, not the download itself; download the file again"
    elif start.startswith(b"version https://git-lfs"):
        way = "a pointer of Git LFS, not the file itself; fetch it by `git lfs pull`"
    if way:
        raise ModelError(f"weights={str(file)!r}: {way}")


def _is_safetensors(file: Path) -> bool:
    with file.open("rb") as opened:
        start = opened.read(9)
    return file.suffix == ".safetensors" or (start[8:] == b"{" and start[:4] != b"PK\x03\x04")


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    """Read a file of safetensors, whose header the library compares with the file's length."""
    from safetensors.torch import load_file

    return load_file(file)


def _read_torch(file: Path) -> Any:
    if not zipfile.is_zipfile(file):
        # Of a map, no more is read than it holds, whatever length a file states.
        with file.open("rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as content:
            pickles = [
                list(pickletools.genops(content))  # type: ignore[arg-type]  # reads as a file does
                for _ in range(_LEGACY_PICKLES)
            ]
        names = _globals(file, [*pickles[_OBJECT], *pickles[-1]])
        _refuse_large_storages(file, pickles[_OBJECT])
        return _load(file, names)
    names, script = _checked_parts(file)
    if script:
        script_module = _load(_without_code(file), names)
        return _script_tensors(script_module) if isinstance(script_module, Unknown) else {}
    for tensor in _all_tensors(_load(file, names, map_location="meta")):
        if tensor.numel() * tensor.element_size() > file.stat().st_size:
            shape = tuple(tensor.shape)
            raise ModelError(
                f"weights={str(file)!r}: refused, a tensor of shape {shape} is larger than the file"
            )
    return _load(file, names, mmap=True)


def _checked_parts(file: Path) -> tuple[list[str], bool]:
    """Return the classes that a zip file names, and whether it is TorchScript."""
    with zipfile.ZipFile(file) as archive:
        infos = [i for i in archive.infolist() if "/code/" not in i.filename]  # of TorchScript
        if sum(max(i.file_size, i.compress_size) for i in infos) > file.stat().st_size:
            raise ModelError(
                f"weights={str(file)!r}: refused, its parts unpack to more than the file's size; "
                f"torch.save does not compress"
            )
        if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
            raise ModelError(
                f"weights={str(file)!r}: its parts are compressed, as torch.save never does; "
                f"unpack the file that is inside, or save again by {_SAVE}"
            )
        inside = [info.filename.partition("/")[2] for info in infos]
        if "archive_format" in inside or "models/model.json" in inside:
            raise ModelError(
                f"weights={str(file)!r}: a network of torch.export; name it .pt2 and leave out the "
                "architecture"
            )
        if "data.pkl" not in inside:
            raise ModelError(
                f"weights={str(file)!r}: a zip file without tensors of torch.save in it; unpack it "
                "and give the file of weights"
            )
        pickled = archive.read(infos[inside.index("data.pkl")])
    operations = list(pickletools.genops(pickled))
    return _globals(file, operations), "constants.pkl" in inside


def _globals(file: Path, operations: list[Any]) -> list[str]:
    """Return the dotted names of classes and functions in a pickle."""
    names = [str(value).replace(" ", ".") for op, value, _ in operations if op.name == "GLOBAL"]
    blocked = next((name for name in names if name.split(".")[0] in _NEVER_NAMED), None)
    if blocked:
        raise ModelError(
            f"weights={str(file)!r}: refused, the file would call {blocked}; nothing of it was run"
        )
    return list(dict.fromkeys(names))


def _refuse_large_storages(file: Path, operations: list[Any]) -> None:
    """Refuse tensors larger than the file, for which the format before torch 1.6 takes memory."""
    number = 0
    for op, value, _ in operations:
        if op.name.startswith(("BININT", "LONG")) and isinstance(value, int):
            number = value
        elif op.name == "BINPERSID" and number > file.stat().st_size:
            raise ModelError(
                f"weights={str(file)!r}: refused, a tensor of {number} values is larger than the "
                "file, which may be cut short"
            )


def _load(file: Path | io.BytesIO, names: list[str], **options: Any) -> Any:
    """Load with `weights_only=True`; classes beyond torch's list are replaced by stand-ins."""
    options = {"map_location": "cpu", "weights_only": True, **options}
    with _LOADING:
        try:
            with torch.serialization.safe_globals(_stand_ins(names, Unknown)):
                return torch.load(file, **options)
        except Exception as error:
            if "SETITEM" not in str(error):
                raise
        if not isinstance(file, Path):
            file.seek(0)
        with torch.serialization.safe_globals(_stand_ins(names, _UnknownMapping)):
            return torch.load(file, **options)


def _stand_ins(names: list[str], kind: type) -> list[Any]:
    """Return a stand-in for each class; torch prefers its own where it knows the name."""
    stand_ins: list[Any] = [Unknown]
    for name in dict.fromkeys([*names, *map(_renamed, names)]):
        module, _, last = name.rpartition(".")
        base = Unknown if module.startswith("numpy") else kind
        base = _UnknownAttribute if last == "getattr" else base
        stand_ins.append(type(last, (base,), {"__module__": module, "__qualname__": last}))
    return stand_ins


def _renamed(name: str) -> str:
    """Return the name under which torch looks for a global that Python 2 named otherwise."""
    from torch._utils import IMPORT_MAPPING, NAME_MAPPING

    module, _, last = name.rpartition(".")
    if (module, last) in NAME_MAPPING:
        return ".".join(NAME_MAPPING[(module, last)])
    return f"{IMPORT_MAPPING.get(module, module)}.{last}"


def _without_code(file: Path) -> io.BytesIO:
    """Return a TorchScript archive without its code: the objects and their tensors."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(buffer, "w") as copy:
        for info in archive.infolist():
            name = info.filename.partition("/")[2]
            if name == "data.pkl" or name.startswith("data/") or name in ("byteorder", "version"):
                copy.writestr(f"archive/{name}", archive.read(info))
    buffer.seek(0)
    return buffer


def _script_tensors(module: Any) -> dict[str, Tensor]:
    """Return the tensors of a TorchScript module by name, as its state_dict() has them."""
    tensors: dict[str, Tensor] = {}
    waiting, visited = [("", module)], set()
    while waiting:
        before, module = waiting.pop()
        for name, value in module.parts.items():
            if isinstance(value, Tensor):
                tensors[f"{before}{name}"] = value
            elif isinstance(value, Unknown) and id(value) not in visited:
                visited.add(id(value))
                waiting.append((f"{before}{name}.", value))
    return tensors


def _all_tensors(value: Any) -> Iterator[Tensor]:
    """Visit each container once: a hostile file may nest references without end."""
    waiting, visited = [value], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, dict | list | tuple) and id(value) not in visited:
            visited.add(id(value))
            waiting.extend(value.values() if isinstance(value, dict) else value)
