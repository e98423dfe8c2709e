"""The page's answers are those of `annealcam.explain`, and the network runs once for each photo."""

import dataclasses
import warnings

import numpy as np
import pytest

import annealcam as ac
from annealcam._internal.pictures.geometry import geometry_record
from annealcam.annealing.difficulty import hardness
from annealcam.app import engine as engine_module
from annealcam.app.choices import SAMPLERS, Choices
from annealcam.app.engine import PENDING, Engine
from annealcam.errors import AnnealcamWarning, ArgumentError, ImageError, LayerError, TargetError
from annealcam.models.images import load_photo
from annealcam.qubo.files import ProblemFile
from tests.app.helpers import NETWORKS, as_bytes, choices, picture

FIELDS = [field.name for field in dataclasses.fields(ac.Explanation)]


@pytest.fixture
def engine():
    return Engine(NETWORKS)


def upload(engine, seed=0):
    return engine.photos.add(as_bytes(picture(40, 40, seed)), f"noise-{seed}.png")


def same(a, b):
    """Whether two explanations are equal to the bit."""
    for name in FIELDS:
        one, other = getattr(a, name), getattr(b, name)
        if isinstance(one, np.ndarray):
            assert np.array_equal(one, other), name
    assert a.provenance == b.provenance
    assert a.selection.energy == b.selection.energy
    assert dict(a.selection.info) == dict(b.selection.info)
    assert np.array_equal(a.problem.h, b.problem.h)
    assert np.array_equal(a.problem.J, b.problem.J)
    assert all(np.array_equal(a.baselines[m], b.baselines[m]) for m in a.baselines)
    return True


@pytest.mark.parametrize(
    ("network", "changes"),
    [
        ("efficientnet-lite0", {}),
        ("efficientnet-lite0", {"against": "next", "tau": 20.0, "cardinality": 5}),
        (
            "efficientnet-lite0",
            {"importance": "contribution", "beta": 0.4, "target": 285, "cardinality": 5},
        ),
        ("efficientnet-lite0", {"importance": "gradcam", "sampler": "sa", "layer": "conv_head"}),
        ("digits", {"sampler": "greedy", "cardinality": 2}),
    ],
)
def test_answers_equal_explain_to_the_bit(engine, network, changes):
    result = engine.explain(Choices("skimage:chelsea", network, **changes))
    loaded = ac.load_model(network)
    model, preprocess, classes = loaded
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AnnealcamWarning)
        expected = ac.explain(
            model, preprocess(load_photo("skimage:chelsea")), max_qubits=16, model_name=network,
            photo_name="skimage:chelsea", class_names=classes,
            network_record=loaded.record, **changes,
        )  # fmt: skip
    photo = load_photo("skimage:chelsea")
    assert result.provenance["geometry"]["box"] == list(preprocess.box(*photo.size))
    provenance = {**expected.provenance, **geometry_record(preprocess, photo)}
    assert same(result, dataclasses.replace(expected, provenance=provenance))


def test_the_network_runs_only_where_photo_network_layer_or_class_change(engine, monkeypatch):
    ran = []
    plain = engine_module.run_forward
    monkeypatch.setattr(
        engine_module, "run_forward", lambda *a, **k: ran.append(1) or plain(*a, **k)
    )  # fmt: skip
    for beta in (0.1, 0.5, 0.9):
        for tau in (10.0, 50.0):
            for sampler in ("anneal", "exact"):
                engine.explain(
                    choices(importance="contribution", beta=beta, tau=tau, sampler=sampler)
                )
    engine.explain(choices(cardinality=2))
    engine.explain(choices(importance="gradcam"))
    assert len(ran) == 1
    engine.explain(choices(target=3))
    engine.explain(choices(photo="skimage:rocket"))
    engine.explain(choices(photo="skimage:rocket"))
    engine.explain(choices(against="rest"))
    assert len(ran) == 4


def test_two_visitors_do_not_mix(engine):
    one, two = upload(engine, 1), upload(engine, 2)
    alone = Engine(NETWORKS)
    upload(alone, 2)
    first = engine.explain(choices(photo=one.token))
    second = engine.explain(choices(photo=two.token))
    assert first.provenance["photo"] == "noise-1.png"
    assert not np.array_equal(first.view, second.view)
    assert same(second, alone.explain(choices(photo=two.token)))
    assert engine.explain(choices(photo=one.token)) is first


def test_what_is_kept_is_bounded():
    size = Engine(NETWORKS).opened_photo(choices()).size
    engine = Engine(NETWORKS, stored_passes=2 * size)
    for target in range(8):
        engine.explain(choices(target=target))
    assert len(engine._passes) == 2
    assert engine._passes.size <= 2 * size
    small = Engine(NETWORKS, stored_passes=0)
    assert same(small.explain(choices()), engine.explain(choices()))


def test_a_photo_that_is_not_stored_any_more_is_an_error():
    engine = Engine(NETWORKS, stored_photos=0)
    with pytest.raises(ImageError, match="upload it again"):
        engine.explain(choices(photo=upload(engine).token))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"network": "timm:resnet18"}, ArgumentError, "network='timm:resnet18'"),
        ({"network": "os:getcwd"}, ArgumentError, "network="),
        ({"layer": "nothing"}, LayerError, "digits has no such layer"),
        ({"target": 10}, TargetError, "classes 0 to 9"),
        ({"importance": "contribution", "beta": 1.5}, ArgumentError, "beta=1.5"),
        ({"tau": 1e6}, ArgumentError, "at most 500 on the page"),
        ({"tau": float("nan")}, ArgumentError, "tau"),
        ({"cardinality": 16}, ArgumentError, "candidate maps"),
        ({"sampler": "dwave"}, ArgumentError, "sampler='dwave'"),
        ({"sampler": "leap"}, ArgumentError, "sampler='leap'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(engine, changes, error, message):
    with pytest.raises(error, match=message) as raised:
        engine.explain(choices(**changes))
    assert "\n" not in str(raised.value)


def test_no_sampler_of_the_page_calls_elsewhere():
    assert not {"dwave", "leap"} & set(SAMPLERS)


def test_hardness_is_that_of_the_library_and_levels_are_found_once(engine, monkeypatch):
    e = engine.explain(choices())
    steps = list(engine.hardness(e, 20.0))
    assert [h.no_gap == PENDING for h in steps] == [True, False]
    source = ProblemFile(e.problem, tuple(map(int, e.candidates)), 0.0, "candidate maps")
    expected = hardness(source, [20.0])
    assert steps[1].runs == steps[0].runs == expected.runs
    assert steps[1].gap.gap == expected.gap.gap
    assert np.array_equal(steps[1].curve.energies, expected.curve.energies)
    monkeypatch.setattr(
        "annealcam.annealing.difficulty.minimum_gap", lambda *_, **__: pytest.fail("again")
    )
    (again,) = engine.hardness(e, 40.0)
    assert again.gap is steps[1].gap
    assert again.runs[0].tau == 40.0
