"""The page as an ASGI application: its addresses, and what each of them takes and gives."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from annealcam._internal.text import visible
from annealcam.app.answer import PACKAGE
from annealcam.app.choices import BETA_STEP, SAMPLERS
from annealcam.app.connections import App, Message, Receive, Scope, Send
from annealcam.app.engine import Engine
from annealcam.app.limits import (
    AT_ONCE,
    FORMATS,
    MAX_BYTES,
    MAX_PIXELS,
    MAX_QUBITS,
    MAX_QUESTION,
    MAX_TAU,
    MAX_WAITING,
    MIB,
    Refused,
)
from annealcam.app.photos import EXAMPLES
from annealcam.app.questions import AGAINST, Controls, Questions
from annealcam.attribution.importance import IMPORTANCES
from annealcam.errors import AnnealcamError
from annealcam.models.images import load_photo, without_prefix
from annealcam.models.preprocess import Preprocess
from annealcam.render.html.page import PACKAGE as REPORTS, page, picture_uri

THUMBNAIL = 96  # pixels
HEADERS = {
    "content-security-policy": "default-src 'none'; img-src 'self' data:; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
log = logging.getLogger(__name__)


def application(engine: Engine, *, hosts: Sequence[str] | None) -> App:
    """Return the page as an ASGI application.

    Args:
        engine: computes the explanations.
        hosts: accepted host names; None accepts any. A page for this machine alone must not answer
            to a foreign name that resolves to it (DNS rebinding).
    """
    pages = Pages(engine)
    routes = [
        Route("/", pages.index),
        Route("/page.css", _asset("text/css", (REPORTS, "style.css"), (REPORTS, "charts.css"),
                                  (PACKAGE, "app.css"))),
        Route("/page.js", _asset("text/javascript", (REPORTS, "theme.js"), (PACKAGE, "app.js"))),
        *(
            Route(f"/{name}", getattr(pages, name), methods=["POST"])
            for name in ("photo", "choices", "answer", "annealing", "levels", "flip", "report")
        ),
    ]  # fmt: skip
    handlers: dict[Any, Any] = {
        AnnealcamError: lambda _, error: _problem(422, str(error)),
        Refused: lambda _, error: _problem(error.status, str(error)),
        HTTPException: lambda _, error: _problem(error.status_code, error.detail.lower()),
        Exception: lambda _, __: _problem(500, "the page failed; its log has the reason"),
    }
    inner = Starlette(routes=routes, exception_handlers=handlers)
    inner.router.redirect_slashes = False
    return Guard(inner, hosts)


class Guard:
    """Refuse requests to other host names and from other sites, and log failures in one line."""

    def __init__(self, inner: App, hosts: Sequence[str] | None) -> None:
        self._inner = inner
        self._hosts = None if hosts is None else {host.casefold() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return await self._inner(scope, receive, send) if scope["type"] == "lifespan" else None

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *own]
            await send(message)

        try:
            reason = self._reason_to_refuse(Request(scope))
            if reason:
                await _problem(403, reason)(scope, receive, sending)
            else:
                await self._inner(scope, receive, sending)
        except ClientDisconnect:
            return None  # the visitor went away, or was too slow
        except Exception as error:
            log_failure(f"{scope['method']} {scope['path']}", error)

    def _reason_to_refuse(self, request: Request) -> str:
        host = request.headers.get("host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            return "unknown host name"
        origin = request.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return "requests from other sites are refused"
        return ""


def log_failure(where: str, error: BaseException | None) -> None:
    """Log a failure of the page in one line."""
    text = visible(f"{where}: {type(error).__name__}: {error}")
    log.error("%s", text.replace("\n", " "))


class Work:
    """Runs functions in threads, a few at a time; others wait, and too many are refused."""

    def __init__(self, at_once: int) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._waiting = 0

    async def run(self, request: Request, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return the result of a function, unless the visitor goes away before it starts."""
        if self._waiting >= MAX_WAITING:
            raise Refused(503, "the page is busy; try again in a moment")
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        try:
            if await request.is_disconnected():
                raise Refused(408, "the visitor went away")
            return await in_a_thread(function, *arguments)
        finally:
            self._places.release()


async def in_a_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return the result of a function that runs in a thread of its own.

    The server does not wait for the thread when it ends, unlike for those of `asyncio.to_thread`.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Any] = loop.create_future()

    def finish(setter: Callable[[Any], None], value: Any) -> None:
        if not result.done():  # the server has not given up
            setter(value)

    def compute() -> None:
        try:
            outcome = (result.set_result, function(*arguments))
        except Exception as error:
            outcome = (result.set_exception, error)
        with suppress(RuntimeError):  # the server has ended
            loop.call_soon_threadsafe(finish, *outcome)

    threading.Thread(target=compute, daemon=True).start()
    return await result


