"""Who does the tasks of a study: this process, processes of this machine, or a dask cluster.

Processes of this machine are reached by pipes: no port is opened, so that nobody else can reach
them. A cluster has its own scheduler, with which TLS is possible.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from annealcam._internal.extras import require_extra
from annealcam.errors import ArgumentError, OutputError, WorkerError

if TYPE_CHECKING:
    from distributed import Client

CONNECT = "20s"  # until a scheduler that does not answer is given up
RETRIES = 3  # of a task whose worker died; a task that raises would raise again


@runtime_checkable
class Workers(Protocol):
    """Whoever does tasks."""

    def run(
        self, work: Callable[..., Any], calls: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[int, Any]]:
        """Yield the number and the result of each call as it is done.

        Raises:
            WorkerError: workers die, or cannot be reached any more; what they wrote is kept.
        """


@dataclass(frozen=True)
class TLS:
    """The files of a TLS connection to a scheduler, in the PEM format.

    Attributes:
        ca: certificate of the authority that signed those of all sides.
        cert: certificate of this side.
        key: its private key.
    """

    ca: str
    cert: str
    key: str


@contextmanager
def workers_of(
    *, workers: int, scheduler: str | None, device: str, tls: TLS | None = None
) -> Iterator[Workers]:
    """Yield `workers` processes of this machine, or the workers of a running cluster.

    One worker is this process. So it is on a device other than the CPU, where several processes
    would wait for each other; a cluster gives each task one `GPU` of a worker's resources there.

    Raises:
        ArgumentError: dask is not installed, or no worker of a cluster offers a GPU.
        OutputError: nothing answers at the scheduler's address.
    """
    if (tls is not None) != (scheduler or "").startswith("tls://"):
        raise ArgumentError(
            f"scheduler={scheduler!r}, tls={tls}: an address tls://HOST:PORT and the three files "
            "of TLS belong together; give both or neither"
        )
    if scheduler is not None:
        with _cluster(scheduler, device, tls) as cluster:
            yield cluster
    elif workers == 1 or device != "cpu":
        yield ThisProcess()
    else:
        yield Processes(workers)


class ThisProcess:
    """The process that runs the study does its tasks itself."""

    def run(
        self, work: Callable[..., Any], calls: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[int, Any]]:
        """Yield the number and the result of each call, in order."""
        for number, call in enumerate(calls):
            yield number, work(*call)


@dataclass(frozen=True)
class Processes:
    """Processes of this machine, which share the tasks; when one dies, all are started again."""

    count: int

    def run(
        self, work: Callable[..., Any], calls: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[int, Any]]:
        """Yield the number and the result of each call as it is done.

        Raises:
            WorkerError: processes die again and again, and no task is done in between.
        """
        left, deaths = dict(enumerate(calls)), 0
        while left:
            try:
                for number, result in self._run(work, left):
                    del left[number]
                    deaths = 0
                    yield number, result
            except BrokenProcessPool as error:
                deaths += 1
                if deaths > RETRIES:
                    raise WorkerError(
                        f"{deaths} workers died of one task; do they have enough memory? Finished "
                        "shards are kept: try fewer workers, or a smaller network.batch"
                    ) from error

    def _run(
        self, work: Callable[..., Any], calls: dict[int, tuple[Any, ...]]
    ) -> Iterator[tuple[int, Any]]:
        """Do all calls with new processes, which are ended even where the caller stops."""
        others = set(multiprocessing.active_children())
        count = min(self.count, len(calls))
        context = multiprocessing.get_context("spawn")  # forks of processes with threads may hang
        pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin)
        try:
            futures = {pool.submit(work, *call): number for number, call in calls.items()}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Prepare a worker: Ctrl-C is left to the parent, and without a parent the worker ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


@dataclass(frozen=True)
class Cluster:
    """The workers of a running dask cluster."""

    client: Client
    options: dict[str, Any]

    def run(
        self, work: Callable[..., Any], calls: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[int, Any]]:
        """Yield the number and the result of each call as it is done.

        Raises:
            WorkerError: a task killed its workers, or the connection to the scheduler is lost.
        """
        from distributed import as_completed

        futures = {
            self.client.submit(work, *call, pure=False, **self.options): number
            for number, call in enumerate(calls)
        }
        try:
            with _worker_deaths():
                for future in as_completed(futures):
                    yield futures[future], future.result()
        finally:
            self.client.cancel(list(futures))


@contextmanager
def _cluster(scheduler: str, device: str, tls: TLS | None) -> Iterator[Cluster]:
    require_extra("distributed", extra="cluster", needed_by="scheduler", kind=ArgumentError)
    import dask
    from distributed import Client
    from distributed.security import Security

    settings: dict[str, Any] = {
        "distributed.scheduler.allowed-failures": RETRIES,
        "distributed.comm.timeouts.connect": CONNECT,
    }
    files = None if tls is None else Security(
        tls_ca_file=tls.ca, tls_client_cert=tls.cert, tls_client_key=tls.key,
        require_encryption=True,
    )  # fmt: skip
    with dask.config.set(settings):
        try:
            client = Client(scheduler, security=files)
        except (OSError, ValueError, RuntimeError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise OutputError(
                f"scheduler={scheduler!r}: nothing answers ({first}); give an address such as "
                "tcp://HOST:8786, or tls://HOST:8786 with --tls"
            ) from error
        with client:
            yield Cluster(client, _task_options(client, device))


def _task_options(client: Client, device: str) -> dict[str, Any]:
    """Return the options of every task: one GPU each where the network runs on one."""
    if device == "cpu":
        return {}
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    if not any("GPU" in w.get("resources", {}) for w in workers):
        raise ArgumentError(
            f"network.device={device!r}: no worker offers a GPU; start them with --resources GPU=1"
        )
    return {"resources": {"GPU": 1}}


@contextmanager
def _worker_deaths() -> Iterator[None]:
    """Raise dask's errors about lost workers as errors of annealcam."""
    from concurrent.futures import CancelledError

    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    try:
        yield
    except KilledWorker as error:
        raise WorkerError(
            f"{RETRIES + 1} workers died of one task; do they have enough memory? Finished shards "
            "are kept: try fewer workers, or a smaller network.batch"
        ) from error
    except (CancelledError, CommClosedError) as error:
        raise WorkerError(
            "the connection to the scheduler is lost; finished shards are kept"
        ) from error
