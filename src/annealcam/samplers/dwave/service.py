"""D-Wave's service: connecting to a machine, and its failures as errors of annealcam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from annealcam._internal.extras import require_extra
from annealcam.errors import AnnealcamError, ArgumentError, MissingCredentialsError, SamplerError
from annealcam.samplers.dwave.credentials import configuration, scrubbed, unlogged

T = TypeVar("T")

REMEDY = "run `dwave setup --auth`, or set DWAVE_API_TOKEN"
_NO_ANSWER = "no answer from D-Wave's service; check the network"


def connect(sampler: str, kind: str, solver: str | None = None) -> Any:
    """Connect to a machine: an object of the class `kind` of `dwave.system`.

    Args:
        sampler: `dwave` or `leap`, for messages.
        kind: `DWaveSampler`, `LeapHybridSampler` or `LeapHybridCQMSampler`.
        solver: the name of a solver; None: that of D-Wave's configuration, or else any.

    Raises:
        SamplerError: dwave-system is missing, no solver has that name, or the service does not
            answer.
        MissingCredentialsError: there is no token, or the service rejects it.
        ArgumentError: `solver` is not a string.
    """
    if solver is not None and not (isinstance(solver, str) and solver):
        raise ArgumentError(f"solver={solver!r}: must be a name, or None for the configured solver")
    system = _ocean(sampler)
    _check_token(sampler)
    options = {} if solver is None else {"solver": solver}
    return call_service(sampler, lambda: getattr(system, kind)(**options), solver)


def call_service(sampler: str, action: Callable[[], T], solver: str | None = None) -> T:
    """Return the result of `action`; its failure becomes an error of annealcam without secrets.

    The error is raised outside of `except`, so that it is not chained to the original one:
    D-Wave's errors hold the request, which holds the token.

    Raises:
        MissingCredentialsError: the service rejects the token.
        SamplerError: `action` raises anything else.

    >>> call_service("dwave", lambda: 6 * 7)
    42
    """
    with unlogged():
        try:
            return action()
        except AnnealcamError:
            raise
        except Exception as error:
            failure = _failure(sampler, error, solver)
    raise failure


def solver_name(machine: Any) -> str:
    """Return the name of a machine's solver, or else of its chip or its class."""
    name = getattr(getattr(machine, "solver", None), "name", None)
    chip = (getattr(machine, "properties", None) or {}).get("chip_id")
    return str(name or chip or type(machine).__name__)


def numbers(values: Any) -> dict[str, float]:
    """Return the entries of a mapping that are numbers, as floats.

    >>> numbers({"run_time": 7, "unit": "us"})
    {'run_time': 7.0}
    """
    numeric = (int, float, np.number)
    return {str(k): float(v) for k, v in dict(values or {}).items() if isinstance(v, numeric)}


def _ocean(sampler: str) -> Any:
    require_extra("dwave.system", extra="dwave", needed_by=f"sampler={sampler}", kind=SamplerError)
    import dwave.system

    return dwave.system


def _check_token(sampler: str) -> None:
    """Raise an error without a token before connecting, for the client starts with the network."""
    reason = "no API token"
    try:
        if configuration().get("token"):
            return
    except Exception as error:  # no such file, no such profile, or not a configuration
        reason = scrubbed(str(error))
    raise MissingCredentialsError(f"sampler={sampler}: {reason}; {REMEDY}")


def _failure(sampler: str, error: Exception, solver: str | None) -> SamplerError:
    kind, reason = _reason(error, solver)
    message = f"sampler={sampler}: {reason} ({type(error).__name__}: {scrubbed(str(error))})"
    return kind(f"{message}; {REMEDY}" if kind is MissingCredentialsError else message)


def _reason(error: Exception, solver: str | None) -> tuple[type[SamplerError], str]:
    """Return the class and the meaning of a failure; D-Wave's own message is appended to it."""
    if isinstance(error, (ConnectionError, TimeoutError)):
        return SamplerError, _NO_ANSWER
    try:
        import requests
        from dwave.cloud import exceptions as cloud
        from dwave.cloud.api import exceptions as api
    except ImportError:  # a stand-in failed without D-Wave's packages installed
        return SamplerError, "fails"
    timeouts = (api.RequestTimeout, cloud.PollingTimeout, requests.exceptions.Timeout)
    if isinstance(error, (*timeouts, requests.exceptions.ConnectionError)):
        return SamplerError, _NO_ANSWER
    if isinstance(error, (api.ResourceAuthenticationError, api.ResourceAccessForbiddenError)):
        return MissingCredentialsError, "the service rejects the token"
    if isinstance(error, api.ResourceNotFoundError):
        name = "no solver" if solver is None else f"solver={solver!r}: no such solver"
        return (
            SamplerError,
            f"{name} is open to this account; see `dwave solvers --list --all`",
        )
    if isinstance(error, cloud.SolverOfflineError):
        return SamplerError, "the solver is offline; choose another (solver)"
    if isinstance(error, api.ResourceLimitsExceededError):
        return SamplerError, "the limit of the account is reached; wait, or see Leap"
    return SamplerError, "fails"
