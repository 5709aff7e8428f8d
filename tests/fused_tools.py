"""Shared by the tests of the fused Ops."""
import contextlib
import ctypes

import pytest
import theano
from theano.compile import optdb
from theano.tensor.nnet.corr import BaseCorrMM
from theano.tensor.signal.pool import MaxPoolGrad, Pool

from facekp.fused import small_ops


class InPython(small_ops.SmallOpsInPython):
    """Give all Ops to Python but convolutions and pools, of which only the C code works."""

    def chosen(self, node):
        return not isinstance(node.op, (BaseCorrMM, Pool, MaxPoolGrad))


def stock_mode():
    """The mode for stock Theano as a reference: numpy computes, and hardly anything is compiled."""
    if "InPython" not in optdb:
        optdb.register("InPython", InPython(), 200, "tests_in_python")
    # unfused: numpy knows each operation, but not those that Theano puts together
    return theano.compile.get_default_mode().including("tests_in_python").excluding("fusion")


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
