"""Transforms of training images, image and keypoints together (paper, section 6: future work).

:func:`draw` chooses the changes of each image for an epoch, :func:`transform` makes them::

    augmentation = Augmentation.parse("mirror=0.5,rotate=12,scale=0.12,contrast=0.3")
    changes = draw(augmentation, seed=0, epoch=1, index=np.arange(len(X)))
    X_new, y_new_px = transform(X, y_px, changes)

The whole geometry of an image is one affine map, so its pixels are interpolated only once. Modules:
``random`` (numbers from seed, epoch and index), ``draw`` (numbers to changes), ``geometry`` (maps
and keypoints), ``kernel_input`` and ``resample`` (pixels). While a net trains, the compiled kernel
of :mod:`facekp.fused.resample_ops` is used instead of ``resample``.
"""
import numpy as np

from .draw import Changes, draw
from .geometry import move_keypoints
from .kernel_input import kernel_input
from .resample import resample

__all__ = ["Changes", "draw", "kernel_input", "move_keypoints", "resample", "transform"]


def transform(X, y_px, changes):
    """Transformed images and their keypoints.

    Parameters
    ----------
    X : float32 array (n, 1, 96, 96) in [0, 1]
    y_px : float array (n, 30), px; NaN where unlabelled
    changes : Changes, of n images

    Returns
    -------
    X_new : float32 array (n, 1, 96, 96) in [0, 1]
    y_new_px : float array (n, 30), px
        NaN where unlabelled, and for keypoints that are outside the new image.

    Examples
    --------
    >>> from facekp.augmentation import Augmentation
    >>> X, y_px = np.zeros((3, 1, 96, 96), np.float32), np.full((3, 30), 47.5)
    >>> changes = draw(Augmentation.parse("rotate=12"), seed=0, epoch=1, index=np.arange(3))
    >>> X_new, y_new_px = transform(X, y_px, changes)
    >>> X_new.shape, y_new_px[0, :2]    # the image's centre stays
    ((3, 1, 96, 96), array([47.5, 47.5]))
    """
    X_new = resample(X, np.arange(len(X)), kernel_input(changes))
    return X_new, move_keypoints(y_px, changes.maps)
