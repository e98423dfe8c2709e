"""Texts of a page: names, numbers, and file names made from them."""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from annealcam._internal.text import number

UNKNOWN = "–"


def cleaned(value: Any) -> Any:
    """Return a value whose texts have no control characters and no unpaired surrogates.

    >>> cleaned({"a\\x00": ["b\\ud800", 3]})
    {'a\ufffd': ['b\ufffd', 3]}
    """
    if isinstance(value, str):
        if value.isprintable():
            return value
        return "".join("\ufffd" if _unprintable(letter) else letter for letter in value)
    if isinstance(value, dict):
        return {cleaned(name): cleaned(inner) for name, inner in value.items()}
    return [cleaned(inner) for inner in value] if isinstance(value, list) else value


def _unprintable(letter: str) -> bool:
    return letter not in "\t\n" and unicodedata.category(letter) in ("Cc", "Cs")


def with_texts(table: pa.Table, change: Callable[[str], str]) -> pa.Table:
    """Return a table with every text changed.

    >>> with_texts(pa.table({"class": ["a", None], "d": [1, 2]}), str.upper)["class"].to_pylist()
    ['A', None]
    """
    for i, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            texts = [None if text is None else change(text) for text in table[i].to_pylist()]
            table = table.set_column(i, field, pa.array(texts, field.type))
    return table


def file_stem(*names: str) -> str:
    """Return a file name for some names: readable, valid on every system, and unique.

    >>> file_stem("church", "../a b.JPEG")
    'church-a-b-jpeg-a35c0ba7a50f1749'
    """
    words = re.sub(r"[^a-z0-9]+", "-", "-".join(names).lower()).strip("-")
    digest = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]
    return f"{words[:48].strip('-') or 'photo'}-{digest}"


def natural(name: str) -> tuple[Any, ...]:
    """Return a sort key that orders 2 before 10.

    >>> sorted(["b10", "b2", "a"], key=natural)
    ['a', 'b2', 'b10']
    """
    parts = re.split(r"(\d{1,18})", name.casefold())
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts)), name


def real(value: Any) -> float | None:
    """Return a finite number, or None.

    >>> real(2), real(float("nan")), real(None)
    (2.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def figure_of(value: Any, form: str = "") -> str:
    """Return a number with three digits or in a given format; a dash if it is unknown.

    >>> figure_of(1797), figure_of(0.25), figure_of(None), figure_of(0.25, ".0%")
    ('1797', '0.25', '–', '25%')
    """
    known = real(value)
    if known is None:
        return UNKNOWN
    if form:
        return format(known, form)
    return str(value) if isinstance(value, int) else number(known)
