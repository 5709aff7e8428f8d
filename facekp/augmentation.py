"""The augmentation of training images, as the user writes it: ``mirror,rotate=12,shift=5``."""
import math
import re
from dataclasses import dataclass

from facekp.errors import ConfigError

LIMITS = {
    "mirror": 1.0,
    "rotate": 180.0,
    "scale": 1.0,
    "shift": 48.0,
    "crop": 0.75,
    "brightness": 1.0,
    "contrast": 1.0,
    "noise": 1.0,
    "blur": 5.0,
}
"""The largest value of each transform. Transforms are written in this order."""

EXPECTED = "mirror, rotate=12, scale=0.12, shift=5, crop=0.1, brightness=0.15, contrast=0.3, " \
           "noise=0.02 or blur=0.5"

RECIPE = ("mirror=0.5", "rotate=12", "scale=0.12", "shift=5", "brightness=0.15", "contrast=0.3",
          "noise=0.02")
"""What the experiments beyond the paper train their nets with, the words of a setting `augment`."""

_NUMBER = re.compile(r"(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Augmentation:
    """The ranges of the random transforms of training images; 0 leaves a transform out.

    In each epoch, every training image is changed with new random numbers
    (:mod:`facekp.data.transforms`): first its geometry, then blur, contrast, brightness and noise.

    Parameters
    ----------
    doubled : bool
        ``mirror`` without a number: the mirror image of each image is added, so that there are
        twice as many images (paper, section 5.4).
    mirror : float
        ``mirror=0.5``: the probability with which an image is mirrored in an epoch.
    rotate : float
        Rotation about the image's centre, uniform in +- `rotate` degrees.
    scale : float
        Size times a factor that is uniform in its logarithm, e**-scale to e**scale.
    shift : float
        To the right and down, each uniform in +- `shift` px.
    crop : float
        A square is cut out at random and enlarged to the size of the image. Its side is shorter
        than the image's by a part that is uniform in 0 to `crop`.
    brightness : float
        Added to all gray levels (0 to 1), uniform in +- `brightness`.
    contrast : float
        Distance of the gray levels from the image's mean times a factor that is uniform in its
        logarithm, e**-contrast to e**contrast.
    noise : float
        Standard deviation of noise of each pixel, uniform in 0 to `noise`.
    blur : float
        Sigma of a Gaussian blur, uniform in 0 to `blur` px.
    """

    doubled: bool = False
    mirror: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    crop: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    noise: float = 0.0
    blur: float = 0.0

    def __post_init__(self):
        for name, largest in LIMITS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not (
                    0 <= value <= largest):
                raise ConfigError(f"augment: found {name}={value!r}, expected a number above 0 "
                                  f"and up to {largest:g}")

    @classmethod
    def parse(cls, words):
        """The augmentation that the words describe.

        Parameters
        ----------
        words : str or sequence of str
            ``"mirror,rotate=12"`` or ``("mirror", "rotate=12")``; ``""``, ``"none"`` or ``()``
            for no augmentation.

        Returns
        -------
        Augmentation

        Raises
        ------
        ConfigError
            If a transform is unknown, occurs twice, or has a value out of its range.

        Examples
        --------
        >>> Augmentation.parse("shift=5,mirror,rotate=12.0").words
        ('mirror', 'rotate=12', 'shift=5')
        """
        if isinstance(words, str):
            words = [] if words.strip() in ("", "none") else words.split(",")
        values = {}
        for word in words:
            name, value = _parsed(word)
            if name in values:
                twice = name.replace("doubled", "mirror")
                raise ConfigError(f"augment: found {twice} twice, expected each transform once")
            values[name] = value
        if "mirror" in values and "doubled" in values:
            raise ConfigError("augment: found mirror with and without a number, expected one: "
                              "mirror for twice the images, or mirror=0.5 for random mirroring")
        return cls(**values)

    @property
    def words(self):
        """The augmentation as words in a fixed order and form; :meth:`parse` reads them.

        Returns
        -------
        tuple of str
        """
        numbers = [f"{name}={_shortest(getattr(self, name))}" for name in LIMITS
                   if getattr(self, name)]
        return ("mirror",) * self.doubled + tuple(numbers)

    @property
    def is_random(self):
        """Whether images differ from epoch to epoch, as with all transforms except doubling."""
        return any(getattr(self, name) for name in LIMITS)

    @property
    def moves_points(self):
        """Whether keypoints move at random, so that they can move out of the image."""
        return any(getattr(self, name) for name in ("mirror", "rotate", "scale", "shift", "crop"))


def _parsed(word):
    """Field and value of a word like ``rotate=12``."""
    if not isinstance(word, str):
        raise ConfigError(f"augment: found {word!r}, expected words like {EXPECTED}")
    name, equals, text = (part.strip() for part in word.partition("="))
    if name == "mirror" and not equals:
        return "doubled", True
    if name not in LIMITS:
        raise ConfigError(f"augment: found {word!r}, expected {EXPECTED}")
    # float() would read 1_0 as ten, and accept the digits of any script
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not 0 < value <= LIMITS[name]:
        raise ConfigError(f"augment: found {word!r}, expected {name}= and a number above 0 and up "
                          f"to {LIMITS[name]:g}; leave {name} out to do without it")
    return name, value


def _shortest(value):
    """The shortest text that gives the same number: 12 and not 12.0."""
    return f"{value:g}" if float(f"{value:g}") == value else repr(float(value))
