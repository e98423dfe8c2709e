"""Worker processes that share a study, and die: nothing that was finished is lost."""

import os
import random
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from annealcam.errors import WorkerError
from annealcam.study.config import study_of
from annealcam.study.run import ending
from annealcam.study.run.engine import run_study
from tests.study.test_engine import SMALL, contents

CONFIG = """
shard = 2
[data]
choose = "all"
per_class = 6
[network]
models = ["tests.networks:digit_network"]
layers = ["3"]
batch = 2
[problem]
explain = "label"
[annealing]
tau = [1, 10]
[baselines]
random_draws = 2
sizes = [1, 2]
[statistics]
bootstrap = 50
permutations = 50
"""
STUDY = SMALL | {"shard": 2, "data": {"choose": "all", "per_class": 6}}


@pytest.fixture(scope="module", autouse=True)
def whole(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ending, "_draw", lambda *_: None)  # no figures: they have their own tests
        folder = tmp_path_factory.mktemp("whole") / "run"
        run_study(study_of(STUDY), folder)
        yield contents(folder, "table")


def parts(run):
    return sorted((run / "table").glob("part-*")) if (run / "table").is_dir() else []


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)


def test_two_workers_of_which_one_dies_equal_one(whole, tmp_path):
    killed = []

    def kill_one():
        until(lambda: len(parts(tmp_path / "r")) >= 3)
        mine = psutil.Process().children(recursive=True)
        victim = next(p for p in mine if "spawn_main" in " ".join(p.cmdline()))
        victim.kill()
        killed.append(victim.pid)

    thread = threading.Thread(target=kill_one)
    thread.start()
    run_study(study_of(STUDY), tmp_path / "r", workers=2)
    thread.join()
    assert len(killed) == 1
    assert contents(tmp_path / "r", "table") == whole


def start(tmp_path):
    (tmp_path / "study.toml").write_text(CONFIG)
    command = [sys.executable, "-m", "annealcam", "study", "study.toml", "-o", "r"]
    here = os.path.dirname(os.path.dirname(__file__))
    return subprocess.Popen(
        [*command, "--workers", "1"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": here},
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background
    )  # fmt: skip


def test_killed_at_any_moment_it_goes_on_and_ends_with_the_same_table(whole, tmp_path):
    rng = random.Random(0)
    for _ in range(2):
        before = len(parts(tmp_path / "r"))
        process = start(tmp_path)
        until(lambda n=before: len(parts(tmp_path / "r")) > n)
        time.sleep(rng.uniform(0, 0.3))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        (tmp_path / "r" / "table" / ".part-00029.parquet.new-00").write_bytes(b"half")
        kept = {file.name: file.read_bytes() for file in parts(tmp_path / "r")}
        assert before < len(kept) < 30
        assert all(whole[name] == kept[name.name] for name in whole if name.name in kept)
    run_study(study_of(STUDY), tmp_path / "r")
    assert contents(tmp_path / "r", "table") == whole


def test_ctrl_c_ends_cleanly_and_says_how_to_go_on(whole, tmp_path):
    process = start(tmp_path)
    until(lambda: len(parts(tmp_path / "r")) >= 1)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in errors
    assert "Traceback" not in errors
    run_study(study_of(STUDY), tmp_path / "r")
    assert contents(tmp_path / "r", "table") == whole


def test_a_running_cluster_does_the_same(whole, tmp_path):
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None,
        host="127.0.0.1", protocol="tcp",
    ) as cluster:  # fmt: skip
        run_study(study_of(STUDY), tmp_path / "r", scheduler=cluster.scheduler_address)
    assert contents(tmp_path / "r", "table") == whole


@pytest.mark.parametrize("workers", [1, 2])
def test_nobody_else_can_send_work(workers):
    from annealcam.study.run.cluster import workers_of

    with workers_of(workers=workers, scheduler=None, device="cpu") as client:
        assert client.submit(sum, [1, 2]).result() == 3
        me = psutil.Process()
        listening = {
            socket.laddr.ip
            for process in (me, *me.children(recursive=True))
            for socket in process.net_connections()
            if socket.status == psutil.CONN_LISTEN
        }
    assert listening == {"127.0.0.1"}


@pytest.mark.long
def test_a_network_that_kills_its_workers_is_given_up(tmp_path):
    deadly = STUDY | {"network": {"models": ["tests.networks:deadly_network"], "layers": ["3"]}}
    with pytest.raises(WorkerError, match="4 workers died of one task"):
        run_study(study_of(deadly), tmp_path / "r", workers=2)
