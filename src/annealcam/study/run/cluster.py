"""Workers of a study: dask.distributed, on this machine or on a running cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from annealcam.errors import ArgumentError, OutputError, WorkerError

if TYPE_CHECKING:
    from distributed import Client

LOOPBACK = "127.0.0.1"  # other machines must not send work here
RETRIES = 3  # of a task whose worker died; a task that raises would raise again


@contextmanager
def workers_of(*, workers: int, scheduler: str | None, device: str) -> Iterator[Client]:
    """Yield a client of `workers` processes on this machine, or of a running cluster.

    A single worker is a thread of this process. Workers of this machine listen on loopback only; a
    nanny process restarts one that dies. On a device other than the CPU each task takes one `GPU`
    of a worker's resources, so that one process at a time uses it.

    Raises:
        OutputError: nothing answers at the scheduler's address.
    """
    import dask
    from distributed import Client, LocalCluster

    resources = None if device == "cpu" else {"GPU": 1}
    settings: dict[str, Any] = {
        "distributed.scheduler.allowed-failures": RETRIES,
        "distributed.worker.daemon": True,
        "distributed.comm.timeouts.connect": "20s",
    }
    with dask.config.set(settings):
        if scheduler is not None:
            with _connected(Client, scheduler) as client:
                yield client
            return
        cluster = LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=workers > 1, memory_limit=0,
            host=LOOPBACK, protocol="tcp", dashboard_address=f"{LOOPBACK}:0",
            worker_dashboard_address=f"{LOOPBACK}:0", resources=resources, silence_logs=50,
        )  # fmt: skip
        with cluster, Client(cluster) as client:
            yield client


def _connected(client: Any, scheduler: str) -> Any:
    try:
        return client(scheduler)
    except (OSError, ValueError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise OutputError(
            f"scheduler={scheduler!r}: nothing answers ({first}); give an address such as "
            "tcp://HOST:8786"
        ) from error


@contextmanager
def worker_deaths() -> Iterator[None]:
    """Raise dask's errors about lost workers as errors of annealcam.

    Raises:
        WorkerError: a task killed its workers, or the connection to the scheduler is lost.
    """
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


def task_options(client: Client, device: str) -> dict[str, Any]:
    """Return the options of every task: one GPU each where the network runs on one.

    Raises:
        ArgumentError: no worker offers a GPU.
    """
    if device == "cpu":
        return {}
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    if not any("GPU" in w.get("resources", {}) for w in workers):
        raise ArgumentError(
            f"network.device={device!r}: no worker offers a GPU; start them with --resources GPU=1"
        )
    return {"resources": {"GPU": 1}}
