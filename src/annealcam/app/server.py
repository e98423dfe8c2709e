"""The server of the page."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING

from annealcam._internal.extras import require_extra
from annealcam.app.limits import MAX_HEAD
from annealcam.errors import ArgumentError

if TYPE_CHECKING:
    from annealcam.app.engine import Engine

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def check_installed() -> None:
    """Check that the server of the page is installed.

    Raises:
        MissingExtraError: it is not.
    """
    for package in ("starlette", "uvicorn"):
        require_extra(package, extra="app", needed_by="app")


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


def one_line_for_failures() -> None:
    """Have the running event loop log what fails outside of requests in one line each."""
    from annealcam.app.application import log_failure

    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: log_failure(context["message"], context.get("exception"))
    )


def serve(
    engine: Engine, listening: socket.socket, *, ready: Callable[[str], None] = lambda _: None
) -> None:
    """Serve the page on a socket until the process is interrupted.

    Args:
        engine: computes the explanations.
        listening: a socket of `listen`; it is closed at the end.
        ready: called with the address once the page can be opened.
    """
    import uvicorn

    from annealcam.app.application import application
    from annealcam.app.connections import Connection, Connections

    host, port = listening.getsockname()[:2]
    hosts = (*LOOPBACK, host) if is_loopback(listening) else None
    config = uvicorn.Config(
        application(engine, hosts=hosts), log_level="critical", access_log=False,
        server_header=False, timeout_graceful_shutdown=1, ws="none", lifespan="off",
        http=partial(Connection, Connections()),  # type: ignore[arg-type]
        h11_max_incomplete_event_size=MAX_HEAD,
    )  # fmt: skip
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            one_line_for_failures()
            ready(address)

    with listening:
        Server(config).run(sockets=[listening])
