"""Transformers and their kin of torchvision and timm."""

from __future__ import annotations

from tests.any_network.convolutional import timm, torchvision
from tests.any_network.entry import LAST, tokens

_SMALL = {"img_size": 64, "depth": 2}

ENTRIES = [
    torchvision(
        "vit_b_16", "encoder.layers.encoder_layer_11.ln_1", 768, 4, form=tokens(1), image_size=64,
        long=True,
    ),
    torchvision("swin_t", "norm", 768, 2, form=LAST, long=True),
    torchvision("swin_v2_t", "norm", 768, 2, form=LAST, long=True),
    torchvision("convnext_tiny", "features", 768, 2, long=True),
    timm("vit_tiny_patch16_224", "blocks.1.norm1", 192, 4, form=tokens(1), **_SMALL),
    timm("deit_tiny_distilled_patch16_224", "blocks.1.norm1", 192, 4, form=tokens(2), **_SMALL),
    timm("deit3_small_patch16_224", "blocks.1.norm1", 384, 4, form=tokens(1), **_SMALL),
    timm("beit_base_patch16_224", "blocks.1", 96, 4, form=tokens(1), embed_dim=96, num_heads=4,
         **_SMALL),
    timm("eva02_tiny_patch14_224", "blocks.1", 192, 4, form=tokens(1), depth=2, img_size=56,
         shape=(3, 56, 56)),
    timm("vit_dlittle_patch16_reg1_gap_256", "blocks", 320, 4, form=tokens(1), **_SMALL),
    timm("vit_tiny_r_s16_p8_224", "blocks.1.norm1", 192, 2, form=tokens(1), **_SMALL),
    timm("mixer_s32_224", "norm", 512, 2, form=tokens(), img_size=64),
    timm("resmlp_12_224", "blocks", 384, 4, form=tokens(), img_size=64),
    timm("gmlp_ti16_224", "norm", 128, 4, form=tokens(), img_size=64),
    timm("swin_tiny_patch4_window7_224", "norm", 256, 2, form=LAST, img_size=64, embed_dim=32,
         depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2)),
    timm("swinv2_tiny_window8_256", "norm", 256, 2, form=LAST, img_size=64, embed_dim=32,
         depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2)),
    timm("cait_xxs24_224", "blocks_token_only.1.norm1", 192, 4, form=tokens(1), **_SMALL),
    timm("xcit_nano_12_p16_224", "cls_attn_blocks.1.norm1", 128, 4, form=tokens(1), **_SMALL),
    timm("pit_ti_224", "transformers.2.blocks.3.norm1", 256, 2, form=tokens(1), img_size=64),
    timm("coat_lite_tiny", "serial_blocks4.1.norm1", 320, 2, form=tokens(1), img_size=64,
         long=True),
    timm("levit_128s", "stages", 384, 2, form=tokens(), img_size=128, shape=(3, 128, 128)),
    timm("mobilevit_xxs", "final_conv", 320, 2),
    timm("visformer_tiny", "norm", 384, 2, img_size=64),
    timm("twins_pcpvt_small", "norm", 512, 2, form=tokens(), img_size=64, long=True),
    timm("pvt_v2_b0", "stages", 256, 2),
    timm("nest_tiny", "norm", 384, 4, form=LAST, img_size=64, long=True),
    timm("volo_d1_224", "norm", 384, 4, form=tokens(1), img_size=64, long=True),
    timm("crossvit_tiny_240", "blocks.2.fusion.1.norm1", 96, 20, form=tokens(1),
         shape=(3, 240, 240), long=True),
    timm("maxvit_rmlp_pico_rw_256", "norm", 256, 2, img_size=64, long=True),
    timm("coatnet_nano_rw_224", "norm", 512, 2, img_size=64, long=True),
    timm("sequencer2d_s", "norm", 384, 4, form=LAST, img_size=64, long=True),
    timm("davit_tiny", "stages", 768, 2, long=True),
    timm("mvitv2_tiny", "norm", 768, 2, form=tokens(), img_size=64, long=True),
    timm("hiera_tiny_224", "blocks.11", 768, 2, form=tokens(), img_size=64, long=True),
    timm("tnt_s_patch16_224", "blocks.1.norm_out", 384, 4, form=tokens(1), **_SMALL),
    timm("efficientformer_l1", "norm", 448, 7, form=tokens(), shape=(3, 224, 224), long=True),
]  # fmt: skip
