"""The score that is explained: the logit of a class, or its lead over other classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index
from typing import Any, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from annealcam.attribution.network.model_output import ModelOutput
from annealcam.attribution.targets import resolve_target
from annealcam.errors import TargetError

Against: TypeAlias = int | str | Sequence[int] | None
Score: TypeAlias = Callable[[Tensor], Tensor]
Targets: TypeAlias = int | Score | Sequence[int | Score] | None
NAMED = ("next", "rest")


def resolve_against(against: Any, classes: Sequence[str] | None) -> Against:
    """Return a contrast with its classes as indices; None, "next" and "rest" stay as they are.

    Raises:
        TargetError: no such class, or an empty list of classes.

    >>> resolve_against(["dog", 2], ["cat", "dog", "fox"])
    [1, 2]
    """
    if against is None or (isinstance(against, str) and against in NAMED):
        return against
    several = isinstance(against, Sequence) and not isinstance(against, str)
    if several or getattr(against, "ndim", 0) > 0:  # arrays and tensors are lists, too
        if not len(against):
            raise TargetError("against=[]: an empty list; give at least one class, or None")
        return [_class(each, classes) for each in against]
    return _class(against, classes)


def contrasted_classes(against: Against) -> list[int]:
    """Return the classes that a contrast names; none for None, "next" and "rest".

    >>> contrasted_classes([1, 2]), contrasted_classes(3), contrasted_classes("next")
    ([1, 2], [3], [])
    """
    if against is None or isinstance(against, str):
        return []
    return [against] if isinstance(against, int) else list(against)


def _class(against: Any, classes: Sequence[str] | None) -> int:
    try:
        each = against if isinstance(against, str) else index(against)
    except TypeError:
        each = None
    if each is None or isinstance(against, bool):
        raise TargetError(
            f"against={against!r}: give 'next', 'rest', a class (index or name), or a list of them"
        )
    try:
        found = resolve_target(each, classes)
    except TargetError as error:
        raise TargetError(str(error).replace("target=", "against=", 1)) from None
    assert found is not None  # only None resolves to None
    return found


def score_weights(
    logits: Float[Tensor, "n classes"],
    targets: Int[Tensor, " n"],
    against: Against = None,
    *,
    link: str = "softmax",
) -> Float[Tensor, "n classes"]:
    """Return the weights w of the score s = sum_j w_j z_j of each image; 1 for its target c.

    against None:     s = z_c
    against "next":   s = z_c - z_j, j the most likely of the other classes
    against "rest":   s = z_c - sum_j q_j z_j, q the softmax over the other classes; its gradient is
                      that of the log-odds log p_c / (1 - p_c). For independent labels (link
                      `sigmoid`) the log-odds are z_c itself, and s = z_c
    against classes:  s = z_c less the mean of their logits

    The weights are constants: no gradient flows through q.

    Raises:
        TargetError: a class does not exist, or is the target itself; or the outputs are numbers
            (link `identity`), of which none is the most likely.

    >>> z, c = torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([0])
    >>> score_weights(z, c, "next"), score_weights(z, c, [1, 2])
    (tensor([[ 1.,  0., -1.]]), tensor([[ 1.0000, -0.5000, -0.5000]]))
    """
    weights = torch.zeros_like(logits)
    rows = torch.arange(len(logits), device=logits.device)
    if against is not None:
        _refuse_contrast(against, logits.shape[1], link)
        if not (link == "sigmoid" and against == "rest"):
            weights -= _others(logits, targets, against)
    weights[rows, targets] = 1.0
    return weights


def _refuse_contrast(against: Against, outputs: int, link: str) -> None:
    """Raise TargetError if there is nothing to contrast with."""
    if outputs < 2:
        noun = "output" if link == "identity" else "class"
        raise TargetError(f"against={against!r}: the model has one {noun}; nothing to contrast")
    if link == "identity" and isinstance(against, str):
        raise TargetError(
            f"against={against!r}: chooses by probabilities, and the outputs are numbers (link "
            "'identity'); name the outputs that are subtracted"
        )


def targets_of(
    logits: Float[Tensor, "n classes"], targets: int | Sequence[int] | None
) -> Int[Tensor, " n"]:
    """Return the class to explain for each image: its target, or the predicted class.

    Raises:
        TargetError: a target is not a class of the model, or there are too few or too many.
    """
    n, classes = logits.shape
    if targets is None:
        return logits.detach().argmax(dim=1)
    each = [index(t) for t in targets] if isinstance(targets, Sequence) else [index(targets)] * n
    if len(each) != n:
        raise too_few_targets(len(each), n)
    for target in each:
        if not 0 <= target < classes:
            raise TargetError(f"target={target}: the model has classes 0 to {classes - 1}")
    return torch.tensor(each, device=logits.device)


def too_few_targets(targets: int, images: int) -> TargetError:
    """Return the error of a list of targets that is not as long as the batch."""
    return TargetError(f"target: {targets} classes for {images} images; give one, or one for each")


def scores(
    output: ModelOutput, targets: Targets, against: Against = None
) -> tuple[Int[Tensor, " n"], Float[Tensor, "n classes"]]:
    """Return the explained class and the weights of the score s = sum_j w_j z_j of each image.

    The score of a class is that of `score_weights`. That of a function t of the logits z is
    linearised: w_j = dt/dz_j, so that its gradient is that of t; the class is the one of largest
    weight. Of a network with one output, the function takes just this one, (1,).

    Raises:
        TargetError: as `score_weights` and `targets_of`; or a function fails, returns no number, or
            is contrasted with classes.

    >>> output = ModelOutput(torch.tensor([[3.0, 1.0, 2.0]]), "softmax", "given")
    >>> scores(output, lambda z: z[0] * z[1])
    (tensor([1]), tensor([[1., 3., 0.]]))
    """
    logits = output.logits.detach()
    several = isinstance(targets, Sequence)
    each = list(targets) if isinstance(targets, Sequence) else [targets] * len(logits)
    if not any(callable(target) for target in each):
        chosen = targets_of(logits, targets)  # type: ignore[arg-type]
        return chosen, score_weights(logits, chosen, against, link=output.link)
    if against is not None:
        raise TargetError(f"against={against!r}: contrasts classes, and the target is a function")
    if len(each) != len(logits):
        raise too_few_targets(len(each), len(logits))
    rows = []
    for i, target in enumerate(each):
        if callable(target):
            rows.append(_linearised(target, logits[i], two_sided=output.two_sided))
        else:
            of_image = targets_of(logits[i : i + 1], [target] if several else target)  # type: ignore[list-item]
            rows.append(score_weights(logits[i : i + 1], of_image)[0])
    weights = torch.stack(rows)
    return weights.argmax(dim=1), weights


def _linearised(target: Score, logits: Tensor, *, two_sided: bool) -> Tensor:
    """Return the derivative of a function of the logits of one image."""
    leaf = (logits[1:] if two_sided else logits).clone().requires_grad_()
    try:
        with torch.enable_grad():
            value = target(leaf)
            (gradient,) = torch.autograd.grad(value.sum(), leaf)
    except Exception as error:
        raise TargetError(
            f"target: the function fails on logits {tuple(leaf.shape)} ({type(error).__name__}: "
            f"{error}); it takes the logits of one image and returns a number that depends on them"
        ) from error
    return torch.cat([gradient.new_zeros(1), gradient]) if two_sided else gradient


def _others(
    logits: Float[Tensor, "n classes"], targets: Int[Tensor, " n"], against: Any
) -> Float[Tensor, "n classes"]:
    """Return the weights of the other classes, which sum to 1."""
    others = logits.scatter(1, targets[:, None], -torch.inf)
    if against == "rest":
        return others.softmax(dim=1)
    if against == "next":
        return torch.zeros_like(logits).scatter(1, others.argmax(dim=1, keepdim=True), 1.0)
    classes = contrasted_classes(against)
    for j in classes:
        if not 0 <= j < logits.shape[1]:
            raise TargetError(f"against={j}: the model has classes 0 to {logits.shape[1] - 1}")
        if (targets == j).any():
            raise TargetError(
                f"against={j}: is the explained class of image "
                f"{int((targets == j).nonzero()[0])}; contrast it with another one"
            )
    weights = torch.zeros_like(logits)
    for j in classes:
        weights[:, j] += 1.0 / len(classes)
    return weights
