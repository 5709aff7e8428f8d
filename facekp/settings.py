"""The settings of a run: every choice that changes its result."""
import re
from dataclasses import asdict, dataclass, field, fields
from typing import Iterable, Optional, Tuple

from facekp.augmentation import Augmentation
from facekp.errors import ConfigError
from facekp.schedule import Schedule

ALL_IMAGES = "all-images"

SPLITS = ("random", "grouped", "after-mirroring", ALL_IMAGES)
"""The ways to divide the images into training and validation images.

* ``"random"``: the images are shuffled and cut into folds, as in the paper's 80/20 split. Frames of
  one recording can be on both sides.
* ``"grouped"``: as ``"random"``, but near-duplicates stay on one side
  (:func:`facekp.data.near_duplicate_groups`). This split measures the error on new faces honestly.
* ``"after-mirroring"``: the mirror images are made first; then all images and mirror images are
  shuffled and cut. This is how we read section 5.4 of the paper: "we will have 4280 images, and as
  usual we used 80 percent". For most validation images, the mirror image (or the original) is in
  the training set.
* ``"all-images"``: every image is a training image, for a net that is to be used. What is called
  validation is then the error on images that the net was trained on.
"""

LABELS = ("complete", "all")
"""Which images are trained on: those with all 15 keypoints, as in the paper, or also the others."""

HEADS = ("one", "input", "each")
"""How a net that is trained on all images treats the contest's two labelling schemes
(:mod:`facekp.data.schemes`).

* ``"one"``: not at all; it has one output for both.
* ``"input"``: the scheme is an input of its output layer: a coordinate of the second scheme is that
  of the first one, moved by a number that is learned.
* ``"each"``: it has an output for each scheme.
"""

OLD_MIRROR = {"none": {}, "split-then-mirror": {"augment": ("mirror",)},
              "mirror-then-split": {"split": "after-mirroring", "augment": ("mirror",)}}
"""The values of `mirror`, a setting of older runs, as the `split` and `augment` of today."""


