"""The fast path on a GPU: two Ops of our own where Theano starts too many or too small kernels.

The CPU's kernels (:mod:`facekp.fused`) take the place of layers. On a GPU most of Theano's Ops are
good, so here a rewrite of the graph exchanges only two kinds of them. The kernels are written in
libgpuarray's dialect, which is compiled for CUDA and for OpenCL.
"""
import functools

TAG = "facekp_gpu"
"""Modes that include this tag use the Ops."""


@functools.lru_cache(maxsize=None)
def register():
    """Register the rewrites with Theano, once in a process that uses a GPU."""
    from facekp.fused_gpu import channel_sum, convolution
    convolution.register(TAG)
    channel_sum.register(TAG)
