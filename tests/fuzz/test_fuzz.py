"""10,000 damaged files: every reader refuses each by one line, or reads a value, at once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.campaign import LEAST, MEGABYTES, SECONDS
from tests.fuzz.readers import READERS

CASES = 10_000


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by /proc")
@pytest.mark.parametrize("cases", [CASES, pytest.param(10 * CASES, marks=pytest.mark.long)])
def test_damaged_files_are_refused_by_one_line(cases):
    """In a process of its own, whose memory is limited, and without checks of types."""
    seed = cases // CASES  # the long run has other cases
    command = [sys.executable, "-m", "tests.fuzz.campaign", f"--cases={cases}", f"--seed={seed}"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    outcomes = json.loads(done.stdout)
    faults = [fault for outcome in outcomes.values() for fault in outcome["faults"]]
    assert not faults, "\n\n".join([f"{len(faults)} faults with seed {seed}", *faults[:10]])
    assert outcomes.keys() == READERS.keys()
    assert sum(outcome["cases"] for outcome in outcomes.values()) >= cases
    for outcome in outcomes.values():
        assert outcome["cases"] >= LEAST
        assert outcome["slowest"] < SECONDS
        assert outcome["megabytes"] < MEGABYTES
