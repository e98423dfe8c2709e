"""Connections of visitors: limits of their number, their time and their rate.

A connection is idle until the head of a request is complete, arriving until its body is, and then
it is answered. Where there is no room for a new one, the connection that has been idle for longest
is closed, then the slowest upload: a visitor need not wait for others that send nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from uvicorn.protocols.http.h11_impl import H11Protocol

from annealcam.app.limits import (
    GRACE,
    HEAD_TIMEOUT,
    LEAST_RATE,
    MAX_CONNECTIONS,
    MAX_OF_ADDRESS,
    SEND_TIMEOUT,
    TIMEOUT,
    Refused,
)

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class Connections:
    """The open connections of all visitors.

    Args:
        most: open at the same time.
        most_of_address: open at the same time from one address.
    """

    def __init__(self, most: int = MAX_CONNECTIONS, most_of_address: int = MAX_OF_ADDRESS) -> None:
        self._most = most
        self._most_of_address = most_of_address
        self._open: set[Connection] = set()

    def admit(self, new: Connection) -> None:
        """Add a connection; close another one, or the new one, if there are too many."""
        of_address = [other for other in self._open if other.address == new.address]
        if len(of_address) >= self._most_of_address:
            crowd = of_address
        elif len(self._open) >= self._most:
            crowd = list(self._open)
        else:
            crowd = None
        self._open.add(new)
        if crowd is not None:
            least = min(crowd, key=Connection.urgency)
            (new if least.is_answered else least).abort()

    def remove(self, connection: Connection) -> None:
        """Remove a connection that has ended."""
        self._open.discard(connection)


class Connection(H11Protocol):
    """One connection of uvicorn within the limits of `annealcam.app.limits`."""

    def __init__(self, connections: Connections, **options: Any) -> None:
        super().__init__(**options)
        self._connections = connections
        self._inner: App = self.app
        self.app = self._within_limits
        self._since = time.monotonic()
        self._state = "idle"
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def address(self) -> str:
        """The address of the visitor, without the port."""
        return self.client[0] if self.client else ""

    @property
    def is_answered(self) -> bool:
        """Whether a whole request has arrived, which is being answered."""
        return self._state == "answered"

    def urgency(self) -> tuple[int, float]:
        """Return how soon this connection should be answered; the least urgent is closed first."""
        if self._state == "idle":
            return 0, self._since
        if self._state == "arriving":
            return 1, self._bytes / (time.monotonic() - self._since + GRACE)
        return 2, 0.0

    def abort(self) -> None:
        """Close the connection at once."""
        self._connections.remove(self)
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, if there is room for this connection."""
        super().connection_made(transport)
        self._wait_for_request()
        self._connections.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room for others."""
        self._connections.remove(self)
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._wait_for_request()

    def _wait_for_request(self) -> None:
        self._state, self._since = "idle", time.monotonic()
        self._timer = self.loop.call_later(HEAD_TIMEOUT, self.transport.abort)

    async def _within_limits(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application with a body that arrives in time and an answer that is taken."""
        if self._timer is not None:
            self._timer.cancel()
        self._state, self._since, self._bytes = "arriving", time.monotonic(), 0

        async def receiving() -> Message:
            if self._state != "arriving":
                return await receive()  # waits until the visitor goes away
            try:
                message = await asyncio.wait_for(receive(), GRACE)
            except TimeoutError:
                raise Refused(408, "the request stopped to arrive") from None
            self._bytes += len(message.get("body", b""))
            if not message.get("more_body", False):
                self._state = "answered"
            elif self._is_slow():
                raise Refused(408, "the request arrives too slowly")
            return message

        async def sending(message: Message) -> None:
            try:
                await asyncio.wait_for(send(message), SEND_TIMEOUT)
            except TimeoutError:
                self.transport.abort()

        await self._inner(scope, receiving, sending)

    def _is_slow(self) -> bool:
        seconds = time.monotonic() - self._since
        return seconds > TIMEOUT or self._bytes < LEAST_RATE * (seconds - GRACE)
