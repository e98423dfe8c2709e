"""What a model gives: the tensor of its outputs, its logits, and what makes probabilities of them.

If a network itself ends in a softmax or in a sigmoid, its logits are what goes into that function:
they have the network's own probabilities, and their gradients do not vanish where it is sure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.overrides import TorchFunctionMode

from annealcam._internal.links import LINKS
from annealcam._internal.validation import one_of
from annealcam.errors import AnnealcamError, ArgumentError, ModelError

Output: TypeAlias = Callable[[Any], Any]
NAMES = ("logits", "out", "output", "outputs", "scores", "pred", "predictions", "y")  # of entries
ASSUMED = "assumed: exclusive classes"  # these are the reasons for a link
ONE = "the network has one output"
SHARES = "the outputs are shares that sum to 1"
MADE = "the outputs are probabilities of a sigmoid or a softmax"
PLAIN = ("given", ASSUMED, ONE)  # the outputs are logits as they are
COLUMNS = 4096  # of a function's result among which outputs are looked for
WAY = "give `output`, a function from what the model returns to logits (n, classes)"


@dataclass(frozen=True, eq=False)
class ModelOutput:
    """The logits of a batch and how they are read.

    Attributes:
        logits: of a network with one output z, (-z, z): class 0 and class 1, unless the link is
            `identity`.
        link: what makes probabilities of the logits: `softmax` over exclusive classes, `sigmoid`
            of independent ones, `identity` for numbers that are no probabilities.
        reason: why it is that link.
        taken: which part of what the model returned was read; None if that is all.
        two_sided: whether the logits are the two sides of one output.
    """

    logits: Float[Tensor, "n classes"]
    link: str
    reason: str
    taken: str | None = None
    two_sided: bool = False

    @property
    def _kind(self) -> tuple[Any, ...]:
        """What has to be the same in each run of a network."""
        return self.link, self.reason, self.two_sided, self.logits.shape[1]


def check_link(link: Any) -> str | None:
    """Return a link, or None; raise ArgumentError if there is no such link.

    >>> check_link("sigmoid")
    'sigmoid'
    """
    return None if link is None else one_of("link", link, LINKS)


def probabilities(
    logits: Float[Tensor, "*batch classes"], link: str
) -> Float[Tensor, "*batch classes"]:
    """Return the probabilities of logits; for the link `identity` the values themselves.

    >>> probabilities(torch.tensor([[0.0, 0.0]]), "softmax")
    tensor([[0.5000, 0.5000]])
    >>> probabilities(torch.tensor([[-2.0, 2.0]]), "sigmoid")
    tensor([[0.1192, 0.8808]])
    """
    if one_of("link", link, LINKS) == "softmax":
        return logits.softmax(dim=-1)
    return logits.sigmoid() if link == "sigmoid" else logits


class Activations(TorchFunctionMode):
    """The last softmax and sigmoid functions of a forward pass, with what went into them.

    >>> with Activations() as calls:
    ...     p = torch.sigmoid(torch.tensor([[2.0]]))
    >>> calls.before(p)
    (tensor([[2.]]), 'sigmoid')
    """

    def __init__(self) -> None:
        super().__init__()
        self._calls: deque[tuple[str, Tensor, Tensor]] = deque(maxlen=4)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run a function of torch, and keep its input and output if it is one of the two."""
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").partition(".")[0]
        if name in ("softmax", "sigmoid", "sigmoid_") and isinstance(result, Tensor):
            given = args[0] if args else (kwargs or {}).get("input")
            if isinstance(given, Tensor) and given is not result:
                self._calls.append((name, given, result))
        return result

    def before(self, output: Tensor) -> tuple[Tensor, str] | None:
        """Return the input of the function of which `output` is the result, and its name."""
        for name, given, result in reversed(self._calls):
            if given.shape == result.shape and _same_values(output, result):
                return given.reshape(output.shape), name
        return None

    def made(self, output: Tensor) -> bool:
        """Return whether numbers (n, k) are probabilities that one of the functions gave.

        They may be some of its columns, their complements, or clamped.
        """
        shares = output.detach()
        if not ((shares >= 0) & (shares <= 1)).all():
            return False
        for _, _, result in self._calls:
            if result.numel() % len(shares) == 0 and result[0].numel() <= COLUMNS:
                columns = result.detach().reshape(len(shares), -1).to(shares)
                if _are_columns(shares, columns) or _are_columns(1 - shares, columns):
                    return True
        return False


