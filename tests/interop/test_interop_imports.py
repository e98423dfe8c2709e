"""No face imports another's package, and a package that is missing is named."""

import subprocess
import sys

import pytest


def python(code):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return run.stdout.strip() or run.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("face", "own"), [("quantus", None), ("captum", "captum"), ("grad_cam", "pytorch_grad_cam")]
)
def test_a_face_imports_its_own_package_alone(face, own):
    if own is not None:
        pytest.importorskip(own)
    loaded = python(
        f"import sys, annealcam.interop.{face}\n"
        "print([p for p in ('captum', 'pytorch_grad_cam', 'quantus') if p in sys.modules])"
    )
    assert loaded == str([own] if own else [])


@pytest.mark.parametrize(
    ("face", "package", "extra"),
    [("captum", "captum", "captum"), ("grad_cam", "pytorch_grad_cam", "grad-cam")],
)
def test_a_missing_package_is_named_with_the_mend(face, package, extra):
    told = python(f"import sys; sys.modules[{package!r}] = None; import annealcam.interop.{face}")
    assert told.startswith("ModuleNotFoundError")
    assert f"pip install 'annealcam[{extra}]'" in told
