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
    "submitit": "clusters only; the extra cluster brings it, and facekp says so",
    "tomli": "likewise, for Python 3.8 to 3.10",
}
"""Imports without a requirement, and why."""

OPTIONAL = {"cv2": "videos and cameras only"}
"""Imports of facekp.predict that it does without, and what they are for."""

NOT_IMPORTED = {
    "setuptools": ("lasagne", "pkg_resources"),
    "scikit-learn": ("nolearn", "sklearn"),
}
"""Requirements of which a library that facekp needs imports something: library and import."""


def requirements(*parts):
    """Distributions that setup.cfg requires, with the modules that they install.

    Parameters
    ----------
    parts : str, "install_requires" or the name of an extra
    """
    config = configparser.ConfigParser()
    config.read(str(ROOT / "setup.cfg"))
    known = {**config["options.extras_require"], **config["options"]}
    return {name: modules_of(name) for part in parts
            for name in re.findall("^[A-Za-z0-9_.-]+", known[part], re.M)}


def modules_of(distribution):
    """The top-level modules of an installed distribution."""
    files = metadata.files(distribution) or ()
    return {file.parts[0].split(".")[0] for file in files
            if file.suffix in (".py", ".so") and ".." not in file.parts} - {"__pycache__"}


def imports(*places):
    """Names of the third-party modules that Python files, or all below folders, import."""
    installed = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    found = set()
    for path in [path for place in places for path in ([place] if place.suffix else
                                                       sorted(place.rglob("*.py")))]:
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
            if spec is None or (spec.origin or "").startswith(tuple(installed))}


def test_each_import_is_required():
    required = set().union(*requirements("install_requires", "train", "blas").values())
    lacking = imports(ROOT / "facekp") - required - set(NOT_REQUIRED) - set(OPTIONAL)
    assert not lacking, f"{sorted(lacking)}: name their distributions in setup.cfg"


def test_prediction_needs_no_extra():
    light = [ROOT / "facekp" / "predict"] + [ROOT / "facekp" / f"{name}.py" for name in (
        "arguments", "errors", "keypoints", "files", "text", "machine")]
    required = set().union(*requirements("install_requires").values())
    assert imports(*light) - set(OPTIONAL) <= required


def test_each_requirement_is_imported():
    found = imports(ROOT / "facekp")
    for name, modules in requirements("install_requires", "train", "blas").items():
        if name in NOT_IMPORTED:
            library, module = NOT_IMPORTED[name]
            place = importlib.util.find_spec(library).submodule_search_locations[0]
            assert any(re.search(rf"^\s*(import|from) {module}\b", path.read_text(), re.M)
                       for path in type(ROOT)(place).rglob("*.py")), f"{library} needs no {name}"
        else:
            assert modules & found, f"setup.cfg requires {name}, and nothing imports it"
