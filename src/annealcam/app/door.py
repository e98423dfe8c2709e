"""The door before gradio: what may come in, how large, from where, and what is told of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

from annealcam.app.limits import AT_ONCE, MAX_BYTES, MAX_REQUEST, MIB, PATIENCE, UPLOADS
from annealcam.app.photos import Photos
from annealcam.errors import ImageError

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

API = "/gradio_api"
UPLOAD = "/photo"
JOIN = f"{API}/queue/join"
# All that the page itself asks for. Gradio has more: files by their path (`/file=`), addresses
# fetched for the caller, uploads to disk, calls past the queue. None of it is needed here.
READ = {
    "/", "/config", "/config/", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt",
    f"{API}/app_id", f"{API}/info", f"{API}/startup-events", f"{API}/queue/data",
    f"{API}/theme.css",
}  # fmt: skip
READ_BELOW = ("/static/", "/assets/", "/svelte/", f"{API}/heartbeat/")
WRITE = {JOIN, f"{API}/cancel", f"{API}/reset", UPLOAD}
HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'none'; "
        b"form-action 'none'; base-uri 'self'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


class Refused(Exception):
    """A request that is answered by a status and a few words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Door:
    """Lets the page's own requests through, takes photos itself, and refuses all else.

    Args:
        inner: gradio's application.
        photos: where uploaded photos are kept.
        hosts: names by which the page may be called; None where any will do. A page that is for
            this machine alone must not answer to a foreign name that was pointed at it.
    """

    def __init__(self, inner: App, photos: Photos, *, hosts: Sequence[str] | None) -> None:
        self._inner = inner
        self._photos = photos
        self._hosts = None if hosts is None else {host.casefold() for host in hosts}
        self._reading = asyncio.Semaphore(UPLOADS)
        self._decoding = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            return await self._inner(scope, receive, send)
        if scope["type"] != "http":
            return None  # no web sockets here
        try:
            self._check(scope)
            if scope["path"] == UPLOAD:
                return await _answer(send, 200, await self._upload(scope, receive))
            if scope["method"] == "POST":
                body = await _in_time(_body(receive))
                if _is_nothing(scope["path"], _checked(body)):
                    return await _answer(send, 200, {"success": True})
                receive = _again(body)
        except Refused as refused:
            return await _answer(send, refused.status, {"detail": str(refused)})
        return await self._inner(scope, receive, _with_headers(send))

    def _check(self, scope: Scope) -> None:
        path, method = scope["path"], scope["method"]
        headers = _headers(scope)
        host = headers.get("host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            raise Refused(403, "not called by this name")
        below = path.startswith(READ_BELOW) and ".." not in path
        if method in ("GET", "HEAD") and (path in READ or below):
            return
        if method != "POST" or path not in WRITE:
            raise Refused(404, "not found")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise Refused(403, "only the page itself may ask this")
        _check_length(headers.get("content-length"), MAX_BYTES if path == UPLOAD else MAX_REQUEST)

    async def _upload(self, scope: Scope, receive: Receive) -> dict[str, str]:
        """Keep a photo and return its token, or say in words why not."""
        name = unquote(_headers(scope).get("x-name", "photo"))
        async with self._reading:
            data = await _in_time(_body(receive))
        async with self._decoding:
            try:
                photo = await asyncio.to_thread(self._photos.take, data, name)
            except ImageError as error:
                return {"error": str(error)}
        return {"token": photo.token, "name": photo.name}


def _check_length(length: str | None, most: int) -> None:
    """The server reads no more than was announced."""
    if length is None or not length.isdecimal():
        raise Refused(411, "say how long it is")
    if int(length) > most:
        raise Refused(413, f"over {most / MIB:g} MiB")


def _checked(body: bytes) -> dict[str, Any]:
    """A question, whose values must be plain: nothing that names a file or an address."""
    try:
        asked = json.loads(body)
    except ValueError:
        raise Refused(400, "no question") from None
    values = asked.get("data", []) if isinstance(asked, dict) else None
    if not isinstance(values, list) or not all(_is_plain(value) for value in values):
        raise Refused(400, "plain values only")
    return asked


def _is_nothing(path: str, asked: dict[str, Any]) -> bool:
    """Whether it asks to stop what has not begun, as gradio's page does; gradio would complain."""
    return path != JOIN and not asked.get("event_id")


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "gone")
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _in_time(body: Awaitable[bytes]) -> bytes:
    try:
        return await asyncio.wait_for(body, PATIENCE)
    except TimeoutError:
        raise Refused(408, "too slow") from None


def _again(body: bytes) -> Receive:
    """A body that was read, to be read once more; then the caller waits, as before."""
    given = False
    gone = asyncio.Event()

    async def receive() -> Message:
        nonlocal given
        if given:
            await gone.wait()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *HEADERS]
        await send(message)

    return sending


async def _answer(send: Send, status: int, told: dict[str, Any]) -> None:
    body = json.dumps(told).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *HEADERS]})
    await send({"type": "http.response.body", "body": body})


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _name(host: str) -> str:
    """The name in `name:port`, also in `[::1]:port`."""
    return (urlsplit(f"//{host}").hostname or "").casefold()