def _are_columns(values: Tensor, columns: Tensor) -> bool:
    near = (values[:, :, None] - columns[:, None, :]).abs() <= 1e-5
    return bool(near.all(dim=0).any(dim=1).all())


def _same_values(a: Tensor, b: Tensor) -> bool:
    """Whether a tensor is another one, or a view of all its values."""
    return a is b or (
        a.numel() == b.numel()
        and a.data_ptr() == b.data_ptr()
        and a.is_contiguous()
        and b.is_contiguous()
    )


class UnwatchedError(ModelError):
    """What a network gives depends on functions that were not watched: run it again, and watch.

    Its outputs may be probabilities, it has tokens beside those of the grid, or it overwrites what
    its modules return.
    """


def read_output(
    returned: Any,
    rows: int,
    calls: Activations | None,
    *,
    model: str,
    output: Output | None,
    link: Any,
    like: ModelOutput | None = None,
) -> ModelOutput:
    """Return the logits in what a model returned.

    It may be a tensor (n, classes) or (n,), an object or a mapping with `logits`, a mapping or a
    sequence that holds a single such tensor, or a sequence that begins with one.

    Args:
        returned: by the model.
        rows: number of images.
        calls: the activations of the forward pass; None where they were not watched.
        model: its name, for messages.
        output: a function that takes the logits out of what is returned.
        link: None: `sigmoid` for one output, behind a sigmoid, and for some columns of a softmax;
            otherwise `softmax`.
        like: an earlier output of the model, which is read in the same way.

    Raises:
        UnwatchedError: all outputs are between 0 and 1, and no activations were watched.
        ArgumentError: the network ends in a function that is not the link.
        ModelError: there are no logits, or others than in `like`.
    """
    values, taken = _chosen(returned, rows, model, output)
    logits, link, reason = _linked(values, rows, calls, link, None if like is None else like.reason)
    two_sided = logits.shape[1] == 1 and link != "identity"
    if two_sided:
        logits, link = torch.cat([-logits, logits], dim=1), "sigmoid"
    read = ModelOutput(logits, link, reason, taken, two_sided)
    if like is not None and read._kind != like._kind:
        raise ModelError(
            f"model: {model} gives {_kind(returned)} in a later run, which is of another kind than "
            "in the first; it must give the same for the same image"
        )
    return read


def _linked(
    values: Tensor, rows: int, calls: Activations | None, link: Any, known: str | None
) -> tuple[Tensor, str, str]:
    """Return logits (rows, k), what makes probabilities of them, and why.

    `known` is the reason that was found for an earlier output of the model.
    """
    found = None
    if link != "identity" and known not in PLAIN:  # numbers are explained as they are returned
        values, found = _before_probabilities(values, rows, calls, link, known)
    logits = _as_rows(values, rows)
    if found is not None:
        return logits, *found
    if link is not None:
        return logits, link, "given"
    return (logits, "sigmoid", ONE) if logits.shape[1] == 1 else (logits, "softmax", ASSUMED)


def _before_probabilities(
    values: Tensor, rows: int, calls: Activations | None, link: Any, known: str | None
) -> tuple[Tensor, tuple[str, str] | None]:
    """Return the logits of probabilities, with their link and reason; None for other values."""
    if calls is None:
        if bool(((values >= 0) & (values <= 1)).all()):
            raise UnwatchedError("model: its outputs are between 0 and 1")
        return values, None
    before = calls.before(values)
    if before is not None:
        logits, end = before
        _refuse_other_end(link, end)
        return logits, (end, f"the network ends in a {end}")
    shares = _as_rows(values, rows)
    several = shares.shape[1] > 1
    if known in (None, SHARES) and link is None and several and _sums_to_one(shares):
        return shares.log(), ("softmax", SHARES)
    if known in (None, MADE) and link in (None, "sigmoid") and calls.made(shares):
        return _log_odds(shares), ("sigmoid", MADE)
    return values, None


