"""Split images into training and validation images."""
from typing import NamedTuple

import numpy as np

from facekp.data import mirror, splits


class Split(NamedTuple):
    """Training and validation images.

    Attributes
    ----------
    X_train, X_valid : float32 arrays (n, 1, 96, 96) in [0, 1]
    y_train, y_valid : float32 arrays (n, 30), px
    train_idx, valid_idx : int arrays (n,)
        Which images these are, see :func:`facekp.data.splits.split_images`.
    n_images : int
        Number of all images. Indices from this number on are mirror images.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    X_valid: np.ndarray
    y_valid: np.ndarray
    train_idx: np.ndarray
    valid_idx: np.ndarray
    n_images: int

    @property
    def twin_in_train(self):
        """bool array (n_valid,): whether the training images contain the mirror image of this
        validation image, or the image that it mirrors."""
        return np.isin(self.valid_idx % self.n_images, self.train_idx % self.n_images)


def split(X, y, settings):
    """Split images into training and validation images.

    Parameters
    ----------
    X : float32 array (n, 1, 96, 96)
    y : float32 array (n, 30), px
    settings : facekp.settings.Settings
        `split`, `folds`, `fold`, `seed` and `augment` are used.

    Returns
    -------
    Split, with copies of the images

    Raises
    ------
    ConfigError
        If there are fewer images, or groups of near-duplicates, than folds.

    Examples
    --------
    >>> from facekp.settings import Settings
    >>> parts = split(np.zeros((10, 1, 96, 96)), np.zeros((10, 30)), Settings("lenet5"))
    >>> parts.X_train.shape, parts.X_valid.shape
    ((8, 1, 96, 96), (2, 1, 96, 96))
    """
    groups = splits.groups_of(X) if settings.split == "grouped" else None
    train, valid = splits.split_images(len(X), settings, groups)
    return Split(*mirror.take(X, y, train), *mirror.take(X, y, valid), train, valid, len(X))
