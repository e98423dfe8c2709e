"""Images as a network takes them: a single one or a batch, of any number of axes and inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from annealcam.attribution.network.adapted import adapt
from annealcam.attribution.network.model_output import Output
from annealcam.errors import ArgumentError, TargetError


def batches(
    model: Any, image: Any, *, link: str | None = None, output: Output | None = None
) -> tuple[list[tuple[nn.Module, Float[Tensor, "n channels *size"]]], bool]:
    """Return pairs of a network and the batch that goes through it, and whether that is one image.

    There is one pair, unless the network takes several inputs: then there is a pair for each image,
    with a network that holds its other inputs.

    Args:
        model: the network.
        image: a tensor, or a tuple of the image and the inputs after it. Tensors among these have
            the axis of the batch if the image has it; everything else is passed on.
        link, output: as in `explain`.

    Raises:
        ArgumentError: the image is something else, or inputs differ in their number of images.

    >>> import torch
    >>> net = nn.Bilinear(4, 3, 2)
    >>> pairs, single = batches(net, (torch.ones(2, 1, 2, 2), torch.ones(2, 3)))
    >>> len(pairs), single
    (2, False)
    """
    first, others = (image[0], tuple(image[1:])) if _is_tuple(image) else (image, ())
    single = is_single(first, model)
    images = as_batch(first, model)
    if not others:
        return [(adapt(model, link=link, output=output), images)], single
    pairs = []
    for i, rows in enumerate(_of_images(others, len(images), single=single)):
        network = adapt(model, link=link, output=output, others=rows)
        pairs.append((network, images[i : i + 1]))
    return pairs, single


def target_of(target: Any, i: int, pairs: int) -> Any:
    """Return the target of the i-th pair of `batches`: all targets if there is one pair.

    >>> target_of([4, 7], 1, 2), target_of([4, 7], 0, 1), target_of("cat", 1, 2)
    (7, [4, 7], 'cat')
    """
    is_list = isinstance(target, Sequence) and not isinstance(target, str)
    if pairs == 1 or not (is_list or getattr(target, "ndim", 0) > 0):
        return target
    if len(target) != pairs:
        raise TargetError(
            f"target: {len(target)} classes for {pairs} images; give one, or one for each"
        )
    return target[i]


def _is_tuple(image: Any) -> bool:
    return isinstance(image, tuple | list) and len(image) > 0


def _of_images(others: Sequence[Any], n: int, *, single: bool) -> Iterator[tuple[Any, ...]]:
    """Yield the further inputs of each image, tensors with an axis of length 1 for the batch."""
    for other in others:
        if isinstance(other, Tensor) and not single and (other.ndim == 0 or len(other) != n):
            raise ArgumentError(
                f"image: {n} images beside an input of shape {tuple(other.shape)}; give each "
                "tensor a row for each image"
            )
    for i in range(n):
        yield tuple(
            other if not isinstance(other, Tensor) else other[None] if single else other[i : i + 1]
            for other in others
        )


def as_batch(image: Any, model: Any = None) -> Float[Tensor, "n channels *size"]:
    """Return an image, or a batch of them, as a batch.

    Raises:
        ArgumentError: it is something else.

    >>> import torch
    >>> as_batch(torch.zeros(3, 2, 2)).shape
    torch.Size([1, 3, 2, 2])
    >>> as_batch(torch.zeros(3, 9), nn.Conv1d(3, 1, 1)).shape
    torch.Size([1, 3, 9])
    """
    return image[None] if is_single(image, model) else image


def is_single(image: Any, model: Any = None) -> bool:
    """Return whether a tensor is a single image for a network, and not a batch.

    A batch has two axes more than the first convolution of the network has spatial axes; without
    a convolution, two of these are assumed.

    Raises:
        ArgumentError: it is neither.

    >>> import torch
    >>> is_single(torch.zeros(1, 8, 8, 8), nn.Conv3d(1, 1, 1)), is_single(torch.zeros(1, 1, 8, 8))
    (True, False)
    """
    axes = _spatial_axes(model)
    sizes = ["length", "H, W", "D, H, W"][axes - 1]
    fits = (
        isinstance(image, Tensor)
        and image.is_floating_point()
        and image.ndim in (axes + 1, axes + 2, axes + 3)
        and image.numel() > 0
    )
    if not fits:
        kind = tuple(image.shape) if isinstance(image, Tensor) else type(image).__name__
        if isinstance(image, Tensor) and not image.is_floating_point():
            kind = f"{str(image.dtype).removeprefix('torch.')} {kind}"
        raise ArgumentError(
            f"image: {kind}; a floating-point tensor (channels, {sizes}) or (n, channels, {sizes}),"
            " normalised, as `preprocess` of load_model makes it"
        )
    return bool(image.ndim == axes + 1)


def _spatial_axes(model: Any) -> int:
    modules = model.modules() if isinstance(model, nn.Module) else ()
    for module in modules:
        if isinstance(module, nn.modules.conv._ConvNd):
            return len(module.kernel_size)
    return 2
