"""Connections of visitors: limits of their number, their time and their rate.

A connection waits until the head of a request is complete, sends until its body is, is answered,
and takes the answer until no byte of it is left here. If there are too many, the one that has
waited for longest is closed, then the slowest of those that send or take: a visitor need not wait
for others that do nothing. New connections are given a moment to send their request first.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from enum import Enum, auto
from typing import Any, TypeAlias

from uvicorn.protocols.http.h11_impl import H11Protocol

from annealcam.app.limits import (
    GRACE,
    HEAD_TIMEOUT,
    LEAST_RATE,
    MAX_ARRIVING,
    MAX_CONNECTIONS,
    MAX_OF_ADDRESS,
    NEW,
    SETTLING,
    TAKE_TIMEOUT,
    TIMEOUT,
    Refused,
)

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class State(Enum):
    """What a connection does."""

    WAITS = auto()  # for the head of a request
    SENDS = auto()  # the body of a request
    TAKES = auto()  # an answer
    IS_ANSWERED = auto()


class Connections:
    """The open connections of all visitors.

    Args:
        most: open at the same time.
        most_of_address: open at the same time from one address.
        most_bytes: of bodies that are arriving.
    """

    def __init__(
        self,
        most: int = MAX_CONNECTIONS,
        most_of_address: int = MAX_OF_ADDRESS,
        most_bytes: int = MAX_ARRIVING,
    ) -> None:
        self._most = most
        self._most_of_address = most_of_address
        self._most_bytes = most_bytes
        self._open: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None

    def admit(self, new: Connection) -> None:
        """Add a connection; surplus ones are closed a moment later, a flood at once."""
        self._open.add(new)
        if len(self._open) > 2 * self._most:
            min(self._open, key=Connection.urgency).abort()
        elif self._timer is None:
            self._timer = new.loop.call_later(SETTLING, self._close_surplus)

    def _close_surplus(self) -> None:
        self._timer = None
        of_address: dict[str, list[Connection]] = {}
        for connection in self._open:
            of_address.setdefault(connection.address, []).append(connection)
        for crowd in of_address.values():
            _close_least_urgent(crowd, len(crowd) - self._most_of_address)
        _close_least_urgent(self._open, len(self._open) - self._most)

    def limit_bytes(self) -> None:
        """Close the slowest upload if the bodies that are arriving have too many bytes together."""
        sending = [connection for connection in self._open if connection.state is State.SENDS]
        if sum(connection.bytes for connection in sending) > self._most_bytes:
            min(sending, key=Connection.urgency).abort()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._open))

    def remove(self, connection: Connection) -> None:
        """Remove a connection that has ended."""
        self._open.discard(connection)


def _close_least_urgent(crowd: Iterable[Connection], count: int) -> None:
    if count > 0:
        for connection in sorted(crowd, key=Connection.urgency)[:count]:
            connection.abort()


class Connection(H11Protocol):
    """One connection of uvicorn within the limits of `annealcam.app.limits`."""

    def __init__(self, connections: Connections, **options: Any) -> None:
        super().__init__(**options)
        self._connections = connections
        self._inner: App = self.app
        self.app = self._within_limits
        self.state = State.WAITS
        self.bytes = 0  # of the body that have arrived, or of the answer that have been taken
        self._since = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def address(self) -> str:
        """The address of the visitor, without the port."""
        return self.client[0] if self.client else ""

    def urgency(self) -> tuple[int, float]:
        """Return how urgent this connection is; the least urgent one is closed first.

        The order: those that have waited for long, those that have been slow for long, new ones,
        those that are fast, and those whose answer is being computed.
        """
        seconds = time.monotonic() - self._since
        rate = self.bytes / (seconds + GRACE)
        if self.state is State.IS_ANSWERED:
            return 4, seconds
        if self.state is not State.WAITS and rate >= LEAST_RATE:
            return 3, rate
        if seconds < NEW:
            return 2, -seconds
        return (0, -seconds) if self.state is State.WAITS else (1, rate)

    def abort(self) -> None:
        """Close the connection at once; what is being computed for it is given up."""
        self._connections.remove(self)
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, if there is room for this connection."""
        super().connection_made(transport)
        # Head and body of an answer are two writes: the second must not wait for a receipt of the
        # first. asyncio does this only for sockets that were made with the protocol's number.
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._enter(State.WAITS, HEAD_TIMEOUT, self.abort)
        self._connections.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room for others."""
        self._connections.remove(self)
        self._stop_timer()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait until the answer is taken, and for the next request."""
        super().on_response_complete()
        if unsent := self.transport.get_write_buffer_size():
            self._enter(State.TAKES, GRACE, self._check_taken, unsent)
        else:
            self._enter(State.WAITS, HEAD_TIMEOUT, self.abort)

    def _enter(
        self, state: State, seconds: float, then: Callable[..., None], *arguments: Any
    ) -> None:
        self.state, self._since, self.bytes = state, time.monotonic(), 0
        self._set_timer(seconds, then, *arguments)

    def _set_timer(self, seconds: float, then: Callable[..., None], *arguments: Any) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, then, *arguments)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _check_taken(self, unsent: int) -> None:
        """Close the connection if its answer, of which so much was left, is not taken in time."""
        left = self.transport.get_write_buffer_size()
        self.bytes = unsent - left
        if not left:
            self._enter(State.WAITS, HEAD_TIMEOUT, self.abort)
        elif self._is_slow(TAKE_TIMEOUT):
            self.abort()
        else:
            self._set_timer(GRACE, self._check_taken, unsent)

    async def _within_limits(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application with a body that arrives in time and an answer that is taken."""
        self._stop_timer()
        self.state = State.SENDS if self.cycle.more_body else State.IS_ANSWERED
        self._since, self.bytes = time.monotonic(), 0

        async def receiving() -> Message:
            if self.state is not State.SENDS:
                return (
                    await receive()
                )  # waits until the visitor goes away, if the body was received
            try:
                async with asyncio.timeout(GRACE):
                    message = await receive()
            except TimeoutError:
                raise Refused(408, "the request arrives too slowly") from None
            self.bytes += len(message.get("body", b""))
            if not message.get("more_body", False):
                self.state = State.IS_ANSWERED
            elif self._is_slow(TIMEOUT):
                raise Refused(408, "the request arrives too slowly")
            else:
                self._connections.limit_bytes()
            return message

        async def sending(message: Message) -> None:
            try:
                async with asyncio.timeout(TAKE_TIMEOUT):
                    await send(message)  # waits until earlier answers are taken
            except TimeoutError:
                self.abort()

        try:
            await self._inner(scope, receiving, sending)
        except asyncio.CancelledError:  # the server ends
            self.abort()

    def _is_slow(self, most_seconds: float) -> bool:
        seconds = time.monotonic() - self._since
        return seconds > most_seconds or self.bytes < LEAST_RATE * (seconds - GRACE)
