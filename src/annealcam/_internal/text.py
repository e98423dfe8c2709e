"""Numbers and results as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unicodedata import category

_DIRECTIONS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def number(value: float) -> str:
    """Return a number with three significant digits.

    >>> number(0.012345), number(12345.6)
    ('0.0123', '1.23e+04')
    """
    return f"{value:.3g}"


def signed_maps(negative: float) -> str:
    """Return a warning about maps with that share of negative entries.

    >>> signed_maps(0.7)[:41]
    'signed maps (70% of the entries are negat'
    """
    return (
        f"signed maps ({negative:.0%} of the entries are negative): |cosine| mixes correlation and "
        "anti-correlation, and Grad-CAM++ does not apply"
    )


def chance(p: float) -> str:
    """Return a probability with three digits, without rounding it up to 1.

    >>> chance(0.25), chance(0.99999), chance(1.0)
    ('0.25', 'over 0.999', '1')
    """
    return "over 0.999" if 0.999 < p < 1 else number(p)


def percentage(share: float) -> str:
    """Return a share in per cent with one decimal.

    >>> percentage(0.1234), percentage(-1e-5)
    ('12.3 %', '0.0 %')
    """
    return f"{round(100 * share, 1) + 0.0:.1f} %"


def maps_counted(count: int) -> str:
    """Return a number of maps, in the singular for one.

    >>> maps_counted(1), maps_counted(5)
    ('1 map', '5 maps')
    """
    return f"{count} map{'' if count == 1 else 's'}"


def these_maps(count: int, of: int) -> str:
    """Return a selection of maps as the subject of a sentence.

    >>> these_maps(1, of=8), these_maps(3, of=8)
    ('this one of 8 maps', 'these 3 of 8 maps')
    """
    return f"these {count} of {of} maps" if count > 1 else f"this one of {of} maps"


def shorten(text: str, most: int) -> str:
    """Return a text of at most `most` characters, with an ellipsis where it was longer.

    >>> shorten("a long name", 6)
    'a lon…'
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def visible(text: str) -> str:
    """Return a text with its control characters as escapes, so that a terminal does not obey them.

    Names of classes and files may hold any characters. Line feeds and tabs are kept; characters
    that change the direction of writing, and bytes of file names that are no UTF-8, are not.

    >>> print(visible("cat\\x1b[2J"))
    cat\\x1b[2J
    """
    if text.isprintable():
        return text
    return "".join(c if _harmless(c) else c.encode("unicode_escape").decode() for c in text)


def one_line(text: str) -> str:
    """Return a text as `visible` does, with its line feeds as escapes as well.

    >>> print(one_line("two\\nlines"))
    two\\nlines
    """
    return visible(text).replace("\n", "\\n")


def storable(text: str) -> str:
    """Return a text that every file can hold: bytes of a name that are no UTF-8 become escapes.

    >>> print(storable("caf\\udce9.png"))
    caf\\udce9.png
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _harmless(character: str) -> bool:
    if character in "\n\t":
        return True
    return category(character) not in ("Cc", "Cs") and character not in _DIRECTIONS


def short_repr(kind: str, /, **facts: object) -> str:
    """Return the repr of a result: its type and a few values, floats with four digits.

    >>> short_repr("AnnealResult", d=8, success_probability=0.123456)
    'AnnealResult(d=8, success_probability=0.1235)'
    """
    parts = (f"{name}={_shown(value)}" for name, value in facts.items())
    return f"{kind}({', '.join(parts)})"


def repr_with(*attributes: str) -> Callable[[Any], str]:
    """Return a `__repr__` that shows some attributes, and arrays by shape and finite mean.

    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> repr_with("score", "mode")(SimpleNamespace(score=np.array([1.0, 2.0]), mode="deletion"))
    "SimpleNamespace(score=(2,) mean 1.5, mode='deletion')"
    """

    def represent(result: Any) -> str:
        parts = (f"{name}={_shown(getattr(result, name))}" for name in attributes)
        return f"{type(result).__name__}({', '.join(parts)})"

    return represent


def _shown(value: Any) -> str:
    import numpy as np  # here, since the command line shows texts without arrays

    if isinstance(value, np.ndarray):
        finite = value[np.isfinite(value)] if value.dtype.kind == "f" else value[:0]
        return f"{value.shape} mean {finite.mean():.4g}" if finite.size else f"{value.shape}"
    return f"{value:.4g}" if isinstance(value, float) else repr(value)
