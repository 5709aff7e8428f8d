"""Mirror images (paper, section 5.4): the image and its keypoints together."""
import numpy as np

from facekp.keypoints import FLIP, SIZE


def flip_images(X):
    """Mirror images left to right.

    Parameters
    ----------
    X : array (n_samples, 1, 96, 96)

    Returns
    -------
    array of the same shape and dtype; a copy, never a view of `X`
    """
    return np.ascontiguousarray(X[..., ::-1])


def flip_keypoints(y_px):
    """Keypoints of mirror images: x becomes ``95 - x``, and left and right swap names.

    Pixel centres have whole coordinates, so that pixel 0 becomes pixel 95.

    Parameters
    ----------
    y_px : float array (n_samples, 30), px; NaN stays NaN

    Returns
    -------
    float array (n_samples, 30), px; a copy
    """
    flipped = y_px[..., FLIP].copy()
    flipped[..., 0::2] = (SIZE - 1) - flipped[..., 0::2]
    return flipped


def with_mirror_images(X, y_px):
    """The images followed by their mirror images: twice as many (section 5.4).

    Parameters
    ----------
    X : float32 array (n_samples, 1, 96, 96)
    y_px : float32 array (n_samples, 30), px

    Returns
    -------
    X2 : float32 array (2 * n_samples, 1, 96, 96)
    y2_px : float32 array (2 * n_samples, 30), px; row ``n_samples + i`` mirrors row ``i``
    """
    return np.concatenate([X, flip_images(X)]), np.concatenate([y_px, flip_keypoints(y_px)])


def take(X, y_px, index):
    """Some of the images and their mirror images.

    Parameters
    ----------
    X : float32 array (n_samples, 1, 96, 96)
    y_px : float32 array (n_samples, 30), px
    index : int array (n,)
        Below `n_samples` an image, from there on its mirror image.

    Returns
    -------
    X2 : float32 array (n, 1, 96, 96)
    y2_px : float32 array (n, 30), px
        Copies: the rows `index` of what :func:`with_mirror_images` returns.
    """
    rows, mirrored = index % len(X), index >= len(X)
    X2, y2_px = X[rows], y_px[rows]
    X2[mirrored], y2_px[mirrored] = flip_images(X2[mirrored]), flip_keypoints(y2_px[mirrored])
    return X2, y2_px
