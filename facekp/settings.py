"""What a run is: every choice that makes its result different."""
from dataclasses import asdict, dataclass, field
from typing import Iterable, Optional, Tuple

from facekp.augmentation import Augmentation
from facekp.errors import ConfigError
from facekp.schedule import Schedule

SPLITS = ("random", "grouped", "after-mirroring")
"""How images are divided into training and validation images.

random: the images are shuffled and cut into folds, as the paper's 80/20 split. Frames of one
recording may come to lie on both sides.
grouped: the same, but near-duplicates stay together (:func:`facekp.data.near_duplicate_groups`):
the honest one.
after-mirroring: all images and their mirror images are shuffled and cut, as the paper's "we will
have 4280 images, and as usual we used 80 percent" reads (section 5.4). Most validation faces have
their mirror image, or their original, in the training set.
"""

_OLD_MIRROR = {"none": {}, "split-then-mirror": {"augment": ("mirror",)},
               "mirror-then-split": {"split": "after-mirroring", "augment": ("mirror",)}}
"""The setting `mirror` of runs that were made before `split` and `augment` took its place."""


@dataclass(frozen=True)
class Settings:
    """The parameters of a run; the paper's values where it states them.

    Parameters
    ----------
    model : str
        A name in :data:`facekp.nets.models.MODELS`.
    options : dict
        Further arguments of that model, like ``{"batch_norm": True}``.
    optimizer : str
        A name in :data:`facekp.nets.optimizers.OPTIMIZERS`.
    learning_rate : float
    epochs : int
        How many at the most.
    patience : int or None
        Stop after so many epochs without a better validation loss; None trains all epochs
        (of a net that still changes: :class:`facekp.training.handlers.Stop`).
    batch_size : int
    split : str
        One of :data:`SPLITS`.
    augment : tuple of str
        What is done with the training images, like ``("mirror", "rotate=12")``; words of
        :class:`facekp.augmentation.Augmentation`, put into its order.
    schedule : tuple of str
        How the learning rate changes, like ``("warm-up=5", "cosine")``; words of
        :class:`facekp.schedule.Schedule`. Without any it is constant, as in the paper.
    folds, fold : int
        The images are shuffled and cut into `folds` parts; part `fold` validates. One fold of
        five is the paper's 80/20 split.
    seed : int
        Of the split, the initial weights, the batches and dropout.
    """

    model: str
    options: dict = field(default_factory=dict)
    optimizer: str = "adam"
    learning_rate: float = 0.001
    epochs: int = 100
    patience: Optional[int] = None
    batch_size: int = 128
    split: str = "random"
    augment: Tuple[str, ...] = ()
    schedule: Tuple[str, ...] = ()
    folds: int = 5
    fold: int = 0
    seed: int = 0

    def __post_init__(self):
        for name, low, high in (("epochs", 1, 10**6), ("batch_size", 1, 10**6),
                                ("folds", 2, 100), ("fold", 0, self.folds - 1),
                                ("seed", 0, 2**32 - 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ConfigError(f"{name}: found {value!r}, expected a whole number from {low} "
                                  f"to {high}")
        if self.patience is not None and self.patience < 1:
            raise ConfigError(f"patience: found {self.patience!r}, expected 1 or more, or none")
        if not 0 < self.learning_rate < float("inf"):
            raise ConfigError(f"learning_rate: found {self.learning_rate!r}, expected a number "
                              "above 0")
        if self.split not in SPLITS:
            raise ConfigError(f"split: found {self.split!r}, expected one of {', '.join(SPLITS)}")
        for name, kind, example in (("augment", Augmentation, ("mirror", "rotate=12")),
                                    ("schedule", Schedule, ("warm-up=5", "cosine"))):
            words = getattr(self, name)
            if isinstance(words, str) or not isinstance(words, Iterable):
                raise ConfigError(f"{name}: found {words!r}, expected a sequence of words like "
                                  f"{example}")
            object.__setattr__(self, name, kind.parse(words).words)
        if Schedule.parse(self.schedule).warm_up >= self.epochs:
            raise ConfigError(f"schedule: found {self.schedule}, expected a warm-up shorter than "
                              f"the {self.epochs} epochs")
        if self.split == "after-mirroring" and "mirror" not in self.augment:
            raise ConfigError("split: found 'after-mirroring' without mirror images; add 'mirror' "
                              "to augment")

    @classmethod
    def from_dict(cls, values):
        """The settings that config.json holds, those of runs made before `split` included.

        Parameters
        ----------
        values : dict

        Returns
        -------
        Settings

        Raises
        ------
        ConfigError, TypeError
            If a value or a name is none of the settings'.
        """
        values = dict(values)
        if "mirror" in values:
            mirror = values.pop("mirror")
            if mirror not in _OLD_MIRROR:
                raise ConfigError(f"mirror: found {mirror!r}, expected one of "
                                  f"{', '.join(_OLD_MIRROR)}")
            values.update(_OLD_MIRROR[mirror])
        return cls(**values)

    def as_dict(self):
        """The parameters as a JSON-able dict."""
        return {**asdict(self), "augment": list(self.augment), "schedule": list(self.schedule)}
