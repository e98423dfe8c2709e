"""The compiled loops with the registers of other processors than the one at hand."""

import json
import os
import platform
import subprocess
import sys

import llvmlite.binding as llvm
import numpy as np
import pytest

import annealcam as ac

WIDE = "AVX2, without AVX-512", "haswell", "-avx512f", ("zmm",), "ymm"
PLAIN = "SSE2 alone", "generic", "", ("zmm", "ymm", "vfmadd"), "xmm"
RUN = """
import json, sys
import numpy as np
import annealcam as ac
from annealcam.annealing.kernels import state as _kernels

spoken = {}
for name in ("propagate", "propagate_evenly"):
    kernel = getattr(_kernels, name)
    kernel(np.ones((2, 16)), np.ones(16), np.ones(2), np.ones(1))
    code = "".join(kernel.inspect_asm().values())
    for register in ("zmm", "ymm", "xmm", "vfmadd"):
        spoken[register] = spoken.get(register, False) or register in code
found = []
for d in json.loads(sys.argv[1]):
    J = 0.4 * np.cos(np.add.outer(np.arange(d), np.arange(d))) * (1 - np.eye(d))
    p = ac.SelectionProblem(np.linspace(1.0, 0.3, d), J)
    r = ac.anneal(p, tau=11.0)
    found.append([r.success_probability, r.steps, r.probabilities.tolist()])
print(json.dumps([spoken, found]))
"""
SIZES = [0, 1, 2, 3, 4, 6, 11]


def child(folder, **settings):
    """Run the script in a process of its own, whose compiled code is its own too."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder), **settings}
    command = [sys.executable, "-c", RUN, repr(SIZES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or not llvm.get_host_cpu_features().get("avx2"),
    reason="the processor is no x86-64 with AVX2",
)
@pytest.mark.parametrize(
    ("name", "features", "absent", "present"),
    [pytest.param(*WIDE[1:], marks=pytest.mark.long), PLAIN[1:]],
)
def test_other_processors(tmp_path, name, features, absent, present):
    """What the processor at hand computes, with the registers that others have."""
    settings = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features}
    registers, results = child(tmp_path, **settings)
    assert registers[present]
    assert not any(registers[register] for register in absent)
    for d, (chance, steps, probabilities) in zip(SIZES, results, strict=True):
        J = 0.4 * np.cos(np.add.outer(np.arange(d), np.arange(d))) * (1 - np.eye(d))
        own = ac.anneal(ac.SelectionProblem(np.linspace(1.0, 0.3, d), J), tau=11.0)
        assert own.steps == steps
        assert own.success_probability == pytest.approx(chance, abs=1e-12)
        assert np.abs(own.probabilities - probabilities).max() < 1e-12
