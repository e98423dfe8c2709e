"""Usual maps, class names, and resuming of an audit."""

from dataclasses import replace

import numpy as np
import pytest

from annealcam.audit.run import Audit, audit, match_classes
from annealcam.errors import ArgumentError
from annealcam.models.loaded import LoadedModel
from tests.audit.networks import CLASSES, greys, reader
from tests.audit.observed import observed


def audited(folder, link=None, std=1.0, **options):
    network = reader()
    preprocess = replace(network.preprocess, std=(std,) * 3)
    model = LoadedModel(network.model, preprocess, network.class_names, link=link)
    return audit(greys(), model, layer="maps", parts=folder, **options)


def test_usual_maps_are_sorted_by_selection_then_contribution():
    observations = observed(greys(2))
    contributions = np.zeros_like(observations.contributions)
    contributions[observations.labels == 1] = [1.0, 3.0, 2.0]
    observations = replace(observations, contributions=contributions)
    dictionary = np.array([[0.0, 0.5], [0.0, 0.5], [0.0, 1.0]]) @ np.eye(2, 3)
    result = Audit(greys(2), reader(), observations, {}, dictionary, dictionary, {})
    assert result.usual(1) == [2, 1, 0]
    assert result.usual(1, most=1) == [2]
    assert result.usual(0) == []


def test_classes_are_matched_by_name_or_else_by_order():
    network = reader()
    assert match_classes(["BRIGHT", "dark"], network) == [2, 1]
    assert match_classes(["x", "y"], replace(network, class_names=None)) == [0, 1]
    with pytest.raises(ArgumentError, match="'pale' is not a class of model 'reader'"):
        match_classes(["pale"], network)
    with pytest.raises(ArgumentError, match="'dark' is not a class"):  # which of the two?
        match_classes(["dark"], replace(network, class_names=("dark", "Dark", "bright")))


def test_an_interrupted_audit_continues_to_the_same_numbers(tmp_path, monkeypatch):
    whole = audited(tmp_path / "whole")
    monkeypatch.setattr("annealcam.audit.run.SHARD", 10)
    reports = []

    def stop(step, done, total):
        reports.append((done, total))
        if done > 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audited(tmp_path / "parts", progress=stop)
    assert [file.name for file in (tmp_path / "parts").glob("*.npz")] == ["part-00000.npz"]
    reports.clear()
    result = audited(tmp_path / "parts", progress=lambda _, done, total: reports.append(done))
    assert (reports[0], reports[-1]) == (10, 36)
    assert result.observations.images == whole.observations.images
    np.testing.assert_allclose(result.profiles, whole.profiles, rtol=1e-6)
    assert result.provenance == whole.provenance
    with pytest.raises(ArgumentError, match="holds another audit .seed is 0 there, 1 here"):
        audited(tmp_path / "parts", seed=1)
    for other, name in (({"std": 0.5}, "preprocess"), ({"link": "sigmoid"}, "link")):
        with pytest.raises(ArgumentError, match=f"holds another audit .{name}"):
            audited(tmp_path / "parts", **other)


def test_the_representation_is_short(tmp_path):
    result = audited(tmp_path / "parts", photos_per_class=2)
    assert len(result.observations) == 2 * len(CLASSES)
    assert "photos=6, classes=3, headline='sameness')" in repr(result)
    assert len(repr(result)) <= 300
    assert len(repr(result.observations)) <= 300
    assert len(repr(result.rankings["sameness"]["annealcam"][0])) <= 300
    html = result._repr_html_()
    first = CLASSES[result.rankings["sameness"]["annealcam"][0].label]
    assert html.index(f">{first}</td>") == html.index("<td class=''>") + len("<td class=''")
    assert html.count("<tr>") == 1 + len(CLASSES)
