"""What a layer gives: which axes hold its maps, and how maps are taken out and put back.

A layer's output is read by the first of these that decides:

1. A `reshape_transform` of the user.
2. The kind of the module: convolutions, their norms and pooling have the maps on axis 1; a norm or
   a linear layer over the last axis has them there.
3. An earlier output (or the input) of the same shape, or of as many maps under one of the two
   readings alone.
4. The grid: under one of the two readings alone it is that of a convolution, or has the proportions
   of the input.

What none of them decides is refused. Outputs of three axes in a network for images are tokens: the
grid is that of the patches. Other tokens, such as a class token, lie where the network concatenates
them. Rows of one image that the network folds into the batch (slices, frames, crops) are the first
grid axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from math import prod
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from annealcam._internal.text import short_repr
from annealcam.attribution.network.kinds import (
    FIRST,
    LAST,
    form_of,
    is_convolution,
    is_on_axis_1,
)
from annealcam.attribution.network.model_output import UnwatchedError
from annealcam.attribution.network.token_grid import BESIDE, Joins, proportional, token_grid
from annealcam.errors import LayerError

Reshape: TypeAlias = Callable[[Tensor], Tensor]
RESHAPED = "reshaped"
TOKENS, SEQUENCE = "tokens", "tokens on the first axis"
HINT = "give `reshape_transform`, which makes maps (rows, maps, ...) of it, or choose another layer"


@dataclass(frozen=True, eq=False, repr=False)
class LayerOutput:
    """The form of a layer's output.

    Attributes:
        form: `channels first`, `channels last`, `tokens`, `tokens on the first axis` (the batch on
            the second, as in `nn.TransformerEncoder` by default) or `reshaped`.
        rows: number of rows of the output for each image.
        maps: number of maps.
        grid: axes of each map, the rows of an image first where there are several.
        prefix: tokens before the grid.
        reshape: of the user, for the form `reshaped`.

    >>> form = LayerOutput(TOKENS, 1, 8, (2, 3), prefix=1)
    >>> tokens = torch.randn(5, 7, 8)
    >>> form.to_maps(tokens).shape
    torch.Size([5, 8, 2, 3])
    >>> bool((form.put(form.to_maps(tokens), tokens) == tokens).all())
    True
    """

    form: str
    rows: int
    maps: int
    grid: tuple[int, ...]
    prefix: int = 0
    reshape: Reshape | None = None

    def __repr__(self) -> str:
        return short_repr(
            "LayerOutput", form=self.form, rows=self.rows, maps=self.maps, grid=self.grid,
            prefix=self.prefix,
        )  # fmt: skip

    def to_maps(self, output: Float[Tensor, "..."]) -> Float[Tensor, "n maps *grid"]:
        """Return the maps of an output of this form. It is a view where that is possible."""
        if self.form == LAST:
            output = output.movedim(-1, 1)
        elif self.form in (TOKENS, SEQUENCE):
            output = output if self.form == TOKENS else output.transpose(0, 1)
            cells = self.grid[1:] if self.rows > 1 else self.grid
            places = output[:, self.prefix : self.prefix + prod(cells)].transpose(1, 2)
            output = places.reshape(*places.shape[:2], *cells)
        elif self.reshape is not None:
            output = self.reshape(output)
        if self.rows > 1:
            output = output.reshape(-1, self.rows, *output.shape[1:]).transpose(1, 2)
        return output

    def put(
        self, maps: Float[Tensor, "m maps *grid"], like: Float[Tensor, "..."]
    ) -> Float[Tensor, "..."]:
        """Return an output with these maps.

        Args:
            maps: of any number of images.
            like: the output of the layer for as many images or for one, from which everything that
                is no map is taken.
        """
        if self.form == RESHAPED:
            return self._placed(maps, like)
        if self.rows > 1:
            maps = maps.transpose(1, 2).flatten(0, 1)
        if self.form == LAST:
            return maps.movedim(1, -1)
        if self.form in (TOKENS, SEQUENCE):
            like = like if self.form == TOKENS else like.transpose(0, 1)
            tokens = self._among_others(maps.flatten(2).transpose(1, 2), like)
            return tokens if self.form == TOKENS else tokens.transpose(0, 1)
        return maps

    def _among_others(self, tokens: Tensor, like: Tensor) -> Tensor:
        """Put tokens of the grid between the others of an output."""
        others = like.to(tokens).repeat(len(tokens) // len(like), 1, 1)
        after = self.prefix + tokens.shape[1]
        return torch.cat([others[:, : self.prefix], tokens, others[:, after:]], dim=1)

    def _placed(self, maps: Tensor, like: Tensor) -> Tensor:
        """Write maps to the places of an output that the user's function takes them from."""
        shape = like.shape[1:]
        of_images = like.reshape(-1, self.rows * prod(shape)).to(maps)
        out = of_images.expand(len(maps), -1).clone()
        out = out.index_copy(1, self._places(shape).to(maps.device), maps.flatten(1))
        return out.reshape(-1, *shape)

    def _places(self, shape: Sequence[int]) -> Tensor:
        """Return the places of the maps' values in the output, from a reading of its numbers."""
        count = self.rows * prod(shape)
        numbers = torch.arange(count, dtype=torch.float64)
        others = (numbers * 7919 + 13) ** 2  # no mean of several is one of them
        places, values = (
            self.to_maps(given.reshape(self.rows, *shape)).flatten() for given in (numbers, others)
        )
        rearranges = bool(((places >= 0) & (places < count) & (places == places.floor())).all())
        places = places.long()
        if not rearranges or (others[places] != values).any() or (places.bincount() > 1).any():
            raise LayerError(
                "reshape_transform: changes or repeats values; it may only rearrange them, so that "
                "maps can be put back"
            )
        return places


