"""The exceptions of annealcam: each message names the argument, its value and the remedy.

A `UsageError` means that the call was not valid. All others mean that something outside of it
failed: a file, the numbers of a network, a disk, a service.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AnnealcamError(Exception):
    """The base class of all errors of annealcam."""


class UsageError(AnnealcamError, ValueError):
    """A call is not valid; the message names what is."""


class ArgumentError(UsageError):
    """An argument is outside its domain."""


class LayerError(UsageError):
    """A layer is unknown, is never run, or has no spatial maps."""


class TargetError(UsageError):
    """A target class is unknown."""


class ProblemTooLargeError(UsageError):
    """A selection problem has more variables than the solver can hold."""


class EmbeddingError(ProblemTooLargeError):
    """A selection problem does not fit on the graph of a quantum processor."""


class ModelError(AnnealcamError):
    """A network cannot be loaded, or does not behave like an image classifier."""


class ModelNameError(UsageError, ModelError):
    """No network or weights have the given name."""


class ImageError(AnnealcamError):
    """A file is not an image that can be read."""


class ScheduleError(AnnealcamError):
    """A file is not an annealing schedule that can be read."""


class ProblemFileError(AnnealcamError):
    """A file is not a selection problem that can be read."""


class NumericalError(AnnealcamError):
    """Maps, gradients or logits hold NaN or infinity."""


class SamplerError(AnnealcamError):
    """A sampler returned no usable selection."""


class MissingCredentialsError(SamplerError):
    """A sampler is an online service, and there are no credentials for it."""


class OutputError(AnnealcamError):
    """A result cannot be written, or a stored result cannot be read."""


class MissingExtraError(AnnealcamError, ModuleNotFoundError):
    """A package that only some uses need is not installed; the message names its extra."""


class WorkerError(AnnealcamError):
    """Workers of a study die again and again, or its cluster is gone."""


class AnnealcamWarning(UserWarning):
    """A doubt that does not stop the work, but that a reader of the result must know."""


def suggest(name: str, known: Iterable[str], *, most: int = 3) -> str:
    """Return `; did you mean 'a', 'b'?` for the known names nearest to `name`, or nothing.

    >>> suggest("layer44", ["layer4", "layer3", "fc"])
    "; did you mean 'layer4', 'layer3'?"
    """
    near = _near(name, [k for k in known if k], most)
    return f"; did you mean {', '.join(map(repr, near))}?" if near else ""


def _near(name: str, known: list[str], most: int) -> list[str]:
    """Return the nearest names: those that contain `name` as a word, then similar ones."""
    folded = {k.casefold(): k for k in known}
    inside = [k for low, k in folded.items() if name.casefold() in low.replace(",", " ").split()]
    alike = difflib.get_close_matches(name.casefold(), folded, n=most, cutoff=0.6)
    return list(dict.fromkeys(inside + [folded[a] for a in alike]))[:most]
