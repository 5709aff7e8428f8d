"""Sums over images and pixels on the GPU, one for each channel: the gradients of biases."""
from pathlib import Path

from theano import scalar
from theano.compile import optdb
from theano.gof import Apply, local_optimizer
from theano.gpuarray.basic_ops import (
    CGpuKernelBase, as_gpuarray_variable, gpu_contiguous, gpuarray_helper_inc_dir,
    infer_context_name)
from theano.gpuarray.elemwise import GpuCAReduceCPY, GpuCAReduceCuda
from theano.gpuarray.type import GpuArrayType
from theano.tensor.opt import in2out


class ChannelSum(CGpuKernelBase):
    """Array (n, c, h, w) float32 -> its sums (c,): many blocks for each channel, no atomics."""

    __props__ = ()

    def __init__(self):
        source = Path(__file__).parent / "csrc" / "channel_sum.c"
        CGpuKernelBase.__init__(self, [str(source)], "channel_sum")

    def c_headers(self):
        return ["<gpuarray/array.h>", "gpuarray_helper.h"]

    def c_header_dirs(self):
        return [gpuarray_helper_inc_dir()]

    def make_node(self, x):
        context = infer_context_name(x)
        x = gpu_contiguous(as_gpuarray_variable(x, context))
        if x.ndim != 4 or x.dtype != "float32":
            raise TypeError("ChannelSum: expected 4 axes of float32, got %s" % x.type)
        sums = GpuArrayType("float32", (x.broadcastable[1],), context_name=context)
        return Apply(self, [x], [sums()])

    def infer_shape(self, node, shapes):
        return [(shapes[0][1],)]


@local_optimizer([GpuCAReduceCuda, GpuCAReduceCPY])
def use_channel_sum(node):
    """Put ChannelSum for Theano's reductions (CUDA's and OpenCL's) with few blocks a channel."""
    op, x = node.op, node.inputs[0]
    if (isinstance(op, (GpuCAReduceCuda, GpuCAReduceCPY)) and op.axis == (0, 2, 3)
            and isinstance(op.scalar_op, scalar.Add) and getattr(op, "pre_scalar_op", None) is None
            and x.ndim == 4 and x.dtype == node.outputs[0].dtype == "float32"):
        return [ChannelSum()(x)]
    return None


def register(tag):
    """Let modes that include this tag use the Op; after Theano's fusion, whose position is 49."""
    optdb.register("facekp_channel_sum", in2out(use_channel_sum), 49.6, tag)