def _refuse_other_end(link: Any, end: str) -> None:
    if link not in (None, end):
        raise ArgumentError(
            f"link={link!r}: the network ends in a {end}, whose probabilities are its own; leave "
            f"the link out, or give {end!r} or 'identity'"
        )


def _log_odds(values: Tensor) -> Tensor:
    """Return the logits of probabilities, also of those that are rounded to 0 or 1."""
    smallest = torch.finfo(values.dtype).tiny
    return values.clamp(min=smallest).log() - (1 - values).clamp(min=smallest).log()


def _sums_to_one(values: Tensor) -> bool:
    shares = values.detach()
    near = (shares.sum(dim=1) - 1).abs() <= 1e-4
    return bool((shares > 0).all() & near.all())  # logits may well be 1 and 0


def _chosen(
    returned: Any, rows: int, model: str, output: Output | None
) -> tuple[Tensor, str | None]:
    """Return the tensor of logits in what a model returned, and where it is."""
    if output is not None:
        return _applied(output, returned, rows)
    if isinstance(returned, Tensor):
        found: tuple[Any, str | None] = returned, None
    elif isinstance(getattr(returned, "logits", None), Tensor):
        found = returned.logits, "logits"
    elif isinstance(returned, Mapping):
        found = _of_mapping(returned, rows, model)
    elif isinstance(returned, Sequence) and returned and not isinstance(returned, str):
        found = returned[0], f"the first of {len(returned)} outputs" if len(returned) > 1 else None
    else:
        found = returned, None
    values, taken = found
    if not isinstance(values, Tensor) or not _fits(values, rows):
        raise ModelError(
            f"model: {model} gives {_kind(values)}, not logits ({rows}, classes); {WAY}"
        )
    return values, taken


def _of_mapping(returned: Mapping[Any, Any], rows: int, model: str) -> tuple[Any, str | None]:
    fitting = [k for k, v in returned.items() if isinstance(v, Tensor) and _fits(v, rows)]
    named = [name for name in NAMES if name in fitting] or fitting
    if not fitting or (len(fitting) > 1 and named == fitting and named[0] not in NAMES):
        kinds = ", ".join(f"{key}: {_kind(value)}" for key, value in returned.items())
        raise ModelError(
            f"model: {model} gives a mapping with {kinds or 'nothing'}, of which it is not clear "
            f"what holds the logits ({rows}, classes); {WAY}"
        )
    return returned[named[0]], str(named[0]) if len(returned) > 1 else None


def _applied(output: Output, returned: Any, rows: int) -> tuple[Tensor, str]:
    try:
        values = output(returned)
    except AnnealcamError:
        raise
    except Exception as error:
        raise ArgumentError(
            f"output: fails on the {type(returned).__name__} that the model returns "
            f"({type(error).__name__}: {error})"
        ) from error
    if not isinstance(values, Tensor) or not _fits(values, rows):
        raise ArgumentError(
            f"output: gives {_kind(values)}, not logits ({rows}, classes) for {rows} images"
        )
    return values, "by the function `output`"


def _fits(values: Tensor, rows: int) -> bool:
    """Whether values can be read as (rows, classes): one number or a list of them for each row."""
    if values.is_nested or values.layout != torch.strided or values.is_meta:
        return False
    if not values.is_floating_point() or values.numel() == 0:
        return False
    if values.ndim == 0:
        return rows == 1
    return len(values) == rows and values.shape[2:].numel() == 1


def _as_rows(values: Tensor, rows: int) -> Tensor:
    return values.reshape(rows, -1)


def _kind(value: Any) -> str:
    if isinstance(value, Tensor) and (value.is_nested or value.layout != torch.strided):
        return f"a tensor of the layout {'nested' if value.is_nested else value.layout}"
    if isinstance(value, Tensor) and value.is_meta:
        return "a tensor without values, on the device meta"
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    return type(value).__name__
