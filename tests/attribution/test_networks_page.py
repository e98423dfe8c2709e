"""The examples of docs/networks.md run."""

import doctest
import warnings
from pathlib import Path

from annealcam.errors import AnnealcamWarning

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"


def test_the_examples_run():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AnnealcamWarning)  # of random networks
        found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.failed == 0
    assert found.attempted > 20
