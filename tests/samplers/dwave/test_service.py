"""No credentials, no network, no such solver: one line each, and never the token."""

import io
import logging
import pickle
import subprocess
import sys
import traceback

import pytest
import requests
from dwave.cloud import exceptions as cloud
from dwave.cloud.api import exceptions as api

from annealcam.errors import ArgumentError, MissingCredentialsError, SamplerError
from annealcam.samplers.dwave.leap import select_by_leap
from annealcam.samplers.dwave.qpu import select_by_dwave
from annealcam.samplers.dwave.service import call_service, connect
from tests.problems import relu_problem
from tests.samplers.dwave.machines import (
    TOKEN,
    forbid_network,
    in_place_of,
    processor,
    without_credentials,
)


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    without_credentials(monkeypatch, tmp_path)
    forbid_network(monkeypatch)


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setenv("DWAVE_API_TOKEN", TOKEN)


BOTH = pytest.mark.parametrize(
    ("name", "kind", "choose"),
    [
        ("dwave", "DWaveSampler", select_by_dwave),
        ("leap", "LeapHybridSampler", select_by_leap),
    ],
)


@BOTH
def test_no_credentials(name, kind, choose):
    with pytest.raises(MissingCredentialsError) as error:
        choose(relu_problem(4))
    told = str(error.value)
    assert told.startswith(f"sampler={name}: no API token")
    assert "dwave setup --auth" in told
    assert "DWAVE_API_TOKEN" in told
    assert "\n" not in told


def test_a_configuration_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("DWAVE_CONFIG_FILE", str(tmp_path / "none.conf"))
    with pytest.raises(MissingCredentialsError, match=r"none.conf.*dwave setup --auth"):
        select_by_dwave(relu_problem(4))
    (tmp_path / "one.conf").write_text(f"[one]\ntoken = {TOKEN}\n")
    monkeypatch.setenv("DWAVE_CONFIG_FILE", str(tmp_path / "one.conf"))
    monkeypatch.setenv("DWAVE_PROFILE", "two")
    with pytest.raises(MissingCredentialsError, match=r"'two' not found.*DWAVE_API_TOKEN"):
        select_by_dwave(relu_problem(4))


FAILURES = [
    (cloud.SolverNotFoundError, SamplerError, "solver='one': no such solver"),
    (cloud.SolverAuthenticationError, MissingCredentialsError, "rejects the token"),
    (api.ResourceAuthenticationError, MissingCredentialsError, "dwave setup --auth"),
    (api.ResourceAccessForbiddenError, MissingCredentialsError, "rejects the token"),
    (cloud.SolverOfflineError, SamplerError, "the solver is offline"),
    (api.ResourceLimitsExceededError, SamplerError, "the limit of the account is reached"),
    (api.RequestTimeout, SamplerError, "no answer from D-Wave's service"),
    (cloud.PollingTimeout, SamplerError, "no answer from D-Wave's service"),
    (requests.exceptions.ConnectionError, SamplerError, "check the network"),
    (requests.exceptions.SSLError, SamplerError, "check the network"),
    (requests.exceptions.ReadTimeout, SamplerError, "check the network"),
    (ConnectionResetError, SamplerError, "check the network"),
    (cloud.SolverFailureError, SamplerError, "fails (SolverFailureError"),
    (cloud.InvalidAPIResponseError, SamplerError, "fails (InvalidAPIResponseError"),
    (ValueError, SamplerError, "fails (ValueError"),
]


@BOTH
@pytest.mark.parametrize(("raised", "ours", "match"), FAILURES)
def test_failures_to_connect_are_one_line_without_the_token(
    token, name, kind, choose, raised, ours, match
):
    def fail(**options):
        raise raised(f"at https://cloud.dwavesys.com/sapi\nX-Auth-Token: {TOKEN}")

    with in_place_of(kind, fail), pytest.raises(SamplerError) as error:
        choose(relu_problem(4), solver="one")
    assert type(error.value) is ours
    told = str(error.value)
    assert told.startswith(f"sampler={name}: ")
    assert match in told
    assert "***" in told
    assert "\n" not in told
    assert TOKEN not in "".join(traceback.format_exception(error.value))
    assert error.value.__context__ is None  # not even what a debugger would look into
    assert error.value.__cause__ is None


