"""Worker processes that share a study, and die: no finished shard is lost."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from annealcam.errors import WorkerError
from annealcam.study.config import study_of
from annealcam.study.run import cluster, ending
from annealcam.study.run.engine import run_study
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
STUDY = {
    "shard": 1,
    "data": {"choose": "all", "per_class": 2},
    "network": {"models": ["tests.networks:digit_network"], "layers": ["3"]},
    "problem": {"explain": "label"},
    "annealing": {"tau": 1, "normalisations": "per_qubit", "gaps": False},
    "baselines": {"random_draws": 2},
    "statistics": {"bootstrap": 10, "permutations": 10},
}


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


def listening_addresses():
    """The addresses at which this process and its children accept connections."""
    process = psutil.Process()
    return {
        socket.laddr.ip
        for one in (process, *process.children(recursive=True))
        for socket in one.net_connections()
        if socket.status == psutil.CONN_LISTEN
    }


def test_two_workers_one_of_which_dies_equal_one_worker(tmp_path, monkeypatch):
    marker = tmp_path / "died"
    monkeypatch.setenv("MORTAL_NETWORK", str(marker))
    addresses = set()

    def progress(what, _done, _total):
        if what == "shards":
            addresses.update(listening_addresses())

    run_study(study("mortal_network"), tmp_path / "two", workers=2, progress=progress)
    assert marker.exists()  # by a worker, in the middle of a shard
    assert addresses == {cluster.LOOPBACK}
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
    killed = stopped(tmp_path, "kill", 4)
    assert killed.returncode == -9, killed.stderr
    first = contents(run, "table")
    assert HALF in first.values()
    assert len([file for file in first if file in undisturbed]) == 3

    interrupted = stopped(tmp_path, "interrupt", 3)
    assert interrupted.returncode == 130, interrupted.stderr
    assert "the same command" in interrupted.stderr
    assert "Traceback" not in interrupted.stderr
    second = contents(run, "table")
    kept = {file: second[file] for file in undisturbed if file in second}
    assert 6 <= len(kept) <= SHARDS
    assert all(undisturbed[file] == content for file, content in kept.items())

    run_study(study(), run)
    assert contents(run, "table") == undisturbed


def test_a_running_cluster_does_the_same(undisturbed, tmp_path):
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None,
        host="127.0.0.1", protocol="tcp",
    ) as running:  # fmt: skip
        run_study(study(), tmp_path / "r", scheduler=running.scheduler_address)
    assert contents(tmp_path / "r", "table") == undisturbed


def test_one_worker_listens_on_loopback_only():
    with cluster.workers_of(workers=1, scheduler=None, device="cpu") as client:
        assert client.submit(sum, [1, 2]).result() == 3
        assert listening_addresses() == {cluster.LOOPBACK}


def test_a_network_that_kills_its_workers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "RETRIES", 0)
    with pytest.raises(WorkerError, match="1 workers died of one task"):
        run_study(study("deadly_network"), tmp_path / "r", workers=2)
