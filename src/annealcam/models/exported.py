"""Networks in `.pt2` files (torch.export), read without running any code that the file brings.

`torch.export.load` unpickles every part of a file that is marked as pickled, resolves operator
names by attribute access from the module `torch`, inserts names into source code, and passes
symbolic sizes to `eval`. Therefore torch never reads the file itself: the parts that a plain export
needs are checked one by one and packed again, and torch reads the result.
"""

from __future__ import annotations

import io
import json
import logging
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from annealcam.errors import ModelError

_OPERATORS = re.compile(
    r"torch\.ops\.(aten|prims|torchvision)\.\w+(\.\w+)?"
    r"|torch\.ops\.higher_order\.wrap_with_(set_grad_enabled|autocast)"
    r"|_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|pow|neg|pos|eq|ne|lt|le|gt|ge|and_|or_)"
    r"|math\.(trunc|floor|ceil|sqrt)|torch\.sym_[a-z]+"
)
_WORDS = re.compile(
    r"Symbol|Integer|Rational|Float|Add|Mul|Pow|Mod|PythonMod|Max|Min|And|Or|Not|Eq|Ne|Lt|Le|Gt|Ge"
    r"|FloorDiv|CleanDiv|CeilDiv|ModularIndexing|Where|positive|nonnegative|integer|real|True|False"
    r"|Equality|Unequality|(Strict)?(Less|Greater)Than|(zf|zu|s|u|i|f)?\d+"
)
_EXPRESSION = re.compile(r"[\w\s+\-*/%(),<>=&|~']*")
_STACK = re.compile(r"[\w.,;@<>\-]*")  # the modules that a node came from
_NAME = re.compile(r"[\w.+:\-]*")
_TREE = re.compile(r"[\w\s.,:\"\[\]{}]*")
_MEMBERS = re.compile(
    r"models/model\.json|data/weights/(weight_\d+|model_weights_config\.json)"
    r"|data/constants/(tensor_\d+|model_constants_config\.json)|data/sample_inputs/model\.pt"
    r"|archive_format|archive_version|byteorder|\.data/(version|serialization_id)|extra/.*"
)
SETTINGS = "annealcam.json"
_UNPACKED = 2**27  # bytes by which the parts may exceed the file; weights are not compressed


def load_exported(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Return the network in a `.pt2` file, with its module tree, and its `annealcam.json`.

    `annealcam.json` is an extra file of the export (`torch.export.save(..., extra_files=...)`);
    it may hold `classes`, `mean`, `std`, `resize`, `crop` and `interpolation`.

    Raises:
        ModelError: not a `.pt2` file, one that this version of torch cannot read, or one that
            holds pickled objects, compiled libraries, unusual operators or odd names.
    """
    try:
        parts = _checked_parts(path)
        settings = json.loads(parts.pop(f"extra/{SETTINGS}", b"{}"))
        with _torch_keeps_quiet():
            network: nn.Module = torch.export.unflatten(torch.export.load(_packed(parts)))
    except ModelError:
        raise
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"model={str(path)!r}: cannot be read as a torch.export file ({first[:200]}); "
            "write it again by torch.export.save"
        ) from error
    if not isinstance(settings, dict):
        raise ModelError(f"model={str(path)!r}: {SETTINGS} holds no settings; it must be an object")
    return network, settings


def _checked_parts(path: Path) -> dict[str, bytes]:
    """The parts of a plain export, by their names below the archive's root."""
    parts: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as archive:
        size, entries = path.stat().st_size, archive.infolist()
        if sum(entry.file_size for entry in entries) > _UNPACKED + size:
            raise ModelError(f"model={str(path)!r}: refused, it unpacks to far more than its size")
        if any(entry.compress_size > size for entry in entries):  # zipfile would reserve as much
            raise ModelError(f"model={str(path)!r}: damaged, a part is longer than the file")
        inside = [entry.filename.partition("/") for entry in entries]
        if not any(name == "archive_format" for _, _, name in inside):
            raise ModelError(f"model={str(path)!r}: not written by torch.export.save of torch 2.8+")
        for root, slash, name in inside:
            reason = "stands twice" if name in parts else _why_not(name)
            reason = reason if root == inside[0][0] else "has another root"
            if not reason and not name.startswith("extra/"):
                parts[name] = archive.read(root + slash + name)
                reason = _wrong_inside(name, parts)
            elif name == f"extra/{SETTINGS}":
                parts[name] = archive.read(root + slash + name)
            if reason:
                raise ModelError(
                    f"model={str(path)!r}: refused, {name} {reason}; "
                    "export the network again with plain tensors only"
                )
    parts["data/sample_inputs/model.pt"] = b""  # pickled, and of no use here
    return parts


def _packed(parts: dict[str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:  # stored, not compressed, as torch wants it
        for name, data in parts.items():
            archive.writestr(f"archive/{name}", data)
    buffer.seek(0)
    return buffer


def _why_not(name: str) -> str:
    return "" if _MEMBERS.fullmatch(name) else "has no place in a plain export"


def _wrong_inside(name: str, parts: dict[str, bytes]) -> str:
    if name == "models/model.json":
        graph = json.loads(parts[name])
        _strip(graph)
        parts[name] = json.dumps(graph).encode()
        return next(filter(None, (_wrong_string(*pair) for pair in _strings(graph))), "")
    if name.endswith("_config.json"):
        config = json.loads(parts[name])
        if any(_is_object(payload) for payload in config["config"].values()):
            return "lists pickled objects"
        return next(filter(None, (_wrong_string(*pair) for pair in _strings(config))), "")
    return ""


def _is_object(payload: dict[str, Any]) -> bool:
    return payload["use_pickle"] or not payload["path_name"].startswith(("weight_", "tensor_"))


def _strip(value: Any) -> None:
    """Leave out what a network does not need to run: where its code was, and guards on inputs."""
    if isinstance(value, dict):
        value.pop("stack_trace", None)
        value.pop("torch_fn", None)
        if "guards_code" in value:
            value["guards_code"] = []
        for inner in value.values():
            _strip(inner)
    elif isinstance(value, list):
        for inner in value:
            _strip(inner)


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every string in a JSON value with the key that it stands under, and every key as a name."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for inner_key, inner in value.items():
            yield "", inner_key
            yield from _strings(inner, inner_key)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)


def _wrong_string(key: str, text: str) -> str:
    if key in ("target", "as_operator"):
        return "" if _OPERATORS.fullmatch(text) else f"calls {text!r}"
    if key == "expr_str":
        return "" if _is_plain_expression(text) else f"holds the expression {text!r}"
    if key in ("in_spec", "out_spec"):
        return "" if _is_plain_tree(text) else f"holds the structure {text!r}"
    allowed = _STACK if key == "nn_module_stack" else _NAME
    return "" if allowed.fullmatch(text) else f"holds the name {text!r}"


def _is_plain_expression(text: str) -> bool:
    words = re.findall(r"\w+", text)
    return bool(_EXPRESSION.fullmatch(text)) and all(map(_WORDS.fullmatch, words))


def _is_plain_tree(text: str) -> bool:
    kinds = re.findall(r'"type": "([^"]*)"', text)
    return bool(_TREE.fullmatch(text)) and all(
        kind in ("builtins.tuple", "builtins.list", "builtins.dict") for kind in kinds
    )


@contextmanager
def _torch_keeps_quiet() -> Iterator[None]:
    """Its loader logs whole tracebacks on the way to the error that it raises."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
