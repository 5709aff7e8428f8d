"""What a run is: every choice that makes its result different."""
from dataclasses import asdict, dataclass, field
from typing import Optional

from facekp.errors import ConfigError

MIRROR = ("none", "split-then-mirror", "mirror-then-split")
"""What is done with mirror images (paper, section 5.4).

split-then-mirror: the training images and their mirror images against the validation images. The
fair protocol: no validation image, nor its mirror image, has been seen in training.
mirror-then-split: all images and their mirror images are split, as the paper's "we will have 4280
images, and as usual we used 80 percent" reads. Most validation faces have their mirror image, or
their original, in the training set.
"""


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
    mirror : str
        One of :data:`MIRROR`.
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
    mirror: str = "none"
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
        if self.mirror not in MIRROR:
            raise ConfigError(f"mirror: found {self.mirror!r}, expected one of "
                              f"{', '.join(MIRROR)}")

    def as_dict(self):
        """The parameters as a JSON-able dict."""
        return asdict(self)