def test_a_stand_in_that_fails_where_dwaves_packages_are_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "dwave.cloud", None)
    with pytest.raises(SamplerError, match=r"^sampler=leap: fails \(ZeroDivisionError: "):
        call_service("leap", lambda: 1 / 0)


def test_failures_while_sampling_hide_the_token(token):
    machine = processor()

    def sample(bqm, **options):
        raise cloud.SolverFailureError(f"headers {{'X-Auth-Token': '{TOKEN}'}}")

    machine.sample = sample
    with pytest.raises(SamplerError) as error:
        select_by_dwave(relu_problem(4), qpu=machine)
    assert TOKEN not in str(error.value)
    assert TOKEN.encode() not in pickle.dumps(error.value)


def test_the_token_of_a_configuration_file_is_hidden_too(monkeypatch, tmp_path):
    path = tmp_path / "mine.conf"
    proxy = "http://me:word@proxy.org:8080/"
    path.write_text(f"[mine]\ntoken = {TOKEN}\nproxy = {proxy}\n")
    monkeypatch.setenv("DWAVE_CONFIG_FILE", str(path))

    def fail(**options):
        raise requests.exceptions.ProxyError(f"{proxy} with {TOKEN}")

    with in_place_of("DWaveSampler", fail), pytest.raises(SamplerError) as error:
        select_by_dwave(relu_problem(4))
    assert "*** with ***" in str(error.value)


@pytest.fixture
def log():
    """All that is logged, at every level."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root, before = logging.getLogger(), logging.getLogger().level
    cloud_log = logging.getLogger("dwave.cloud")
    level = cloud_log.level
    root.addHandler(handler)
    root.setLevel(1)
    cloud_log.setLevel(1)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)
    cloud_log.setLevel(level)


def test_the_token_is_not_logged_by_dwaves_client(monkeypatch, token, log):
    """The real client, which logs its configuration at DEBUG, against a network that is shut."""
    monkeypatch.setenv("DWAVE_API_ENDPOINT", "https://localhost:9/sapi/v2/")
    for name in ("getaddrinfo", "create_connection", "socket.connect"):
        monkeypatch.setattr(f"socket.{name}", lambda *_, **__: refuse())
    monkeypatch.setattr("time.sleep", lambda _: None)

    def refuse():
        raise ConnectionRefusedError("shut")

    with pytest.raises(SamplerError, match="check the network"):
        select_by_dwave(relu_problem(4), solver="one")
    assert "Config loaded" in log.getvalue()
    assert TOKEN not in log.getvalue()


def test_exceptions_in_the_log_are_hidden_and_the_log_is_left_as_found(token, log):
    logger = logging.getLogger("dwave.cloud.client.base")
    before = list(logger.filters)

    def action():
        try:
            raise ValueError(TOKEN)
        except ValueError:
            logger.exception("with %s", TOKEN)
        return 3

    assert call_service("dwave", action) == 3
    assert "with ***" in log.getvalue()
    assert "ValueError: ***" in log.getvalue()
    assert TOKEN not in log.getvalue()
    assert logger.filters == before


def test_an_empty_name_of_a_solver():
    with pytest.raises(ArgumentError, match="solver='': must be a name, or None"):
        connect("dwave", "DWaveSampler", "")


def test_a_missing_package_is_named_with_the_mend():
    code = """
import sys
sys.modules["dwave.system"] = None
import annealcam as ac, numpy as np
from annealcam.samplers.dwave.qpu import select_by_dwave
from annealcam.samplers.dwave.leap import select_by_leap
for choose in (select_by_dwave, select_by_leap):
    try:
        choose(ac.SelectionProblem([1.0], [[0.0]]))
    except ac.errors.SamplerError as error:
        print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = run.stdout.strip().splitlines()
    assert [line.split(":")[0] for line in lines] == ["sampler=dwave", "sampler=leap"]
    assert all("pip install 'annealcam[dwave]'" in line for line in lines)
