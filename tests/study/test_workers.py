"""Worker processes that share a study, and die: no finished shard is lost."""

import os
import subprocess
import sys
import tomllib
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from annealcam.errors import ArgumentError, OutputError, WorkerError
from annealcam.study.config import study_of
from annealcam.study.run import ending, workers
from annealcam.study.run.engine import run_study
from benchmarks.robustness.strangers import plain, without_certificate
from tests.study.runs import contents
from tests.study.stopped_study import HALF

ROOT = Path(__file__).parents[2]
SHARDS = 20
CONFIG = """
shard = 1
[data]
choose = "all"
per_class = 2
[network]
models = ["tests.networks:digit_network"]
layers = ["3"]
[problem]
explain = "label"
[annealing]
tau = 1
normalisations = "per_qubit"
gaps = false
[baselines]
random_draws = 2
[statistics]
bootstrap = 10
permutations = 10
"""
STUDY = tomllib.loads(CONFIG)


def study(network="digit_network"):
    return study_of(STUDY | {"network": {"models": [f"tests.networks:{network}"], "layers": ["3"]}})


@pytest.fixture(scope="module", autouse=True)
def _without_figures():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ending, "_draw", lambda *_: None)  # they have tests of their own
        yield


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The parts of the table of a run that nothing stops."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    run_study(study(), folder)
    return contents(folder, "table")


def open_ports():
    """The addresses at which this process and its children accept connections."""
    process, ports = psutil.Process(), set()
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # a worker that dies meanwhile
            listening = (c for c in one.net_connections() if c.status == psutil.CONN_LISTEN)
            ports.update(connection.laddr for connection in listening)
    return ports


def test_two_workers_one_of_which_dies_equal_one_worker(tmp_path, monkeypatch):
    marker = tmp_path / "died"
    monkeypatch.setenv("MORTAL_NETWORK", str(marker))
    before, during = open_ports(), set()

    def progress(what, _done, _total):
        if what == "shards":
            during.update(open_ports())

    run_study(study("mortal_network"), tmp_path / "two", workers=2, progress=progress)
    assert marker.exists()  # by a worker, in the middle of a shard
    assert during == before  # nobody else can reach the workers
    run_study(study("mortal_network"), tmp_path / "one")  # nothing kills this one any more
    assert contents(tmp_path / "two", "table") == contents(tmp_path / "one", "table")


def stopped(tmp_path, how, part):
    """The finished process of a study in `r` that stops itself at a part of the table."""
    (tmp_path / "study.toml").write_text(CONFIG)
    options = ["study", "study.toml", "-o", "r", "--workers", "1"]
    return subprocess.run(
        [sys.executable, "-m", "tests.study.stopped_study", how, str(part), *options],
        cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
    )  # fmt: skip


def test_a_stopped_study_is_resumed_and_ends_with_the_same_table(undisturbed, tmp_path):
    run = tmp_path / "r"
    killed = stopped(tmp_path, "SIGKILL", 4)
    assert killed.returncode == -9, killed.stderr
    first = contents(run, "table")
    assert HALF in first.values()
    assert len([file for file in first if file in undisturbed]) == 3

    for name, code in (("SIGINT", 130), ("SIGTERM", 143)):
        interrupted = stopped(tmp_path, name, 2)
        assert interrupted.returncode == code, interrupted.stderr
        assert "the same command" in interrupted.stderr
        assert "Traceback" not in interrupted.stderr
    second = contents(run, "table")
    kept = {file: second[file] for file in undisturbed if file in second}
    assert 5 <= len(kept) <= SHARDS
    assert all(undisturbed[file] == content for file, content in kept.items())

    run_study(study(), run)
    assert contents(run, "table") == undisturbed


def tls_files(folder):
    """The files of a new key that is its own authority."""
    from distributed.security import Security

    made = Security.temporary()
    folder.mkdir()
    for name, content in (("ca", made.tls_ca_file), ("cert", made.tls_client_cert),
                          ("key", made.tls_client_key)):  # fmt: skip
        (folder / name).write_text(content)
    return workers.TLS(*(str(folder / name) for name in ("ca", "cert", "key")))


def test_a_running_cluster_does_the_same_and_refuses_strangers(undisturbed, tmp_path, monkeypatch):
    from distributed import LocalCluster
    from distributed.security import Security

    ours, others = tls_files(tmp_path / "ours"), tls_files(tmp_path / "others")
    before = open_ports()
    security = Security(
        tls_ca_file=ours.ca, require_encryption=True,
        **{f"tls_{role}_{part}": getattr(ours, part)
           for role in ("client", "scheduler", "worker") for part in ("cert", "key")},
    )  # fmt: skip
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None,
        worker_dashboard_address=None, host="127.0.0.1", protocol="tls", security=security,
    ) as running:  # fmt: skip
        address = running.scheduler_address
        opened = {port.port for port in open_ports() - before}
        assert int(address.rsplit(":")[-1]) in opened
        assert len(opened) > 1  # a worker's, too
        for port in opened:
            assert plain(port, tmp_path) == without_certificate(port, tmp_path) == ""
        run_study(study(), tmp_path / "r", scheduler=address, tls=ours)
        monkeypatch.setattr(workers, "CONNECT", "1s")
        for stranger, files in ((address.replace("tls", "tcp"), None), (address, others)):
            with pytest.raises(OutputError, match="nothing answers"):
                run_study(study(), tmp_path / "s", scheduler=stranger, tls=files)
    assert contents(tmp_path / "r", "table") == undisturbed
    assert not (tmp_path / "s").exists()


def test_workers_end_with_their_parent(tmp_path):
    """A worker whose parent is killed does not go on."""
    script = (
        "import os, signal, sys, time\n"
        "from annealcam.study.run.workers import Processes\n"
        "if __name__ == '__main__':\n"
        "    for _, pid in Processes(2).run(os.getpid, [(), ()]):\n"
        "        print(pid, flush=True)\n"
        "        time.sleep(60)\n"
    )
    (tmp_path / "parent.py").write_text(script)
    parent = subprocess.Popen(
        [sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    worker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    worker.wait(timeout=30)  # raises if it lives


def test_tls_and_its_files_belong_together(tmp_path):
    files = workers.TLS("ca", "cert", "key")
    for address, tls in ((None, files), ("tcp://x:1", files), ("tls://x:1", None)):
        with pytest.raises(ArgumentError, match="belong together"):
            run_study(study(), tmp_path / "r", scheduler=address, tls=tls)


def test_the_first_failure_of_a_task_ends_the_work():
    with pytest.raises(ZeroDivisionError):
        list(workers.Processes(2).run(divmod, [(1, 0), *[(6, 3)] * 9]))
    assert dict(workers.Processes(2).run(divmod, [(6, 4), (7, 2)])) == {0: (1, 2), 1: (3, 1)}


def test_a_network_that_kills_its_workers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "RETRIES", 0)
    with pytest.raises(WorkerError, match="1 workers died of one task"):
        run_study(study("deadly_network"), tmp_path / "r", workers=2)