@dataclass(frozen=True)
class Settings:
    """The parameters of a run. The defaults are the paper's values where it states them.

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
        The largest number of epochs.
    patience : int or None
        The training stops after this many epochs without a better validation loss. None trains
        all epochs, unless the net stops changing (:class:`facekp.training.handlers.Stop`).
    batch_size : int
    split : str
        One of :data:`SPLITS`.
    augment : tuple of str
        What is done with the training images, like ``("mirror", "rotate=12")``; words of
        :class:`facekp.augmentation.Augmentation`, put into its order.
    schedule : tuple of str
        How the learning rate changes, like ``("warm-up=5", "cosine")``; words of
        :class:`facekp.schedule.Schedule`. Without any it is constant, as in the paper.
    average : float
        The weights' exponential moving average is measured and saved beside the weights
        (:mod:`facekp.training.averaged_weights`): the part of the average that a step keeps, from
        0 to below 1, like 0.995. 0 for no average, as in the paper.
    labels : str
        One of :data:`LABELS`. The validation images are the same for both: complete ones.
    heads : str
        One of :data:`HEADS`; with all images only.
    points : tuple of str
        The keypoints that the net is trained on, names in :data:`facekp.keypoints.KEYPOINTS`;
        none for all.
    start : str
        Where the first weights come from: ``"experiment/variant"``, or ``"experiment"`` where it
        has one variant, for its run of the same net, split, seed and fold. Empty for random
        weights.
    folds, fold : int
        The images are shuffled and cut into `folds` parts. Part number `fold`, counted from 0,
        is the validation set. One fold of five is the paper's 80/20 split.
    seed : int
        The seed of the split, the initial weights, the order of the batches, the augmentation and
        dropout.

    Raises
    ------
    ConfigError
        If a value is invalid. The message names the parameter.

    Examples
    --------
    >>> settings = Settings("lenet5", {"batch_norm": True}, epochs=100, patience=6)
    >>> settings.optimizer, settings.learning_rate, settings.split
    ('adam', 0.001, 'random')
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
    average: float = 0.0
    labels: str = "complete"
    heads: str = "one"
    points: Tuple[str, ...] = ()
    start: str = ""
    folds: int = 5
    fold: int = 0
    seed: int = 0

    def __post_init__(self):
        for name, low, high in (("epochs", 1, 10**6), ("batch_size", 1, 10**6),
                                ("folds", 2, 100), ("fold", 0, 99),
                                ("seed", 0, 2**32 - 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ConfigError(f"{name}: found {value!r}, expected a whole number from {low} "
                                  f"to {high}")
        if self.fold >= self.folds:
            raise ConfigError(f"fold: found {self.fold}, expected a whole number from 0 to "
                              f"{self.folds - 1}")
        if self.patience is not None and (type(self.patience) is not int or self.patience < 1):
            raise ConfigError(f"patience: found {self.patience!r}, expected a whole "
                              "number from 1 on, or none")
        if not (_is_number(self.learning_rate) and 0 < self.learning_rate < float("inf")):
            raise ConfigError(f"learning_rate: found {self.learning_rate!r}, expected a number "
                              "above 0")
        if not (_is_number(self.average) and 0 <= self.average < 1):
            raise ConfigError(f"average: found {self.average!r}, expected a number from 0 to below "
                              "1, like 0.995; 0 for none")
        if self.split == ALL_IMAGES and self.fold:
            raise ConfigError(f"fold: found {self.fold}, expected 0: all images are trained on")
        for name, known in (("split", SPLITS), ("labels", LABELS), ("heads", HEADS)):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name}: found {getattr(self, name)!r}, expected one of "
                                  f"{', '.join(known)}")
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
        if self.heads != "one" and self.labels != "all":
            raise ConfigError(f"heads: found {self.heads!r} for complete images, which are all of "
                              "one labelling scheme; add labels 'all', or take heads 'one'")
        self._check_points()
        if not isinstance(self.start, str) or self.start and not re.fullmatch(
                r"[\w-]+(/[^/.][^/]*)?", self.start):
            raise ConfigError(f"start: found {self.start!r}, expected the name of an experiment, "
                              "or experiment/variant")
        if self.split == "after-mirroring" and "mirror" not in self.augment:
            raise ConfigError("split: found 'after-mirroring' without mirror images; add 'mirror' "
                              "to augment")

    def _check_points(self):
        if isinstance(self.points, str) or not isinstance(self.points, Iterable):
            raise ConfigError(f"points: found {self.points!r}, expected a sequence of names of "
                              "keypoints")
        points = tuple(self.points)
        if points:
            from facekp.keypoints import KEYPOINTS, mirrored  # it imports numpy, which takes time
            for name in points:
                if name not in KEYPOINTS or points.count(name) > 1:
                    raise ConfigError(f"points: found {name!r}{' twice' * (name in KEYPOINTS)}, "
                                      f"expected some of {', '.join(KEYPOINTS)}, each once")
                if mirrored(name) not in points and any(
                        word.startswith("mirror") for word in self.augment):
                    raise ConfigError(f"points: found {name!r} without {mirrored(name)!r}, which "
                                      "it is in a mirror image; add that, or leave mirror out of "
                                      "augment")
        object.__setattr__(self, "points", points)

    @classmethod
    def from_dict(cls, values):
        """Settings from the dict in config.json, also from that of an older run.

        Parameters
        ----------
        values : dict

        Returns
        -------
        Settings

        Raises
        ------
        ConfigError
            If `values` is no dict, a name is unknown or a value is invalid.

        Examples
        --------
        >>> Settings.from_dict({"model": "lenet5", "mirror": "split-then-mirror"}).augment
        ('mirror',)
        """
        if not isinstance(values, dict):
            raise ConfigError(f"settings: found {values!r}, expected an object of names and values")
        values = dict(values)
        if "mirror" in values:
            mirror = values.pop("mirror")
            if mirror not in OLD_MIRROR:
                raise ConfigError(f"mirror: found {mirror!r}, expected one of "
                                  f"{', '.join(OLD_MIRROR)}")
            values.update(OLD_MIRROR[mirror])
        known = [parameter.name for parameter in fields(cls)]
        for name in values:
            if name not in known:
                raise ConfigError(f"{name}: is no setting; these are: {', '.join(known)}")
        if "model" not in values:
            raise ConfigError("settings: found no model, expected the name of one")
        return cls(**values)

    def as_dict(self):
        """The parameters as a dict that can be written as JSON."""
        return {**asdict(self), "augment": list(self.augment), "schedule": list(self.schedule),
                "points": list(self.points)}


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)
