"""Keep D-Wave's credentials out of messages, logs and results."""

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
    """Load D-Wave's configuration from its file and the environment, without logging it.

    Raises:
        Exception: as D-Wave's loader, for a missing file or profile.
    """
    from dwave.cloud.config import load_config

    with _filtered(lambda _record: False):  # at level TRACE the loader logs the values
        return load_config()


@contextmanager
def unlogged() -> Iterator[None]:
    """Hide the secrets that D-Wave's client would log at level DEBUG."""
    secrets = _secrets()

    def hide(record: logging.LogRecord) -> bool:
        record.msg, record.args = _without(record.getMessage(), secrets), ()
        if record.exc_info:  # as text: the exception itself holds the request and its headers
            traceback = logging.Formatter().formatException(record.exc_info)
            record.exc_text, record.exc_info = _without(traceback, secrets), None
        return True

    with _filtered(hide):
        yield


@contextmanager
def _filtered(keep: Callable[[logging.LogRecord], bool]) -> Iterator[None]:
    """Add a filter to each of D-Wave's loggers, where it precedes all handlers."""
    loggers_by_name = logging.root.manager.loggerDict
    names = [name for name in loggers_by_name if name == "dwave" or name.startswith("dwave.")]
    loggers = [logging.getLogger(name) for name in names]
    for logger in loggers:
        logger.addFilter(keep)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(keep)


def _secrets() -> list[str]:
    """Return the values to hide, the longest first, since one may contain another."""
    values = [os.environ.get(f"DWAVE_API_{key.upper()}") for key in _SECRET]
    try:
        configured = configuration()
        values += [configured.get(key) for key in _SECRET]
    except Exception:  # a broken configuration is reported elsewhere; here it holds no secret
        pass
    return sorted({str(value) for value in values if value}, key=len, reverse=True)


def _without(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text
