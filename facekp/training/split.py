"""Split images into training and validation images."""
from typing import NamedTuple

import numpy as np

from facekp.data import mirror, schemes, splits


class Split(NamedTuple):
    """Training and validation images.

    Attributes
    ----------
    X_train, X_valid : float32 arrays (n, 1, 96, 96) in [0, 1]
    y_train, y_valid : float32 arrays (n, 30), px; NaN where unlabelled, and for keypoints that the
        net is not trained on
    train_idx, valid_idx : int arrays (n,)
        Which images these are, see :func:`facekp.data.splits.split_images`.
    n_images : int
        Number of all images. Indices from this number on are mirror images.
    second_train : bool array (n,)
        The training images of the second labelling scheme (:mod:`facekp.data.schemes`). All
        validation images are of the first.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    X_valid: np.ndarray
    y_valid: np.ndarray
    train_idx: np.ndarray
    valid_idx: np.ndarray
    n_images: int
    second_train: np.ndarray

    @property
    def twin_in_train(self):
        """bool array (n_valid,): whether the training images contain the mirror image of this
        validation image, or the image that it mirrors."""
        return np.isin(self.valid_idx % self.n_images, self.train_idx % self.n_images)


def split(X, y, settings):
    """Split images into training and validation images.

    Images that lack keypoints are never validation images. They are training images, unless they
    have no keypoint that the net is trained on; or they are near-duplicates of a validation image,
    and the split is grouped.

    Parameters
    ----------
    X : float32 array (n, 1, 96, 96)
    y : float32 array (n, 30), px; NaN where unlabelled
    settings : facekp.settings.Settings
        `split`, `folds`, `fold`, `seed`, `augment` and `points` are used.

    Returns
    -------
    Split, with copies of the images

    Raises
    ------
    ConfigError
        If there are fewer complete images, or groups of near-duplicates, than folds.

    Examples
    --------
    >>> from facekp.settings import Settings
    >>> parts = split(np.zeros((10, 1, 96, 96)), np.zeros((10, 30)), Settings("lenet5"))
    >>> parts.X_train.shape, parts.X_valid.shape
    ((8, 1, 96, 96), (2, 1, 96, 96))
    """
    complete = ~np.isnan(y).any(axis=1)
    groups = splits.groups_of(X) if settings.split == "grouped" else None
    if complete.all():
        train, valid = splits.split_images(len(X), settings, groups)
    else:
        train, valid = _split_partly_labelled(X, y, settings, complete, groups)
    second = schemes.is_second(~np.isnan(y))[train % len(X)]
    y = schemes.only(y, settings.points)
    return Split(*mirror.take(X, y, train), *mirror.take(X, y, valid), train, valid, len(X),
                 second)


def _split_partly_labelled(X, y, settings, complete, groups):
    """train_idx and valid_idx where some images lack keypoints.

    The complete ones are divided as they would be without the others, so that runs with and without
    them have the same validation images.
    """
    rows = np.flatnonzero(complete)
    own = splits.near_duplicate_groups(X[rows]) if groups is not None else None
    train, valid = (rows[index % len(rows)] + len(X) * (index // len(rows))
                    for index in splits.split_images(len(rows), settings, own))
    more = ~complete & ~np.isnan(schemes.only(y, settings.points)).all(axis=1)
    if groups is not None:
        more &= ~np.isin(groups, groups[valid])
    more = np.flatnonzero(more)
    if "mirror" in settings.augment:
        more = np.concatenate([more, len(X) + more])
    return np.concatenate([train, more]), valid
