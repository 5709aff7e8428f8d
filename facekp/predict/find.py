"""The keypoints of all faces of a photo."""
from dataclasses import dataclass
from typing import Optional

import numpy as np

from facekp.errors import ConfigError
from facekp.keypoints import SIZE, flip_keypoints
from facekp.predict.detector import MIN_SCORE, Detector, overlap
from facekp.predict.geometry import FIVE, Crop, crop_of, cut, with_contrast
from facekp.predict.images import PhotoError, load
from facekp.predict.net import Net

DETECTED = (0.008, 0.007, 1.024)
"""How crops by CenterFace's five points differ from Kaggle's: add to x and y (of the side), and
multiply the side; measured on Kaggle's training images."""

_BOXED = (0.0, -0.02, 1.01)
"""The crop by a box alone: how far aside its middle is (of the box's width and height), and its
side (of the larger of both); measured on drawn faces, whose boxes CenterFace found."""

TRUST_PX = 2.0
"""Spread of a keypoint, px of the crop, at which its confidence is exp(-1)."""


@dataclass(frozen=True, eq=False)
class Face:
    """What was found of a face.

    Coordinates are px from the upper left corner of the photo as its EXIF says it is to be seen;
    the middle of the first pixel is (0.5, 0.5).

    Parameters
    ----------
    box : float array (4,), px
        x and y of the upper left corner, width and height; of a photo without detection, all of it.
    score : float in [0, 1] or None
        The detector's; None where nothing was detected.
    keypoints : float array (15, 2), px
        x and y of each of :data:`facekp.keypoints.KEYPOINTS`.
    confidence : float array (15,) in [0, 1]
        1 where the net agrees with itself on other crops of the face and on its mirror image;
        exp(-spread / 2 px of the crop). A rank, no probability.
    """

    box: np.ndarray
    score: Optional[float]
    keypoints: np.ndarray
    confidence: np.ndarray


class Finder:
    """Finds keypoints in many photos with the same choices.

    Parameters
    ----------
    net : path or None, see :class:`facekp.predict.net.Net`
    detect : bool
        False: each photo is one face, cropped as Kaggle's are.
    fast : bool
        One pass instead of two, and no second look for small faces beside large ones.
    min_score : float in [0, 1], of a detection
    threads : int or None
        None for all cores that the process may use.

    Raises
    ------
    ConfigError, RunError
        If a choice is impossible, or there is no such net.
    """

    def __init__(self, net=None, detect=True, fast=False, min_score=MIN_SCORE, threads=None):
        if not 0 <= min_score <= 1:
            raise ConfigError(f"min_score: found {min_score!r}, expected a number from 0 to 1")
        if threads is not None and not (isinstance(threads, int) and threads > 0):
            raise ConfigError(f"threads: found {threads!r}, expected a whole number above 0")
        self.net = Net(net, threads)
        self.detector = Detector(min_score, threads, fast) if detect else None
        self.fast = fast

    def __call__(self, image, boxes=None):
        """The faces of a photo; see :func:`find_keypoints`."""
        image = load(image)
        gray = np.asarray(image.convert("L"))
        if boxes is not None:
            places = [self._in_box(image, box) for box in _checked(boxes, image.size)]
        elif self.detector is None:
            width, height = image.size
            whole = Crop(width / 2, height / 2, float(max(width, height)))
            places = [(np.array([0.0, 0.0, width, height]), None, whole)]
        else:
            places = [(one.box, one.score, _detected(one.five)) for one in self.detector(image)]
        if not places:
            return []
        found = self._keypoints(gray, [crop for _, _, crop in places])
        faces = [Face(box, score, *points) for (box, score, _), points in zip(places, found)]
        return sorted(faces, key=lambda face: -face.box[2] * face.box[3])

    def _in_box(self, image, box):
        """(box, score, crop) of a box that the caller gives: by the detector, if it sees a face."""
        x, y, w, h = box
        if self.detector is not None:
            corner = np.maximum([x - w / 2, y - h / 2], 0).astype(int)
            end = np.minimum(np.ceil([x + 1.5 * w, y + 1.5 * h]), image.size).astype(int)
            around = image.crop((*corner, *end))
            inside = np.concatenate([box[:2] - corner, box[2:]])
            best = max(self.detector(around), default=None,
                       key=lambda detection: overlap(detection.box, inside))
            if best is not None and overlap(best.box, inside) > 0.2:
                return box, best.score, _detected(best.five + corner)
        aside_x, aside_y, size = _BOXED
        return box, None, Crop(x + w * (0.5 + aside_x), y + h * (0.5 + aside_y), max(w, h) * size)

    def _keypoints(self, gray, crops):
        """Pairs (keypoints (15, 2) px of the photo, confidence (15,)), one for each crop."""
        first = self._pass(gray, crops)                                  # (n, 2, 15, 2)
        if self.fast:
            return [_summary([points], crop) for points, crop in zip(first, crops)]
        again = [_again(points.mean(0), crop) for points, crop in zip(first, crops)]
        second = self._pass(gray, again)
        return [_summary([a, b], crop, alone=crop.moved(new))
                for a, b, crop, new in zip(first, second, crops, again)]

    def _pass(self, gray, crops):
        """Points (n, 2, 15, 2), px of the photo, in crops and in their mirror images."""
        images = np.stack([with_contrast(cut(gray, crop)) for crop in crops])
        y_px = self.net(np.concatenate([images, images[:, :, ::-1]]))
        both = np.stack([y_px[:len(crops)], flip_keypoints(y_px[len(crops):])], 1)
        return np.stack([crop.to_photo(points.reshape(2, -1, 2))
                         for crop, points in zip(crops, both)])


