"""Mirror images and their keypoints (paper, section 5.4)."""
import numpy as np

from facekp import mapped
from facekp.keypoints import flip_keypoints


def flip_images(X):
    """Mirror images left to right.

    Parameters
    ----------
    X : array (n_samples, 1, 96, 96)

    Returns
    -------
    array of the same shape and dtype; a copy, never a view of `X`

    Examples
    --------
    >>> X = np.zeros((1, 1, 96, 96), np.float32)
    >>> X[0, 0, 40, 7] = 1
    >>> np.argwhere(flip_images(X)[0, 0])
    array([[40, 88]])
    """
    return np.ascontiguousarray(X[..., ::-1])


def with_mirror_images(X, y_px):
    """The images followed by all their mirror images: twice as many (section 5.4).

    Parameters
    ----------
    X : float32 array (n_samples, 1, 96, 96)
    y_px : float32 array (n_samples, 30), px

    Returns
    -------
    X2 : float32 array (2 * n_samples, 1, 96, 96)
    y2_px : float32 array (2 * n_samples, 30), px; row ``n_samples + i`` mirrors row ``i``

    Examples
    --------
    >>> X2, y2_px = with_mirror_images(np.zeros((3, 1, 96, 96)), np.full((3, 30), 20.))
    >>> len(X2), y2_px[0, 0], y2_px[3, 0]
    (6, 20.0, 75.0)
    """
    return np.concatenate([X, flip_images(X)]), np.concatenate([y_px, flip_keypoints(y_px)])


def take(X, y_px, index):
    """Some of the images and their mirror images.

    Parameters
    ----------
    X : float32 array (n_samples, 1, 96, 96)
    y_px : float32 array (n_samples, 30), px
    index : int array (n,)
        Index i below `n_samples` is image i; index ``n_samples + i`` is its mirror image.

    Returns
    -------
    X2 : float32 array (n, 1, 96, 96)
    y2_px : float32 array (n, 30), px
        Copies: the rows `index` of what :func:`with_mirror_images` returns.

    Examples
    --------
    >>> X, y_px = np.zeros((3, 1, 96, 96)), np.full((3, 30), 20.)
    >>> X2, y2_px = take(X, y_px, np.array([2, 3 + 2]))  # the last image and its mirror image
    >>> y2_px[:, 0]
    array([20., 75.])
    """
    rows, mirrored = index % len(X), index >= len(X)
    X2, y2_px = mapped.take(X, rows), y_px[rows]
    y2_px[mirrored] = flip_keypoints(y2_px[mirrored])
    mirrored = np.flatnonzero(mirrored)
    for start in range(0, len(mirrored), mapped.BLOCK):
        block = mirrored[start:start + mapped.BLOCK]
        X2[block] = flip_images(X2[block])
    return X2, y2_px
