"""Which room may import which: modules import from lower layers and from their own package."""
import ast
import subprocess
import sys

import pytest

from checkout import ROOT

LAYERS = (("cli", "compat"), ("experiment",), ("report",), ("analysis", "predict"),
          ("training",), ("runs", "nets"), ("fused",), ("fused_gpu",), ("engine",),
          ("data", "plots"),
          ("arguments", "augmentation", "schedule", "errors", "keypoints", "metrics", "settings",
           "files", "mapped", "npz", "text", "machine"))
"""From top to bottom. Packages of one layer do not import each other; the last one is the ground,
whose modules may."""

GROUND = LAYERS[-1]
WITHOUT_THEANO = ("data", "plots", "runs", "analysis", "predict")
MODULES = sorted(path.relative_to(ROOT) for path in (ROOT / "facekp").rglob("*.py"))
assert MODULES


def dotted(path):
    """The name by which a module is imported."""
    return ".".join(path.with_suffix("").parts).replace(".__init__", "")


def room(name):
    """The part of a dotted name behind ``facekp.``: "data" of "facekp.data.mirror"."""
    return name.split(".")[1] if name.count(".") else ""


def imported(path):
    """(line, dotted name) of everything of facekp that a module imports, within functions too."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names
                        if alias.name.startswith("facekp."))
        elif isinstance(node, ast.ImportFrom):
            if node.level:  # of its own package; of one above it nothing is imported like this
                assert node.level == 1, f"{path}, line {node.lineno}: name the module in full"
                continue
            if node.module == "facekp":
                yield from ((node.lineno, f"facekp.{alias.name}") for alias in node.names)
            elif node.module and node.module.startswith("facekp."):
                yield node.lineno, node.module


def layer(name):
    found = [k for k, layer in enumerate(LAYERS) if name in layer]
    assert found, f"{name}: belongs to no layer; name it in LAYERS"
    return found[0]


def test_modules_import_from_below_alone():
    faults = []
    for path in MODULES:
        own = room(".".join(path.with_suffix("").parts))
        for line, name in imported(path):
            other = room(name)
            if other == own or own in GROUND and other in GROUND or other.startswith("__"):
                continue
            if own == "__init__" or layer(other) <= layer(own):
                faults.append(f"{path}, line {line}: {own} imports {other}, which is not below it")
    assert not faults, "\n".join(faults + ["Move what they share into a lower room."])


def test_no_circle_of_modules():
    edges = {}
    names = set(map(dotted, MODULES))
    for path in MODULES:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        own = dotted(path)
        found = set()
        for node in tree.body:  # what is imported at once; an import within a function may go back
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("facekp"):
                found |= {f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in names
                          else node.module for alias in node.names}
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names if alias.name in names}
        edges[own] = found & names - {own}
    done = set()

    def visit(name, above):
        assert name not in above, " -> ".join(above[above.index(name):] + [name])
        if name not in done:
            for other in sorted(edges[name]):
                visit(other, above + [name])
            done.add(name)

    for name in sorted(edges):
        visit(name, [])


@pytest.mark.parametrize("package", WITHOUT_THEANO)
def test_these_rooms_never_bring_theano(package, clean_env):
    if not (ROOT / "facekp" / package).exists():
        pytest.fail(f"facekp/{package} does not exist; correct WITHOUT_THEANO")
    modules = [dotted(path) for path in MODULES
               if path.parts[1] == package and path.name != "__main__.py"]
    code = ("import sys\n" + "".join(f"import {name}\n" for name in modules)
            + "sys.exit('theano' in sys.modules and 'Theano was imported')")
    done = subprocess.run([sys.executable, "-c", code], env=clean_env, stderr=subprocess.PIPE,
                          universal_newlines=True)
    assert not done.returncode, done.stderr
