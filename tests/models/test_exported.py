"""`.pt2` files: the same explanation as the network itself, and nothing that a file brings runs."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

import annealcam as ac
from annealcam.attribution.layers import default_layer
from annealcam.errors import ModelError
from annealcam.models.exported import _is_plain_expression, load_exported
from annealcam.models.load import load_model
from tests.models.zip_files import with_long_part
from tests.networks import small_network


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A small network, and the file that torch.export makes of it."""
    model, path = small_network(), tmp_path_factory.mktemp("pt2") / "net.pt2"
    batch = {0: torch.export.Dim("n")}
    program = torch.export.export(model, (torch.zeros(2, 3, 20, 20),), dynamic_shapes=(batch,))
    told = json.dumps({"classes": list("abcde"), "crop": 20, "resize": 24})
    torch.export.save(program, path, extra_files={"annealcam.json": told})
    return model, path


def rewritten(path, target, change):
    """A copy of an archive in which some members are changed."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        names = old.namelist()
        for name in names:
            new.writestr(name, change(name.split("/", 1)[1], old.read(name)) or old.read(name))
    return target


def test_same_explanation_as_the_network_itself(exported):
    model, path = exported
    image = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(2))
    loaded = load_model(str(path))
    assert loaded.classes == list("abcde")
    assert loaded.preprocess.crop == 20
    assert default_layer(loaded.model, image[None]) == default_layer(model, image[None]) == "3"
    own = ac.explain(loaded.model, image, layer="3", sampler="exact")
    expected = ac.explain(model, image, layer="3", sampler="exact")
    assert np.array_equal(own.selected, expected.selected)
    assert np.allclose(own.map, expected.map, atol=1e-6)


def test_a_part_that_is_longer_than_the_file(exported, tmp_path):
    (tmp_path / "net.pt2").write_bytes(with_long_part(exported[1].read_bytes()))
    with pytest.raises(ModelError, match="a part is longer than the file"):
        load_exported(tmp_path / "net.pt2")


class Mark:
    fired = False

    def __reduce__(self):
        return setattr, (Mark, "fired", True)


def evil_inputs():
    buffer = io.BytesIO()
    torch.save(((Mark(),), {}), buffer)
    return buffer.getvalue()


def test_pickled_sample_inputs_are_never_opened(exported, tmp_path):
    def change(name, _data):
        return evil_inputs() if name == "data/sample_inputs/model.pt" else None

    network, _ = load_exported(rewritten(exported[1], tmp_path / "evil.pt2", change))
    assert isinstance(network, nn.Module)
    assert not Mark.fired


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("net/data/sample_inputs/model.pt", "stands twice"),
        ("net/data/constants/MODEL.PT", "no place"),
        ("net/data/constants/model_constants_config.JSON", "no place"),
        ("net/data/aotinductor/model/run.so", "no place"),
        ("other/data/weights/weight_0", "another root"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_parts_that_torch_might_read_otherwise_are_refused(exported, tmp_path, name, match):
    path = tmp_path / "evil.pt2"
    path.write_bytes(exported[1].read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, evil_inputs())
    with pytest.raises(ModelError, match=match):
        load_exported(path)
    assert not Mark.fired


def test_pickled_weights_are_refused(exported, tmp_path):
    def change(name, data):
        if not name.endswith("weights_config.json"):
            return None
        return data.replace(b'"use_pickle": false', b'"use_pickle": true', 1)

    with pytest.raises(ModelError, match="lists pickled objects"):
        load_exported(rewritten(exported[1], tmp_path / "evil.pt2", change))


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (b"torch.ops.aten.linear.default", b"torch.os.system", "calls 'torch.os.system'"),
        (b"torch.ops.aten.linear.default", b"#evil", "calls '#evil'"),
        (b"torch.ops.aten.linear.default", b"_operator.call", "calls '_operator.call'"),
        (b'"input"', b'"x=print(1)"', "holds the name 'x=print"),
        (b"builtins.tuple", b"builtins.eval", "holds the structure"),
        (b"Symbol(", b"print(Symbol(", "holds the expression"),
    ],
)
def test_graphs_that_call_out_are_refused(exported, tmp_path, old, new, match):
    def change(name, data):
        return data.replace(old, new) if name == "models/model.json" else None

    with pytest.raises(ModelError, match=match):
        load_exported(rewritten(exported[1], tmp_path / "evil.pt2", change))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Symbol('s77', positive=True, integer=True)", True),
        ("2*s0 + FloorDiv(s1, 3) - 1", True),
        ("Mul(Integer(3), Symbol('s0', positive=True, integer=True))", True),
        ("__import__('os').system('true')", False),
        ("s0.__class__", False),
        ("eval(s0)", False),
    ],
)
def test_expressions(text, plain):
    assert _is_plain_expression(text) == plain


@pytest.mark.parametrize(
    "told",
    [{"classes": "abc"}, {"classes": [1]}, {"crop": 0}, {"mean": [1]}, {"std": [0]}, 5],
)
def test_settings_that_make_no_sense_are_refused(exported, tmp_path, told):
    def change(name, _data):
        return json.dumps(told).encode() if name == "extra/annealcam.json" else None

    with pytest.raises(ModelError, match="annealcam.json|list of names"):
        load_model(str(rewritten(exported[1], tmp_path / "odd.pt2", change)))


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "x.pt2"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="cannot be read as a torch.export file"):
        load_exported(path)
    torch.save(nn.Linear(1, 1).state_dict(), path)
    with pytest.raises(ModelError, match="not written by torch.export"):
        load_exported(path)
