"""How Sphinx builds the documentation: `make docs`."""
import os
import re
import subprocess
import sys
from pathlib import Path

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

import facekp
from facekp.experiment import known

project = "facekp"
author = "The facekp authors"
release = version = facekp.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc",
              "sphinxcontrib.programoutput"]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
myst_heading_anchors = 3
highlight_language = "none"  # of blocks that name no language: they are commands

# The pages of the library: a page for each module, functions in the order of the source.
autosummary_ignore_module_all = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings have the types, with shapes and units
autodoc_inherit_docstrings = False  # what nolearn says of its own methods is not for our pages
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# Everything that a page loads comes with it: no fonts or scripts from other hosts.
html_theme = "furo"
html_title = "facekp"
html_static_path = ["_static"]
html_css_files = ["facekp.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False

# Commands whose output is shown (programoutput) are those of the environment that builds.
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
os.environ["COLUMNS"] = "80"

html_math_renderer = "mathml"  # Sphinx's own is a script from another host


def math(writer, node):
    """Write a formula as MathML, which browsers draw by themselves."""
    block = node.tagname == "math_block"
    writer.body.append(tex2mathml(node.astext(), inline=not block))
    raise SkipNode


def skipped(app, what, name, member, skip, options):
    """Leave out what a NamedTuple says of its fields: the class's docstring lists them."""
    return True if str(getattr(member, "__doc__", "")).startswith("Alias for field") else skip


def commands(app, page, text):
    """Give each command of facekp a section with its help, on the page of the command line."""
    if page == "command-line":
        shown = subprocess.run([sys.executable, "-m", "facekp.cli", "--help"], check=True,
                               stdout=subprocess.PIPE, universal_newlines=True).stdout
        for name in re.findall(r"^    ([\w-]+)(?:  |$)", shown, re.M):
            text[0] += (f"### facekp {name}\n\n"
                        f"```{{program-output}} python -m facekp.cli {name} --help\n```\n\n")


def experiments_beyond(app, page, text):
    """Give each file in experiments/beyond/ a section, on the page of these experiments."""
    if page == "experiments/beyond":
        root = Path(app.srcdir).parent
        for path in sorted((root / "experiments" / "beyond").glob("*.py")):
            name = path.stem.replace("_", "-")
            text[0] += (f"\n## {name}: {known.get(name).title}\n\n```\nmake {name}\n```\n\n"
                        f"```{{literalinclude}} ../../experiments/beyond/{path.name}\n"
                        ":language: python\n```\n")
            if (root / "results" / name / "summary.md").exists():
                text[0] += (f"\n```{{include}} ../../results/{name}/summary.md\n"
                            ":heading-offset: 2\n```\n")


def setup(app):
    app.connect("source-read", commands)
    app.connect("source-read", experiments_beyond)
    app.add_html_math_renderer("mathml", (math, None), (math, None))
    app.connect("autodoc-skip-member", skipped)
