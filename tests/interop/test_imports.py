"""No adapter imports another's package, and a missing package is named."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

PACKAGES = {"quantus": None, "captum": "captum", "grad_cam": "pytorch_grad_cam"}
EXTRAS = {"captum": "captum", "grad_cam": "grad-cam"}
RUN = f"""
import importlib, json, sys
packages = ("captum", "pytorch_grad_cam", "quantus")

def without(names):
    for module in list(sys.modules):
        if module.split(".")[0] in names:
            del sys.modules[module]

errors, loaded = {{}}, {{}}
for adapter in {list(EXTRAS)}:
    sys.modules[{PACKAGES}[adapter]] = None
    try:
        importlib.import_module(f"annealcam.interop.{{adapter}}")
    except ModuleNotFoundError as error:
        errors[adapter] = str(error)
    without(packages)
for adapter in {list(PACKAGES)}:
    importlib.import_module(f"annealcam.interop.{{adapter}}")
    loaded[adapter] = [name for name in packages if name in sys.modules]
    without(packages)
print(json.dumps([errors, loaded]))
"""


@pytest.fixture(scope="module")
def errors_and_packages():
    """Error messages without each package, and the packages that each adapter loads."""
    if not all(find_spec(package) for package in PACKAGES.values() if package):
        pytest.skip("captum and grad-cam are not both installed")
    run = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


@pytest.mark.parametrize(("adapter", "package"), PACKAGES.items())
def test_an_adapter_imports_only_its_own_package(errors_and_packages, adapter, package):
    assert errors_and_packages[1][adapter] == ([package] if package else [])


@pytest.mark.parametrize(("adapter", "extra"), EXTRAS.items())
def test_a_missing_package_is_named_with_its_extra(errors_and_packages, adapter, extra):
    assert f"pip install 'annealcam[{extra}]'" in errors_and_packages[0][adapter]
