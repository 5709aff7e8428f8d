"""Choose the BLAS that Theano's matrix products are linked with.

A BLAS of the system or of conda is used if it is one of the fast ones and computes a product
correctly. Otherwise, the OpenBLAS in the package ``scipy-openblas32`` is used. This module does not
need Theano.
"""

import ctypes
import importlib
import os
import re
import subprocess
import sys
from typing import NamedTuple

NAMES = ("mkl_rt", "openblas", "blis")  # libblas is left out: it may be the slow reference BLAS
OLDEST_OPENBLAS = (0, 3, 10)  # the first with a float32 product for AVX-512 that is fast and right

# scipy-openblas32 puts scipy_ before each name. These are the names that Theano's C code may call.
_PREFIXED = (
    [t + op + "_" for t in "sd" for op in
     ("gemm", "gemv", "ger", "dot", "axpy", "scal", "copy", "swap", "nrm2", "asum", "syrk")]
    + [t + op + "_" for t in "cz" for op in ("gemm", "gemv", "axpy", "scal", "copy")]
    + ["cblas_" + t + op for t in "sd" for op in ("gemm", "gemv", "ger", "dot", "axpy", "scal")]
    + ["openblas_set_num_threads", "openblas_get_num_threads", "goto_set_num_threads"]
)


class Blas(NamedTuple):
    """A BLAS and how to link it.

    Attributes
    ----------
    name : str
        A name for messages.
    ldflags, cxxflags : str
        Theano's ``blas.ldflags``, and what ``gcc.cxxflags`` needs beside it.
    library_path : str or None
        A folder for the compiler's LIBRARY_PATH.
    reason : str
        Why this BLAS was chosen.
    """

    name: str
    ldflags: str
    cxxflags: str
    library_path: object
    reason: str


def find(cxx):
    """Choose a BLAS.

    Parameters
    ----------
    cxx : str
        The C++ compiler; it tells where its linker finds libraries.

    Returns
    -------
    Blas
        With empty flags if there is none; then Theano is many times slower.
    """
    rejected = []
    for name in NAMES:
        path = locate(name, cxx)
        if path is None:
            continue
        fault = check(path)
        if fault is None:
            return Blas(name, link_flags(name, path), "", None, "found at %s" % path)
        rejected.append("%s %s" % (path, fault))
    why = "; ".join(rejected) or "no MKL, OpenBLAS or BLIS where the linker looks"
    folder = bundled()
    if folder is not None:
        return Blas(
            "scipy-openblas32", "-lscipy_openblas",
            " ".join("-D%s=scipy_%s" % (name, name) for name in _PREFIXED), folder, why,
        )
    return Blas("none", "", "", None, why + "; products will be slow: pip install scipy-openblas32")


def locate(name, cxx):
    """Path of the library that ``-l<name>`` would link, or None."""
    suffix = "dylib" if sys.platform == "darwin" else "so"
    file = "lib%s.%s" % (name, suffix)
    own = os.path.join(sys.prefix, "lib", file)  # a conda environment's
    if os.path.exists(own):
        return own
    try:
        answer = subprocess.run(
            [cxx, "-print-file-name=" + file], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ).stdout.decode().strip()
    except OSError:
        return None
    return answer if os.path.isabs(answer) and os.path.exists(answer) else None


def link_flags(name, path):
    """``blas.ldflags`` for a library, with its folder if the linker would not look there."""
    folder = os.path.dirname(path)
    if folder == os.path.join(sys.prefix, "lib"):
        return "-L%s -l%s" % (folder, name)  # Theano adds the rpath
    return "-l" + name


def check(path):
    """Load a BLAS and let it multiply.

    Returns
    -------
    str or None
        What is wrong with it.
    """
    try:
        library = ctypes.CDLL(path)
        sgemm = library.sgemm_
    except (OSError, AttributeError) as error:
        return "cannot be used (%s)" % error
    version = openblas_version(library)
    if version is not None and version < OLDEST_OPENBLAS:
        return "is too old (%s)" % ".".join(map(str, version))
    n = 67  # not a multiple of any register tile; whole numbers, so the result must be exact
    matrix = ctypes.c_float * (n * n)
    a = matrix(*[(3 * i) % 7 - 3 for i in range(n * n)])
    b = matrix(*[(5 * i) % 11 - 5 for i in range(n * n)])
    c = matrix()
    size, one, zero = ctypes.c_int64(n), ctypes.c_float(1), ctypes.c_float(0)
    ref = ctypes.byref
    sgemm(b"N", b"N", ref(size), ref(size), ref(size), ref(one), a, ref(size), b, ref(size),
          ref(zero), c, ref(size))
    for row, column in ((0, 0), (n - 1, 5), (31, n - 1)):  # in Fortran's order
        expected = sum(a[row + n * k] * b[k + n * column] for k in range(n))
        if c[row + n * column] != expected:
            return "multiplies wrongly"
    return None


def openblas_version(library):
    """(major, minor, patch) of an OpenBLAS; None for other libraries."""
    try:
        get_config = library.openblas_get_config
    except AttributeError:
        return None
    get_config.restype = ctypes.c_char_p
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", (get_config() or b"").decode())
    return tuple(int(part) for part in found.groups()) if found else None


def bundled():
    """Load scipy-openblas32's library, and return its folder; None if it is not installed.

    The library is loaded into the process's global names, where Theano's modules find it by its
    name. So the modules do not contain the path of this folder, and several checkouts can share
    them.
    """
    try:
        return importlib.import_module("scipy_openblas32").get_lib_dir()
    except (ImportError, OSError):
        return None
