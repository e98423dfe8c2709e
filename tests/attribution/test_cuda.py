"""The same explanation on a GPU, where there is one."""

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

import annealcam as ac
from annealcam.attribution.activations import capture

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture(scope="module")
def lite0():
    model, preprocess, _ = ac.load_model()
    return model, preprocess(Image.fromarray(skimage.data.chelsea()))[None]


def test_capture_stays_on_the_device_and_agrees_with_the_cpu(lite0):
    model, image = lite0
    expected = capture(model, image, layer="bn2")
    try:
        torch.backends.cudnn.allow_tf32 = False
        found = capture(model.cuda(), image, layer="bn2")  # the image comes to the model
    finally:
        torch.backends.cudnn.allow_tf32 = True
        model.cpu()
    for name in ("activations", "gradients", "logits", "targets"):
        own, cpu = getattr(found, name), getattr(expected, name)
        assert own.is_cuda
        assert torch.allclose(own.cpu().float(), cpu.float(), rtol=1e-3, atol=1e-4)


def test_bfloat16_on_the_device(lite0):
    model, image = lite0
    expected = capture(model, image, layer="bn2", targets=282)
    found = capture(ac.load_model().model.cuda().bfloat16(), image, layer="bn2", targets=282)
    assert found.activations.dtype == torch.float32
    similarity = torch.nn.functional.cosine_similarity(
        found.activations.cpu().flatten(), expected.activations.flatten(), dim=0
    )
    assert similarity > 0.99


def test_explain_and_cam_give_what_the_cpu_gives(lite0):
    model, image = lite0
    on_cpu = ac.explain(model, image[0], sampler="exact")
    try:
        on_gpu = ac.explain(model.cuda(), image[0].cuda(), sampler="exact")
        maps = ac.cam(model, image.cuda(), method="gradcam++")
    finally:
        model.cpu()
    assert set(on_gpu.selected) == set(on_cpu.selected)
    assert np.abs(on_gpu.map - on_cpu.map).max() < 0.02 * on_cpu.map.max()
    assert np.abs(maps[0] - on_cpu.baselines["gradcam++"]).max() < 0.02 * maps.max()


def test_random_state_of_the_device_is_left_alone(lite0):
    model, image = lite0
    torch.cuda.manual_seed(1)
    before = torch.cuda.get_rng_state()
    try:
        capture(model.cuda(), image, layer="bn2")
    finally:
        model.cpu()
    assert torch.equal(before, torch.cuda.get_rng_state())
