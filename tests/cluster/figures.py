"""Figures of the cluster's tests, in the docs' page."""
import re

from checkout import ROOT

PAGE = ROOT / "docs" / "cluster.md"


def write(name, text):
    """Put text between the page's comments that name a module of this folder."""
    page = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- written by tests/cluster/{name}.py -->", "<!-- end -->"
    new, count = re.subn(f"({re.escape(begin)}\n).*?({end})",
                         lambda found: f"{found[1]}\n{text}\n\n{found[2]}", page, flags=re.S)
    if count != 1:
        raise ValueError(f"{PAGE}: found {count} places for {name}, expected one")
    PAGE.write_text(new, encoding="utf-8")
