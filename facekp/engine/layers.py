"""Layers that Lasagne 0.1 lacks."""
import facekp.engine.ready  # noqa: F401  (readies Theano and Lasagne)

import numpy as np
import theano
import theano.tensor as T
from lasagne import init
from lasagne.layers import Layer, MergeLayer

from facekp.errors import ConfigError

TINY = np.float32(1e-12)
"""Added to what may be 0 before its logarithm is taken."""


class BatchNormLayer(Layer):
    r"""Batch normalization of each channel (Ioffe & Szegedy 2015, arXiv 1502.03167).

    .. math:: y = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta

    In training, :math:`\mu` and :math:`\sigma^2` are the mean and the biased variance (divided by
    m) of the channel's m values in the batch, and the gradient passes through both (algorithm 1
    of the reference). With ``deterministic=True`` they are the running averages `mean` and `var`
    (algorithm 2), so that a prediction does not depend on the other images of its batch.

    A step of training moves the running averages by

    .. math::
       mean &\leftarrow (1 - \alpha) \, mean + \alpha \, \mu \\
       var &\leftarrow (1 - \alpha) \, var + \alpha \, \sigma^2 \frac{m}{m - 1}

    that is, `var` averages the unbiased variance (algorithm 2, step 10; with m = 1 the biased
    one), as PyTorch does it. They start at 0 and 1.

    Parameters
    ----------
    incoming : Layer or tuple
        Input of shape (n, channels) or (n, channels, ...). The statistics are taken over all axes
        but the second: over n for a dense layer, over n, height and width for a convolution.
    epsilon : float
        Added to the variance.
    alpha : float
        Weight of the newest batch in the running averages, 0 to 1.
    beta, gamma : initial offset and scale (channels,): Lasagne initializer, array or shared
        variable. Trainable; not regularizable.
    mean, var : initial running averages (channels,), likewise
        Neither trainable nor regularizable, but parameters: whatever saves a net's parameters
        saves them.
    **kwargs
        Passed on to :class:`lasagne.layers.Layer` (`name`).

    Raises
    ------
    ConfigError
        If the number of channels is unknown, or `epsilon` or `alpha` is out of range.

    Notes
    -----
    The running averages are updated by every function that is compiled from the training output
    (``deterministic=False``), be its purpose training or not, and by no other. The update is the
    ``default_update`` of a clone that shares its memory with the parameter; the clone occurs only
    in the training output. This is how Lasagne 0.2 does it, whose layer averages
    :math:`1 / \sqrt{\sigma^2 + \epsilon}` instead of the variance.
    """

    def __init__(self, incoming, epsilon=1e-4, alpha=0.1, beta=init.Constant(0),
                 gamma=init.Constant(1), mean=init.Constant(0), var=init.Constant(1), **kwargs):
        super().__init__(incoming, **kwargs)
        if len(self.input_shape) < 2 or self.input_shape[1] is None:
            raise ConfigError(f"BatchNormLayer {self.name}: found input of shape "
                              f"{self.input_shape}, expected (n, channels, ...) with a number of "
                              f"channels")
        if not epsilon > 0:
            raise ConfigError(f"BatchNormLayer {self.name}: found epsilon={epsilon!r}, expected "
                              f"a number > 0")
        if not 0 <= alpha <= 1:
            raise ConfigError(f"BatchNormLayer {self.name}: found alpha={alpha!r}, expected a "
                              f"number from 0 to 1")
        self.epsilon = epsilon
        self.alpha = alpha
        shape = self.input_shape[1:2]
        self.beta = self.add_param(beta, shape, "beta", regularizable=False)
        self.gamma = self.add_param(gamma, shape, "gamma", regularizable=False)
        self.mean = self.add_param(mean, shape, "mean", trainable=False, regularizable=False)
        self.var = self.add_param(var, shape, "var", trainable=False, regularizable=False)

    def get_output_for(self, input, deterministic=False, **kwargs):
        """Normalize `input`.

        Parameters
        ----------
        input : expression (n, channels, ...)
        deterministic : bool
            False: by the batch's statistics, and update the running averages.
            True: by the running averages.

        Returns
        -------
        expression like `input`
        """
        if deterministic:
            mean, var = self.mean, self.var
        else:
            axes = (0,) + tuple(range(2, input.ndim))
            mean, var = self._updating_averages(input.mean(axes), input.var(axes), input)
        inv_std = T.inv(T.sqrt(var + self.epsilon))
        pattern = ["x", 0] + ["x"] * (input.ndim - 2)
        mean, scale, beta = (v.dimshuffle(pattern) for v in (mean, self.gamma * inv_std, self.beta))
        return (input - mean) * scale + beta

    def _updating_averages(self, mean, var, input):
        """The statistics `mean` and `var` of `input`; what is computed from them updates ours."""
        m = input.shape[0]
        for axis in range(2, input.ndim):  # constants, where known, are cheap to compile
            m = m * (self.input_shape[axis] or input.shape[axis])
        others = T.switch(T.eq(m, 1), 1, m - 1)  # Theano's T.maximum does not compile in OpenCL
        unbiased = var * T.cast(m / others, var.dtype)
        return (self._updating(self.mean, mean, mean), self._updating(self.var, var, unbiased))

    def _updating(self, average, statistic, newest):
        clone = theano.clone(average, share_inputs=False)
        clone.default_update = (1 - self.alpha) * clone + self.alpha * newest
        # Theano collects the default_update of every shared variable in a graph, and only then
        # optimizes the zero away.
        return statistic + 0 * clone


