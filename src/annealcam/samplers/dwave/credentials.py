"""The credentials stay where they are: out of messages, out of logs, out of results."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

HIDDEN = "***"
_SECRET = ("token", "headers", "proxy")  # keys of a configuration that hold credentials


def scrubbed(text: str) -> str:
    """Return the text in one line, with every secret of D-Wave's configuration hidden.

    >>> scrubbed("401 Client Error:\\n  Unauthorized")
    '401 Client Error: Unauthorized'
    """
    return " ".join(_without(text, _secrets()).split())


def configuration() -> dict[str, Any]:
    """Return D-Wave's configuration, of its file and the environment; loading it is not logged.

    Raises:
        Exception: whatever D-Wave's loader raises for a file or a profile that is not there.
    """
    from dwave.cloud.config import load_config

    with _filtered(lambda _record: False):  # at level TRACE the loader tells all it reads
        return load_config()


@contextmanager
def unlogged() -> Iterator[None]:
    """Keep the secrets out of the log, to which D-Wave's client writes them at level DEBUG."""
    secrets = _secrets()

    def hide(record: logging.LogRecord) -> bool:
        record.msg, record.args = _without(record.getMessage(), secrets), ()
        if record.exc_info:  # as text: the exception itself holds the request and its headers
            told = logging.Formatter().formatException(record.exc_info)
            record.exc_text, record.exc_info = _without(told, secrets), None
        return True

    with _filtered(hide):
        yield


@contextmanager
def _filtered(keep: Callable[[logging.LogRecord], bool]) -> Iterator[None]:
    """A filter on each logger of D-Wave's, and so before any handler, as long as this lasts."""
    known = logging.root.manager.loggerDict
    names = [name for name in known if name == "dwave" or name.startswith("dwave.")]
    loggers = [logging.getLogger(name) for name in names]
    for logger in loggers:
        logger.addFilter(keep)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(keep)


def _secrets() -> list[str]:
    """What must not be shown, the longest first: one may hold another."""
    found = [os.environ.get(f"DWAVE_API_{key.upper()}") for key in _SECRET]
    try:
        configured = configuration()
        found += [configured.get(key) for key in _SECRET]
    except Exception:  # a broken configuration is reported elsewhere; here it holds no secret
        pass
    return sorted({str(s) for s in found if s}, key=len, reverse=True)


def _without(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text
