"""The pixels of transformed training images, compiled: :mod:`facekp.data.transforms.resample`.

It is the only Op that stands outside of a net: batches go through it on their way in. In C++ and
on all threads it costs about a fiftieth of an epoch, in numpy more than the epoch of a small net.
"""
import facekp.engine.ready  # noqa: F401  (readies Theano)

from functools import lru_cache

import theano
import theano.tensor as T

from facekp.data import transforms
from facekp.fused import status
from facekp.fused.cop import FusedOp, float32


class Resample(FusedOp):
    """Transformed images; inputs are the images and the arrays of a KernelInput, in its order."""

    headers = ("resample.h",)

    def make_node(self, X, whole, tone, weights):
        whole = T.as_tensor_variable(whole)
        if whole.type != T.lmatrix:
            raise TypeError("whole is %s; expected an int64 matrix" % whole.type)
        X = float32(X, 4, "X")
        return theano.Apply(self, [X, whole, float32(tone, 2, "tone"),
                                   float32(weights, 2, "weights")], [X.type()])

    def infer_shape(self, node, shapes):
        return [shapes[0]]

    def body(self, node, inputs, outputs):
        return """
        In<float> X(%(X)s, 4, "X"), tone(%(tone)s, 2, "tone"), weights(%(weights)s, 2, "weights");
        In<int64_t> whole(%(whole)s, 2, "whole");
        const int64_t n = X.dim(0);
        if (X.dim(1) != 1 || X.dim(2) < 2 || X.dim(3) < 2 || X.dim(2) > 1023 ||
            X.dim(3) > 1023 || weights.dim(1) < 1 || whole.dim(0) != n || whole.dim(1) != 7 || tone.dim(0) != n || tone.dim(1) != 3 ||
            weights.dim(0) != n)
          throw Failure("X has shape " + X.shape() + ", whole " + whole.shape() + ", tone " +
                        tone.shape() + ", weights " + weights.shape() +
                        "; expected (n, 1, height, width), (n, 7), (n, 3) and (n, radius + 1)");
        Resampling r = {(int)X.dim(2), (int)X.dim(3), (int)weights.dim(1) - 1, X.data, whole.data,
                        tone.data, weights.data, nullptr};
        for (int64_t i = 0; i < n; ++i)
          if (!fits(r, whole.data + 7 * i))
            throw Failure("the map of image " + std::to_string(i) + " of the batch leads more " +
                          "than 1000 px away; expected one that stays near the image");
        r.out = out_like<float>(&%(out)s, %(X)s);
        resample(r, (int)n, max_threads());
        """ % dict(zip(("X", "whole", "tone", "weights"), inputs), out=outputs[0])


@lru_cache(maxsize=None)
def _compiled():
    inputs = T.ftensor4("X"), T.lmatrix("whole"), T.fmatrix("tone"), T.fmatrix("weights")
    return theano.function(inputs, Resample()(*inputs), mode=status.mode())


def resample(X, given):
    """Transformed images, like :func:`facekp.data.transforms.resample` up to 1e-6.

    Parameters
    ----------
    X : float32 array (n, 1, 96, 96) in [0, 1]
    given : facekp.data.transforms.kernel_input.KernelInput, of n images

    Returns
    -------
    float32 array (n, 1, 96, 96), a new one
    """
    return _compiled()(X, *given) if status.enabled() else transforms.resample(X, given)
