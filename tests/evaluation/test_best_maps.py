"""The best k maps for each k: closed forms on a linear head, and the command."""

import csv
import itertools

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cosine
from typer.testing import CliRunner

import annealcam as ac
from annealcam.cli.main import app
from annealcam.evaluation.best_maps import best_k
from annealcam.settings import resolve
from tests.networks import small_network


@pytest.mark.parametrize("choice", [{}, {"objective": "relative"}, {"preset": "paper"}])
def test_each_is_the_optimum_and_keeps_its_contributions(choice):
    network = small_network(maps=14)
    image = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(6))
    settings = resolve(sampler="exact", **choice)
    e = ac.explain(network, image, layer="3", sampler="exact", **choice)
    rows = best_k(network, image, e, settings)
    assert [row["k"] for row in rows] == list(range(1, e.problem.d + 1))
    total = e.contribution.sum()
    for row in rows:
        k = row["k"]
        asked = ac.explain(network, image, layer="3", sampler="exact", **choice, cardinality=k)
        assert row["maps"] == sorted(asked.selected.tolist())
        assert row["proved"]
        assert row["kept"] == pytest.approx(e.contribution[row["maps"]].sum() / total, rel=1e-3)
        most = np.argsort(-e.importance, kind="stable")[:k]
        assert row["kept_top"] == pytest.approx(e.contribution[most].sum() / total, rel=1e-3)
        order = np.argsort(asked.selected)
        flat = asked.selected_maps[order].reshape(k, -1)
        pairs = [1 - cosine(f, g) for f, g in itertools.combinations(flat, 2)]
        assert row["cosine"] == (pytest.approx(np.mean(pairs), rel=1e-4) if pairs else None)


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sixty.py").write_text(
        "from tests.networks import small_network\n"
        "from annealcam.models.preprocess import Preprocess\n"
        "def make():\n    return small_network(maps=60), Preprocess(20, 20), None\n"
    )
    for most in ("6", "4"):  # a second run replaces the first
        found = CliRunner().invoke(
            app, ["path", "skimage:chelsea", "--model", "sixty:make", "--most", most, "-o", "out"]
        )
        assert found.exit_code == 0, found.output
    with (tmp_path / "out" / "path.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["k"] for row in rows] == ["1", "2", "3", "4"]
    assert [len(row["maps"].split()) for row in rows] == [1, 2, 3, 4]
    assert (tmp_path / "out" / "path.png").stat().st_size > 1000
    wrong = CliRunner().invoke(app, ["path", "skimage:chelsea", "--most", "0"])
    assert (wrong.exit_code, "most=0" in wrong.output) == (2, True)