def find_keypoints(image, net=None, boxes=None, detect=True, fast=False, min_score=MIN_SCORE,
                   threads=None):
    """Find the faces of a photo and their 15 keypoints.

    Parameters
    ----------
    image : path, PIL image, or array; see :func:`facekp.predict.images.load`
    net : path or None
        An ONNX file, or a run's folder with ``net.onnx`` in it; None for the net that comes with
        the package.
    boxes : float array (n, 4) or None, px
        Where the faces are (x, y, width, height), if you know it.
    detect : bool
        False: the photo is a face, cropped as Kaggle's are; with `boxes`: they are taken as they
        are.
    fast : bool
        One pass instead of two, and no second look for small faces beside large ones.
    min_score : float in [0, 1]
        What the detector must reach for a face.
    threads : int or None
        None for all cores that the process may use.

    Returns
    -------
    list of Face
        The largest first; empty if there is none.

    Raises
    ------
    PhotoError
        If the photo cannot be read, is too large or is none, or a box is not in it.
    ConfigError, RunError
        If a choice is impossible, or there is no such net.

    Examples
    --------
    >>> from facekp.predict import find_keypoints            # doctest: +SKIP
    >>> for face in find_keypoints("people.jpg"):            # doctest: +SKIP
    ...     print(face.score, face.keypoints[0])
    """
    return Finder(net, detect, fast, min_score, threads)(image, boxes)


def _checked(boxes, size):
    boxes = np.asarray(boxes, np.float64)
    if boxes.size == 0:
        return []
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all() or (
            (boxes[:, 2:] <= 0).any()):
        raise ConfigError(f"boxes: found {boxes.tolist()!r:.100}, expected rows of x, y, width and "
                          "height, px, with a width and a height above 0")
    outside = (boxes[:, :2] >= size).any(1) | (boxes[:, :2] + boxes[:, 2:] <= 0).any(1)
    for box in boxes[outside | (boxes[:, 2:].max(1) > 2 * max(size))]:
        raise PhotoError(f"boxes: found {box.tolist()!r:.100}, expected boxes that show a part of "
                         f"the picture, which has {size[0]}x{size[1]} px, and are at most twice as "
                         "large; correct the box")
    return boxes


def _detected(five):
    crop = crop_of(five)
    aside_x, aside_y, grow = DETECTED
    c, s = np.cos(np.radians(crop.roll)), np.sin(np.radians(crop.roll))
    return Crop(crop.x + crop.side * (c * aside_x - s * aside_y),
                crop.y + crop.side * (s * aside_x + c * aside_y), crop.side * grow, crop.roll)


def _again(points, crop):
    """The crop by the points that were found in `crop`; that one, if they make no sense."""
    new = crop_of(points[list(FIVE)])
    return new if crop.side / 2 < new.side < 2 * crop.side else crop


def _summary(passes, crop, alone=False):
    """Mean and confidence of points (2, 15, 2) of one or two passes; `alone`: of the last one."""
    points = np.concatenate(passes)
    keypoints = (passes[-1] if alone else points).mean(0)
    spread = np.sqrt(((points - points.mean(0)) ** 2).sum(-1).mean(0)) * (SIZE / crop.side)
    return keypoints, np.exp(-spread / TRUST_PX)
