"""Build the net that the settings describe.

Each builder returns an untrained :class:`facekp.nets.net.KeypointNet` of plain Lasagne layers that
takes images (n, 1, 96, 96) float32 in [0, 1] and learns keypoints (n, 30) float32, scaled to
[-1, 1]; or (n, 38), see :mod:`facekp.nets.heads`.
"""
import inspect
from collections.abc import Mapping

from facekp.errors import ConfigError
from facekp.nets import registry

MAX_UNITS = 2**14
"""Four times the width of VGG's dense layers, which would take 1.4 GB."""

OF_SETTINGS = ("optimizer", "learning_rate", "batch_size", "seed")
"""The arguments of a builder that are settings themselves; its other arguments are options."""


class _Models(Mapping):
    """The builders by name, each imported when it is first asked for."""

    def __getitem__(self, name):
        if name not in registry.names():
            raise KeyError(name)
        return registry.get(name).load()

    def __iter__(self):
        return iter(registry.names())

    def __len__(self):
        return len(registry.names())


MODELS = _Models()
"""The architectures by name: a mapping of str -> builder."""


def build(settings):
    """Build the untrained net that the settings describe.

    Parameters
    ----------
    settings : facekp.settings.Settings

    Returns
    -------
    KeypointNet, untrained

    Raises
    ------
    ConfigError
        If the model, one of its options or the optimizer is unknown.

    Examples
    --------
    >>> from facekp.settings import Settings
    >>> net = build(Settings("lenet5", {"variant": "classic"}, learning_rate=0.01))
    >>> net.update_learning_rate
    0.01
    """
    builder = registry.get(settings.model).load()
    _check_options(settings, builder)
    net = builder(**{name: getattr(settings, name) for name in OF_SETTINGS}, **settings.options)
    if settings.heads != "one":
        from facekp.nets import heads
        heads.use(net, settings.heads)
    return net


def _check_options(settings, builder):
    """Raise ConfigError if an option has a wrong name or type.

    The options may come from a config.json of unknown origin, and a net that is too large for the
    memory must not be tried. The type of an option is the type of the builder's default.
    """
    if not isinstance(settings.options, dict):
        raise ConfigError(f"options: found {settings.options!r}, expected an object of names and "
                          "values")
    parameters = inspect.signature(builder).parameters
    known = [name for name, parameter in parameters.items()
             if name not in OF_SETTINGS and parameter.kind is not parameter.VAR_KEYWORD]
    for name, value in settings.options.items():
        if name not in known:
            raise ConfigError(f"options: found {name!r}, which {settings.model} does not take; "
                              f"expected some of {', '.join(known)}")
        expected = _unfit(value, parameters[name].default)
        if expected:
            raise ConfigError(f"options: found {value!r} for {name}, expected {expected}")


def _unfit(value, default):
    """What is expected instead of `value`, given the builder's default; "" if `value` is valid."""
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "true or false"
    if isinstance(default, int):
        fits = type(value) is int and 1 <= value <= MAX_UNITS
        return "" if fits else f"a whole number from 1 to {MAX_UNITS}"
    if isinstance(default, float):
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        return "" if fits else "a number"
    if callable(default):
        return "" if callable(value) else "a function"
    return "" if isinstance(value, type(default)) else f"a value like {default!r}"
