"""docs/conformance.md: its results are those of the checks, and its examples run."""

import doctest
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from annealcam.testing.explainer import EXPLAINER_CHECKS
from annealcam.testing.sampler import SAMPLER_CHECKS
from tests.testing.catalogue import (
    BEGIN,
    END,
    EXPLAINER_GROUPS,
    OUR_EXPLAINERS,
    OURS,
    SAMPLER_GROUPS,
    report_on,
    row,
    tables,
)

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
# What the checks find in ours, for the reasons that the page gives.
KNOWN = {
    '`cam(method="eigencam")`': ["target", "random_classifier"],
    '`cam(method="scorecam")`': ["planted_place"],
    "`interop.captum.LayerAnnealCAM`": ["buffers"],
    "`interop.grad_cam.AnnealCAM`": ["modes", "gradients", "after_an_error", "image_unchanged"],
}
ENTRIES = [
    pytest.param(kind, package, entry, id=f"{package}-{entry.name}",
                 marks=pytest.mark.long if entry.long else ())
    for kind, groups in (("sampler", SAMPLER_GROUPS), ("explainer", EXPLAINER_GROUPS))
    for package, entries in groups.items()
    for entry in entries
]  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_page_is_written_on_request():
    text = PAGE.read_text(encoding="utf-8")
    if os.environ.get("ANNEALCAM_CONFORMANCE_TABLE"):
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        text = f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"
        PAGE.write_text(text, encoding="utf-8")
    for check in (*SAMPLER_CHECKS, *EXPLAINER_CHECKS):
        assert f"| `{check.__name__}` | {check.__doc__} |" in text
    lines = [line for line in text.splitlines() if line.startswith("| ") and line.count("|") == 5]
    assert len(lines) == len(ENTRIES) + 2 * len(SAMPLER_GROUPS) + 2 * len(EXPLAINER_GROUPS)


@pytest.mark.parametrize(("kind", "package", "entry"), ENTRIES)
def test_a_line_of_the_page(kind, package, entry):
    for module in entry.needs:
        if find_spec(module.split(".")[0]) is None:
            pytest.skip(f"{module} is not installed")
    report = report_on(kind, package, entry.name)
    if entry in (*OURS, *OUR_EXPLAINERS):
        assert report.failed == KNOWN.get(entry.name, []), str(report)
    assert row(kind, package, entry) in PAGE.read_text(encoding="utf-8").splitlines(), str(report)


def test_the_examples_of_the_page_run():
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert (found.failed, found.attempted) == (0, 12)
