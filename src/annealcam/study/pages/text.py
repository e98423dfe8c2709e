"""Names and numbers as a page shows them."""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from typing import Any

from annealcam._internal.text import number

UNKNOWN = "–"


def cleaned(value: Any) -> Any:
    """Return texts without what no page can hold: control characters and halves of letters.

    >>> cleaned({"a\\x00": ["b\\ud800", 3]})
    {'a\ufffd': ['b\ufffd', 3]}
    """
    if isinstance(value, str):
        if value.isprintable():
            return value
        return "".join("\ufffd" if _odd(letter) else letter for letter in value)
    if isinstance(value, dict):
        return {cleaned(name): cleaned(one) for name, one in value.items()}
    return [cleaned(one) for one in value] if isinstance(value, list) else value


def _odd(letter: str) -> bool:
    return letter not in "\t\n" and unicodedata.category(letter) in ("Cc", "Cs")


def file_stem(*names: str) -> str:
    """Return a file's name for some names: readable, safe on every system, and theirs alone.

    >>> file_stem("church", "../a b.JPEG")
    'church-a-b-jpeg-a35c0ba7a50f1749'
    """
    words = re.sub(r"[^a-z0-9]+", "-", "-".join(names).lower()).strip("-")
    own = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]
    return f"{words[:48].strip('-') or 'photo'}-{own}"


def natural(name: str) -> tuple[Any, ...]:
    """Return a key that puts 2 before 10.

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
    """Return a number in a few digits, or in a form of its own; a dash where it is unknown.

    >>> figure_of(1797), figure_of(0.25), figure_of(None), figure_of(0.25, ".0%")
    ('1797', '0.25', '–', '25%')
    """
    known = real(value)
    if known is None:
        return UNKNOWN
    if form:
        return format(known, form)
    return str(value) if isinstance(value, int) else number(known)
