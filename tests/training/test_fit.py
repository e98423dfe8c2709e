"""Fitting keeps the first of the best epochs; batches hold every example once."""

import numpy as np
import pytest
import torch

from annealcam.errors import ArgumentError, NumericalError
from annealcam.models.paper_network import PaperNetwork
from annealcam.training.fit import Recipe, _batches, _shifted, accuracy, fit


class Fixed:
    """Examples that are held in memory."""

    of_trunk = False

    def __init__(self, features, labels):
        self.features, self.labels = features, labels

    def inputs(self, numbers, mirrored):
        return self.features[torch.from_numpy(numbers)]


def fixed(n=40, seed=0):
    rng = torch.Generator().manual_seed(seed)
    labels = np.arange(n) % 2
    features = (
        torch.randn(n, 3, 4, 4, generator=rng) + torch.from_numpy(labels)[:, None, None, None]
    )
    return Fixed(features, labels)


def test_the_first_of_equally_good_epochs_is_kept():
    net = PaperNetwork(torch.nn.Identity(), features=(3, 4, 4), maps=4, classes=2)
    states = []
    epochs = fit(
        net, fixed(), fixed(20, 1), Recipe(epochs=6, batch=8), seed=0,
        on_epoch=lambda _: states.append({k: v.clone() for k, v in net.state_dict().items()}),
    )  # fmt: skip
    accuracies = [e.accuracy for e in epochs]
    best = states[accuracies.index(max(accuracies))]
    assert all(torch.equal(t, best[k]) for k, t in net.state_dict().items())
    assert accuracy(net, fixed(20, 1)) == max(accuracies) > 0.8
    assert not net.training


def test_a_loss_that_is_not_finite_raises_an_error():
    net = PaperNetwork(torch.nn.Identity(), features=(3, 4, 4), maps=4, classes=2)
    bad = fixed()
    bad.features[0] = torch.inf
    with pytest.raises(NumericalError, match="not finite"):
        fit(net, bad, fixed(), Recipe(epochs=1, batch=8), seed=0)


@pytest.mark.parametrize("n", [2, 3, 7, 8, 9, 10, 16, 17])
def test_batches_hold_everything_once_and_never_one_alone(n):
    parts = list(_batches(np.arange(n), 4))
    assert np.concatenate(parts).tolist() == list(range(n))
    assert all(2 <= len(part) <= 5 for part in parts)


def test_a_batch_is_shifted_with_its_edge_repeated():
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    shifted = {
        tuple(_shifted(x, 1, np.random.default_rng(i)).flatten().tolist()) for i in range(60)
    }
    rows, columns = ([0, 0, 1], [0, 1, 2], [1, 2, 2]), ([0, 0, 1, 2], [0, 1, 2, 3], [1, 2, 3, 3])
    expected = {tuple(x[0, 0][r][:, c].flatten().tolist()) for r in rows for c in columns}
    assert shifted == expected
    assert _shifted(x, 0, np.random.default_rng(0)) is x


@pytest.mark.parametrize(
    "options",
    [{"epochs": 0}, {"batch": 1}, {"rate": 0}, {"dropout": 1.0}, {"smoothing": -0.1}, {"shift": -1},
     {"weight_decay": float("nan")}],
)  # fmt: skip
def test_recipes_out_of_range_are_refused(options):
    with pytest.raises(ArgumentError, match=next(iter(options))):
        Recipe(**options)


def test_of_equal_epochs_the_first_is_kept():
    net = PaperNetwork(torch.nn.Identity(), features=(3, 4, 4), maps=4, classes=2)
    states = []
    epochs = fit(
        net, fixed(), fixed(20, 1), Recipe(epochs=3, batch=8, rate=1e-9, weight_decay=0), seed=0,
        on_epoch=lambda _: states.append({k: v.clone() for k, v in net.state_dict().items()}),
    )  # fmt: skip
    assert len({epoch.accuracy for epoch in epochs}) == 1
    assert all(torch.equal(t, states[0][k]) for k, t in net.state_dict().items())
    assert any(not torch.equal(t, states[2][k]) for k, t in net.state_dict().items())


@pytest.mark.parametrize(("mirror", "share"), [(True, 0.5), (False, 0.0)])
def test_half_of_the_examples_are_mirrored(mirror, share):
    class Counted(Fixed):
        def inputs(self, numbers, mirrored):
            counts.append((mirrored.sum(), len(mirrored)))
            return super().inputs(numbers, mirrored)

    counts = []
    train = Counted(fixed(1000).features, fixed(1000).labels)
    net = PaperNetwork(torch.nn.Identity(), features=(3, 4, 4), maps=2, classes=2)
    fit(net, train, fixed(4), Recipe(epochs=4, batch=200, mirror=mirror), seed=0)
    mirrored, total = np.sum(counts, axis=0)
    assert total == 4000
    assert mirrored / total == pytest.approx(share, abs=4 * 0.5 / 4000**0.5)
