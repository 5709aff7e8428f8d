"""The pixels of transformed training images, compiled: :mod:`facekp.data.transforms.resample`.

It is the only Op that stands outside of a net: batches go through it on their way in. In C++ and
on all threads it costs 1 to 2 % of an epoch, in numpy as much as the whole epoch of a small net.
"""
import facekp.engine.ready  # noqa: F401  (readies Theano)

from functools import lru_cache

import theano
import theano.tensor as T

from facekp.data import transforms
from facekp.fused import status
from facekp.fused.cop import FusedOp, float32


class Resample(FusedOp):
    """Transformed images.

    Inputs: images, which of them are wanted, and the arrays of a KernelInput, in its order.
    """

    headers = ("resample.h",)

    def make_node(self, X, rows, whole, tone, weights):
        X = float32(X, 4, "X")
        return theano.Apply(self, [X, rows, whole, float32(tone, 2, "tone"),
                                   float32(weights, 2, "weights")], [X.type()])

    def infer_shape(self, node, shapes):
        return [shapes[1] + shapes[0][1:]]

    def body(self, node, inputs, outputs):
        return """
        In<float> X(%(X)s, 4, "X"), tone(%(tone)s, 2, "tone"), weights(%(weights)s, 2, "weights");
        In<int64_t> rows(%(rows)s, 1, "rows"), whole(%(whole)s, 2, "whole");
        const int64_t n = rows.dim(0);
        if (X.dim(1) != 1 || X.dim(2) < 2 || X.dim(3) < 2 || X.dim(2) > 1023 || X.dim(3) > 1023 ||
            whole.dim(0) != n || whole.dim(1) != 7 || tone.dim(0) != n || tone.dim(1) != 3 ||
            weights.dim(0) != n || weights.dim(1) < 1)
          throw Failure("X has shape " + X.shape() + ", rows " + rows.shape() + ", whole " +
                        whole.shape() + ", tone " + tone.shape() + ", weights " + weights.shape() +
                        "; expected (images, 1, height, width), (n,), (n, 7), (n, 3) and "
                        "(n, radius + 1)");
        Resampling r = {(int)X.dim(2), (int)X.dim(3), (int)weights.dim(1) - 1, X.data, rows.data,
                        whole.data, tone.data, weights.data, nullptr};
        for (int64_t i = 0; i < n; ++i) {
          if (rows.data[i] < 0 || rows.data[i] >= X.dim(0))
            throw Failure("rows: found " + std::to_string(rows.data[i]) + "; expected 0 to " +
                          std::to_string(X.dim(0) - 1) + ", the number of an image");
          if (!fits(r, whole.data + 7 * i))
            throw Failure("the map of image " + std::to_string(i) + " of the batch leads more " +
                          "than 1000 px away; expected one that stays near the image");
        }
        r.out = out<float>(&%(out)s, {n, 1, X.dim(2), X.dim(3)});
        resample(r, (int)n, max_threads());
        """ % dict(zip(("X", "rows", "whole", "tone", "weights"), inputs), out=outputs[0])


@lru_cache(maxsize=None)
def _compiled():
    inputs = (T.ftensor4("X"), T.lvector("rows"), T.lmatrix("whole"), T.fmatrix("tone"),
              T.fmatrix("weights"))
    return theano.function(inputs, Resample()(*inputs), mode=status.mode())


def resample(X, rows, given):
    """Transformed images, like :func:`facekp.data.transforms.resample` up to 1e-6.

    Parameters
    ----------
    X : float32 array (n_images, 1, 96, 96) in [0, 1]
    rows : int64 array (n,), which of the images; read where they lie, without a copy
    given : facekp.data.transforms.kernel_input.KernelInput, of the n images

    Returns
    -------
    float32 array (n, 1, 96, 96), a new one
    """
    if not status.enabled():
        return transforms.resample(X, rows, given)
    return _compiled()(X, rows, *given)
