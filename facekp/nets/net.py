"""nolearn's NeuralNet for keypoints; on the CPU, its functions use the fused kernels."""
import facekp.engine.ready  # noqa: F401  (readies Theano, Lasagne and nolearn)

import contextlib
from collections import OrderedDict
from functools import cached_property

import lasagne
import numpy as np
import theano
from lasagne.layers import InputLayer
from nolearn.lasagne import BatchIterator, NeuralNet
from nolearn.lasagne import objective as nolearn_objective
from sklearn.base import BaseEstimator
from theano.configparser import change_flags

from facekp import fused, keypoints
from facekp.data import schemes, splits
from facekp.engine import garbage
from facekp.errors import ConfigError, EngineError
from facekp.fused import normal_ops

TOLERANCE = 0.05
"""How far a gray level may lie outside of [0, 1], as after an interpolation."""


class ShuffledBatches(BatchIterator):
    """Shuffled batches, in an order that depends only on the seed and the epoch.

    In contrast to nolearn's own shuffling, the caller's arrays are not changed, batches are copies,
    and a run that is resumed at epoch k sees the same order as an uninterrupted run. Without
    targets, as for a prediction, the samples keep their order, and no epoch begins.

    Parameters
    ----------
    batch_size : int
    seed : int

    Attributes
    ----------
    epoch : int, how many epochs have been started
    """

    def __init__(self, batch_size, seed=0):
        super().__init__(batch_size, shuffle=False, seed=seed)
        self.seed = seed
        self.epoch = 0

    def __call__(self, X, y=None):
        if y is None:
            self.order = np.arange(len(X))
        else:
            self.epoch += 1
            self.order = np.random.RandomState([self.seed, self.epoch]).permutation(len(X))
        return super().__call__(X, y)

    def __iter__(self):
        for start in range(0, len(self.order), self.batch_size):
            rows = self.order[start:start + self.batch_size]
            yield self.transform(self.X[rows], None if self.y is None else self.y[rows])


def without_test_values():
    """A context in which Theano wants no test values: a net's inputs have none."""
    return change_flags(compute_test_value="off")


class _Zeros(np.random.RandomState):
    """A random generator whose weights are zero."""

    def normal(self, loc=0.0, scale=1.0, size=None):
        return np.zeros(size, np.float32)

    def uniform(self, low=0.0, high=1.0, size=None):
        return np.zeros(size, np.float32)


@contextlib.contextmanager
def undrawn():
    """A context in which the first weights of a net are zero, until they are read from a file.

    To draw the 50 million random weights of VGGNet takes more than a second.
    """
    KeypointNet.generator, usual = _Zeros, KeypointNet.generator
    try:
        yield
    finally:
        KeypointNet.generator = usual


def check_engine():
    """Raise EngineError if the user's settings leave Theano without convolutions on the CPU."""
    if theano.config.device == "cpu":
        for name, wrong, expected in (("mode", "FAST_COMPILE", "Mode or FAST_RUN"),
                                      ("linker", "py", "cvm"),
                                      ("floatX", "float16", "float32 or float64")):
            if getattr(theano.config, name) == wrong:
                raise EngineError(f"{name}={wrong}: found in THEANO_FLAGS or a theanorc, expected "
                                  f"{expected}, since Theano has no convolutions for it; correct "
                                  "or unset it")


class Lazy:
    """A function that is compiled at its first call. So a prediction does not compile the training.

    Parameters
    ----------
    build : callable without arguments that returns the compiled function
    """

    def __init__(self, build):
        self._build = build

    @cached_property
    def function(self):
        with without_test_values(), garbage.paused():
            return self._build()

    def __call__(self, *args):
        return self.function(*args)


class GivenSplit:
    """A split that was made before, in the form that nolearn expects.

    Parameters
    ----------
    X_valid : float32 array (n_valid, 1, 96, 96)
    y_valid : float32 array (n_valid, 30), scaled
    """

    def __init__(self, X_valid, y_valid):
        self.X_valid, self.y_valid = X_valid, y_valid

    def __call__(self, X, y, net):
        return X, self.X_valid, y, self.y_valid