class UpscaleConcatLayer(MergeLayer):
    """A small image's channels, twice as large, before the channels of the larger image.

    Each pixel of the small image becomes four equal ones. This is how a decoder joins what it
    knows with what an encoder saw in finer detail (Ronneberger et al. 2015, arXiv 1505.04597).

    Parameters
    ----------
    incomings : two layers, with outputs (n, deep, h, w) and (n, flat, 2 * h, 2 * w)
    **kwargs
        Passed on to :class:`lasagne.layers.MergeLayer` (`name`).

    Raises
    ------
    ConfigError
        If the second image is not twice as high and wide as the first.
    """

    def __init__(self, incomings, **kwargs):
        super().__init__(incomings, **kwargs)
        small, large = self.input_shapes
        if [2 * size for size in small[2:]] != list(large[2:]):
            raise ConfigError(f"UpscaleConcatLayer {self.name}: found inputs of shapes {small} "
                              f"and {large}, expected the second to be twice as high and wide")

    def get_output_shape_for(self, input_shapes):
        (n, deep, _, _), (_, flat, height, width) = input_shapes
        return n, deep + flat, height, width

    def get_output_for(self, inputs, **kwargs):
        x, skip = inputs
        n, _, h, w = x.shape
        ones = T.ones((1, 1, 1, 2, 1, 2), x.dtype)
        large = (x.dimshuffle(0, 1, 2, "x", 3, "x") * ones).reshape(
            (n, self.input_shapes[0][1], 2 * h, 2 * w))
        return T.concatenate([large, skip], axis=1)


