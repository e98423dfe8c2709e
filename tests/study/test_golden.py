"""The digits study gives the numbers that version 0.1 gave before its modules were moved."""

import json
from pathlib import Path

import pytest
from pyarrow.csv import read_csv

from annealcam.study import preset, run_study

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "digits_study.json").read_text())


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    run_study(preset("digits"), folder, workers=1)
    return folder / "figures"


@pytest.mark.long
@pytest.mark.parametrize("name", GOLDEN)
def test_digits_study_equals_the_golden_file(figures, name):
    columns = read_csv(figures / f"{name}.csv").to_pydict()
    assert columns.keys() == GOLDEN[name].keys()
    for key, values in GOLDEN[name].items():
        for value, golden in zip(columns[key], values, strict=True):
            if isinstance(golden, float):
                assert value == pytest.approx(golden, rel=1e-6, abs=1e-12), (key, golden)
            else:
                assert value in (golden, "" if golden is None else golden), key
