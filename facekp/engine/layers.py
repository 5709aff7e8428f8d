"""Layers that Lasagne 0.1 lacks."""
import facekp.engine.ready  # noqa: F401  (readies Theano and Lasagne)

import theano
import theano.tensor as T
from lasagne import init
from lasagne.layers import Layer

from facekp.errors import ConfigError


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
