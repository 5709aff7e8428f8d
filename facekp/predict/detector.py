"""Where the faces of a photo are: CenterFace (arXiv 1911.03599) with onnxruntime."""
import os
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from facekp.predict.sessions import MODELS, open_session

FILE = os.path.join(MODELS, "centerface.onnx")

MIN_SCORE = 0.35
"""Below this a detection is not taken for a face; faces that are seen badly have 0.35 to 0.5."""

SIDES = (512, 1280)
"""px of the photo's longer side as the detector sees it: at first, and then if it is needed."""

SMALL = 48
"""px: a face of this height in the first look may have smaller ones beside it."""

SURE, BETTER = 0.75, 0.1
"""A score from which a face is not looked for in the turned photo as well; by how much a face in
the turned photo must be surer."""

OVERLAP = 0.3
"""Of two detections that share so much of their area, the better one stays."""

STRIDE = 4
"""The net's output has a value for each 4x4 px."""


@dataclass(frozen=True, eq=False)
class Detection:
    """A face in a photo.

    Parameters
    ----------
    box : float array (4,), px of the photo: x and y of the upper left corner, width, height
    score : float in [0, 1]
    five : float array (5, 2), px of the photo
        Eyes, nose and corners of the mouth as in :data:`facekp.predict.geometry.FIVE`.
    """

    box: np.ndarray
    score: float
    five: np.ndarray


class Detector:
    """CenterFace.

    Parameters
    ----------
    min_score : float in [0, 1]
    threads : int or None, see :func:`facekp.predict.sessions.open_session`
    fast : bool
        Look a second time only if a face is small or there is none, not at every large photo.
    """

    def __init__(self, min_score=MIN_SCORE, threads=None, fast=False):
        self.min_score, self.fast = min_score, fast
        self._session = open_session(FILE, threads)
        self._input = self._session.get_inputs()[0].name

    def __call__(self, image):
        """The faces of a photo.

        A second look at a larger copy finds small faces, and is surer of others. Where there is no
        face, the photo is looked at with a margin: a face that fills it is not found otherwise.
        Where there is none that is sure, it is looked at turned by quarters.

        Parameters
        ----------
        image : PIL image of mode RGB

        Returns
        -------
        list of Detection, the best first
        """
        found = self._look(image, SIDES[0])
        seen_at = min(1.0, SIDES[0] / max(image.size))
        small = any(one.box[3] * seen_at < SMALL for one in found)
        large = max(image.size) > SIDES[1] and not self.fast
        if _best(found) < SURE or small or large:
            found = _distinct(found + self._look(image, SIDES[1], larger=2.0))
        found = found or self._with_margin(image)
        if _best(found) < SURE:
            turned = self._turned(image)
            found = turned if _best(turned) > _best(found) + BETTER else found
        return found

    def _with_margin(self, image):
        width, height = image.size
        left, top = width // 4 + 1, height // 4 + 1
        gray = tuple(np.asarray(image.resize((1, 1), Image.BOX)).ravel().tolist())
        scale = min(1.0, SIDES[0] / max(width, height))
        small = image.resize([max(1, round(scale * size)) for size in image.size], Image.BILINEAR,
                             reducing_gap=2)
        wide = Image.new("RGB", (small.width + 2 * round(left * scale),
                                 small.height + 2 * round(top * scale)), gray)
        corner = (round(left * scale), round(top * scale))
        wide.paste(small, corner)
        ratio = np.array([width / small.width, height / small.height])
        return [replace(one, box=np.concatenate([(one.box[:2] - corner) * ratio,
                                                 one.box[2:] * ratio]),
                        five=(one.five - corner) * ratio)
                for one in self._look(wide, SIDES[0])]

    def _turned(self, image):
        best = []
        for quarter in (Image.ROTATE_90, Image.ROTATE_270, Image.ROTATE_180):
            found = self._look(image.transpose(quarter), SIDES[0])
            if _best(found) > _best(best):
                best = [_turned_back(one, quarter, image.size) for one in found]
        return best

    def _look(self, image, side, larger=1.0):
        """The faces that a copy of the photo shows whose longer side is `side` px at most; the
        copy is at most so much `larger`."""
        scale = min(larger, side / max(image.size))
        size = [max(1, int(round(length * scale))) for length in image.size]
        small = np.asarray(image.resize(size, Image.BILINEAR, reducing_gap=2), np.float32)
        height, width = (-(-length // 32) * 32 for length in small.shape[:2])
        X = np.zeros((1, 3, height, width), np.float32)
        X[0, :, :small.shape[0], :small.shape[1]] = small.transpose(2, 0, 1)
        ratio = np.array([image.width / size[0], image.height / size[1]])
        outputs = self._session.run(None, {self._input: X})
        return _distinct(_decoded(*(output[0] for output in outputs), self.min_score, ratio))


def _decoded(heat, scale, offset, landmarks, min_score, ratio):
    """Detections from the net's four outputs, each (channels, rows, columns)."""
    rows, columns = np.nonzero(heat[0] >= min_score)
    at = (slice(None), rows, columns)
    h, w = np.exp(scale[at].astype(np.float64)) * STRIDE
    middle_y, middle_x = (np.stack([rows, columns]) + offset[at] + 0.5) * STRIDE
    corner = np.stack([middle_x - w / 2, middle_y - h / 2], -1)         # (n, 2)
    yx = landmarks[at].T.reshape(-1, 5, 2)                              # (n, 5, 2), of the box
    five = corner[:, np.newaxis] + yx[..., ::-1] * np.stack([w, h], -1)[:, np.newaxis]
    boxes = np.concatenate([corner * ratio, np.stack([w, h], -1) * ratio], 1)
    return [Detection(*face) for face in zip(boxes, heat[0][rows, columns].tolist(), five * ratio)]


def overlap(a, b):
    """Intersection over union of boxes (x, y, width, height), each float array (..., 4)."""
    begin = np.maximum(a[..., :2], b[..., :2])
    end = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    common = np.maximum(end - begin, 0).prod(-1)
    return common / np.maximum(a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - common, 1e-9)


def _best(detections):
    return max((one.score for one in detections), default=0.0)


def _distinct(detections):
    """The best of each group of detections that overlap."""
    left = sorted(detections, key=lambda detection: -detection.score)
    boxes = np.array([one.box for one in left]).reshape(-1, 4)
    free, kept = np.ones(len(left), bool), []
    for number, one in enumerate(left):
        if free[number]:
            kept.append(one)
            free &= overlap(one.box, boxes) < OVERLAP
    return kept


def _turned_back(detection, quarter, size):
    """A detection in the turned photo as one in the photo; `size` is the photo's."""
    width, height = size

    def back(xy):
        x, y = np.asarray(xy)[..., 0], np.asarray(xy)[..., 1]
        return np.stack({Image.ROTATE_90: (width - y, x), Image.ROTATE_270: (y, height - x),
                         Image.ROTATE_180: (width - x, height - y)}[quarter], -1)

    corners = back([detection.box[:2], detection.box[:2] + detection.box[2:]])
    begin, end = corners.min(0), corners.max(0)
    return replace(detection, box=np.concatenate([begin, end - begin]), five=back(detection.five))
