"""Bookkeeping Ops run by Python instead of C, which saves their compilation.

Around the fused Ops stand a dozen that handle shapes and single numbers (the mean's divisor, a
dropout counter). Theano would compile each as a C module of its own: half a second the first time,
a file to find and load ever after. numpy does them in microseconds.
"""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import copy
import functools

from theano.compile import optdb
from theano.compile.ops import DeepCopyOp, Shape_i
from theano.gof import Constant
from theano.gof.opt import Optimizer
from theano.tensor.basic import Reshape, ScalarFromTensor, TensorFromScalar
from theano.tensor.elemwise import DimShuffle, Elemwise, Prod
from theano.tensor.opt import MakeVector
from theano.tensor.subtensor import Subtensor

TAG = "facekp_small_ops"

_METADATA = (DeepCopyOp, DimShuffle, MakeVector, Reshape, ScalarFromTensor, Shape_i, Subtensor,
             TensorFromScalar)  # views and shapes; DeepCopyOp only hands out results


class SmallOpsInPython(Optimizer):
    """Mark the small Ops of a graph such that Theano's linker asks for no C code."""

    def chosen(self, node):
        return is_small(node)

    def apply(self, fgraph):
        for node in fgraph.apply_nodes:
            if self.chosen(node):
                op = copy.copy(node.op)
                op.make_thunk = functools.partial(_python_thunk, op)
                node.op = op


def is_small(node):
    """Whether a node handles nothing but views, single numbers, or vectors of whole numbers."""
    if isinstance(node.op, _METADATA):
        return True
    return (isinstance(node.op, (Elemwise, Prod)) and len(node.inputs) < 32  # numpy's limit
            and all(_is_number(v) or v.ndim == 1 and v.dtype.startswith("int")
                    for v in node.inputs))


def _is_number(variable):
    return (all(variable.broadcastable)  # as for one of no dimension
            or isinstance(variable, Constant) and variable.data.size == 1)


def _python_thunk(op, *args, **kwargs):
    return type(op).make_thunk(op, *args, **dict(kwargs, impl="py"))


optdb.register("SmallOpsInPython", SmallOpsInPython(), 200, TAG)  # last; only where asked for
