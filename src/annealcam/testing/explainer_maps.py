"""Checks of heat maps: their form, their place, and what they depend on."""

from __future__ import annotations

import numpy as np
import torch

from annealcam._internal.types import Array
from annealcam.metrics.randomised import random_weights
from annealcam.testing.checks import NotApplicable, require
from annealcam.testing.heat_maps import Subject, different, equal
from annealcam.testing.networks import CLASSES, GRID, PLACES, SIDE, planted_images, planted_network

INSIDE = 0.9  # of a map lies at the place of its class, or one position beside it
DRAWS = 3  # of random classifiers


def maps(subject: Subject) -> None:
    """Each image gets one finite map of the size of the layer's maps or of the image."""
    subject.called(planted_network(), planted_images(), [0, 1, 2])


def blank_image(subject: Subject) -> None:
    """An image of zeros gets a finite map."""
    subject.maps(torch.zeros(1, *planted_images(1).shape[1:]), [0])


def target(subject: Subject) -> None:
    """The maps of two classes differ."""
    require(_sees_the_target(subject), "Two classes have the same map.")


def _sees_the_target(subject: Subject) -> bool:
    images = planted_images(1)
    return different(subject.maps(images, [0]), subject.maps(images, [1]))


def planted_place(subject: Subject) -> None:
    """The largest value of a map lies at the place of the class, and 90 % lies at or beside it."""
    if not _sees_the_target(subject):
        raise NotApplicable("Two classes have the same map: see `target`.")
    images = planted_images(1)
    for c in range(CLASSES):
        heat = np.maximum(subject.maps(images, [c])[0], 0.0)
        at = np.unravel_index(int(heat.argmax()), heat.shape)
        share = heat[_place(c, heat, beside=1)].sum() / (heat.sum() or 1.0)
        require(
            share >= INSIDE,
            f"Only {100 * share:.0f} % of the map of class {c} lies at the class or beside it.",
        )
        inside = np.zeros(heat.shape, dtype=bool)
        inside[_place(c, heat)] = True
        require(inside[at], f"The largest value of the map of class {c} lies beside the class.")


def _place(c: int, heat: Array, beside: int = 0) -> tuple[slice, slice]:
    """Return the rows and columns of a map at which a class lies."""
    row, column = PLACES[c]
    cell = heat.shape[0] // GRID[0]
    rows = slice(max(0, row - beside) * cell, (row + SIDE + beside) * cell)
    return rows, slice(max(0, column - beside) * cell, (column + SIDE + beside) * cell)


def random_classifier(subject: Subject) -> None:
    """Random weights of the classifier change the map (Adebayo et al. 2018)."""
    original = subject.maps()
    network = planted_network()
    for draw in range(DRAWS):
        with random_weights(network.fc, seed=draw):
            if different(original, subject.maps(model=network)):
                return
    require(False, "The maps do not depend on the weights of the classifier.")


def batch(subject: Subject) -> None:
    """An image has the same map alone and in a batch, with the class that is given for it."""
    if not subject.batches:
        raise NotApplicable("It takes one image at a time.")
    images = planted_images()
    together = subject.maps(images, [2, 0, 1])
    for i, c in enumerate((2, 0, 1)):
        alone = subject.maps(images[i : i + 1], [c])[0]
        require(equal(together[i], alone), "An image has another map in a batch than alone.")


def in_place(subject: Subject) -> None:
    """A network that overwrites the output of the layer in place gets the same map."""
    found = subject.maps(model=planted_network(in_place=True))
    require(equal(found, subject.maps()), "An operation in place after the layer changes the map.")


def double_precision(subject: Subject) -> None:
    """A network and images in float64 get the map of float32, within rounding."""
    found = subject.maps(planted_images().double(), model=planted_network().double())
    require(equal(found, subject.maps(), 1e-3), "The map in float64 is not that of float32.")


def frozen_parameters(subject: Subject) -> None:
    """A network whose parameters need no gradients gets the same map."""
    found = subject.maps(model=planted_network().requires_grad_(False))
    require(equal(found, subject.maps()), "A frozen network gets another map.")


MAP_CHECKS = (
    maps, blank_image, target, planted_place, random_classifier, batch, in_place,
    double_precision, frozen_parameters,
)  # fmt: skip
