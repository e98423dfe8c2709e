"""Networks whose effects are given, and sets found by trying all of them."""

from itertools import combinations

import numpy as np
import torch
from scipy.special import log_softmax
from torch import nn


class GivenEffects(nn.Module):
    """A network of which map a adds `effects[a]` to the logits, for an image of ones.

    The layer `maps` hands on the image, one colour for each map. With `curved`, what follows is not
    linear: of the sum of the effects the hyperbolic tangent is taken.
    """

    def __init__(self, effects, none, curved=False):
        super().__init__()
        self.maps = nn.Identity()
        self.fc = nn.Linear(*np.shape(effects)).double()
        self.fc.weight.data = torch.tensor(np.transpose(effects), dtype=torch.float64)
        self.fc.bias.data = torch.tensor(none, dtype=torch.float64)
        self.curved = curved

    def forward(self, x):
        logits = self.fc(self.maps(x).mean(dim=(2, 3)))
        return 3 * torch.tanh(logits / 3) if self.curved else logits

    @property
    def image(self):
        return torch.ones(self.fc.in_features, 2, 2, dtype=torch.float64)


def every_set(d):
    """All sets of d maps as rows of zeros and ones, the smallest first."""
    masks = (np.arange(2**d)[:, None] >> np.arange(d)) & 1
    return masks[np.argsort(masks.sum(axis=1), kind="stable")]


def fewest_by_trial(effects, none, target, competitors):
    """Return the size of the smallest set without which a competitor is ahead; None if none is."""
    removed = every_set(len(effects))
    logits = none + (1 - removed) @ effects
    flips = logits[:, competitors].max(axis=1) > logits[:, target]
    return int(removed[flips.argmax()].sum()) if flips.any() else None


def best_by_trial(effects, none, target, k):
    """Return the largest log-probability of the target that k maps alone keep."""
    sets = [list(members) for members in combinations(range(len(effects)), k)]
    logits = none + np.array([effects[members].sum(axis=0) for members in sets])
    return float(log_softmax(logits, axis=1)[:, target].max())
