"""Visitors who send nothing, or slowly, do not keep others waiting."""

import socket
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest

from annealcam.app.limits import GRACE, HEAD_TIMEOUT
from tests.app import served

pytest.importorskip("starlette")
UPLOAD = b"POST /photo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
LIMIT = 20.0  # seconds on a busy machine; without limits nobody would be answered


def connect(stack):
    parts = urlsplit(served.address())
    return stack.enter_context(socket.create_connection((parts.hostname, parts.port), timeout=60))


def seconds_of_a_visit():
    begin = time.monotonic()
    assert httpx.get(served.address(), timeout=60).status_code == 200
    return time.monotonic() - begin


def test_silent_connections_and_slow_uploads_keep_nobody_waiting():
    with ExitStack() as stack:
        for _ in range(260):
            connect(stack)
        for _ in range(100):
            connect(stack).sendall(UPLOAD + b"x")
        assert seconds_of_a_visit() < LIMIT
        assert served.post()[0] == 200


def test_a_slow_upload_is_refused():
    with ExitStack() as stack:
        slow = connect(stack)
        slow.sendall(UPLOAD + b"x")
        begin = time.monotonic()
        answer = slow.recv(1000)
        assert b" 408 " in answer
        assert GRACE - 0.1 < time.monotonic() - begin < GRACE + LIMIT


def test_a_head_that_does_not_end_is_closed():
    with ExitStack() as stack:
        silent, slow, long = connect(stack), connect(stack), connect(stack)
        begin = time.monotonic()
        slow.sendall(b"GET / HT")
        long.sendall(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000)
        assert b" 400 " in long.recv(1000)
        for waiting in (silent, slow):
            assert waiting.recv(1000) == b""
        assert HEAD_TIMEOUT - 0.1 < time.monotonic() - begin < HEAD_TIMEOUT + LIMIT


def test_pipelined_and_repeated_requests_are_answered():
    with ExitStack() as stack:
        one = connect(stack)
        for _ in range(3):
            one.sendall(b"GET /page.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2)
        received = b""
        while received.count(b"HTTP/1.1 200") < 6:
            part = one.recv(1 << 16)
            assert part
            received += part
