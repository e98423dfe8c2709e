"""Short texts of results."""

import numpy as np

from annealcam.metrics import ChannelFaithfulness, Road


def test_results_of_many_images_fit_in_a_line():
    values = np.random.default_rng(0).random(10_000)
    faithfulness = ChannelFaithfulness(*[values] * 7)
    assert repr(faithfulness) == (
        "ChannelFaithfulness(kept_share=(10000,), lost_share=(10000,), undefined=10000)"
    )  # without a logit to share, there is no mean
    both = np.stack([values, values], axis=1)
    road = Road(np.array([0.1, 0.2]), values, both, both)
    assert repr(road) == (
        "Road(shares=(2,) mean 0.15, combined=(10000,) mean 0, morf=(10000,) mean 0, "
        "lerf=(10000,) mean 0)"
    )
