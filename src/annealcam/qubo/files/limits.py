"""What all readers of problem files check before they allocate anything."""

from __future__ import annotations

import numpy as np

from annealcam.errors import ProblemFileError, ProblemTooLargeError

MAX_BYTES = 64 << 20  # far more than any problem that can be annealed
MAX_VARIABLES = 1024  # so that J is never huge
MAX_WORDS = 4 << 20  # eight for each pair of variables
MAX_LINE = 128 << 10  # bytes
KNOWN = (
    "give a dimod model (bqm.to_file() or its JSON), an .npz file with h and J, or another format "
    "of `read_problem`"
)


def check_size(variables: int) -> int:
    """Return the number of variables; raise ProblemTooLargeError if it is above the limit."""
    if variables > MAX_VARIABLES:
        raise ProblemTooLargeError(
            f"d={variables}: problems are limited to {MAX_VARIABLES} variables"
        )
    return variables


def check_words(raw: bytes) -> None:
    """Raise ProblemFileError for a text with more words, or longer lines, than a problem needs.

    Each word of a text takes over 50 bytes as an object, and a small file may hold millions.
    """
    read = np.frombuffer(raw, np.uint8)
    blank = read <= ord(" ")
    words = int(np.count_nonzero(blank[1:] & ~blank[:-1])) + raw.count(b",")
    if max(words, 2 * raw.count(b"\n"), 2 * raw.count(b"\r")) > MAX_WORDS:
        raise ProblemFileError(f"has over {MAX_WORDS} words or half as many lines; {KNOWN}")
    ends = np.flatnonzero((read == ord("\n")) | (read == ord("\r")))
    if np.diff(ends, prepend=-1, append=len(raw)).max() > MAX_LINE:
        raise ProblemFileError(f"has a line of over {MAX_LINE >> 10} KiB; {KNOWN}")


def check_nesting(raw: bytes) -> None:
    """Raise ProblemFileError for JSON with more values than a problem needs."""
    if raw.count(b",") > MAX_WORDS or raw.count(b"[") + raw.count(b"{") > MAX_WORDS:
        raise ProblemFileError(f"has over {MAX_WORDS} values; {KNOWN}")
