"""The documentation site: `make docs` builds it into docs/_build/html, without a network."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from annealcam._version import __version__
from tools.reference_pages import plain_docstring, public_signature, write_reference

project = "annealcam"
author = "the authors of annealcam"
project_copyright = "the authors of annealcam, Apache-2.0"
version = release = __version__
language = "en"
smartquotes = False  # options keep their two hyphens

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_nb"]
source_suffix = {".md": "myst-nb", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "examples"]
nitpicky = True
# Types of other packages, and of annealcam's modules that are not public, have no page here.
nitpick_ignore_regex = [("py:(class|data|obj|meth|func|exc|attr)", r".*")]

# Docstrings are plain text: names in single backticks, formulas and examples indented.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 80
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False
napoleon_custom_sections = [("Names", "params_style")]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True

html_theme = "furo"
html_title = f"annealcam {__version__}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0072B2", "color-brand-content": "#0072B2"},
    "dark_css_variables": {"color-brand-primary": "#56B4E9", "color-brand-content": "#56B4E9"},
}


def setup(app):
    """Write the pages of the reference, read docstrings as plain text, and hide private fields."""
    write_reference(ROOT / "docs" / "reference")
    app.connect("autodoc-process-docstring", plain_docstring, priority=100)
    app.connect("autodoc-process-signature", public_signature)
