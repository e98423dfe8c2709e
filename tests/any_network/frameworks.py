"""Networks of other libraries, and networks as PyTorch itself changes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tests.any_network.entry import FIRST, Entry, tokens
from tests.any_network.handwritten import NOTHING_REACHED, SMALL, Tokens, plain

TOKENS = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48,
    "image_size": 32, "patch_size": 8,
}  # fmt: skip
STAGES = {"depths": [1, 1], "hidden_sizes": [8, 16], "embedding_size": 8}
WINDOWS = {
    "image_size": 32, "patch_size": 4, "embed_dim": 12, "depths": [1, 1], "num_heads": [2, 2],
    "window_size": 4,
}  # fmt: skip


ONE = torch.zeros(1, *SMALL)
ANY_BATCH = ({0: torch.export.Dim.AUTO},)


def hugging_face(name: str, options: dict[str, Any]) -> Callable[[], nn.Module]:
    """A small image classifier of transformers with random weights and five classes."""

    def make() -> nn.Module:
        import transformers

        config = getattr(transformers, f"{name}Config")(num_labels=5, **options)
        network = getattr(transformers, f"{name}ForImageClassification")(config)
        for module in network.modules():
            if isinstance(module, nn.Linear) and module.out_features == 5:
                nn.init.normal_(module.weight)
        return network

    return make


def of_hugging_face(
    name: str, options: dict[str, Any], *expected: Any, shape: Any = (3, 32, 32), **rest: Any
) -> Entry:
    """An entry of transformers."""
    return Entry(
        f"Hugging Face {name}", hugging_face(name, options), shape, *expected,
        logits=lambda returned: returned.logits, needs=("transformers",), **rest,
    )  # fmt: skip


def compiled() -> nn.Module:
    """A compiled network."""
    return torch.compile(plain().eval(), backend="eager")


def exported(
    network: Callable[[], nn.Module], *, any_batch: bool = True
) -> Callable[[], nn.Module]:
    """The module of an exported program, as torch.export saves it."""

    def make() -> nn.Module:
        example, shapes = (torch.zeros(2, *SMALL), ANY_BATCH) if any_batch else (ONE, None)
        program = torch.export.export(network().eval(), (example,), dynamic_shapes=shapes)
        return torch.export.unflatten(program)

    return make


def scripted() -> nn.Module:
    """A TorchScript module."""
    return torch.jit.trace(plain().eval(), torch.zeros(1, *SMALL))


def dynamic() -> nn.Module:
    """A network whose linear layer is quantised."""
    return torch.ao.quantization.quantize_dynamic(plain().eval(), {nn.Linear})


def quantised() -> nn.Module:
    """A network whose maps are quantised, too."""

    class Quantised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.relu, self.fc = nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Linear(8, 5)

        def forward(self, x: Tensor) -> Tensor:
            x = torch.quantize_per_tensor(self.conv(x), 0.1, 128, torch.quint8)
            return self.fc(self.relu(x).dequantize().mean(dim=(2, 3)))

    return Quantised()


def in_inference_mode() -> nn.Module:
    """A network that was made under `inference_mode`."""
    with torch.inference_mode():
        return plain()


def lightning_like() -> nn.Module:
    """A module that holds a network, a loss and metrics, and hands images on to the network."""

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.loss = plain(), nn.CrossEntropyLoss()

        def forward(self, x: Tensor) -> Tensor:
            return self.model(x)

    return Classifier()


def averaged() -> nn.Module:
    """A moving average of a network."""
    return torch.optim.swa_utils.AveragedModel(plain())


def frozen() -> nn.Module:
    """A network whose parameters take no gradients."""
    return plain().requires_grad_(False)


def function(x: Tensor) -> Tensor:
    """No network but a function."""
    return x.mean(dim=(2, 3))


ENTRIES = [
    of_hugging_face("ResNet", {**STAGES, "layer_type": "basic"}, "resnet.encoder.stages.1", FIRST,
                    16, (4, 4)),
    of_hugging_face("ConvNext", {"depths": [1, 1], "hidden_sizes": [8, 16], "num_stages": 2},
                    "convnext.encoder.stages.1", FIRST, 16, (4, 4)),
    of_hugging_face("ViT", TOKENS, "vit.layers.1.layernorm_before", tokens(1), 24, (4, 4)),
    of_hugging_face("DeiT", TOKENS, "deit.layers.1.layernorm_before", tokens(2), 24, (4, 4)),
    of_hugging_face("Beit", TOKENS, "beit.layers.1", tokens(1), 24, (4, 4)),
    of_hugging_face("Dinov2", {k: v for k, v in TOKENS.items() if k != "intermediate_size"},
                    "dinov2.layernorm", tokens(1), 24, (4, 4)),
    of_hugging_face("Swin", WINDOWS, "swin.layernorm", tokens(), 24, (4, 4)),
    of_hugging_face("Swinv2", WINDOWS, "swinv2.layernorm", tokens(), 24, (4, 4)),
    of_hugging_face("MobileNetV2", {"depth_multiplier": 0.25}, "mobilenet_v2.conv_1x1", FIRST, 1280,
                    (2, 2), shape=(3, 64, 64)),
    of_hugging_face("PoolFormer", {"depths": [1, 1, 1, 1], "hidden_sizes": [8, 8, 16, 16]},
                    "norm", FIRST, 16, (2, 2), shape=(3, 64, 64)),
    of_hugging_face("Segformer", {"depths": [1, 1, 1, 1], "hidden_sizes": [8, 8, 16, 16]},
                    "segformer.stages.3", FIRST, 16, (2, 2), shape=(3, 64, 64)),
    of_hugging_face("Pvt", {"depths": [1, 1, 1, 1], "hidden_sizes": [8, 8, 16, 16],
                            "image_size": 64, "num_attention_heads": [1, 1, 1, 1]},
                    "pvt.encoder.block.3.0.layer_norm_1", tokens(1), 16, (2, 2), shape=(3, 64, 64)),
    Entry("compiled", compiled, SMALL, "1", maps=8, grid=(7, 7)),
    Entry("half precision", lambda: plain().half(), SMALL, "1", maps=8, grid=(7, 7),
          tolerance=1e-2),
    Entry("bfloat16", lambda: plain().bfloat16(), SMALL, "1", maps=8, grid=(7, 7),
          tolerance=5e-2),
    Entry("double precision", lambda: plain().double(), SMALL, "1", maps=8, grid=(7, 7)),
    Entry("channels_last memory", lambda: plain().to(memory_format=torch.channels_last), SMALL,
          "1", maps=8, grid=(7, 7)),
    Entry("exported program", exported(plain), SMALL, "1", maps=8, grid=(7, 7)),
    Entry("exported ViT", exported(Tokens, any_batch=False), SMALL, "encoder.layers.0", tokens(1),
          12, (4, 4), tolerance=1e-4, any_batch=False),
    Entry("frozen parameters", frozen, SMALL, "1", maps=8, grid=(7, 7)),
    Entry("made under inference_mode", in_inference_mode, SMALL,
          refusal="model: was made under torch.inference_mode, whose tensors take no part in "
          "gradients; make or load it outside"),
    Entry("Lightning module", lightning_like, SMALL, "model.1", maps=8, grid=(7, 7)),
    Entry("averaged weights", averaged, SMALL, "module.1", maps=8, grid=(7, 7)),
    Entry("TorchScript", scripted, SMALL,
          refusal="model: a TopLevelTracedModule; give the torch.nn.Module itself "
          "(a TorchScript module takes no hooks; torch.export files are read)"),
    Entry("function", lambda: function, SMALL,
          refusal="model: a function; give the torch.nn.Module itself "
          "(a TorchScript module takes no hooks; torch.export files are read)"),
    Entry("quantised linear layer", dynamic, SMALL,
          refusal="model: is quantised (torch.ao.nn.quantized.dynamic.modules.linear.Linear), and "
          "gradients need floating-point weights; explain the network before quantisation"),
    Entry("quantised maps", quantised, SMALL, refusal=NOTHING_REACHED),
]  # fmt: skip