class SeededSplit:
    """The first of five shuffled folds as validation set: 80/20 (paper, section 5.1).

    In contrast to nolearn's TrainSplit it shuffles, and it does not change the caller's arrays.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed):
        self.seed = seed

    def __call__(self, X, y, net):
        train, valid = splits.holdout(len(X), fraction=0.2, seed=self.seed)
        return X[train], X[valid], y[train], y[valid]


def check_images(X):
    """The images as a float32 array, or ConfigError if they are not such images.

    Parameters
    ----------
    X : float array (n, 1, 96, 96) in [0, 1]; n may be 0

    Returns
    -------
    float32 array (n, 1, 96, 96)

    Examples
    --------
    >>> check_images(np.full((2, 1, 96, 96), 0.5)).dtype
    dtype('float32')
    """
    X = np.asarray(X)
    shape = 1, keypoints.SIZE, keypoints.SIZE
    if X.ndim != 4 or X.shape[1:] != shape:
        raise ConfigError(f"X: found shape {X.shape}, expected (n, {', '.join(map(str, shape))}): "
                          "gray images of this size; resize or reshape them")
    if X.dtype.kind != "f":
        raise ConfigError(f"X: found gray levels of type {X.dtype}, expected floats in [0, 1]; "
                          "divide by 255")
    if len(X):
        low, high = float(X.min()), float(X.max())
        if not (low >= -TOLERANCE and high <= 1 + TOLERANCE):  # NaN neither
            remedy = ("divide by 255" if 0 <= low and 1 < high <= 256 else
                      "scale them to [0, 1], and replace values that are no numbers")
            raise ConfigError(f"X: found gray levels from {low:g} to {high:g}, expected "
                              f"floats in [0, 1]; {remedy}")
    return X.astype(np.float32, copy=False)


class KeypointNet(NeuralNet):
    """A nolearn NeuralNet whose functions are built by :func:`facekp.fused.get_output`.

    Everything else is inherited from nolearn: the net is an estimator of scikit-learn. A net with
    its own objective, with penalties, with ``scores_train`` / ``scores_valid`` or for classes
    (``regression=False``) gets nolearn's stock functions; they know no `sharpness`, and a net that
    has one refuses them. The initial weights and dropout use random numbers from the seed of the
    training batches.

    Parameters
    ----------
    layers : as nolearn takes them
    fused : bool
        False: use Theano's stock Ops also where the fused ones could be used.
    **options : the other arguments of nolearn's NeuralNet

    Examples
    --------
    >>> from facekp.training import load_net            # doctest: +SKIP
    >>> net = load_net("runs/lenet/lenet5/fold0")       # doctest: +SKIP
    >>> net.predict_px(X).shape    # of 10 images       # doctest: +SKIP
    (10, 30)
    """

    fused = True  # of nets that older versions have pickled
    generator = normal_ops.RandomState

    def __init__(self, layers, fused=True, **options):
        super().__init__(layers, **options)
        self.fused = fused

    def _get_param_names(self):
        # scikit-learn reads the names from the constructor, which here has only some of them
        names = BaseEstimator._get_param_names.__func__(NeuralNet)
        return names + ["fused"] + self._kwarg_keys

    def initialize_layers(self, layers=None):
        check_engine()
        seed = getattr(self.batch_iterator_train, "seed", 0)  # nolearn's own has none
        lasagne.random.set_rng(self.generator(seed))
        with without_test_values():
            return super().initialize_layers(layers)

    def _create_iter_funcs(self, layers, objective, update, output_type):
        options = self._get_params_for("objective")
        if not self.regression or objective is not nolearn_objective or (
                self.scores_train or self.scores_valid or set(options) != {"loss_function"}):
            if getattr(self._output_layers[-1], "sharpness", 0):
                raise ConfigError("sharpness: found a net that minimizes a penalty of its own, "
                                  "with an objective, penalties or scores of nolearn's, whose "
                                  "functions would leave it out; expected sharpness=0 with them")
            with without_test_values():
                return super()._create_iter_funcs(layers, objective, update, output_type)
        with without_test_values():
            y = output_type("y")                                        # (batch, 30)
        X = [layer.input_var for layer in layers.values() if isinstance(layer, InputLayer)]
        [output] = self._output_layers
        get_output = fused.get_output if self.fused else lasagne.layers.get_output
        mode = fused.mode() if self.fused else None

        def loss(deterministic):
            y_pred = get_output(output, deterministic=deterministic)
            return options["loss_function"](y_pred, y).mean()

        def loss_and_penalty():
            """In training: what is reported, and what is minimized."""
            if not getattr(output, "sharpness", 0):
                value = loss(deterministic=False)
                return value, value
            maps, y_pred = get_output([output.input_layer, output], deterministic=False)
            value = options["loss_function"](y_pred, y).mean()
            fusible = self.fused and fused.enabled() and maps.dtype == y.dtype == "float32"
            penalty = output.penalty(maps, y, fused.divergence if fusible else None)
            return value, value + np.float32(output.sharpness) * penalty

        def function(inputs, outputs, updates=None):
            return theano.function(inputs, outputs, updates=updates, mode=mode,
                                   allow_input_downcast=True, on_unused_input="ignore")

        def train():
            params = self.get_all_params(trainable=True)
            loss_train, minimized = loss_and_penalty()
            grads = [grad * param.tag.grad_scale if hasattr(param.tag, "grad_scale") else grad
                     for grad, param in zip(theano.grad(minimized, params), params)]
            updates = update(grads, params, **self._get_params_for("update"))
            return function(X + [y], [loss_train], updates)

        def evaluate():
            loss_valid = loss(deterministic=True)
            return function(X + [y], [loss_valid, loss_valid])  # nolearn: loss and "accuracy"

        def predict():
            return function(X, [get_output(output, deterministic=True)])

        return Lazy(train), Lazy(evaluate), Lazy(predict)

    def __getstate__(self):
        # Compiled functions are made again after loading; the optimizer's state is lost.
        made = ("train_iter_", "eval_iter_", "predict_iter_", "_initialized")
        return {name: value for name, value in vars(self).items() if name not in made}

    def train_loop(self, X, y, epochs=None):
        """nolearn's training loop. A clone of a trained net begins with the first epoch's order."""
        if not self.train_history_ and hasattr(self.batch_iterator_train, "epoch"):
            self.batch_iterator_train.epoch = 0
        super().train_loop(X, y, epochs)

    def compile(self):
        """Compile the training functions now, so that it is not part of the first epoch's time."""
        self.initialize()
        for lazy in (self.train_iter_, self.eval_iter_):
            getattr(lazy, "function", None)

    def state(self):
        """Everything that a training step reads and writes, by name.

        These are all shared variables of the compiled training function: parameters, the
        optimizer's accumulators, running averages and random generators. Their order is that of
        the function and depends only on the net.

        Returns
        -------
        OrderedDict : str -> Theano shared variable
        """
        self.initialize()
        shared = self.train_iter_.function.get_shared()
        return OrderedDict((f"{i:03d}.{variable.name or variable.type}", variable)
                           for i, variable in enumerate(shared))

    def predict_px(self, X, second=None):
        """Predict the keypoints of images.

        Parameters
        ----------
        X : float array (n, 1, 96, 96) in [0, 1]
        second : bool array (n,) or None
            The images of the contest's second labelling scheme (:mod:`facekp.data.schemes`), which
            a net that knows both schemes labels by it. None: all are of the first scheme.

        Returns
        -------
        float32 array (n, 30), px

        Raises
        ------
        ConfigError
            If X has another shape, or its values are not gray levels in [0, 1].
        """
        X = check_images(X)
        if not len(X):  # nolearn has no batch to stack then
            return np.zeros((0, len(keypoints.COLUMNS)), np.float32)
        return schemes.pick(keypoints.unscale(self.predict(X)), second)

    def weights(self):
        """The net's parameters, trainable or not, by the names used in weights.npz.

        Returns
        -------
        OrderedDict : str like ``conv1.W`` -> Theano shared variable

        Examples
        --------
        >>> from facekp.nets.lenet import lenet5
        >>> lenet5("classic").weights()["conv1.W"].get_value().shape
        (6, 1, 5, 5)
        """
        if not hasattr(self, "_output_layers"):
            self.initialize_layers()
        return OrderedDict((parameter.name, parameter) for parameter in self.get_all_params())
