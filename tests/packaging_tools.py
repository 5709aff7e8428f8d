"""Shared by the tests of what is installed: the wheel."""
import shutil
import subprocess
import sys

import facekp

from checkout import ROOT


def build_wheel(folder, change=None):
    """Build the wheel in a folder, from a copy of what is needed for it.

    Parameters
    ----------
    folder : Path
    change : callable or None
        Gets the copy's folder before it is built.

    Returns
    -------
    Path of the wheel
    """
    source = folder / "source"
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("facekp", "experiments"):
        shutil.copytree(str(ROOT / name), str(source / name), ignore=ignore)
    for name in ("setup.cfg", "setup.py", "README.md"):
        shutil.copy(str(ROOT / name), str(source))
    if change is not None:
        change(source)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", str(folder), str(source)], check=True, stdout=subprocess.PIPE)
    [made] = folder.glob(f"facekp-{facekp.__version__}-*.whl")
    return made
