"""The part of a network behind a layer, run again without the part before it.

While a network runs, the calls of modules form a tree. When the layer has run, the calls that are
still open are its ancestors, and what these have called so far is finished. A later run stores the
outputs of just these finished calls in place of their work, puts other maps in place of those of
the layer, and computes all that follows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from annealcam.attribution.network.hooks import borrowed, find_layer, hooked, predict, watched
from annealcam.attribution.network.layer_output import LayerOutput, Outputs, Reshape
from annealcam.attribution.network.model_output import ModelOutput, UnwatchedError
from annealcam.errors import LayerError, ModelError


class Recording:
    """The calls that were finished when a layer ran, with their outputs.

    It is filled by `recording`, and holds nothing before the layer has run.

    Attributes:
        module: the layer.
        finished: the calls.
        output: of the layer.
        form: how its maps are taken out of it and put back.

    Args:
        module: the layer.
        copy: whether outputs are copied, so that they stay where the network overwrites them.
    """

    def __init__(self, module: nn.Module, *, copy: bool = False) -> None:
        self.module, self._copied = module, copy
        self._versions: dict[int, int] = {}  # of tensors in outputs, when last returned
        self.finished: list[tuple[nn.Module, Any]] = []
        self.output: Tensor | None = None
        self.form: LayerOutput | None = None
        self._due = False
        self._open: list[list[tuple[nn.Module, Any]]] = [[]]  # what each open call has called

    def take(self, output: Tensor, form: LayerOutput) -> None:
        """Take the run of the layer that is about to finish as the one that is recorded."""
        self.output, self.form, self._due = output, form, True

    def enter(self, _module: nn.Module, _inputs: Any) -> None:
        """Note that a call begins."""
        self._open.append([])

    def leave(self, module: nn.Module, _inputs: Any, output: Any) -> None:
        """Note that a call is finished."""
        self._open.pop()
        if module is self.module and self._due:
            self._due = False
            self.finished = [call for calls in self._open for call in calls]
        if self._copied:
            output = tree_map(_copy, output)
        for tensor in _tensors(output):
            self._versions[id(tensor)] = tensor._version
        self._open[-1].append((module, output))

    def refuse_overwritten(self) -> None:
        """Raise UnwatchedError if code between modules has overwritten an output of the tape.

        What a module overwrites, such as a ReLU in place, is among its own outputs.
        """
        tensors = (tensor for _, output in self.finished for tensor in _tensors(output))
        if any(tensor._version != self._versions[id(tensor)] for tensor in tensors):
            raise UnwatchedError("model: it overwrites outputs of its modules")


@contextmanager
def recording(model: nn.Module, tape: Recording) -> Iterator[None]:
    """Record on a tape what a borrowed model computes before the tape's layer.

    A hook on the layer calls `tape.take` in the run that is recorded.
    """
    with ExitStack() as stack:
        for module in dict.fromkeys(model.modules()):
            stack.callback(module.register_forward_pre_hook(tape.enter, prepend=True).remove)
            stack.callback(module.register_forward_hook(tape.leave).remove)
        yield


class Rest:
    """What lies behind a layer, for the images of one recorded forward pass.

    Args:
        model: the borrowed network, that is, inside `borrowed`.
        images: the images that went through it.
        tape: what `recording` holds of that.
        output: what the network returned for them; None: a run finds it when it is needed.
    """

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        tape: Recording,
        output: ModelOutput | None = None,
    ) -> None:
        self._model, self._images, self._tape = model, images, tape
        self._output = output

    @property
    def output(self) -> ModelOutput:
        """What the network returned for the images: its logits, and how they are read."""
        if self._output is None:
            self._output = watched(lambda watch: predict(self._model, self._images, watch=watch))
        return self._output

    def logits(self, maps: Float[Tensor, "m maps *grid"]) -> Float[Tensor, "m classes"]:
        """Return the logits (rows, classes) if the layer gave these maps, a row for each.

        There is a row for each image, or any number of them for a single image. A network that
        joins what lies behind the layer with what lies before it gets a copy of the latter for each
        row if it does not accept a single one.

        Raises:
            ModelError: the rest of the network fails.
        """
        rows = len(maps)
        try:
            return self._run(maps, self._images, lambda output: output)
        except ModelError:
            if len(self._images) == rows or len(self._images) != 1:
                raise
        images = self._images.expand(rows, *self._images.shape[1:])
        return self._run(maps, images, lambda output: tree_map(_copies(rows), output))

    def _run(self, maps: Tensor, images: Tensor, prepared: Callable[[Any], Any]) -> Tensor:
        form, output = self._tape.form, self._tape.output
        assert form is not None
        assert output is not None
        outputs: dict[nn.Module, list[Any]] = defaultdict(list)
        for module, finished in self._tape.finished:
            outputs[module].append(prepared(finished))
        outputs[self._tape.module].append(form.put(maps, output))

        def attempt(watch: bool) -> Tensor:
            with ExitStack() as stack:
                for module, of_module in outputs.items():
                    stack.enter_context(_replayed(module, of_module))
                first = self._output
                return predict(self._model, images, rows=len(maps), watch=watch, like=first).logits

        return watched(attempt)


@contextmanager
def _replayed(module: nn.Module, outputs: list[Any]) -> Iterator[None]:
    """Let the next calls of a module return `outputs` without work; later ones work as before."""
    left = iter(outputs)
    of_class = module.forward
    shadowed = module.__dict__.get("forward")
    current: list[Any] = []

    def forward(*inputs: Any, **keywords: Any) -> Any:
        current.clear()
        for output in left:
            torch.set_grad_enabled(True)  # also where the model itself froze its trunk by no_grad
            current.append(output)
            return output
        return of_class(*inputs, **keywords)

    def renewed(_module: nn.Module, _inputs: Any, _output: Any) -> Any:
        """Return a copy, which may be overwritten, and which no other hook has changed."""
        return tree_map(_copy, current[0]) if current else None

    module.__dict__["forward"] = forward
    try:
        with hooked({module: renewed}):
            yield
    finally:
        del module.__dict__["forward"]
        if shadowed is not None:
            module.__dict__["forward"] = shadowed


def _tensors(output: Any) -> list[Tensor]:
    leaves = [output] if isinstance(output, Tensor) else tree_leaves(output)
    return [leaf for leaf in leaves if isinstance(leaf, Tensor) and not leaf.is_inference()]


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def _copies(rows: int) -> Callable[[Any], Any]:
    def copies(value: Any) -> Any:
        if isinstance(value, Tensor) and value.ndim and len(value) == 1:
            return value.expand(rows, *value.shape[1:])
        return value

    return copies


def never_ran(layer: str) -> LayerError:
    """Return the error of a layer that takes no part in the forward pass."""
    return LayerError(f"layer={layer!r}: never ran in the forward pass; choose another layer")


class FoldedRows(LayerError):
    """The rows of a layer cannot be assigned to the images of a batch."""


class LayerRuns:
    """The runs of a layer in which it gives maps, in one forward pass.

    Args:
        images: the batch.
        layer: the name of the layer, for messages.
        run: the number of the run that is chosen, from 0; None: the last one.
        reshape: of the user.
        watch: as in `Outputs`.

    Attributes:
        count: number of runs that gave maps.
        form: of the chosen run.
    """

    def __init__(
        self,
        images: Tensor,
        layer: str,
        *,
        run: int | None = None,
        reshape: Reshape | None = None,
        watch: bool = False,
    ) -> None:
        self.outputs = Outputs(images, watch=watch)
        self.layer, self.run, self.reshape = layer, run, reshape
        self.count = 0
        self.form: LayerOutput | None = None
        self._refusal: LayerError | None = None

    def chosen(self, module: nn.Module, output: Any) -> LayerOutput | None:
        """Count a run, and return its form if it is one that may be chosen."""
        if self.reshape is None and self.outputs.images > 1 and self.outputs.is_sequence(output):
            raise FoldedRows(
                f"layer={self.layer!r}: gives {tuple(output.shape)}, tokens whose images are on "
                "either axis; run the images one by one"
            )
        try:
            form = self.outputs.read(module, output, self.layer, self.reshape)
        except LayerError as refusal:
            self._refusal = refusal
            return None
        if form.rows > 1 and self.outputs.images > 1:
            raise FoldedRows(
                f"layer={self.layer!r}: gives {form.rows} rows for each image, and a batch does "
                "not show whose they are; run the images one by one"
            )
        self.count += 1
        if self.run is not None and self.run != self.count - 1:
            return None
        self.form = form
        return form

    def needed_form(self) -> LayerOutput:
        """Return the form of the chosen run.

        Raises:
            LayerError: the layer never ran, gave no maps, or ran less often.
        """
        if self.form is not None:
            return self.form
        if self.count:
            times = "once" if self.count == 1 else f"{self.count} times"
            numbers = "leave it out" if self.count == 1 else f"give one of 0 to {self.count - 1}"
            raise LayerError(
                f"run={self.run}: layer {self.layer!r} runs {times} with maps in a forward pass; "
                f"{numbers}"
            )
        raise self._refusal or never_ran(self.layer)


@contextmanager
def behind(
    model: nn.Module,
    images: Float[Tensor, "n channels *size"],
    layer: str,
    *,
    run: int | None = None,
    reshape_transform: Reshape | None = None,
) -> Iterator[tuple[Tensor, Rest]]:
    """Run a network once without gradients; yield the maps of a layer and what lies behind it.

    Raises:
        LayerError: the layer never ran, or gives no maps.
        AnnealcamError: as `capture`, for the layer and the model.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    >>> with behind(net, torch.ones(1, 3, 8, 8), "1") as (maps, rest):
    ...     rest.logits(torch.cat([maps, 0 * maps])).shape
    torch.Size([2, 2])
    """
    with borrowed(model), torch.no_grad():
        tape, form, output = watched(
            lambda watch: _recorded(model, images, layer, run, reshape_transform, watch)
        )
        assert tape.output is not None
        yield form.to_maps(tape.output).clone(), Rest(model, images, tape, output)


def _recorded(
    model: nn.Module,
    images: Tensor,
    layer: str,
    run: int | None,
    reshape: Reshape | None,
    watch: bool,
) -> tuple[Recording, LayerOutput, ModelOutput | None]:
    """Run a borrowed model; return the tape, the form of the layer's output, and what it gave."""
    tape, output = Recording(find_layer(model, layer), copy=watch), None
    runs = LayerRuns(images, layer, run=run, reshape=reshape, watch=watch)

    def keep(module: nn.Module, _inputs: Any, output: Any) -> None:
        if form := runs.chosen(module, output):
            tape.take(output.clone(), form)  # what follows may overwrite it

    try:
        with noted(model, runs.outputs), hooked({tape.module: keep}), recording(model, tape):
            output = predict(model, images, watch=watch)
    except UnwatchedError:
        if runs.form is None:  # else what the network gave in the end can wait until it is needed
            raise
    tape.refuse_overwritten()
    return tape, runs.needed_form(), output


@contextmanager
def noted(model: nn.Module, outputs: Outputs) -> Iterator[None]:
    """Note the outputs of all modules of a borrowed model, and the sequences that it joins."""
    with hooked(dict.fromkeys(model.modules(), outputs.note)), outputs.watching():
        yield
