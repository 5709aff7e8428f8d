"""Whether the fused Ops can and shall be used in this process, and the mode to compile with."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import functools
import os

import theano
from theano.gof import OpenMPOp

from facekp import fused_gpu
from facekp.engine import compiler
from facekp.fused import compile_ahead, small_ops


def enabled():
    """Whether :func:`facekp.fused.get_output` puts fused Ops in."""
    return _obstacle() is None


def in_use():
    """Whether kernels of ours compute: the fused Ops, or on a GPU :mod:`facekp.fused_gpu`."""
    return enabled() or on_gpu()


def why():
    """One line for people: on or off, and the reason."""
    if on_gpu():
        return "on (on the GPU: convolutions and sums of whole batches)"
    obstacle = _obstacle()
    if obstacle:
        return "off (%s)" % obstacle
    return "on (%s %d, OpenMP)" % compiler.version(theano.config.cxx)


def mode():
    """The Theano mode for functions over a net: the default one, adapted if fused Ops are on.

    On a GPU, it includes the rewrites of :mod:`facekp.fused_gpu`.

    On the CPU, three changes. Theano rewrites ``dot(a, b) * scalar`` to an Op of its own even
    if ``dot(a, b)`` is needed as well, and then computes the product twice: for a dense layer's
    weight gradient, that Adagrad uses scaled and squared, a third of the layer's work; that
    rewrite is left out. The small Ops run in Python (:mod:`facekp.fused.small_ops`), and the
    others are compiled side by side (:mod:`facekp.fused.compile_ahead`).
    """
    default = theano.compile.get_default_mode()
    if on_gpu():
        fused_gpu.register()
        return default.including(fused_gpu.TAG)
    if not enabled():
        return default
    return default.excluding("local_dot22_to_dot22scalar").including(
        small_ops.TAG, compile_ahead.TAG)


def on_gpu():
    """Whether :mod:`facekp.fused_gpu` shall be used: on a GPU, unless FACEKP_FUSED is 0."""
    return (os.environ.get("FACEKP_FUSED") != "0" and theano.config.device != "cpu"
            and theano.config.floatX == "float32" and theano.config.mode != "FAST_COMPILE")


def _obstacle():
    """Why the fused Ops are off, None if they are on."""
    config = theano.config
    if os.environ.get("FACEKP_FUSED") == "0":
        return "FACEKP_FUSED=0"
    if config.device != "cpu":
        return "device=%s; the kernels are for the CPU" % config.device
    if config.floatX != "float32":
        return "floatX=%s; the kernels compute in float32" % config.floatX
    if not config.cxx:
        return "no C++ compiler"
    if config.mode == "FAST_COMPILE" or config.linker == "py":
        return "mode=%s, linker=%s; Theano runs without C code" % (config.mode, config.linker)
    return compiler_obstacle(config.cxx)


@functools.lru_cache(maxsize=None)
def compiler_obstacle(cxx):
    """Why the compiler does not serve, None if it does."""
    # every g++ has OpenMP; for others try, which takes half a second
    needs_trial = compiler.version(cxx)[0] != "g++"
    if not compiler.too_old(cxx) and needs_trial and not OpenMPOp.test_gxx_support():
        return "%s does not compile OpenMP" % cxx
    return compiler.too_old(cxx)
