"""What was found in a photo or in a frame, and the same as JSON."""
from dataclasses import dataclass
from typing import List, Optional, Tuple

import numpy as np

from facekp.keypoints import KEYPOINTS
from facekp.predict.find import Face

CONVENTIONS = ("x and y in px from the upper left corner of the photo, turned as its EXIF says; "
               "the middle of the first pixel is (0.5, 0.5); left and right are the person's own")
"""Of all coordinates in all files, but .pts, which counts from 1."""


@dataclass(frozen=True)
class Record:
    """What was found in a photo or in a frame of a video.

    Parameters
    ----------
    file : str, the name in the results, unique to the photo
    path : str, where it was read
    size : (int, int), px, width and height as it is seen
    faces : list of Face, the largest first
    frame : int or None, from 0, of a video
    timestamp : float or None, s, of a video
    """

    file: str
    path: str
    size: Tuple[int, int]
    faces: List[Face]
    frame: Optional[int] = None
    timestamp: Optional[float] = None


def as_json(record):
    """A record as a JSON-able dict.

    Returns
    -------
    dict with file, width, height, frame and timestamp (of a video), and faces: box (x, y, width,
    height), score, keypoints and confidence by name
    """
    video = {} if record.frame is None else {"frame": record.frame, "timestamp": record.timestamp}
    return {"file": record.file, **video, "width": record.size[0], "height": record.size[1],
            "faces": [{"box": np.asarray(face.box, float).tolist(),
                       "score": None if face.score is None else float(face.score),
                       "keypoints": dict(zip(KEYPOINTS, face.keypoints.tolist())),
                       "confidence": dict(zip(KEYPOINTS, face.confidence.tolist()))}
                      for face in record.faces]}


def from_json(value, path):
    """The record that :func:`as_json` made into `value`.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is none.
    """
    faces = [Face(np.array(face["box"], float), face["score"],
                  np.array([face["keypoints"][name] for name in KEYPOINTS], float),
                  np.array([face["confidence"][name] for name in KEYPOINTS], float))
             for face in value["faces"]]
    return Record(value["file"], path, (value["width"], value["height"]), faces,
                  value.get("frame"), value.get("timestamp"))
