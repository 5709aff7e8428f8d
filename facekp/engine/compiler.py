"""Find and check the C++ compiler for Theano's modules; this module does not need Theano."""

import functools
import os
import re
import shutil
import subprocess
import sys
import sysconfig

from facekp.errors import EngineError

OLDEST = {"g++": 9, "clang": 10}
"""The oldest compilers that make fast code of the kernels' vector types and their conditions."""


def find(env, given=None):
    """Path of the C++ compiler.

    Parameters
    ----------
    env : dict
        The environment.
    given : str or None
        The user's choice.

    Raises
    ------
    EngineError
        If there is none: Theano would compute in Python, hundreds of times slower.
    """
    for name in [given] if given else ["g++", env.get("CXX", ""), "clang++"]:
        path = shutil.which(name.split()[0], path=env.get("PATH")) if name else None
        if path:
            return path
    raise EngineError(
        "no C++ compiler (%s) on PATH; install one: apt install g++, dnf install gcc-c++, "
        "conda install -c conda-forge gxx, or xcode-select --install" % (given or "g++ or clang++")
    )


def check_headers(folder=None):
    """Raise EngineError if Python's C headers are missing: no module could be compiled."""
    folder = folder or sysconfig.get_paths()["include"]
    if not os.path.exists(os.path.join(folder, "Python.h")):
        raise EngineError(
            "%s: no Python.h there; install the headers of this Python: "
            "apt install python%d.%d-dev, or use a Python from conda, pyenv or uv"
            % ((folder,) + sys.version_info[:2])
        )


def too_old(cxx):
    """Why a compiler is too old for the fused kernels, None if it is not."""
    name, found = version(cxx)
    if found < OLDEST[name]:
        return "%s is %s %d; expected %d or later" % (cxx, name, found, OLDEST[name])
    return None


@functools.lru_cache(maxsize=None)
def version(cxx):
    """Kind and major version of a C++ compiler: ``("g++", 12)`` or ``("clang", 14)``."""
    answer = subprocess.run([cxx, "--version"], stdout=subprocess.PIPE).stdout
    return parse_version(answer.decode(errors="replace"))


def parse_version(text):
    """Kind and major version from the answer to ``--version``; 0 if there is none in it."""
    clang = re.search(r"clang version (\d+)", text)
    number = clang or re.search(r"\) (\d+)\.|\b(\d+)\.\d+\.\d+", text)
    found = next((int(group) for group in number.groups() if group), 0) if number else 0
    return "clang" if clang else "g++", found
