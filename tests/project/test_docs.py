"""README and the pages of docs/: what they name is there. `make docs` checks the rest."""
import ast
import doctest
import importlib
import os
import re
import runpy

import pytest

from checkout import ROOT
from facekp.nets import registry

PAGES = [ROOT / "README.md"] + sorted(
    page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts)
LINKS = r"\]\(([^)#\s]+)"
SOURCES = r"`((?:facekp|experiments|tests|benchmarks|docs|requirements)/[\w/.-]+)`"


def name(page):
    return page.relative_to(ROOT).as_posix()


def test_readme_is_read_in_two_minutes():
    assert (ROOT / "README.md").stat().st_size <= 7168


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_a_page_names_are_there(page):
    text = page.read_text(encoding="utf-8")
    linked = [target for target in re.findall(LINKS, text) if ":" not in target]
    assert [target for target in linked if not (page.parent / target).exists()] == []
    named = [path for path in re.findall(SOURCES, text) if "/_build/" not in path]
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_pages_name_files():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert re.search(LINKS, text) and re.search(SOURCES, text)


def imports(page):
    """The lines of a page's examples in Python that import something of facekp."""
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    return [ast.get_source_segment(block, node)
            for block in blocks for node in ast.parse(block).body
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "facekp"]


def test_examples_import_what_is_there():
    lines = sorted({line for page in PAGES for line in imports(page)})
    assert len(lines) > 3
    exec("\n".join(lines), {})


def test_each_command_has_a_section_with_its_help(monkeypatch):
    pytest.importorskip("docutils.utils.math.latex2mathml", reason="of make docs")
    for variable in ("PATH", "COLUMNS"):  # the page's settings change both
        monkeypatch.setenv(variable, os.environ.get(variable, ""))
    text = [""]
    runpy.run_path(str(ROOT / "docs" / "conf.py"))["commands"](None, "command-line", text)
    assert {"info", "train", "augment-preview", "page"} <= set(
        re.findall(r"^### facekp (\S+)$", text[0], re.M))


def test_examples_of_docstrings_give_what_they_say(monkeypatch, capsys):
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts).replace(".__init__", "")
               for path in sorted((ROOT / "facekp").rglob("*.py"))
               if ">>> " in path.read_text(encoding="utf-8")]
    assert modules
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(registry, "_architectures", dict(registry._architectures))  # they add nets
    results = [doctest.testmod(importlib.import_module(name)) for name in modules]
    assert sum(result.attempted for result in results) > len(results)
    assert not any(result.failed for result in results), capsys.readouterr().out
