"""Packages that only some uses need, which the extras of annealcam install."""

from __future__ import annotations

from importlib.util import find_spec

from annealcam.errors import AnnealcamError, MissingExtraError


def require_extra(
    package: str, *, extra: str, needed_by: str, kind: type[AnnealcamError] = MissingExtraError
) -> None:
    """Raise an error of one line unless a package is installed, without importing it.

    Args:
        package: the name under which it is imported.
        extra: the extra of annealcam that installs it.
        needed_by: what needs it, with which the line begins.
        kind: the class of the error.

    Raises:
        MissingExtraError: or `kind`: the package is not installed.

    >>> require_extra("numpy", extra="study", needed_by="study")
    """
    if not is_installed(package):
        raise missing_extra(package, extra=extra, needed_by=needed_by, kind=kind)


def missing_extra(
    package: str, *, extra: str, needed_by: str, kind: type[AnnealcamError] = MissingExtraError
) -> AnnealcamError:
    """Return the error for a package that is not installed.

    >>> print(missing_extra("captum", extra="captum", needed_by="annealcam.interop.captum"))
    annealcam.interop.captum: captum is not installed; run pip install 'annealcam[captum]'
    """
    return kind(f"{needed_by}: {package} is not installed; run pip install 'annealcam[{extra}]'")


def is_installed(package: str) -> bool:
    """Return whether a package can be imported, without importing it.

    >>> is_installed("numpy")
    True
    """
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # its parent is missing
        return False
    except ValueError:  # it is imported, but was not made from a file
        return True
