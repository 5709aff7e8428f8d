"""Splits into training and validation (paper, sections 5.1 and 5.3), and groups of near-duplicates.

The contest's images show some people several times: frames of one recording differ very little,
and a random split puts such frames on both sides. `near_duplicate_groups` finds them, and the
splits keep each group on one side.

A split depends only on the seed, not on the machine or the version of numpy: the numbers of
`RandomState` never change.
"""
import weakref

import numpy as np

from facekp.errors import ConfigError
from facekp.keypoints import SIZE
from facekp.settings import ALL_IMAGES

THUMBNAIL = 24
"""Height and width of the thumbnails that are compared, px."""

SAME = 0.95
"""The correlation above which two images are near-duplicates.

We looked at pairs of the 2140 complete images. Above this correlation, every pair showed one person
in one recording. Below about 0.94, there are pairs of different people."""

UNIT = 4000.0
"""Length of a vector that is compared. Its entries are integers. The product of two vectors is at
most 2**24, so it is exact in float32, in whatever order BLAS adds: the groups are the same on every
machine."""


def holdout(n, fraction=0.2, seed=0, groups=None):
    """One shuffled split, 80/20 by default.

    Parameters
    ----------
    n : int, number of samples
    fraction : float in (0, 1)
        The validation set has ``round(fraction * n)`` samples.
    seed : int
    groups : int array (n,) or None
        The samples of a group stay on one side. The sizes are then as near as the groups allow.

    Returns
    -------
    (train_idx, valid_idx) : sorted int arrays, together 0 to n - 1

    Raises
    ------
    ConfigError : a side would be empty, or `groups` has another length

    Examples
    --------
    >>> train_idx, valid_idx = holdout(10)
    >>> train_idx, valid_idx
    (array([0, 1, 3, 4, 5, 6, 7, 9]), array([2, 8]))
    """
    if not 0 < fraction < 1:
        raise ConfigError(f"fraction: found {fraction}; expected a number between 0 and 1; "
                          "0.2 is the paper's")
    target = int(round(fraction * n))
    blocks = _shuffled_groups(n, seed, groups)
    if len(blocks) < 2 or not 0 < target < n:
        raise ConfigError(f"holdout: found {n} samples in {len(blocks)} groups and fraction "
                          f"{fraction}; expected enough for two sides; use more samples")
    valid, size = [], 0
    for block in blocks:
        if size + len(block) <= target:
            valid.append(block)
            size += len(block)
    if not valid:
        valid = [min(blocks, key=len)]
    return _sides(n, np.concatenate(valid))


def kfold(n, k=5, seed=0, groups=None):
    """k shuffled folds (section 5.3: five).

    Parameters
    ----------
    n : int, number of samples
    k : int, number of folds
    seed : int
    groups : int array (n,) or None, see `holdout`

    Returns
    -------
    list of k (train_idx, valid_idx) : sorted int arrays; each sample is in exactly one `valid_idx`

    Raises
    ------
    ConfigError : fewer than 2 folds, fewer samples or groups than folds, or `groups` has another
        length

    Examples
    --------
    >>> [valid_idx.tolist() for train_idx, valid_idx in kfold(10, k=5)]
    [[2, 8], [4, 9], [1, 6], [3, 7], [0, 5]]
    >>> [valid_idx.tolist() for _, valid_idx in kfold(6, k=2, groups=[0, 0, 1, 1, 2, 3])]
    [[2, 3, 4], [0, 1, 5]]
    """
    blocks = _shuffled_groups(n, seed, groups)
    if not 2 <= k <= len(blocks):
        raise ConfigError(f"folds: found {k}; expected 2 to {len(blocks)}, the number of "
                          f"{'samples' if groups is None else 'groups'}; take fewer folds")
    if groups is None:
        folds = np.array_split(np.concatenate(blocks), k)
    else:
        folds = _fill(blocks, k)
    return [_sides(n, fold) for fold in folds]


def split_images(n, settings, groups=None):
    """Divide images into training and validation images (paper, sections 5.1, 5.3 and 5.4).

    Parameters
    ----------
    n : int, number of images
    settings : facekp.settings.Settings
        `split`, `folds`, `fold` and `seed` say how the images are divided. `augment` says whether
        mirror images are training images, too.
    groups : int array (n,) or None
        The :func:`near_duplicate_groups` of the images. Only the split ``"grouped"`` needs them.

    Returns
    -------
    (train_idx, valid_idx) : int arrays
        Index i is image i; index ``n + i`` is its mirror image. :func:`facekp.data.mirror.take`
        gives the images of such indices.

    Raises
    ------
    ConfigError
        If there are fewer images or groups than folds, or the split needs groups and gets none.

    Examples
    --------
    >>> from facekp.settings import Settings
    >>> split_images(6, Settings("lenet5", augment=("mirror",)))
    (array([ 0,  1,  3,  4,  6,  7,  9, 10]), array([2, 5]))
    """
    if n < settings.folds:
        raise ConfigError(f"folds: found {settings.folds} for {n} images; expected at most one "
                          "fold for each image; take fewer folds, or more images")
    if settings.split == "grouped" and groups is None:
        raise ConfigError("groups: found none for the split 'grouped'; expected "
                          "near_duplicate_groups(X) of the images")
    mirrored_first = settings.split == "after-mirroring"
    if settings.split == ALL_IMAGES:
        train = valid = np.arange(n)
    else:
        train, valid = kfold(2 * n if mirrored_first else n, settings.folds, settings.seed,
                             groups if settings.split == "grouped" else None)[settings.fold]
    if "mirror" in settings.augment and not mirrored_first:
        train = np.concatenate([train, n + train])
    return train, valid


