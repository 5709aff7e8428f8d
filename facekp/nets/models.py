"""The architectures by name, and the net that settings describe.

Each builder returns an unfitted :class:`facekp.nets.net.KeypointNet` of plain Lasagne layers that
takes images (n, 1, 96, 96) float32 in [0, 1] and learns keypoints (n, 30) float32, scaled to
[-1, 1].
"""
from facekp.nets.cnn14 import cnn14
from facekp.nets.lenet import lenet5
from facekp.nets.vgg import vggnet

from facekp.errors import ConfigError

MAX_DENSE_UNITS = 2**14
"""Four times VGG's; its two dense layers would take 1.4 GB."""

MODELS = {"lenet5": lenet5, "vggnet": vggnet, "cnn14": cnn14}
"""The architectures by name."""


def build(settings):
    """The unfitted net that the settings describe.

    Parameters
    ----------
    settings : facekp.settings.Settings

    Returns
    -------
    KeypointNet, unfitted

    Raises
    ------
    ConfigError
        If the model, one of its options or the optimizer is unknown.
    """
    if settings.model not in MODELS:
        raise ConfigError(f"model: found {settings.model!r}, expected one of "
                          f"{', '.join(MODELS)}")
    _check_options(settings.options)
    try:
        return MODELS[settings.model](
            optimizer=settings.optimizer, learning_rate=settings.learning_rate,
            batch_size=settings.batch_size, seed=settings.seed, **settings.options)
    except TypeError as error:
        raise ConfigError(f"options: found {settings.options!r}, which {settings.model} does not "
                          f"take ({error})") from None


def _check_options(options):
    """Raise ConfigError for a value of a wrong kind: options may come from somebody's config.json,
    and a number of units that no memory holds must not be tried."""
    def fits(name, value):
        if name in ("batch_norm", "dropout"):
            return isinstance(value, bool)
        if name == "num_dense_units":
            return type(value) is int and 1 <= value <= MAX_DENSE_UNITS
        return callable(value) if name == "output_nonlinearity" else isinstance(value, str)

    if not isinstance(options, dict):
        raise ConfigError(f"options: found {options!r}, expected an object of names and values")
    for name, value in options.items():
        if not fits(name, value):
            raise ConfigError(f"options: found {value!r} for {name}, expected true or false, a "
                              f"number of units up to {MAX_DENSE_UNITS} or the name of a variant")
