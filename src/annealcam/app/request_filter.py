"""The filter before gradio: which requests pass, from where, and of what size."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

from annealcam.app.limits import AT_ONCE, MAX_BYTES, MAX_REQUEST, MIB, TIMEOUT, UPLOADS
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
# The paths that the page itself uses. Gradio has more: files by their path (`/file=`), fetched
# URLs, uploads to disk, calls past the queue. None of them is needed.
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
    """A request that is answered by a status and a short reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class RequestFilter:
    """Pass the requests of the page, handle uploads, and refuse all other requests.

    Args:
        inner: the application of gradio.
        photos: the store of uploaded photos.
        hosts: accepted host names; None accepts any. A page for this machine alone must not answer
            to a foreign name that resolves to it (DNS rebinding).
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
            return None  # web sockets are not used
        try:
            self._check(scope)
            if scope["path"] == UPLOAD:
                return await _answer(send, 200, await self._upload(scope, receive))
            if scope["method"] == "POST":
                body = await _in_time(_body(receive))
                if _stops_nothing(scope["path"], _checked(body)):
                    return await _answer(send, 200, {"success": True})
                receive = _replayed(body)
        except Refused as refused:
            return await _answer(send, refused.status, {"detail": str(refused)})
        return await self._inner(scope, receive, _with_headers(send))

    def _check(self, scope: Scope) -> None:
        path, method = scope["path"], scope["method"]
        headers = _headers(scope)
        host = headers.get("host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            raise Refused(403, "unknown host name")
        below = path.startswith(READ_BELOW) and ".." not in path
        if method in ("GET", "HEAD") and (path in READ or below):
            return
        if method != "POST" or path not in WRITE:
            raise Refused(404, "not found")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise Refused(403, "requests from other sites are refused")
        _check_length(headers.get("content-length"), MAX_BYTES if path == UPLOAD else MAX_REQUEST)

    async def _upload(self, scope: Scope, receive: Receive) -> dict[str, str]:
        """Store a photo and return its token, or return the error."""
        name = unquote(_headers(scope).get("x-name", "photo"))
        async with self._reading:
            data = await _in_time(_body(receive))
        async with self._decoding:
            try:
                photo = await asyncio.to_thread(self._photos.add, data, name)
            except ImageError as error:
                return {"error": str(error)}
        return {"token": photo.token, "name": photo.name}


def _check_length(length: str | None, limit: int) -> None:
    """Check the announced length; the server reads no more than that."""
    if length is None or not length.isdecimal():
        raise Refused(411, "Content-Length is missing")
    if int(length) > limit:
        raise Refused(413, f"larger than {limit / MIB:g} MiB")


def _checked(body: bytes) -> dict[str, Any]:
    """Return a parsed request; its values must be plain, since objects could name files or URLs."""
    try:
        request = json.loads(body)
    except ValueError:
        raise Refused(400, "the body is not JSON") from None
    values = request.get("data", []) if isinstance(request, dict) else None
    if not isinstance(values, list) or not all(_is_plain(value) for value in values):
        raise Refused(400, "values must be numbers, texts or null")
    return request


def _stops_nothing(path: str, request: dict[str, Any]) -> bool:
    """Return whether a request stops an event that has not begun, which gradio would log."""
    return path != JOIN and not request.get("event_id")


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "the client disconnected")
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _in_time(body: Awaitable[bytes]) -> bytes:
    try:
        return await asyncio.wait_for(body, TIMEOUT)
    except TimeoutError:
        raise Refused(408, "the request took too long") from None


def _replayed(body: bytes) -> Receive:
    """Return a receive function that gives a body once; later calls wait for a disconnect."""
    sent = False
    disconnected = asyncio.Event()

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await disconnected.wait()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *HEADERS]
        await send(message)

    return sending


async def _answer(send: Send, status: int, values: dict[str, Any]) -> None:
    body = json.dumps(values).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *HEADERS]})
    await send({"type": "http.response.body", "body": body})


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _name(host: str) -> str:
    """Return the name in `name:port`, also in `[::1]:port`."""
    return (urlsplit(f"//{host}").hostname or "").casefold()
