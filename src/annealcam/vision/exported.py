"""Networks in `.pt2` files (torch.export), read without running any code that the file brings.

`torch.export.load` unpickles whatever part of a file says that it is pickled, resolves operator
names by attribute access from the module `torch` down, and hands symbolic sizes to `eval`. So a
file is looked through first, and refused for anything that a plain export does not hold.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from annealcam.errors import ModelError

# `#` begins a name that torch hands to registered extensions; none of these patterns lets it in.
_OPERATOR = re.compile(
    r"torch\.ops\.(aten|prims|higher_order|torchvision)\.\w+(\.\w+)?|_operator\.[a-z]\w*"
    r"|math\.[a-z]\w*|torch\.sym_[a-z]\w*"
)
_EXPRESSION = re.compile(r"[\w\s+\-*/%(),<>=&|~']*")
_WORDS = {"Symbol", "Integer", "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "Max", "Min", "Mod", "And"}
_WORDS |= {"Or", "Not", "FloorDiv", "PythonMod", "CleanDiv", "CeilDiv", "ModularIndexing", "Where"}
_WORDS |= {"positive", "integer", "nonnegative", "real", "True", "False"}
_SYMBOL = re.compile(r"(zf|zu|s|u|i|f)\d+|\d+")


def load_exported(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Return the network in a `.pt2` file, with its module tree, and what `annealcam.json` says.

    `annealcam.json` is an extra file of the export (`torch.export.save(..., extra_files=...)`);
    it may hold `classes`, `mean`, `std`, `resize`, `crop` and `interpolation`.

    Raises:
        ModelError: not a `.pt2` file, one that this version of torch cannot read, or one that
            holds pickled objects, compiled libraries or unusual operators.
    """
    try:
        _look_through(path)
        extra = {"annealcam.json": ""}
        program = torch.export.load(path, extra_files=extra)
        network: nn.Module = torch.export.unflatten(program)
        return network, json.loads(extra["annealcam.json"] or "{}")
    except ModelError:
        raise
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"model={str(path)!r}: cannot be read as a torch.export file ({first}); "
            "write it again by torch.export.save"
        ) from error


def _look_through(path: Path) -> None:
    """Refuse a file that holds more than a plain export does."""
    with zipfile.ZipFile(path) as archive:
        inside = [name.split("/", 1)[-1] for name in archive.namelist()]
        if "archive_format" not in inside:
            raise ModelError(f"model={str(path)!r}: not written by torch.export.save of torch 2.6+")
        for full, name in zip(archive.namelist(), inside, strict=True):
            reason = _what_is_wrong(name, archive, full)
            if reason:
                raise ModelError(
                    f"model={str(path)!r}: refused, {name} {reason}; "
                    "export the network again with plain tensors only"
                )


def _what_is_wrong(name: str, archive: zipfile.ZipFile, full: str) -> str | None:
    folder = name.rsplit("/", 1)[0]
    if folder == "models" and name.endswith(".json"):
        return _wrong_in_graph(json.loads(archive.read(full)))
    if name.endswith("_config.json"):
        pickled = [c for c in json.loads(archive.read(full))["config"].values() if _is_object(c)]
        return "lists pickled objects" if pickled else None
    if name.endswith(".pt"):
        try:
            torch.load(io.BytesIO(archive.read(full)), weights_only=True)
        except Exception:
            return "holds pickled objects"
        return None
    plain = ("data/weights", "data/constants", "extra", ".data")
    known = ("archive_format", "archive_version", "byteorder", "version")
    return None if folder in plain or name in known else "has no place in a plain export"


def _is_object(payload: dict[str, Any]) -> bool:
    return payload["use_pickle"] or not payload["path_name"].startswith(("weight_", "tensor_"))


def _wrong_in_graph(graph: Any) -> str | None:
    for key, value in _strings(graph):
        if key == "target" and not _OPERATOR.fullmatch(value):
            return f"calls {value!r}"
        if key == "expr_str" and not _is_plain_expression(value):
            return f"holds the expression {value!r}"
    return None


def _is_plain_expression(text: str) -> bool:
    words = re.findall(r"\w+", text)
    return bool(_EXPRESSION.fullmatch(text)) and all(
        w in _WORDS or _SYMBOL.fullmatch(w) for w in words
    )


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every string in a JSON value, with the key that it stands under."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for inner_key, inner in value.items():
            yield from _strings(inner, inner_key)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)
