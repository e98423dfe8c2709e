"""What makes probabilities of a network's outputs, and what these are called, without torch."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from annealcam._internal.types import Array

LINKS = ("softmax", "sigmoid", "identity")
HALF = 0.5  # probability above which an independent label is predicted


def probabilities(logits: Float[Array, " classes"], link: str) -> Float[Array, " classes"]:
    """Return the probabilities of logits in float64; for the link `identity` the values themselves.

    softmax: exp(z_c) / sum_j exp(z_j);   sigmoid: 1 / (1 + exp(-z_c))

    >>> probabilities(np.array([0.0, 0.0]), "softmax"), probabilities(np.array([0.0]), "sigmoid")
    (array([0.5, 0.5]), array([0.5]))
    """
    z = np.asarray(logits, dtype=np.float64)
    if link == "softmax":
        powers = np.exp(z - z.max())
        return np.asarray(powers / powers.sum())
    return np.exp(-np.logaddexp(0.0, -z)) if link == "sigmoid" else z


def is_two_sided(logits: Float[Array, " classes"], link: str) -> bool:
    """Whether logits are (-z, z): class 0 and class 1 of a network with one output.

    >>> is_two_sided(np.array([-3.0, 3.0]), "sigmoid"), is_two_sided(np.ones(2), "sigmoid")
    (True, False)
    """
    return link == "sigmoid" and len(logits) == 2 and bool(logits[0] == -logits[1])


def output_noun(logits: Float[Array, " classes"], link: str) -> str:
    """Return what an output is called: a class, an independent label, or just an output.

    >>> [output_noun(np.ones(3), link) for link in LINKS]
    ['class', 'label', 'output']
    """
    return noun_of(link, two_sided=is_two_sided(logits, link))


def noun_of(link: str, *, two_sided: bool) -> str:
    """Return what an output is called.

    >>> noun_of("sigmoid", two_sided=True)
    'class'
    """
    if link == "identity":
        return "output"
    return "label" if link == "sigmoid" and not two_sided else "class"
