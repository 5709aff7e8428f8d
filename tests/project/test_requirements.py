"""What facekp requires it imports, and what it imports it requires."""
import ast
import configparser
import importlib.util
import re
import sysconfig
from importlib import metadata

from checkout import ROOT

NOT_REQUIRED = {
    "nolearn": "requires the distribution Theano, which would overwrite theano-pymc; "
               "requirements/run.txt has it",
    "IPython": "notebooks only, which bring it",
    "pygpu": "no package of the index; Debian or conda have it",
    "kaggle": "downloads only; facekp says how to get it",
}
"""Imports without a requirement, and why."""

NOT_IMPORTED = {
    "setuptools": ("lasagne", "pkg_resources"),
    "scikit-learn": ("nolearn", "sklearn"),
}
"""Requirements of which a library that facekp needs imports something: library and import."""


def requirements():
    """Distributions that setup.cfg requires, with the modules that they install."""
    config = configparser.ConfigParser()
    config.read(str(ROOT / "setup.cfg"))
    lines = config["options"]["install_requires"].splitlines()
    names = [re.match("[A-Za-z0-9_.-]+", line).group() for line in lines if line[:1].isalpha()]
    names += config["options.extras_require"].get("blas", "").split()
    return {name: modules_of(name) for name in names}


def modules_of(distribution):
    """The top-level modules of an installed distribution."""
    files = metadata.files(distribution) or ()
    return {file.parts[0].split(".")[0] for file in files
            if file.suffix in (".py", ".so") and ".." not in file.parts} - {"__pycache__"}


def imports(folder):
    """Names of the third-party modules that the Python files below a folder import."""
    places = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    found = set()
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.split(".")[0])
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module":
                if node.args and isinstance(node.args[0], ast.Constant):
                    found.add(node.args[0].value.split(".")[0])
    specs = {name: importlib.util.find_spec(name) for name in found - {"facekp"}}
    return {name for name, spec in specs.items()
            if spec is None or (spec.origin or "").startswith(tuple(places))}


def test_each_import_is_required():
    required = set().union(*requirements().values())
    lacking = imports(ROOT / "facekp") - required - set(NOT_REQUIRED) - {"fcntl", "winreg"}
    assert not lacking, f"{sorted(lacking)}: name their distributions in setup.cfg"


def test_each_requirement_is_imported():
    found = imports(ROOT / "facekp")
    for name, modules in requirements().items():
        if name in NOT_IMPORTED:
            library, module = NOT_IMPORTED[name]
            place = importlib.util.find_spec(library).submodule_search_locations[0]
            assert any(re.search(rf"^\s*(import|from) {module}\b", path.read_text(), re.M)
                       for path in type(ROOT)(place).rglob("*.py")), f"{library} needs no {name}"
        else:
            assert modules & found, f"setup.cfg requires {name}, and nothing imports it"