def groups_of(X):
    """The :func:`near_duplicate_groups` of `X`; the last result is kept for the same array.

    So the five folds of a process compute them once. For 2140 images this takes a second or two.

    Parameters
    ----------
    X : float array (n, 1, 96, 96)

    Returns
    -------
    int array (n,)
    """
    if _last[0]() is not X:
        _last[:] = weakref.ref(X), near_duplicate_groups(X)
    return _last[1]


_last = [lambda: None, None]


def near_duplicate_groups(X, threshold=SAME):
    """Group images that show almost the same picture.

    Two images are near-duplicates if the correlation of their 24 x 24 thumbnails is above
    `threshold`. Images that a chain of near-duplicates connects are one group. Differences in
    brightness and contrast do not matter.

    Parameters
    ----------
    X : float array (n, 1, 96, 96), gray levels k / 255
    threshold : float in (0, 1)

    Returns
    -------
    int array (n,)
        The number of each image's group; groups are numbered from 0 in the order in which they
        first appear.

    Examples
    --------
    >>> random = np.random.RandomState(0)
    >>> X = random.randint(0, 200, (3, 1, 12, 12)).repeat(8, axis=2).repeat(8, axis=3) / 255
    >>> darker = np.rint(0.5 * 255 * X[1:2]) / 255
    >>> near_duplicate_groups(np.concatenate([X, darker]))
    array([0, 1, 2, 1])
    """
    # Imported here because scipy takes longer to import than the rest of facekp.data.
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    thumbnails = _thumbnails(X)
    n = len(thumbnails)
    left, right = [], []
    size = max(1, min(1024, 2**24 // max(n, 1)))  # 64 MB of correlations at a time
    for start in range(0, n, size):
        block = thumbnails[start:start + size]
        i, j = np.nonzero(block @ thumbnails[start:].T > threshold * UNIT**2)
        left.append(i + start)
        right.append(j + start)
    if not n:
        return np.zeros(0, int)
    left, right = np.concatenate(left), np.concatenate(right)
    pairs = coo_matrix((np.ones(len(left), bool), (left, right)), shape=(n, n))
    label = connected_components(pairs, directed=False)[1]
    _, first, group = np.unique(label, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[group]


def _thumbnails(X):
    """Thumbnails, float32 (n, 576): integers, mean 0, length `UNIT`; 0 for a uniform image."""
    side = SIZE // THUMBNAIL
    thumbnails = np.empty((len(X), THUMBNAIL**2), np.float32)
    for start in range(0, len(X), 256):
        gray = np.rint(X[start:start + 256] * 255).astype(np.int64)
        small = gray.reshape(-1, THUMBNAIL, side, THUMBNAIL, side).sum(axis=(2, 4))
        small = small.reshape(-1, THUMBNAIL**2)
        centred = small * THUMBNAIL**2 - small.sum(axis=1, keepdims=True)
        length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
        # Rounding makes a vector longer by at most 12: half a unit in each of 576 entries.
        thumbnails[start:start + 256] = np.rint(centred * (UNIT / np.maximum(length, 1)))
    return thumbnails


def _shuffled_groups(n, seed, groups):
    """The samples as a list of index arrays, one for each group, in shuffled order."""
    random = np.random.RandomState(seed)
    if groups is None:
        return list(random.permutation(n)[:, np.newaxis])
    groups = np.asarray(groups)
    if groups.shape != (n,):
        raise ConfigError(f"groups: found shape {groups.shape}; expected ({n},), one group for "
                          "each sample; pass near_duplicate_groups(X) of the same images")
    _, group = np.unique(groups, return_inverse=True)
    members = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
    return [members[i] for i in random.permutation(len(members))]


def _fill(blocks, k):
    """Distribute blocks over k folds: the largest first, each to the fold with fewest samples."""
    folds, sizes = [[] for _ in range(k)], [0] * k
    for block in sorted(blocks, key=len, reverse=True):
        smallest = sizes.index(min(sizes))
        folds[smallest].append(block)
        sizes[smallest] += len(block)
    return [np.concatenate(fold) for fold in folds]


def _sides(n, valid):
    is_valid = np.zeros(n, bool)
    is_valid[valid] = True
    return np.flatnonzero(~is_valid), np.flatnonzero(is_valid)
