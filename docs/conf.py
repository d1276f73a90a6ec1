"""Sphinx's settings for the documentation: python -m sphinx -W docs docs/_build"""

import inspect
import re
import shutil
from pathlib import Path

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

import minicnn

DOCS = Path(__file__).parent
project, copyright, release = "minicnn", "the minicnn developers, MIT licence", minicnn.__version__
html_title = f"minicnn {release}"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "sphinx_copybutton"]
exclude_patterns = ["_build"]
html_theme, html_static_path, html_css_files = "furo", ["_static"], ["site.css"]
highlight_language = "none"
html_copy_source = html_show_sourcelink = False
myst_enable_extensions, html_math_renderer = ["dollarmath"], "mathml"
myst_heading_anchors = 3
nb_execution_mode, nb_execution_timeout, nb_execution_raise_on_error = "force", 600, True
nb_execution_in_temp = True
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def restructured(app, what, name, obj, options, lines):
    """Docstrings are written for people: an indented block is a formula, kept as it stands, and a line ``name: text``
    about a parameter is an item of a list; in place, for Sphinx."""
    try:
        parameters = set(inspect.signature(obj).parameters)
    except (TypeError, ValueError):
        parameters = set()
    text, item, verbatim, blank = [], False, False, True
    for line in lines:
        about = re.match(r"(\w+(?:, \w+)*): ", line)
        if line[:1] == " " and blank and not verbatim and not item:
            verbatim = True
            text += ["::", ""]
        elif line and line[0] != " ":
            verbatim = False
        if not verbatim:
            line = re.sub(r"(?<![\\`])([|*])", r"\\\1", line)
            if about and parameters.issuperset(about[1].split(", ")):
                text += [""] * (not item)
                line, item = f"* **{about[1]}**: {line[about.end():]}", True
            elif item:
                line = f"  {line}" if line else line
            item = item and bool(line)
        text.append(line)
        blank = not line
    lines[:] = text


def formula(display):
    """A visitor that writes a formula as MathML: no script, nothing fetched from elsewhere."""

    def visit(self, node):
        self.body.append(convert(node.astext(), display=display))
        raise SkipNode

    return visit, None


def setup(app):
    notebook = DOCS / "_notebook" / "backprop_in_class.ipynb"
    notebook.parent.mkdir(exist_ok=True)
    shutil.copy(DOCS.parent / "examples" / notebook.name, notebook)  # Sphinx reads nothing outside its own folder
    app.add_html_math_renderer("mathml", formula("inline"), formula("block"))
    app.connect("autodoc-process-docstring", restructured)
