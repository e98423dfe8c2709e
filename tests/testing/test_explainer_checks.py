"""Each check of explainers fails for an explainer that is wrong in just that."""

import copy
import itertools

import numpy as np
import pytest
import torch

from annealcam.errors import ArgumentError
from annealcam.testing import (
    check_explainer,
    checks_of_explainer,
    planted_images,
    planted_network,
)
from annealcam.testing.explainer import EXPLAINER_CHECKS
from annealcam.testing.networks import CELL


def careful(model, images, targets, *, leaf=True, in_place=False):
    """Grad-CAM without a fault, and with the two of a first version.

    Args:
        leaf: whether gradients begin at the layer, and not at parameters that may be frozen.
        in_place: whether the network may overwrite the maps that are kept.
    """
    refuse(images, targets)
    kept = []

    def keep(_module, _inputs, output):
        kept.append(output.detach().requires_grad_() if leaf else output)
        return None if in_place else kept[0].clone()

    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    handle = model.maps.register_forward_hook(keep)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            logits = model(images)
            scores = logits[torch.arange(len(images)), targets].sum()
            (gradients,) = torch.autograd.grad(scores, kept[0])
    finally:
        handle.remove()
        for module, training in modes:
            module.training = training
    return (gradients.mean(dim=(2, 3), keepdim=True) * kept[0].detach()).sum(dim=1).relu()


def refuse(images, targets):
    """Refuse what is not valid."""
    if not isinstance(images, torch.Tensor) or images.ndim != 4 or not images.isfinite().all():
        raise ValueError("images must be a batch of finite numbers")
    if any(target not in range(3) for target in targets):
        raise IndexError("there are 3 classes")


def before(change):
    """An explainer that does something first."""

    def explainer(model, images, targets):
        replaced = change(model, images, targets)
        return careful(model, *(replaced or (images, targets)))

    return explainer


def after(change):
    """An explainer that changes the maps, or something else, at the end."""

    def explainer(model, images, targets):
        maps = careful(model, images, targets)
        replaced = change(model, images, maps)
        return maps if replaced is None else replaced

    return explainer


def colour_of_the_class(model, images, targets):
    """Maps that show where the colour of the class is, and do not ask the network."""
    refuse(images, targets)
    images = images.detach()[torch.arange(len(images)), torch.as_tensor(targets)]
    return torch.nn.functional.avg_pool2d(images[:, None], CELL)[:, 0] - 0.2


def divides_by_the_brightest(_model, images, maps):
    return maps / images.detach().amax(dim=(1, 2, 3))[:, None, None]


def of_the_predicted_class(model, images, targets):
    refuse(images, targets)
    with torch.no_grad():
        predicted = copy.deepcopy(model).eval()(images).argmax(dim=1)
    return careful(model, images, predicted.tolist())


def single_precision(_model, images, _targets):
    if getattr(images, "dtype", None) == torch.float64:
        raise TypeError("float64")


def overwritten(model, images, targets):
    """Keep what the network overwrites, on a network that needs gradients for a while."""
    flags = [(p, p.requires_grad) for p in model.parameters()]
    model.requires_grad_(True)
    try:
        return careful(model, images, targets, leaf=False, in_place=True)
    finally:
        for parameter, needed in flags:
            parameter.requires_grad_(needed)


def from_parameters(model, images, targets):
    return careful(model, images, targets, leaf=False)


def shifts_the_bias(model, *_):
    with torch.no_grad():
        model.fc.bias.add_(1.0)


def runs_as_it_is(model, images, _targets):
    with torch.no_grad():
        model.norm(model.conv(images)) if isinstance(images, torch.Tensor) else None


def goes_to_evaluation(model, *_):
    model.eval()


def needs_all_gradients(model, *_):
    model.requires_grad_(True)


def resets_gradients(model, *_):
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)


def leaves_a_hook(model, *_):
    model.maps.register_forward_hook(lambda *_: None)


def removes_its_hook_unless_it_fails(model, images, targets):
    refuse(images, targets)
    handle = model.maps.register_forward_hook(lambda *_: None)
    careful(model, images, targets)
    handle.remove()


def asks_for_gradients_of_the_image(_model, images, _maps):
    images.requires_grad_(True)