@dataclass
class _Noted:
    """An output that a module gave: its shape without the axis of rows, and how it is read."""

    module: nn.Module
    shape: tuple[int, ...]
    form: str | None = None
    read: bool = field(default=False)


class Outputs:
    """The outputs of modules in a forward pass, in order, from which later ones are read.

    Args:
        images: the batch that goes through the network.
        watch: whether to watch what is concatenated, inside `watching`. If tokens beside the grid
            call for it and it is off, UnwatchedError is raised.

    >>> outputs = Outputs(torch.zeros(1, 3, 8, 8))
    >>> conv = nn.Conv2d(3, 8, 1)
    >>> maps = conv(torch.zeros(1, 3, 8, 8))
    >>> outputs.note(conv, None, maps)
    >>> outputs.read(nn.ReLU(), maps, "relu").form
    'channels first'
    """

    def __init__(self, images: Float[Tensor, "n channels *size"], *, watch: bool = False) -> None:
        self.images = len(images)
        self._joins = Joins() if watch else None
        self._size = tuple(images.shape[2:])
        given = tuple(images.shape[1:])
        self._noted = [_Noted(nn.Identity(), given, FIRST, read=True)]
        self._grids: list[tuple[int, ...]] = []  # of convolutions
        self._own_grids: list[tuple[int, ...]] = []  # of those with a row for each image

    @property
    def size(self) -> tuple[int, ...]:
        """Spatial axes of the input: as many as a convolution has, since frames may precede."""
        return self._size[-len(self._grids[-1]) :] if self._grids else self._size

    def note(self, module: nn.Module, _inputs: Any, output: Any) -> None:
        """Note an output, as a forward hook."""
        if isinstance(output, Tensor) and output.ndim > 2:
            shape = tuple(output.shape[1:])
            self._noted.append(_Noted(module, shape))
            if is_convolution(module):
                self._grids.append(shape[1:])
                if len(output) == self.images and len(shape) > 2:
                    self._own_grids.append(shape[1:])
            elif self._joins is None and output.ndim == 3 and len(self.size) > 1:
                self._stop_beside_grid(output.shape[:2])

    def watching(self) -> AbstractContextManager[Any]:
        """Watch the functions inside, where this is on."""
        return self._joins or nullcontext()

    def _stop_beside_grid(self, lengths: Sequence[int]) -> None:
        """Raise UnwatchedError early if tokens beside a grid may be among so many places."""
        for grid in set(self._grids):
            if any(0 < places - prod(grid) <= BESIDE for places in lengths):
                raise UnwatchedError("model: it has tokens beside those of the grid")

    def read(
        self, module: nn.Module, output: Any, layer: str, reshape: Reshape | None = None
    ) -> LayerOutput:
        """Return the form of the output that a module gives after all that has been noted.

        Raises:
            LayerError: it has no maps, or the axis of the maps cannot be determined.
        """
        if reshape is None and self.is_sequence(output) and not is_on_axis_1(module):
            return self._tokens(len(output), output.shape[2], 1, layer, SEQUENCE)
        rows = self._rows(output, layer)
        if reshape is not None:
            return self._reshaped(output, rows, reshape, layer)
        shape = tuple(output.shape[1:])
        if len(shape) not in (2, 3, 4):
            raise _no_maps(output, layer)
        if self._is_tokens(module, shape):
            if not self._are_on_axis_1(module, shape):
                raise _undecided(output, layer, "tokens")
            return self._tokens(shape[0], shape[1], rows, layer)
        form = self._form(module, shape)
        if form is None:
            raise _undecided(output, layer, "maps")
        maps, grid = (shape[0], shape[1:]) if form == FIRST else (shape[-1], shape[:-1])
        return _checked(LayerOutput(form, rows, maps, _with_rows(rows, grid)), layer)

    def _rows(self, output: Any, layer: str) -> int:
        if not isinstance(output, Tensor) or output.ndim < 2 or not output.is_floating_point():
            raise _no_maps(output, layer)
        if len(output) == 0 or len(output) % self.images:
            raise LayerError(
                f"layer={layer!r}: gives {len(output)} rows for {self.images} images, which are "
                "not as many for each image; choose another layer"
            )
        return len(output) // self.images

    def _reshaped(self, output: Tensor, rows: int, reshape: Reshape, layer: str) -> LayerOutput:
        if not callable(reshape):
            raise LayerError(
                f"reshape_transform: a {type(reshape).__name__}; give a function from the layer's "
                "output to maps (n, maps, h, w)"
            )
        try:
            maps = reshape(output.detach())
        except LayerError:
            raise
        except Exception as error:
            raise LayerError(
                f"reshape_transform: fails on the output {tuple(output.shape)} of layer {layer!r} "
                f"({type(error).__name__}: {error})"
            ) from error
        if not isinstance(maps, Tensor) or maps.ndim not in (3, 4, 5) or len(maps) != len(output):
            kind = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
            raise LayerError(
                f"reshape_transform: gives {kind} for layer {layer!r}, not maps (n, maps, h, w) or "
                "maps with one or three axes"
            )
        grid = _with_rows(rows, tuple(maps.shape[2:]))
        return _checked(LayerOutput(RESHAPED, rows, maps.shape[1], grid, reshape=reshape), layer)

    def _is_tokens(self, module: nn.Module, shape: tuple[int, ...]) -> bool:
        """Whether an output (n, places, features) of an image or a volume holds tokens."""
        return len(shape) == 2 and len(self.size) > 1 and form_of(module, shape) != FIRST

    def _are_on_axis_1(self, module: nn.Module, shape: tuple[int, ...]) -> bool:
        """Whether (places, features) of tokens cannot as well be (features, places)."""
        if token_grid(shape[1], self.size, self._grids) is None:
            return True
        return form_of(module, shape) == LAST or any(
            noted.shape == shape and self._form_of(noted) == LAST for noted in self._noted
        )

    def is_sequence(self, output: Any) -> bool:
        """Return whether an output may be (places, n, features), tokens on the first axis.

        For a single image nothing else is possible, if a convolution made a grid of as many places.
        """
        if not isinstance(output, Tensor) or not output.is_floating_point() or output.ndim != 3:
            return False
        if output.shape[1] != self.images or not self._own_grids:
            return False
        return token_grid(len(output), self.size, self._own_grids, halved=False) is not None

    def _tokens(
        self, places: int, features: int, rows: int, layer: str, form: str = TOKENS
    ) -> LayerOutput:
        found = token_grid(places, self.size, self._grids, halved=form == TOKENS)
        if found is None:
            raise LayerError(
                f"layer={layer!r}: gives {places} tokens of {features} features, which fill no "
                f"grid of patches; {HINT}"
            )
        grid, beside = found
        if beside and self._joins is None:
            raise UnwatchedError("model: it has tokens beside those of the grid")
        prefix = self._joins.before(places, prod(grid)) if beside and self._joins else 0
        if prefix is None:
            raise LayerError(
                f"layer={layer!r}: gives {places} tokens, {beside} more than the grid "
                f"{' x '.join(map(str, grid))}, and nothing shows which are beside it; {HINT}"
            )
        return _checked(LayerOutput(form, rows, features, _with_rows(rows, grid), prefix), layer)

    def _form(self, module: nn.Module, shape: tuple[int, ...]) -> str | None:
        return form_of(module, shape) or self._inherited(shape) or self._by_grid(shape)

    def _inherited(self, shape: tuple[int, ...]) -> str | None:
        """Return the form of an earlier output that shows it, the latest first."""
        for noted in reversed(self._noted):
            if noted.shape == shape and (form := self._form_of(noted)):
                return form
        for noted in reversed(self._noted):
            if len(noted.shape) == len(shape) and (form := self._form_of(noted)):
                maps = noted.shape[0 if form == FIRST else -1]
                if (shape[0] == maps) != (shape[-1] == maps):
                    return FIRST if shape[0] == maps else LAST
                return None
        return None

    def _form_of(self, noted: _Noted) -> str | None:
        if not noted.read:
            noted.read = True
            noted.form = form_of(noted.module, noted.shape)
        return noted.form

    def _by_grid(self, shape: tuple[int, ...]) -> str | None:
        """Return the form with the grid of a convolution, or with the proportions of the input.

        Where the last axis cannot hold the maps, axis 1 does, as everywhere in PyTorch.
        """
        size = self.size[-(len(shape) - 1) :]
        if len(size) < 2:
            return None
        grids = set(self._grids)
        if (shape[1:] in grids) != (shape[:-1] in grids):
            return FIRST if shape[1:] in grids else LAST
        if not proportional(shape[:-1], size):
            return FIRST
        return None if proportional(shape[1:], size) else LAST


def _with_rows(rows: int, grid: tuple[int, ...]) -> tuple[int, ...]:
    return (rows, *grid) if rows > 1 else grid


def _checked(form: LayerOutput, layer: str) -> LayerOutput:
    if prod(form.grid) < 2:
        raise LayerError(
            f"layer={layer!r}: its maps are single numbers (1 x 1), without places; "
            "choose a layer before the pooling (`annealcam layers` lists them)"
        )
    if len(form.grid) > 3:
        raise LayerError(
            f"layer={layer!r}: {form.rows} rows for each image, of maps with "
            f"{len(form.grid) - 1} axes; at most three axes in all: choose another layer"
        )
    return form


def _undecided(output: Tensor, layer: str, what: str) -> LayerError:
    return LayerError(
        f"layer={layer!r}: gives {tuple(output.shape)}, and nothing shows whether the {what} "
        f"are on axis 1 or on the last one; {HINT}"
    )


def _no_maps(output: Any, layer: str) -> LayerError:
    kind = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    return LayerError(
        f"layer={layer!r}: gives {kind}, not maps (n, maps, h, w); "
        "choose a convolutional layer (`annealcam layers` lists them)"
    )
