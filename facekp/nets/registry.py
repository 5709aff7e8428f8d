"""The architectures by name, with their builders and default settings.

This module does not import Theano. A builder does, when it is first used.
"""
import importlib
import inspect
import os
from dataclasses import dataclass, field
from typing import Callable, Optional, Union

from facekp.errors import ConfigError
from facekp.settings import Settings


@dataclass(frozen=True)
class Architecture:
    """A net's builder, and what is known about the net before it is built.

    Parameters
    ----------
    name : str
        Its name in the settings.
    builder : callable, or str "module:function"
        Takes `optimizer`, `learning_rate`, `batch_size`, `seed` and its own options. Returns an
        untrained :class:`facekp.nets.net.KeypointNet`.
    defaults : dict
        Default values for :class:`facekp.settings.Settings` with this net, where they differ from
        those of Settings.
    file : str or None
        The file that registers this net; a new process must run it first. None for a builder that
        is given as "module:function".
    """

    name: str
    builder: Union[str, Callable]
    defaults: dict = field(default_factory=dict)
    file: Optional[str] = None

    def load(self):
        """The builder itself; it is imported now if only its name was given."""
        if callable(self.builder):
            return self.builder
        module, _, function = self.builder.partition(":")
        return getattr(importlib.import_module(module), function)


_architectures = {}


def register(name, builder=None, **defaults):
    """Register a net under a name, so that settings can use it.

    Parameters
    ----------
    name : str
    builder : callable, str "module:function", or None
        If None, `register` returns a decorator for the builder.
    **defaults : of :class:`facekp.settings.Settings`, like ``learning_rate=0.0003``

    Returns
    -------
    The builder

    Raises
    ------
    ConfigError
        If another builder is registered under this name.

    Examples
    --------
    >>> @register("tiny", batch_size=16)
    ... def tiny(width=8, optimizer="adam", learning_rate=0.001, batch_size=16, seed=0):
    ...     from facekp.nets.parts import net  # here, so that the file needs no Theano to be read
    """
    if builder is None:
        return lambda function: register(name, function, **defaults)
    Settings(name, **defaults)  # refuses names and values that no setting has
    file = os.path.realpath(inspect.getsourcefile(builder)) if callable(builder) else None
    made, there = Architecture(name, builder, defaults, file), _architectures.get(name)
    if there and (there.file or there.builder) != (made.file or made.builder):
        raise ConfigError(f"net: found {name!r} twice, in {there.file or there.builder} and in "
                          f"{made.file or made.builder}; give one of them another name")
    _architectures[name] = made
    return builder


def names():
    """The names of all registered nets, a tuple of str.

    Examples
    --------
    >>> names()[:3]
    ('lenet5', 'vggnet', 'cnn14')
    """
    return tuple(_architectures)


def get(name):
    """The :class:`Architecture` with this name.

    Raises
    ------
    ConfigError
        If there is none.

    Examples
    --------
    >>> get("vggnet").defaults
    {'learning_rate': 0.0003, 'batch_size': 32}
    """
    if not isinstance(name, str) or name not in _architectures:
        raise ConfigError(f"model: found {name!r}, expected one of {', '.join(names())}; a net of "
                          "your own is known once the file that registers it is imported",
                          remedies=("import",))
    return _architectures[name]


register("lenet5", "facekp.nets.lenet:lenet5")
# With Adam's usual rate of 0.001 VGG learns nothing, and batches of 128 images take 6 GB.
register("vggnet", "facekp.nets.vgg:vggnet", learning_rate=0.0003, batch_size=32)
register("cnn14", "facekp.nets.cnn14:cnn14")
register("small_vgg", "facekp.nets.small_vgg:small_vgg", learning_rate=0.0007, batch_size=64)
register("resnet", "facekp.nets.resnet:resnet", batch_size=64)
register("unet", "facekp.nets.unet:unet", batch_size=64)
