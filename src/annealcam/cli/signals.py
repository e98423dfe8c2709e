"""Signals that end a command: they are handled like Ctrl-C, so that nothing is left half done."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT  # the exit code that shells expect after Ctrl-C
_codes: list[int] = []  # of a command that a signal ended
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
        if ending.code != INTERRUPTED:
            raise
        _codes.append(128 + received[0] if received else INTERRUPTED)
        raise SystemExit(_codes[-1]) from None
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def end_despite_threads() -> None:
    """End a process that a signal ended even if a thread computes: Python may crash with it.

    It is to be the last of the functions that `atexit` calls.
    """
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    if _codes and others:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.flush()
        os._exit(_codes[-1])
