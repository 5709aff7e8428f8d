"""Where a run's numbers come from: versions, code, host."""
import hashlib
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import facekp
from facekp.engine.flags import parse_flags

PACKAGES = ("theano-pymc", "lasagne", "nolearn", "numpy", "scipy")

# What can change a trained weight. Plots, reports and the command line cannot.
_TRAINING_CODE = ("augment.py", "keypoints.py", "layers.py", "models.py", "net.py",
                  "optimizers.py", "training.py", "handlers.py", "compat.py", "data/splits.py",
                  "data/kaggle.py", "data/pixels.py", "data/tables.py", "data/values.py",
                  "fused/*.py", "fused/csrc/*.h")


def versions():
    """Versions of Python, facekp and the libraries that compute.

    Returns
    -------
    dict of str -> str
    """
    found = {"python": platform.python_version(), "facekp": facekp.__version__}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def code_digest():
    """sha256 over the source files that decide what a training computes.

    Returns
    -------
    str, 64 hexadecimal digits
    """
    root = Path(facekp.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(path for pattern in _TRAINING_CODE for path in root.glob(pattern)):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def git_state():
    """Revision of the checkout that facekp runs from, and whether it has uncommitted changes.

    Returns
    -------
    dict : ``revision`` (str or None) and ``dirty`` (bool or None); None outside a checkout
    """
    def git(*arguments):
        return subprocess.run(("git", "-C", str(Path(facekp.__file__).parent)) + arguments,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
                              universal_newlines=True, timeout=30).stdout.strip()
    try:
        return {"revision": git("rev-parse", "HEAD"),
                "dirty": bool(git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return {"revision": None, "dirty": None}


def rounding(config):
    """The parts of a config.json that may change the last bits, and nothing more.

    Parameters
    ----------
    config : dict

    Returns
    -------
    dict
    """
    host = config.get("host") or {}
    return {"threads": config.get("threads"), "cpu": host.get("cpu"), "cores": host.get("cores"),
            "THEANO_FLAGS": parse_flags(config.get("theano_flags") or "")}
