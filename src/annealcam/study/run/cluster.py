"""Where shards are done: dask.distributed, on this machine or on a cluster that runs already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from annealcam.errors import ArgumentError, OutputError, WorkerError

if TYPE_CHECKING:
    from distributed import Client

LOOPBACK = "127.0.0.1"  # nobody else is to send work here
RETRIES = 3  # of a task whose worker died; one that fails by itself would fail again


@contextmanager
def workers_of(*, workers: int, scheduler: str | None, device: str) -> Iterator[Client]:
    """Yield a client of `workers` processes on this machine, or of a running cluster.

    One worker works inside of this process. Workers of this machine listen on loopback alone; a
    nanny replaces one that dies. On a device other than the CPU, each task takes one `GPU` of a
    worker's resources, so that one process at a time uses it.

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
            f"scheduler={scheduler!r}: nothing answers ({first}); an address as tcp://HOST:8786"
        ) from error


@contextmanager
def worker_deaths() -> Iterator[None]:
    """Turn dask's word for a task that no worker survives into ours.

    Raises:
        WorkerError: a task killed its workers, or the scheduler is gone.
    """
    from concurrent.futures import CancelledError

    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    try:
        yield
    except KilledWorker as error:
        raise WorkerError(
            f"{RETRIES + 1} workers died of one task; is their memory enough? What is done is "
            "kept: fewer workers, or a smaller network.batch, may go on"
        ) from error
    except (CancelledError, CommClosedError) as error:
        raise WorkerError("the scheduler is gone; what is done is kept") from error


def task_options(client: Client, device: str) -> dict[str, Any]:
    """Return the options of every task: a GPU each where the network runs on one.

    Raises:
        ArgumentError: no worker has a GPU to lend.
    """
    if device == "cpu":
        return {}
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    if not any("GPU" in w.get("resources", {}) for w in workers):
        raise ArgumentError(
            f"network.device={device!r}: no worker offers a GPU; start them with --resources GPU=1"
        )
    return {"resources": {"GPU": 1}}