class Pages:
    """What the page answers at each of its addresses."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._questions = Questions(engine)
        self._answers = Work(AT_ONCE)
        self._levels = Work(1)  # takes seconds, so that answers do not wait for it
        self._decoding = Work(AT_ONCE)

    async def index(self, request: Request) -> Response:
        """The page with its controls; the answer follows by itself."""
        problem = ""
        try:
            values = Controls.read(request.query_params.multi_items())
            if values.network and values.network not in self._engine.networks.names:
                values, problem = Controls(), f"network={values.network!r}: is not offered here"
        except AnnealcamError as error:
            values, problem = Controls(), str(error)
        return HTMLResponse(self._index(values, problem))

    def _index(self, values: Controls, problem: str) -> str:
        names = self._engine.networks.names
        layers = [("", "the default layer")]
        if values.layer:
            layers.append((values.layer, values.layer))
        return page(
            "index.html.j2",
            package=PACKAGE,
            values=values,
            defaults=urlencode(
                {
                    name: f"{value:g}" if isinstance(value, float) else value
                    for name, value in vars(Controls(network=names[0])).items()
                }
            ),
            problem=problem,
            examples=_examples(),
            kinds=", ".join(FORMATS),
            accept=",".join(f"image/{kind.lower()}" for kind in FORMATS),
            most=MAX_BYTES,
            megabytes=MAX_BYTES // MIB,
            megapixels=MAX_PIXELS // 1_000_000,
            max_qubits=MAX_QUBITS,
            max_tau=MAX_TAU,
            beta_step=BETA_STEP,
            against=list(AGAINST.items()),
            networks=[(name, name) for name in names],
            layers=layers,
            importances=[(name, name) for name in IMPORTANCES],
            samplers=[(name, name) for name in SAMPLERS],
        )

    async def photo(self, request: Request) -> Response:
        """Store a photo in memory and return its token."""
        data = await _body(request, MAX_BYTES)
        name = unquote(request.headers.get("x-name", "photo"))
        photo = await self._decoding.run(request, self._engine.photos.add, data, name)
        return JSONResponse({"token": photo.token, "name": photo.name})

    async def choices(self, request: Request) -> Response:
        """Return the layers and classes to choose from."""
        return JSONResponse(await self._ask(request, self._questions.choices))

    async def answer(self, request: Request) -> Response:
        """Return the explanation as HTML, and a sentence."""
        return JSONResponse(vars(await self._ask(request, self._questions.answer)))

    async def annealing(self, request: Request) -> Response:
        """Return the success probability, and whether the levels are known as well."""
        return JSONResponse(await self._ask(request, self._questions.annealing))

    async def levels(self, request: Request) -> Response:
        """Return the whole panel of the annealing."""
        answer = await self._ask(request, self._questions.levels, self._levels)
        return JSONResponse(answer)

    async def flip(self, request: Request) -> Response:
        """Return the fewest maps without which the prediction changes."""
        return JSONResponse({"html": await self._ask(request, self._questions.flip, self._levels)})

    async def report(self, request: Request) -> Response:
        """Return the self-contained page of the explanation as a file."""
        html = await self._ask(request, self._questions.report)
        name = 'attachment; filename="annealcam-report.html"'
        return HTMLResponse(html, headers={"content-disposition": name})

    async def _ask(
        self, request: Request, question: Callable[[Controls], Any], work: Work | None = None
    ) -> Any:
        body = await _body(request, MAX_QUESTION)
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=32)
        except ValueError:
            raise Refused(400, "the body is no form") from None
        controls = Controls.read(pairs)
        return await (work or self._answers).run(request, question, controls)


async def _body(request: Request, most: int) -> bytes:
    """Return the body, whose bytes are counted as they arrive."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise Refused(413, f"larger than {most / MIB:g} MiB")
        parts.append(part)
    return b"".join(parts)


def _problem(status: int, reason: str) -> Response:
    headers = {"connection": "close"} if status in (408, 413) else {}
    return JSONResponse({"error": reason}, status_code=status, headers=headers)


def _asset(kind: str, *files: tuple[str, str]) -> Callable[[Request], Awaitable[Response]]:
    """Return an address that gives some files of the package as one."""
    text = "".join(
        (resources.files(p) / "templates" / name).read_text("utf-8") for p, name in files
    )

    async def asset(_: Request) -> Response:
        return Response(text, media_type=kind)

    return asset


@cache
def _examples() -> list[dict[str, str]]:
    return [
        {
            "token": token,
            "name": without_prefix(token).replace("-", " "),
            "uri": picture_uri(Preprocess().large_view(load_photo(token), THUMBNAIL)),
        }
        for token in EXAMPLES
    ]


def _name(host: str) -> str:
    """Return the name in `name:port`, also in `[::1]:port`."""
    try:
        return (urlsplit(f"//{host}").hostname or "").casefold()
    except ValueError:
        return ""
