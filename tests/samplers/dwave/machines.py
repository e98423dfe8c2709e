"""Stand-ins for D-Wave's machines, and a network that must not be used."""

import socket
from contextlib import contextmanager

import pytest
from dwave.system.testing import MockDWaveSampler

import annealcam as ac

TOKEN = "DEV-0123456789abcdef0123456789abcdef01234567"


def forbid_network(monkeypatch):
    def connect(*args, **kwargs):
        raise AssertionError("a connection was opened")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, connect)
    for name in ("create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, connect)


def without_credentials(monkeypatch, folder):
    """As on a machine where `dwave setup` never ran."""
    for name in ("TOKEN", "SOLVER", "ENDPOINT", "REGION", "HEADERS", "PROXY", "CLIENT"):
        monkeypatch.delenv(f"DWAVE_API_{name}", raising=False)
    monkeypatch.delenv("DWAVE_PROFILE", raising=False)
    empty = folder / "dwave.conf"
    empty.write_text("[defaults]\n")
    monkeypatch.setenv("DWAVE_CONFIG_FILE", str(empty))


def processor(topology="pegasus", **options):
    """A mock processor that searches (seeded) and looks up no answer."""
    if "substitute_sampler" not in options:
        options.setdefault("substitute_kwargs", {"seed": 8})
    return MockDWaveSampler(
        topology_type=topology, exact_solver_cutoff=0, parameter_warnings=False, **options
    )


def physics():
    """A mock processor that runs our annealer: the exact evolution of the embedded problem."""
    return processor(
        substitute_sampler=ac.AnnealingSampler(), substitute_kwargs={"tau": 60.0, "seed": 3}
    )


def recorder(topology="pegasus", **options):
    """A mock processor that keeps what it was told, in `told`."""
    machine = processor(topology, **options)
    machine.told = []
    sample = machine.sample

    def remembered(bqm, **kwargs):
        machine.told.append((bqm.copy(), kwargs))
        return sample(bqm, num_reads=kwargs["num_reads"])

    machine.sample = remembered
    return machine


@contextmanager
def in_place_of(name, make):
    """D-Wave's class `name` replaced by `make`, which is told the options of the connection."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"dwave.system.{name}", make)
        yield
