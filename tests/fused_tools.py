"""Shared by the tests of the fused Ops."""
import contextlib
import ctypes

import pytest


@contextlib.contextmanager
def omp_threads(n):
    """Run the OpenMP loops of compiled modules on n threads."""
    try:
        library = ctypes.CDLL("libgomp.so.1")
    except OSError:
        pytest.skip("no libgomp.so.1: the compiler's OpenMP is another one")
    before = library.omp_get_max_threads()
    library.omp_set_num_threads(n)
    try:
        yield
    finally:
        library.omp_set_num_threads(before)
