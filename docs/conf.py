"""How Sphinx builds these pages: ``make docs``.

The notebooks are executed by the build. Nothing that a page needs at view time is elsewhere.
"""

from __future__ import annotations

import os
import shutil
import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tests"))

from stored_notebooks import NOTEBOOKS, stored_text  # noqa: E402

_copies = HERE / "notebooks"
shutil.rmtree(_copies, ignore_errors=True)
_copies.mkdir()
for _notebook in NOTEBOOKS:
    (_copies / _notebook.name).write_text(stored_text(_notebook), "utf-8")

project = "ezmsg-nb"
author = "ezmsg-nb contributors"
version = release = version_of("ezmsg-nb")
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

nb_execution_mode = os.environ.get("EZMSG_NB_DOCS_EXECUTE", "force")
nb_execution_timeout = 180
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_merge_streams = True
suppress_warnings = ["mystnb.unknown_mime_type"]  # Mermaid is one of several forms of a picture
# Pages have no kernel: the static picture or table of an output is shown, never a widget whose
# scripts would come from another host.
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
# Single backticks in docstrings name something; that it can't be linked is no fault.
default_role = "code"

html_theme = "pydata_sphinx_theme"
html_title = "ezmsg-nb"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_sidebars: dict[str, list[str]] = {"index": [], "tutorial": [], "concepts": []}
html_theme_options = {
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "navigation_with_keys": False,
}
copybutton_exclude = ".linenos, .gp, .go"
