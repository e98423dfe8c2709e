"""No adapter imports another's package, and a missing package is named."""

import sys
from importlib import import_module

import pytest

from annealcam.interop.selection import settings_of

PACKAGES = {"quantus": None, "captum": "captum", "grad_cam": "pytorch_grad_cam"}
EXTRAS = {"captum": "captum", "grad_cam": "grad-cam"}


@pytest.fixture
def fresh_import(monkeypatch):
    """Import an adapter anew while some packages are missing."""

    def fresh(adapter, missing):
        name = f"annealcam.interop.{adapter}"
        if adapter in vars(import_module("annealcam.interop")):
            monkeypatch.delattr(f"annealcam.interop.{adapter}")
        monkeypatch.delitem(sys.modules, name, raising=False)
        loaded = [m for m in sys.modules if m.split(".")[0] in missing]
        for module in {*loaded, *missing}:
            monkeypatch.setitem(sys.modules, module, None)  # importing it is an ImportError
        try:
            return import_module(name)
        finally:
            monkeypatch.delitem(sys.modules, name, raising=False)

    return fresh


@pytest.mark.parametrize(("adapter", "package"), PACKAGES.items())
def test_an_adapter_imports_only_its_own_package(fresh_import, adapter, package):
    if package:
        pytest.importorskip(package)
    others = {"captum", "pytorch_grad_cam", "quantus"} - {package}
    assert fresh_import(adapter, others).__name__ == f"annealcam.interop.{adapter}"


@pytest.mark.parametrize(("adapter", "extra"), EXTRAS.items())
def test_a_missing_package_is_named_with_its_extra(fresh_import, adapter, extra):
    with pytest.raises(ModuleNotFoundError, match=rf"pip install 'annealcam\[{extra}\]'"):
        fresh_import(adapter, {PACKAGES[adapter]})


def test_the_old_name_of_the_driver_normalisation():
    with (
        pytest.warns(DeprecationWarning, match="convention: renamed, use normalisation"),
        pytest.warns(DeprecationWarning, match="normalisation='text': renamed"),
    ):
        assert settings_of({"convention": "text"}).normalisation == "unit"