class SoftArgmaxLayer(Layer):
    r"""Where each map is large: the mean position under its softmax, one keypoint for each map.

    .. math:: p_k = \mathrm{softmax}(x_k), \quad
              \hat y_k = \sum_{u, v} p_k(u, v) \, (x_u, y_v)

    with the centres :math:`(x_u, y_v)` of the map's cells in scaled coordinates (Nibali et al.
    2018, arXiv 1801.07372; Levine et al. 2016).

    Parameters
    ----------
    incoming : Layer with output (n, maps, cells, cells): maps of the whole image
    size : int
        Height and width of the image, px.
    sharpness : float
        Weight of :meth:`penalty` in what is minimized; 0 for none.
    **kwargs
        Passed on to :class:`lasagne.layers.Layer` (`name`).
    """

    def __init__(self, incoming, size, sharpness=0.0, **kwargs):
        super().__init__(incoming, **kwargs)
        self.size, self.sharpness = size, sharpness
        cells = self.input_shape[2]
        # The centre of cell i is at i * size / cells + (size / cells - 1) / 2 px.
        self.centres = ((np.arange(cells) + 0.5) * 2 / cells - 1 - 1 / size).astype("float32")

    @property
    def places(self):
        """The centres of all cells, row by row: float32 (cells, 2), x and y, scaled."""
        x, y = np.meshgrid(self.centres, self.centres)
        return np.stack([x.ravel(), y.ravel()], axis=1)

    def get_output_shape_for(self, input_shape):
        return input_shape[0], 2 * input_shape[1]

    def get_output_for(self, input, **kwargs):
        """Mean positions.

        Parameters
        ----------
        input : expression (n, maps, cells, cells)

        Returns
        -------
        expression (n, 2 * maps), scaled: x and y of the first map, of the second ...
        """
        shares = T.exp(self._log_softmax(input))
        return T.dot(shares, self.places).reshape((-1, 2 * self.input_shape[1]))

    def _log_softmax(self, input):
        # not T.nnet.softmax: its gradient has no Op for GPUs
        _, maps, height, width = self.input_shape
        x = input.reshape((-1, height * width))                              # (n * maps, cells)
        x -= theano.gradient.disconnected_grad(x.max(axis=1, keepdims=True))
        return x - T.log(T.exp(x).sum(axis=1, keepdims=True))

    def penalty(self, input, y, divergence=None):
        r"""How far the maps are from Gaussians around the targets.

        .. math:: \frac 1 {|K|} \sum_{k \in K} \mathrm{JS}(p_k, g_k), \quad
                  g_k \propto \exp(-|x - y_k|^2 / 2 \sigma^2)

        with the Jensen-Shannon divergence in nats and :math:`\sigma` one cell, over the keypoints
        K that are labelled (Nibali et al. 2018, section 3.3).

        Parameters
        ----------
        input : expression (n, maps, cells, cells)
        y : expression (n, 2 * maps), scaled; NaN where there is no target
        divergence : callable, optional
            In the place of this layer's own: :func:`facekp.fused.soft_argmax_ops.divergence`.

        Returns
        -------
        scalar expression
        """
        _, maps, height, width = self.input_shape
        at = y.reshape((-1, maps, 2))
        labelled = T.eq(T.isnan(at.sum(axis=2)), 0)                           # (n, maps)
        at = T.switch(labelled.dimshuffle(0, 1, "x"), at, 0)
        sigma = np.float32(2 / width)
        gx, gy = (T.exp(-T.sqr((self.centres - at[:, :, [axis]]) / sigma) / 2) for axis in (0, 1))
        gx, gy = (g / (g.sum(axis=2, keepdims=True) + TINY) for g in (gx, gy))
        of_maps = (divergence or self._divergence)(input, gx, gy)
        number = labelled.sum()
        weights = T.cast(labelled, input.dtype) / T.cast(number + T.eq(number, 0), input.dtype)
        return (of_maps * weights).sum()

    def _divergence(self, input, gx, gy):
        """Jensen-Shannon's, of each map's softmax from the product of profiles: (n, maps)."""
        _, maps, height, width = self.input_shape
        g = (gy.dimshuffle(0, 1, 2, "x") * gx.dimshuffle(0, 1, "x", 2)).reshape(
            (-1, height * width))
        log_p = self._log_softmax(input)
        p = T.exp(log_p)
        log_mean = T.log((p + g) / 2 + TINY)
        divergence = (p * (log_p - log_mean) + g * (T.log(g + TINY) - log_mean)) / 2
        return divergence.sum(axis=1).reshape((-1, maps))