def draws_for_nothing(*_):
    np.random.random()


def counts_calls():
    calls = itertools.count(1)
    return after(lambda _model, _images, maps: maps * (1 + 1e-6 * next(calls)))


def remembers_the_targets():
    last = [None]

    def explainer(model, images, targets):
        maps = careful(model, images, targets)
        factor = 1 + 1e-6 * (last[0] == [2, 0, 1])
        last[0] = targets
        return maps * factor

    return explainer


def without_gradients(_model, _images, maps):
    inference = torch.is_inference_mode_enabled()
    return maps if torch.is_grad_enabled() or inference else torch.zeros_like(maps)


def without_inference(_model, _images, maps):
    return torch.zeros_like(maps) if torch.is_inference_mode_enabled() else maps


def without_nan(_model, images, targets):
    replaced = isinstance(images, torch.Tensor) and not images.isfinite().all()
    return (torch.nan_to_num(images, posinf=0.0) if replaced else images), targets


def nearest_class(_model, images, targets):
    return images, [int(target) % 3 for target in targets]


def anything_is_an_image(model, images, targets):
    tensor = isinstance(images, torch.Tensor)
    return careful(model, images, targets) if tensor else torch.zeros(1, 8, 8)


BROKEN = {
    "maps": after(lambda _model, _images, maps: maps[:, :4]),
    "blank_image": after(divides_by_the_brightest),
    "target": of_the_predicted_class,
    "planted_place": after(lambda _model, _images, maps: maps.flip(1)),
    "random_classifier": colour_of_the_class,
    "batch": after(lambda _model, _images, maps: maps / maps.max().clamp_min(1e-9)),
    "in_place": overwritten,
    "double_precision": before(single_precision),
    "frozen_parameters": from_parameters,
    "parameters": after(shifts_the_bias),
    "buffers": before(runs_as_it_is),
    "modes": after(goes_to_evaluation),
    "requires_grad": after(needs_all_gradients),
    "gradients": after(resets_gradients),
    "hooks": after(leaves_a_hook),
    "after_an_error": before(removes_its_hook_unless_it_fails),
    "image_unchanged": after(asks_for_gradients_of_the_image),
    "global_states": after(draws_for_nothing),
    "repeatable": counts_calls(),
    "memory": remembers_the_targets(),
    "under_no_grad": after(without_gradients),
    "under_inference_mode": after(without_inference),
    "bad_numbers": before(without_nan),
    "bad_targets": before(nearest_class),
    "bad_images": anything_is_an_image,
}


def test_there_is_a_broken_explainer_for_each_check():
    assert set(BROKEN) == {check.__name__ for check in EXPLAINER_CHECKS}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_explainer_fails_its_check_and_no_other(name):
    report = check_explainer(BROKEN[name], report=True)
    assert report.failed == [name], str(report)
    with pytest.raises(AssertionError, match=rf"\A{name}: [A-Z].*\.\Z"):
        dict(checks_of_explainer(BROKEN[name]))[name]()


def test_an_explainer_without_a_fault_passes():
    report = check_explainer(careful)
    assert len(report.passed) == len(EXPLAINER_CHECKS)


def test_an_explainer_of_single_images_passes_all_but_the_batch():
    def single(model, image, target):
        return careful(model, image[None] if isinstance(image, torch.Tensor) else image, [target])[
            0
        ]

    report = check_explainer(single, batches=False)
    assert (report.failed, report.not_applicable) == ([], ["batch"])


def test_the_planted_network_with_and_without_operations_in_place_is_one_function():
    images = planted_images(6).requires_grad_()
    networks = planted_network(), planted_network(in_place=True)
    logits = [network(images) for network in networks]
    assert torch.equal(*logits)
    assert logits[0].argmax(dim=1).tolist() == [0, 1, 2, 0, 1, 2]
    assert torch.equal(*(torch.autograd.grad(each.sum(), images)[0] for each in logits))


def test_what_is_no_explainer_is_refused():
    with pytest.raises(ArgumentError, match="explain_fn='x': must be a function"):
        check_explainer("x")
    with pytest.raises(ArgumentError, match="skip='map': one of maps"):
        check_explainer(careful, skip={"map": "why"})
