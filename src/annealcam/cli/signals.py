"""Signals that end a command: they are handled like Ctrl-C, so that nothing is left half done."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT  # the exit code that shells expect after Ctrl-C
_NAMES = ("SIGTERM", "SIGHUP")  # of a shutdown or a batch system, and of a closed terminal


@contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM and SIGHUP, and exit with 128 + the signal's number.

    A signal that is ignored, as by `nohup`, remains so.
    """
    received: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    former = {number: signal.getsignal(number) for number in numbers}
    for number, handler in former.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    except SystemExit as ending:
        if received and ending.code == INTERRUPTED:
            raise SystemExit(128 + received[0]) from None
        raise
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
