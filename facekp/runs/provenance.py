"""Where a run's numbers come from: versions, revision, host."""
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import facekp
from facekp.engine.flags import parse_flags

PACKAGES = ("theano-pymc", "lasagne", "nolearn", "numpy", "scipy")


def versions():
    """Versions of Python, facekp and the libraries that compute: dict of str -> str."""
    found = {"python": platform.python_version(), "facekp": facekp.__version__}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def git_state():
    """``revision`` (str) of the checkout that facekp runs from, and whether it is ``dirty`` (bool)
    with uncommitted changes; both None outside a checkout, also if facekp is installed somewhere
    inside a repository of something else."""
    def git(*arguments):
        return subprocess.run(("git", "-C", str(Path(facekp.__file__).parent)) + arguments,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
                              universal_newlines=True, timeout=30).stdout.strip()
    try:
        git("ls-files", "--error-unmatch", Path(facekp.__file__).name)
        return {"revision": git("rev-parse", "HEAD"),
                "dirty": bool(git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return {"revision": None, "dirty": None}


def rounding(config):
    """The parts of a config.json that may change the last bits, and nothing more."""
    host = config.get("host") or {}
    return {"threads": config.get("threads"), "cpu": host.get("cpu"), "cores": host.get("cores"),
            "THEANO_FLAGS": parse_flags(config.get("theano_flags") or "")}
