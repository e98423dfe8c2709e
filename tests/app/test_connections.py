"""Visitors who send nothing, send slowly, or take no answer do not keep others waiting."""

import logging
import re
import socket
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from urllib.parse import urlsplit

import httpx
import pytest

uvicorn = pytest.importorskip("uvicorn")

from annealcam.app import connections as limited  # noqa: E402
from annealcam.app.application import Guard, Refused, _body, _problem  # noqa: E402
from annealcam.app.connections import Connection, Connections  # noqa: E402
from annealcam.app.server import one_line_for_failures  # noqa: E402
from tests.app import served  # noqa: E402

UPLOAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
VISIT = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LARGE = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"
LIMIT = 20.0  # seconds on a busy machine; without limits nobody would be answered


async def count(scope, receive, send):
    """Answer with the number of bytes that arrived, or with many bytes, or fail."""
    from starlette.requests import Request
    from starlette.responses import Response

    if scope["path"] == "/fail":
        raise RuntimeError("two\nlines")
    try:
        body = await _body(Request(scope, receive), 1 << 22)
        size = 32 << 20 if scope["path"] == "/large" else 0
        answer = Response(bytes(size) or str(len(body)))
    except Refused as error:
        answer = _problem(error.status, str(error))
    await answer(scope, receive, send)


class Served:
    """A small server within the limits of the page, in a thread."""

    def __init__(self, most=256, most_of_address=64, most_bytes=1 << 27):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.connections = Connections(most, most_of_address, most_bytes)
        config = uvicorn.Config(
            Guard(count, None), log_level="error", access_log=False, ws="none", lifespan="off",
            http=partial(Connection, self.connections), timeout_graceful_shutdown=0.2,
            h11_max_incomplete_event_size=1 << 14,
        )  # fmt: skip

        class Server(uvicorn.Server):
            async def startup(self, sockets=None):
                await super().startup(sockets)
                one_line_for_failures()
                started.set()

        started = threading.Event()
        self.server = Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([self._socket],))
        self.thread.start()
        assert started.wait(60)

    def connect(self, stack, *parts):
        """Return a connection that has sent some bytes."""
        one = stack.enter_context(socket.create_connection(("127.0.0.1", self.port), timeout=60))
        for part in parts:
            one.sendall(part)
        return one

    def stop(self):
        self.server.should_exit = True
        self.thread.join()


@contextmanager
def serving(**limits):
    made = Served(**limits)
    try:
        with ExitStack() as stack:
            yield made, stack
    finally:
        made.stop()


@pytest.fixture
def short(monkeypatch):
    """Short times, so that the tests need not wait."""
    for name, seconds in (("HEAD_TIMEOUT", 0.3), ("GRACE", 0.2), ("TAKE_TIMEOUT", 1.0)):
        monkeypatch.setattr(limited, name, seconds)


def until(condition):
    """Wait until something holds."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < LIMIT
        time.sleep(0.005)


def received(one):
    """Return all that a connection receives until it is closed."""
    parts = []
    with suppress(ConnectionResetError):
        while part := one.recv(1 << 20):
            parts.append(part)
    return b"".join(parts)


def body(one):
    """Return the body of the next answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += one.recv(1 << 16)
    head, _, data = data.partition(b"\r\n\r\n")
    size = int(re.search(rb"content-length: (\d+)", head)[1])
    while len(data) < size:
        data += one.recv(1 << 16)
    return data


def answers(one):
    """Return whether a visit on this connection is answered."""
    one.sendall(VISIT)
    return body(one) == b"0"


def test_silent_connections_and_slow_uploads_keep_nobody_waiting():
    parts = urlsplit(served.address())
    with ExitStack() as stack:
        for data in [b""] * 260 + [UPLOAD.replace(b"/ ", b"/photo ") + b"x"] * 100:
            one = socket.create_connection((parts.hostname, parts.port), timeout=60)
            stack.enter_context(one).sendall(data)
        begin = time.monotonic()
        assert httpx.get(served.address(), timeout=60).status_code == 200
        assert time.monotonic() - begin < LIMIT
        assert served.post()[0] == 200


def test_the_connection_idle_for_longest_is_closed_first_then_the_slowest_upload(monkeypatch):
    monkeypatch.setattr(limited, "NEW", 0.0)
    with serving(most=4, most_of_address=3) as (server, stack):
        slow = server.connect(stack, UPLOAD, b"x" * 10)
        first, second = server.connect(stack), server.connect(stack)
        assert answers(second)
        assert answers(server.connect(stack))
        assert received(first) == b""
        fast = server.connect(stack, UPLOAD, b"x" * 100_000)
        assert received(second) == b""
        others = [server.connect(stack, UPLOAD, b"x" * 50_000)]
        until(lambda: sum(one.bytes for one in server.connections) == 150_010)
        others.append(server.connect(stack, UPLOAD, b"x" * 50_000))
        assert received(slow) == b""
        until(lambda: len(server.connections) == 3)
        fast.sendall(b"x" * 900_000)
        assert body(fast) == b"1000000"
        assert others


