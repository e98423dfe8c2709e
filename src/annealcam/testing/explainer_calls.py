"""Checks of an explainer's calls: what they leave behind, and what they must refuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from annealcam.testing.checks import NotApplicable, require
from annealcam.testing.global_state import changed_state, global_state, seeded_globals
from annealcam.testing.heat_maps import Subject, equal
from annealcam.testing.network_state import changed_parts, network_state
from annealcam.testing.networks import PlantedNetwork, planted_images, planted_network


def parameters(subject: Subject) -> None:
    """Parameters keep their values, and remain the same objects, as modules do."""
    network = planted_network()
    _must_keep(subject, network, "parameters")
    _must_keep(subject, network, "modules")


def buffers(subject: Subject) -> None:
    """Statistics of normalisations are kept, also in training mode."""
    _must_keep(subject, planted_network(), "buffers")
    _must_keep(subject, planted_network().train(), "buffers", "in training mode")


def modes(subject: Subject) -> None:
    """Each module stays in training or in evaluation mode, also if they differ."""
    _must_keep(subject, planted_network(), "modes")
    network = planted_network().train()
    network.norm.eval()
    _must_keep(subject, network, "modes", "in training mode")


def requires_grad(subject: Subject) -> None:
    """Parameters that need gradients go on to need them, and others do not begin to."""
    network = planted_network()
    network.fc.weight.requires_grad_(False)
    _must_keep(subject, network, "requires_grad")


def gradients(subject: Subject) -> None:
    """Gradients of parameters stay None, or keep their values."""
    network = planted_network()
    _must_keep(subject, network, "gradients")
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    _must_keep(subject, network, "gradients")


def hooks(subject: Subject) -> None:
    """No hook is left on a module or a parameter."""
    _must_keep(subject, planted_network(), "hooks")


def _must_keep(subject: Subject, network: PlantedNetwork, part: str, when: str = "") -> None:
    before = network_state(network)
    subject.maps(model=network)
    changed = part in changed_parts(before, network)
    require(not changed, f"A call changes the network's {part}{' ' if when else ''}{when}.")


def after_an_error(subject: Subject) -> None:
    """If the network fails, it is left as it was, and so is the state of the process."""
    subject.must_be_usable()
    network, images = planted_network(), planted_images(1)
    network.fc = _Fails()  # type: ignore[assignment]
    before, shared = network_state(network), global_state()
    try:
        subject.call(network, images, [0])
    except Exception:
        changed = [f"the network's {part}" for part in changed_parts(before, network)]
        changed += changed_state(shared)
        require(not changed, f"An error in the network leaves {', '.join(changed)} changed.")
    else:
        raise NotApplicable("It does not run the classifier.")


class _Fails(nn.Module):
    def forward(self, _: Any) -> Any:
        raise RuntimeError("this classifier fails")


def image_unchanged(subject: Subject) -> None:
    """Images keep their values, need no gradients that they did not need, and get none."""
    for needs in (False, True):
        images = planted_images().requires_grad_(needs)
        before = images.detach().clone()
        subject.maps(images)
        require(torch.equal(images, before), "A call changes the images.")
        require(images.requires_grad == needs, "A call changes requires_grad of the images.")
        require(images.grad is None, "A call leaves gradients at the images.")


def global_states(subject: Subject) -> None:
    """A call leaves as it was what the process shares: generators, modes, filters, environment."""
    subject.maps()  # first, for whatever is imported
    network, images = planted_network(), planted_images()
    before = global_state()
    subject.called(network, images, [0, 1, 2])
    changed = changed_state(before)
    require(not changed, f"A call changes {', '.join(changed)}.")


def repeatable(subject: Subject) -> None:
    """Equal calls have equal results, whatever the state of the global generators."""
    _only_deterministic(subject)
    subject.must_be_usable()
    with seeded_globals(1):
        first = subject.called(planted_network(), planted_images(), [0, 1, 2])
    with seeded_globals(2):
        second = subject.called(planted_network(), planted_images(), [0, 1, 2])
    require(np.array_equal(first, second), "Two equal calls have different results.")


def memory(subject: Subject) -> None:
    """A call does not depend on the images and classes of earlier calls."""
    _only_deterministic(subject)
    network, images = planted_network(), planted_images()
    first = subject.maps(images, model=network)
    if not np.array_equal(first, subject.maps(images, model=network)):
        raise NotApplicable("Equal calls have different results: see `repeatable`.")
    subject.maps(images.flip(2), [2, 0, 1], model=network)
    second = subject.maps(images, model=network)
    require(np.array_equal(first, second), "The result depends on the images of earlier calls.")


def under_no_grad(subject: Subject) -> None:
    """Under `torch.no_grad()` the map is the same."""
    expected = subject.maps()
    with torch.no_grad():
        found = subject.maps()
    require(equal(found, expected), "Under torch.no_grad() the map is another.")


def under_inference_mode(subject: Subject) -> None:
    """Under `torch.inference_mode()` the map is the same, for a network that exists before."""
    expected, network, images = subject.maps(), planted_network(), planted_images()
    with torch.inference_mode():
        found = subject.maps(images, model=network)
    require(equal(found, expected), "Under torch.inference_mode() the map is another.")


def bad_numbers(subject: Subject) -> None:
    """Images with NaN or infinity are refused."""
    for name, value in (("NaN", math.nan), ("infinity", math.inf)):
        images = planted_images(1)
        images[0, 1, 3, 3] = value
        subject.must_refuse(f"an image with {name}", images)


def bad_targets(subject: Subject) -> None:
    """Classes that the network does not have, and texts, are refused."""
    for name, bad in (("the class 99 of 3", 99), ("the class -99", -99), ("the class 'x'", "x")):
        subject.must_refuse(name, planted_images(1), [bad])


def bad_images(subject: Subject) -> None:
    """What is no image is refused: a text, None, a row of numbers."""
    for name, bad in (("a text", "image"), ("None", None), ("a row of numbers", torch.zeros(8))):
        images = bad if subject.batches else [bad]
        subject.must_refuse(f"{name} in place of images", images)


CALL_CHECKS = (
    parameters, buffers, modes, requires_grad, gradients, hooks, after_an_error, image_unchanged,
    global_states, repeatable, memory, under_no_grad, under_inference_mode, bad_numbers,
    bad_targets, bad_images,
)  # fmt: skip


def _only_deterministic(subject: Subject) -> None:
    if not subject.deterministic:
        raise NotApplicable("It is declared as not deterministic.")
