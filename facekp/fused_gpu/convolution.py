"""Convolution on the GPU: the columns of many images, and one product of them.

Theano's own Ops (``GpuCorrMM``) make the columns of one image at a time and multiply them, some
hundred launches for each convolution. A modern GPU waits for these launches.
"""
from pathlib import Path

from theano.gof import COp, local_optimizer
from theano.gpuarray import opt
from theano.gpuarray.basic_ops import as_gpuarray_variable, gpu_contiguous, infer_context_name
from theano.gpuarray.blas import GpuCorrMM, GpuCorrMM_gradInputs, GpuCorrMM_gradWeights
from theano.gpuarray.type import GpuArrayType
from theano.tensor import patternbroadcast
from theano.tensor.nnet import abstract_conv

SOURCE = Path(__file__).parent / "csrc" / "convolution.c"


class _OfTheBatch:
    """Theano's Op with C code of ours; its shapes, checks and gradients stay Theano's."""

    @classmethod
    def get_path(cls, f):
        """The file of C code, whatever Theano's constructor names."""
        return str(SOURCE)

    def c_code_cache_version(self):
        """That of all Ops in files, a digest of the code; Theano's has a number of its own."""
        return COp.c_code_cache_version(self)


class Convolution(_OfTheBatch, GpuCorrMM):
    """Images (n, c, h, w), filters (f, c, kh, kw) -> their correlation (n, f, h', w')."""


class FilterGradient(_OfTheBatch, GpuCorrMM_gradWeights):
    """Images (n, c, h, w), gradient of the output (n, f, h', w') -> gradient of the filters."""


class ImageGradient(_OfTheBatch, GpuCorrMM_gradInputs):
    """Filters (f, c, kh, kw), gradient of the output (n, f, h', w') -> gradient of the images."""


OPS = {
    abstract_conv.AbstractConv2d: Convolution,
    abstract_conv.AbstractConv2d_gradWeights: FilterGradient,
    abstract_conv.AbstractConv2d_gradInputs: ImageGradient,
}


@local_optimizer(list(OPS))
def use_convolution(node):
    """Put the Ops of this module for Theano's abstract convolutions where they can do the work."""
    kind, op = type(node.op), node.op
    if kind not in OPS or op.num_groups != 1 or op.unshared or op.filter_dilation != (1, 1):
        return None
    first, second, *shape = node.inputs
    if not all(isinstance(v.type, GpuArrayType) and v.dtype == "float32" for v in (first, second)):
        return None
    flip = (slice(None),) * 2 + (slice(None, None, -1),) * 2
    flip_out = op.filter_flip and kind is abstract_conv.AbstractConv2d_gradWeights
    if op.filter_flip and kind is abstract_conv.AbstractConv2d:
        second = second[flip]
    elif op.filter_flip and kind is abstract_conv.AbstractConv2d_gradInputs:
        first = first[flip]
    made = OPS[kind](op.border_mode, op.subsample)(
        gpu_contiguous(first), gpu_contiguous(second), *shape)
    if kind is abstract_conv.AbstractConv2d:
        return [made]
    made = patternbroadcast(made[flip] if flip_out else made, node.outputs[0].broadcastable)
    return [as_gpuarray_variable(made, infer_context_name(first, second))]


def register(tag):
    """Let modes that include this tag use the Ops, before all of Theano's own."""
    opt.abstractconv_groupopt.register("facekp_convolution", use_convolution, tag, position=-1)
