"""Figures of the cluster's tests, in the docs' page."""
from checkout import ROOT

from facekp import files


def write(name, text):
    """Put text between the page's comments that name a module of this folder."""
    files.put_between(ROOT / "docs" / "cluster.md", f"<!-- written by tests/cluster/{name}.py -->",
                      f"<!-- end of {name}.py -->", text)
