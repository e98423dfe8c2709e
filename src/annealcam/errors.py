"""The one family of exceptions: each message names the argument, its value and the mend.

`UsageError` and its children mean that the caller asked for something that cannot be; the others
mean that the world (a file, a network's numbers, a disk) did not play along.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AnnealcamError(Exception):
    """The root of every error that annealcam raises on purpose."""


class UsageError(AnnealcamError, ValueError):
    """What was asked for cannot be; the message says what can."""


class ArgumentError(UsageError):
    """An argument is outside its domain."""


class LayerError(UsageError):
    """A layer is unknown, is never run, or has no spatial maps."""


class TargetError(UsageError):
    """A target class is unknown."""


class ProblemTooLargeError(UsageError):
    """A selection problem has more variables than the solver that was asked can hold."""


class EmbeddingError(ProblemTooLargeError):
    """A selection problem has more variables than the graph of a quantum processor has room for."""


class ModelError(AnnealcamError):
    """A network cannot be had, or does not behave like an image classifier."""


class ModelNameError(UsageError, ModelError):
    """A network or its weights are asked for by a name that nothing has."""


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
    """A sampler is a service on the network, and no credentials that it takes were found."""


class OutputError(AnnealcamError):
    """A result cannot be written, or a stored result cannot be read."""


class WorkerError(AnnealcamError):
    """Workers of a study die again and again, or its cluster is gone."""


class AnnealcamWarning(UserWarning):
    """Something that does not stop the work, but that the reader of a result must know."""


def suggest(name: str, known: Iterable[str], *, most: int = 3) -> str:
    """Return `; did you mean 'a', 'b'?` for the known names nearest to `name`, or nothing.

    >>> suggest("layer44", ["layer4", "layer3", "fc"])
    "; did you mean 'layer4', 'layer3'?"
    """
    near = _near(name, [k for k in known if k], most)
    return f"; did you mean {', '.join(map(repr, near))}?" if near else ""


def _near(name: str, known: list[str], most: int) -> list[str]:
    """Names that contain `name` as a word are nearer than names that merely look alike."""
    folded = {k.casefold(): k for k in known}
    inside = [k for low, k in folded.items() if name.casefold() in low.replace(",", " ").split()]
    alike = difflib.get_close_matches(name.casefold(), folded, n=most, cutoff=0.6)
    return list(dict.fromkeys(inside + [folded[a] for a in alike]))[:most]
