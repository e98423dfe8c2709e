"""Networks of Lightning and MONAI, explained as they are."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import annealcam as ac
from annealcam.errors import ModelError
from tests.networks import small_network

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "volume_monai.py"
IMAGE = torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def lightning():
    return pytest.importorskip("lightning.pytorch")


@pytest.fixture
def module(lightning):
    class Classifier(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = small_network(classes=3)
            self.save_hyperparameters()

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch, _index):
            images, labels = batch
            loss = nn.functional.cross_entropy(self(images), labels)
            self.log("loss", loss)
            return loss

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    return Classifier()


def same(module, net, **options):
    """The explanation of a module, which is that of the network inside it."""
    e, inner = ac.explain(module, IMAGE, **options), ac.explain(net, IMAGE, **options)
    assert e.provenance["layer"] == f"net.{inner.provenance['layer']}"
    assert np.array_equal(e.map, inner.map)
    assert np.array_equal(e.selected, inner.selected)
    return e


def test_a_lightning_module_is_explained_like_the_network_inside(module):
    same(module, module.net)


@pytest.mark.filterwarnings("ignore")  # of Lightning, about workers and logging
def test_a_trained_lightning_module_is_explained_and_stays_as_it_is(lightning, module):
    trainer = lightning.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    images = torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    before = module.net[0].weight.detach().clone()
    trainer.fit(module, DataLoader(TensorDataset(images, torch.arange(6) % 3), batch_size=3))
    assert not torch.equal(module.net[0].weight, before)
    module.train()
    same(module, module.net)
    assert module.trainer is trainer
    assert module.training
    assert all(p.requires_grad for p in module.parameters())


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_forward_that_logs_outside_a_trainer_is_explained(module):
    def forward(x):
        logits = module.net(x)
        module.log("largest", logits.max())
        return {"logits": logits, "images": x}

    module.forward = forward
    same(module, module.net)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_forward_that_needs_its_trainer_gives_one_line(module):
    module.forward = lambda x: module.net(x) * module.trainer.max_epochs
    with pytest.raises(ModelError, match="is not attached to a `Trainer`") as caught:
        ac.explain(module, IMAGE)
    assert "\n" not in str(caught.value)


def test_without_a_forward_the_network_inside_is_named(lightning):
    class WithoutForward(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = small_network(classes=3)

    with pytest.raises(ModelError, match=r"no forward.*\.net") as caught:
        ac.explain(WithoutForward(), IMAGE)
    assert "\n" not in str(caught.value)


def test_the_map_of_a_volume_peaks_at_the_bright_ball(tmp_path, capsys):
    pytest.importorskip("monai")
    example = runpy.run_path(str(EXAMPLE))
    e = example["main"](str(tmp_path / "ball.png"))
    assert (tmp_path / "ball.png").is_file()
    assert str(example["CENTRE"]) in capsys.readouterr().out
    cell = example["SIDE"] / e.map.shape[0]
    peak = (np.array(np.unravel_index(e.map.argmax(), e.map.shape)) + 0.5) * cell
    assert np.abs(peak - example["CENTRE"]).max() < cell
    layer = example["network"]().get_submodule(example["LAYER"])
    assert isinstance(layer, nn.ReLU)
