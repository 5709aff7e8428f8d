"""The fused CPU path: Theano Ops in C++ (csrc/) that take the place of chains of Lasagne layers.

The models stay lists of ordinary Lasagne layers. :func:`get_output` is `lasagne.layers.get_output`
with one difference: where a chain of layers matches a row of the table in
:mod:`facekp.fused.patterns`, it puts one Op instead of the layers' own expressions.

Why layers and not a rewrite of Theano's graph. A rewrite would serve any model, also one whose
functions are compiled elsewhere, and both ways were tried. But in the graph a layer is no longer
one thing: its gradient is spread over an element-wise chain, a pooling gradient, two convolution
gradients and a sum, to be found again after each of Theano's own rewrites has had its turn, and
dropout's mask is an array like any other, so that it could not be folded into the pooling or left
unstored. At the level of layers the pattern is what the model's author wrote, the gradient is the
Op's own, and an Op knows that its input needs no gradient. The cost: only functions built with
this `get_output` are fast, a subclass of a layer is not recognised, and the gradient with respect
to the net's input has to be asked of Lasagne's `get_output`.
"""
from facekp.fused.soft_argmax_ops import divergence
from facekp.fused.status import enabled, in_use, mode, why
from facekp.fused.substitution import get_output

__all__ = ["divergence", "enabled", "get_output", "in_use", "mode", "why"]
