"""The server of the page."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from annealcam._internal.extras import require_extra
from annealcam.errors import ArgumentError, ModelNameError

if TYPE_CHECKING:
    from annealcam.app.engine import Engine

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAX_CONNECTIONS = 256


def prepare_gradio() -> None:
    """Configure gradio, before it is imported, to send no requests.

    Raises:
        ModelNameError: gradio is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_OFFLINE"] = "1"
    require_extra("gradio", extra="app", needed_by="app", kind=ModelNameError)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes any free port.

    Raises:
        ArgumentError: the address is not available.

    >>> with listen("127.0.0.1", 0) as listening:
    ...     is_loopback(listening)
    True
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ArgumentError(f"port={port}, host={host}: {reason}; give another --port") from error


def is_loopback(listening: socket.socket) -> bool:
    """Return whether only this machine can reach a socket."""
    return ip_address(listening.getsockname()[0]).is_loopback


def serve(
    engine: Engine, listening: socket.socket, *, ready: Callable[[str], None] = lambda _: None
) -> None:
    """Serve the page on a socket until the process is interrupted.

    Args:
        engine: computes the explanations.
        listening: a socket of `listen`; it is closed at the end.
        ready: called with the address once the page can be opened.
    """
    with listening, _own_temporary_folder(), _interrupted_by_terminate():
        _run(engine, listening, ready)


def _run(engine: Engine, listening: socket.socket, ready: Callable[[str], None]) -> None:
    import uvicorn

    host, port = listening.getsockname()[:2]
    hosts = (*LOOPBACK, host) if is_loopback(listening) else None
    config = uvicorn.Config(
        application(engine, hosts=hosts), log_level="error", access_log=False,
        server_header=False, limit_concurrency=MAX_CONNECTIONS, timeout_graceful_shutdown=1,
    )  # fmt: skip
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready(address)

    Server(config).run(sockets=[listening])


def application(engine: Engine, *, hosts: tuple[str, ...] | None) -> Any:
    """Return the page as an ASGI application behind its request filter."""
    prepare_gradio()
    import gradio
    from fastapi import FastAPI

    from annealcam.app.page import build, head, theme
    from annealcam.app.request_filter import RequestFilter

    inner = gradio.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        build(engine),
        path="",
        footer_links=[],
        run_history=False,
        show_error=False,
        allowed_paths=[],
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        pwa=False,
        max_file_size=1,
        theme=theme(),
        head=head(),
    )
    return RequestFilter(inner, engine.photos, hosts=hosts)


@contextmanager
def _own_temporary_folder() -> Iterator[None]:
    """Remove whatever gradio writes when the page ends."""
    folder = tempfile.mkdtemp(prefix="annealcam-app-")
    os.environ["GRADIO_TEMP_DIR"] = folder
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _interrupted_by_terminate() -> Iterator[None]:
    """Handle SIGTERM like Ctrl-C, so that everything is cleaned up."""

    def interrupt(_signal: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
