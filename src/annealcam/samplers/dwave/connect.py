"""The way to D-Wave's service: credentials, a machine, and one clear line for each failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from annealcam.errors import AnnealcamError, ArgumentError, MissingCredentialsError, SamplerError
from annealcam.samplers.dwave.credentials import configuration, scrubbed, unlogged

T = TypeVar("T")

MEND = "run `dwave setup --auth`, or set DWAVE_API_TOKEN"
_SILENCE = "no answer from D-Wave's service; check the network"


def connected(sampler: str, kind: str, solver: str | None = None) -> Any:
    """Return a machine of D-Wave's: an object of the class `kind` of `dwave.system`.

    Args:
        sampler: the name by which messages call it: `dwave` or `leap`.
        kind: `DWaveSampler`, `LeapHybridSampler` or `LeapHybridCQMSampler`.
        solver: a solver's name; None leaves it to D-Wave's configuration, and that to the service.

    Raises:
        SamplerError: dwave-system is missing, no solver has that name, or nobody answers.
        MissingCredentialsError: there is no token, or the service refuses it.
        ArgumentError: `solver` is not a name.
    """
    if solver is not None and not (isinstance(solver, str) and solver):
        raise ArgumentError(f"solver={solver!r}: a name, or None for the configured one")
    system = _ocean(sampler)
    _check_token(sampler)
    named = {} if solver is None else {"solver": solver}
    return asked(sampler, lambda: getattr(system, kind)(**named), solver)


def asked(sampler: str, action: Callable[[], T], solver: str | None = None) -> T:
    """Return what `action` returns; its failure becomes one of our errors, without the secrets.

    The failure is raised outside of `except`, so that it does not carry the first one along:
    D-Wave's errors hold the request, and that holds the token.

    Raises:
        MissingCredentialsError: the service refuses the token.
        SamplerError: anything else that `action` raises.

    >>> asked("dwave", lambda: 6 * 7)
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
    """Return the name of the solver behind a machine: of its client, its chip, or its class."""
    named = getattr(getattr(machine, "solver", None), "name", None)
    chip = (getattr(machine, "properties", None) or {}).get("chip_id")
    return str(named or chip or type(machine).__name__)


def _ocean(sampler: str) -> Any:
    try:
        import dwave.system
    except ImportError as error:
        raise SamplerError(
            f"sampler={sampler}: {error}; it is reached through dwave-system: "
            "pip install 'annealcam[dwave]'"
        ) from None
    return dwave.system


def _check_token(sampler: str) -> None:
    """Before any connection: the client would first ask the network for its regions."""
    reason = "no API token"
    try:
        if configuration().get("token"):
            return
    except Exception as error:  # no such file, no such profile, or not a configuration
        reason = scrubbed(str(error))
    raise MissingCredentialsError(f"sampler={sampler}: {reason}; {MEND}")


def _failure(sampler: str, error: Exception, solver: str | None) -> SamplerError:
    kind, reason = _reason(error, solver)
    told = f"{type(error).__name__}: {scrubbed(str(error))}"
    if kind is MissingCredentialsError:
        return kind(f"sampler={sampler}: {reason} ({told}); {MEND}")
    return kind(f"sampler={sampler}: {reason} ({told})")


def _reason(error: Exception, solver: str | None) -> tuple[type[SamplerError], str]:
    """What the failure means to who asked; D-Wave's own words follow it."""
    if isinstance(error, (ConnectionError, TimeoutError)):
        return SamplerError, _SILENCE
    try:
        import requests
        from dwave.cloud import exceptions as cloud
        from dwave.cloud.api import exceptions as api
    except ImportError:  # a stand-in failed, where D-Wave's packages are not installed
        return SamplerError, "fails"
    silence = (api.RequestTimeout, cloud.PollingTimeout, requests.exceptions.Timeout)
    if isinstance(error, (*silence, requests.exceptions.ConnectionError)):
        return SamplerError, _SILENCE
    if isinstance(error, (api.ResourceAuthenticationError, api.ResourceAccessForbiddenError)):
        return MissingCredentialsError, "the service refuses the token"
    if isinstance(error, api.ResourceNotFoundError):
        named = "no solver" if solver is None else f"solver={solver!r}: no such solver"
        return SamplerError, f"{named} is open to this account; see `dwave solvers --list --all`"
    if isinstance(error, cloud.SolverOfflineError):
        return SamplerError, "the solver is offline; name another (solver)"
    if isinstance(error, api.ResourceLimitsExceededError):
        return SamplerError, "the account's limit is reached; wait, or see Leap"
    return SamplerError, "fails"
