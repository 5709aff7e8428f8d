"""Bridges that make nolearn 0.6.1's NeuralNet an estimator of today's scikit-learn.

nolearn is of 2016. With today's scikit-learn its nets can neither be printed nor cloned, so that
``cross_val_score`` and ``GridSearchCV`` fail. All of these bridges can be removed with a nolearn
that supports scikit-learn 1.0.
"""
import contextlib
import functools
import inspect
import time

KEPT = ("more_params", "scores_train", "scores_valid", "on_batch_finished", "on_epoch_finished",
        "on_training_started", "on_training_finished")
"""Arguments in whose place nolearn's constructor may keep another list or dict."""


def bridge():
    """Install all of these bridges; a second call changes nothing."""
    from nolearn.lasagne import BatchIterator, NeuralNet

    if hasattr(NeuralNet, "verbose_handlers"):
        return
    bridge_attributes(NeuralNet)
    bridge_clock()
    NeuralNet.verbose_handlers = verbose_handlers
    NeuralNet.get_params, NeuralNet.set_params = get_params, set_params
    NeuralNet.score = score
    for name, change in (
            ("__init__", keeping_arguments), ("train_loop", with_verbose_handlers),
            ("predict_proba", once_initialized), ("get_output", once_initialized),
            ("get_all_layers", once_built), ("get_all_params_values", once_built)):
        setattr(NeuralNet, name, change(getattr(NeuralNet, name)))
    BatchIterator.__call__ = in_order_without_targets(BatchIterator.__call__)


def bridge_attributes(NeuralNet):
    """Attributes ``X_tensor_type`` and ``loss``: arguments of the constructor that it keeps not.

    From scikit-learn 0.24 on ``get_params`` (and with it ``repr``) raises AttributeError for such
    arguments. Both are always None: the constructor refuses other values.
    """
    for name in ("X_tensor_type", "loss"):
        if not hasattr(NeuralNet, name):
            setattr(NeuralNet, name, None)


def bridge_clock():
    """Measure nolearn's epochs with a clock that cannot be set while they last."""
    import nolearn.lasagne.base

    nolearn.lasagne.base.time = time.monotonic


def keeping_arguments(init):
    """A constructor that keeps the very objects that it is given, as ``clone`` expects.

    The handlers of `verbose` are not added to the user's lists, but while the net trains
    (:func:`verbose_handlers`): a clone would have them twice.
    """
    signature = inspect.signature(init)

    @functools.wraps(init)
    def __init__(self, *args, **kwargs):
        from nolearn.lasagne.base import _list

        bound = signature.bind(self, *args, **kwargs)
        verbose = bound.arguments.pop("verbose", 0)
        init(*bound.args, **bound.kwargs)
        self.verbose = verbose
        for name in KEPT + ("layers",) * isinstance(bound.arguments.get("layers"), _list):
            if bound.arguments.get(name) is not None:
                setattr(self, name, bound.arguments[name])

    return __init__


def get_params(self, deep=True):
    """The arguments that the net was made with, and those that were set since.

    The list of layers is of nolearn's own type: scikit-learn copies it as a whole. It would take
    Lasagne's layers, which have a ``get_params``, too, for estimators.
    """
    from lasagne.layers import Layer
    from nolearn.lasagne.base import _dict, _list
    from sklearn.base import BaseEstimator

    if not isinstance(self.layers, _list):
        self.layers = _list([self.layers] if isinstance(self.layers, Layer) else self.layers)
    return _dict(BaseEstimator.get_params(self, deep=deep))


def set_params(self, **params):
    """Set arguments, also new ones like ``update_momentum``, which a clone then has as well."""
    from sklearn.base import BaseEstimator

    new = set(params).difference(self._get_param_names())
    BaseEstimator.set_params(self, **params)
    self._kwarg_keys = self._kwarg_keys + sorted(new)
    return self


def score(self, X, y):
    """R squared, or the accuracy. nolearn passes the two arguments in the wrong order."""
    from sklearn.metrics import accuracy_score, r2_score

    return float((r2_score if self.regression else accuracy_score)(y, self.predict(X)))


@contextlib.contextmanager
def verbose_handlers(self):
    """While it is open, the net has nolearn's handlers for its value of ``verbose``.

    They come first: a handler that stops the training would hide the last line of the table. A net
    that has such handlers already gets no second ones.
    """
    from nolearn.lasagne import PrintLayerInfo, PrintLog

    if "verbose_handlers_" not in vars(self):  # kept: the table's head is printed only once
        self.verbose_handlers_ = {"on_epoch_finished": PrintLog(),
                                  "on_training_started": PrintLayerInfo()}
    before, during = {}, {}
    for name, handler in self.verbose_handlers_.items():
        handlers = getattr(self, name)
        listed = list(handlers) if isinstance(handlers, (list, tuple)) else [handlers]
        if self.verbose and not any(isinstance(other, type(handler)) for other in listed):
            before[name], during[name] = handlers, [handler] + listed
            setattr(self, name, during[name])
    try:
        yield
    finally:
        for name in before:
            if getattr(self, name) is during[name]:
                setattr(self, name, before[name])


def with_verbose_handlers(train_loop):
    """nolearn's training loop with the handlers of `verbose`."""
    @functools.wraps(train_loop)
    def looped(self, *args, **kwargs):
        with self.verbose_handlers():
            return train_loop(self, *args, **kwargs)

    return looped


def once_initialized(method):
    """A method that says what to call first; it would need functions that are not there yet."""
    @functools.wraps(method)
    def checked(self, *args, **kwargs):
        if not getattr(self, "_initialized", False):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError("this net has not been trained; call fit or load_params_from, or "
                                 "initialize to go on with its initial weights")
        return method(self, *args, **kwargs)

    return checked


def once_built(method):
    """A method that makes the layers if they are not there yet."""
    @functools.wraps(method)
    def built(self, *args, **kwargs):
        if not hasattr(self, "layers_"):
            self.initialize_layers()
        return method(self, *args, **kwargs)

    return built


def in_order_without_targets(call):
    """A batch iterator that shuffles only where there are targets: predictions keep their order."""
    @functools.wraps(call)
    def __call__(self, X, y=None):
        if y is None:
            self.X, self.y = X, None
            return self
        return call(self, X, y)

    return __call__
