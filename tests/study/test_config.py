"""A study's configuration: every wrong word is one clear line."""

import json
import tomllib

import pytest

from annealcam.errors import ArgumentError
from annealcam.settings import resolve
from annealcam.study.config import PRESETS, Study, preset, read_study, study_of


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_studies_and_say_all_of_themselves(name):
    study = preset(name)
    assert study_of(json.loads(json.dumps(study.as_dict()))) == study


def test_the_paper_is_the_paper():
    study = preset("paper")
    assert study.data.name == "stl10"
    assert study.network.trunk == "torchvision:resnet18"
    assert study.network.maps == (16, 24, 32)
    assert study.annealing.tau == (10, 30, 50, 70, 100)
    assert (study.problem.importance, study.problem.beta) == ("gradcam", 0.7)


def test_where_the_data_lie_does_not_make_another_study():
    here, there = (study_of({"data": {"root": root}}) for root in ("here", "there"))
    assert here != there
    assert here.identity() == there.identity()
    assert here.identity() != study_of({"seed": 1}).identity()


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"dta": {}}, "dta: unknown key; did you mean 'data'"),
        ({"problem": {"bta": 0.7}}, "problem.bta: unknown key; did you mean 'beta'"),
        ({"data": 3}, "data=3: must be a section"),
        ({"data": {"name": 3}}, "data.name=3: must be text"),
        ({"seed": True}, "seed=True: must be a whole number"),
        ({"seed": -1}, "seed=-1: must be 0 or more"),
        ({"shard": 0}, "shard=0: must be 1 or more"),
        ({"annealing": {"tau": ["x"]}}, "annealing.tau='x'.*a number"),
        ({"annealing": {"tau": [0]}}, "annealing.tau=0.0: must be above 0"),
        ({"annealing": {"tau": [1, 1]}}, "annealing.tau=.*only once"),
        ({"annealing": {"tau": []}}, "give both, or neither"),
        ({"annealing": {"tau": [], "normalisations": []}}, "a gap needs a normalisation"),
        ({"annealing": {"normalisations": ["per_qbit"]}}, "did you mean 'per_qubit'"),
        ({"data": {"choose": "some"}}, "data.choose='some': one of correct, all"),
        ({"data": {"labels": {"a": 1}}}, "data.labels.a=1: must be text"),
        ({"data": {"labels": ["a"]}}, "data.labels=.*must be a table"),
        ({"problem": {"beta": 1.5}}, "problem.beta=1.5"),
        ({"problem": {"max_qubits": 40}}, "problem.max_qubits=40: must lie between 1 and 24"),
        ({"problem": {"explain": "x"}}, "problem.explain='x'"),
        ({"network": {"layers": ["a"]}}, "give one of the two"),
        ({"network": {"models": ["a"], "trunk": "b", "maps": [1]}}, "give one of the two"),
        ({"network": {"trunk": "b"}}, "a trunk needs the sizes"),
        ({"network": {"models": ["a", "a"]}}, "only once"),
        ({"baselines": {"sizes": [0]}}, "baselines.sizes=0"),
        ({"evidence": {"enabled": True}}, "evidence.enabled=true: needs evidence.candidates"),
        ({"evidence": {"candidates": [30]}}, "evidence.candidates=30: must lie between 1 and 24"),
        ({"evidence": {"penalties": [0]}}, "evidence.penalties=0.0: must be above 0"),
        ({"evidence": {"beta": 2}}, "evidence.beta=2.0: must lie between 0 and 1"),
        ({"evidence": {"gradients": "x"}}, "evidence.gradients='x': one of integrated, plain"),
        (
            {"statistics": {"bootstrap": 10**9}},
            "statistics.bootstrap=1000000000: must be 100000 or",
        ),
        ({"statistics": {"permutations": 10**30}}, "statistics.permutations"),
        ({"network": {"trunk": "a", "maps": [10**9]}}, "network.maps=.*must be 100000 or"),
        ({"baselines": {"random_draws": 10**9}}, "baselines.random_draws=1000000000: must be"),
        ({"problem": {"fidelity": 0}}, "problem.fidelity=0.0: must be above 0"),
        (
            {"problem": {"objective": "evidence", "importance": "gradcam"}},
            "problem.importance='gradcam': the evidence objective weighs maps by their alignment",
        ),
    ],
)
def test_what_cannot_be(values, complaint):
    with pytest.raises(ArgumentError, match=complaint):
        study_of(values)


def test_the_evidence_objective_has_the_defaults_of_explain():
    problem = study_of({"problem": {"objective": "evidence", "max_qubits": 16}}).problem
    assert problem.settings() == resolve(max_qubits=16)
    with_k = study_of({"problem": {"objective": "evidence", "cardinality": 5}}).problem
    assert with_k.settings().cardinality == 5


def test_options_without_effect_do_not_make_another_study():
    before = study_of({}).identity()
    assert study_of({"evidence": {"grids": 3}}).identity() == before
    on = {"evidence": {"enabled": True, "cardinalities": [2]}}
    assert study_of(on).identity()["evidence"]["cardinalities"] == [2]


def test_a_file(tmp_path):
    file = tmp_path / "s.toml"
    with pytest.raises(ArgumentError, match="cannot be read"):
        read_study(file)
    file.write_text("seed = ")
    with pytest.raises(ArgumentError, match="give a TOML file"):
        read_study(file)
    file.write_text("seed = 4\n[problem]\nbeta = 1\n")
    assert read_study(file) == study_of(tomllib.loads(file.read_text()))
    assert read_study(file).problem.beta == 1.0


def test_the_default_is_a_study():
    assert Study().network.models == ("digits",)


def test_old_names_of_normalisations():
    with pytest.warns(DeprecationWarning, match=r"annealing\.conventions: renamed"):
        study = study_of({"annealing": {"conventions": ["paper", "text"]}})
    assert study == Study()
    with pytest.warns(DeprecationWarning, match="'text': renamed"):
        study = study_of({"annealing": {"normalisations": "text"}})
    assert study.annealing.normalisations == ("unit",)
    both = {"annealing": {"conventions": ["paper"], "normalisations": ["unit"]}}
    with pytest.raises(ArgumentError, match="an old name of"):
        study_of(both)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("seed = " + "[" * 10**5, "cannot be read"), ("seed = " + "1" * 5000, "cannot be read"),
        ("a" + ".a" * 10**3 + " = 1", "unknown key|nested too deeply"), ("seed = nan", "seed=nan"),
        ("[problem]\nbeta = nan", "problem.beta=nan"), ("\ud800", "cannot be read"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_configuration_is_one_line(tmp_path, text, complaint):
    file = tmp_path / "study.toml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ArgumentError, match=complaint) as raised:
        read_study(file)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 1000
    with pytest.raises(ArgumentError, match="cannot be read .it is a folder"):
        read_study(tmp_path)