def test_new_connections_are_closed_after_slow_uploads_and_the_oldest_of_them_first(monkeypatch):
    monkeypatch.setattr(limited, "NEW", LIMIT)
    with serving(most_of_address=3) as (server, stack):
        slow = [server.connect(stack, UPLOAD, b"x") for _ in range(2)]
        until(lambda: sum(one.bytes for one in server.connections) == 2)
        for connection in server.connections:
            connection._since -= LIMIT
        visitor, other = server.connect(stack), server.connect(stack)
        assert received(slow[0]) == b""
        third = server.connect(stack)
        assert received(slow[1]) == b""
        server.connect(stack)
        assert received(visitor) == b""
        assert answers(other)
        assert answers(third)


def test_a_visitor_among_many_others_at_once_is_answered():
    with serving(most=300, most_of_address=10) as (server, stack):
        before = [server.connect(stack) for _ in range(100)]
        visitor = server.connect(stack, VISIT)
        after = [server.connect(stack) for _ in range(100)]
        assert body(visitor) == b"0"
        until(lambda: len(server.connections) == 10)
        assert before
        assert after


def test_a_flood_is_closed_at_once(monkeypatch):
    monkeypatch.setattr(limited, "SETTLING", 1000.0)
    with serving(most=3) as (server, stack):
        flood = [server.connect(stack) for _ in range(10)]
        for one in flood[:4]:
            assert received(one) == b""
        assert len(server.connections) == 6


def test_uploads_that_are_arriving_share_the_memory():
    with serving(most_bytes=1_000_000) as (server, stack):
        slow = server.connect(stack, UPLOAD, b"x" * 300_000)
        fast = server.connect(stack, UPLOAD, b"x" * 800_000)
        assert received(slow) == b""
        fast.sendall(b"x" * 200_000)
        assert body(fast) == b"1000000"


def test_a_slow_upload_is_refused(short):
    with serving() as (server, stack):
        begin = time.monotonic()
        assert b" 408 " in received(server.connect(stack, UPLOAD, b"x"))
        assert limited.GRACE < time.monotonic() - begin < limited.GRACE + LIMIT


def test_a_head_that_does_not_end_is_closed(short):
    with serving() as (server, stack):
        begin = time.monotonic()
        silent, slow = server.connect(stack), server.connect(stack, b"GET / HT")
        long = server.connect(stack, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000)
        assert b" 400 " in long.recv(1000)
        for waiting in (silent, slow):
            assert received(waiting) == b""
        assert limited.HEAD_TIMEOUT < time.monotonic() - begin < limited.HEAD_TIMEOUT + LIMIT


def test_answers_that_are_not_taken_are_given_up(short):
    with serving() as (server, stack):
        lazy = server.connect(stack, LARGE * 3)
        until(lambda: server.connections)
        until(lambda: not server.connections)
        assert len(received(lazy)) < 32 << 20


def test_an_answer_that_is_taken_slowly_is_whole(short, monkeypatch):
    monkeypatch.setattr(limited, "TAKE_TIMEOUT", 60.0)
    monkeypatch.setattr(limited, "LEAST_RATE", 0)
    with serving() as (server, stack):
        one = server.connect(stack, LARGE)
        size = 0
        while size < 32 << 20:
            part = one.recv(1 << 20)
            assert part
            size += len(part)
            time.sleep(0.02)  # 0.64 seconds in all, longer than the time for the head of a request
        assert answers(one)


def test_pipelined_and_repeated_requests_are_answered():
    with serving() as (server, stack):
        one = server.connect(stack, *[VISIT * 2] * 3)
        data = b""
        while data.count(b"HTTP/1.1 200") < 6:
            part = one.recv(1 << 16)
            assert part
            data += part


def test_answers_do_not_wait_for_receipts():
    with serving() as (server, stack):
        assert answers(server.connect(stack))
        for connection in server.connections:
            sock = connection.transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_visitor_may_wait_for_leave_to_send():
    with serving() as (server, stack):
        asks = UPLOAD.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
        one = server.connect(stack, asks)
        assert one.recv(1000).startswith(b"HTTP/1.1 100 ")
        one.sendall(b"x" * 1_000_000)
        assert body(one) == b"1000000"


def test_failures_are_one_line_in_the_log(caplog, capfd):
    torn = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    with caplog.at_level(logging.ERROR), serving() as (server, stack):
        assert b" 500 " in server.connect(stack, VISIT.replace(b"/ ", b"/fail ")).recv(1 << 16)
        for data in (
            VISIT + b"nonsense\r\n\r\n", torn + b"nonsense\r\n", torn[:-8], b"\0" * 100,
            LARGE + b"\xff\r\n\r\n", VISIT.replace(b"localhost", b"[::1"),
            VISIT.replace(b"\r\n\r\n", b"\r\nOrigin: http://[\r\n\r\n"),
        ):  # fmt: skip
            one = server.connect(stack, data)
            one.shutdown(socket.SHUT_WR)
            one.close()
        assert answers(server.connect(stack))
        waiting = server.connect(stack, UPLOAD)  # is being received when the server ends
        server.stop()
        assert received(waiting) == b""
    assert "GET /fail: RuntimeError: two lines" in [
        record.getMessage() for record in caplog.records
    ]
    assert [record for record in caplog.records if record.exc_info] == []
    assert "Traceback" not in capfd.readouterr().err
