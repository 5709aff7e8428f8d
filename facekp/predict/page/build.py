"""The files of the page, and a folder of them that any web server can serve."""
import json
import os
import shutil
from pathlib import Path

import facekp
from facekp import files
from facekp.errors import ConfigError
from facekp.keypoints import FLIP, KEYPOINTS, SIZE
from facekp.predict import detector, find, formats, geometry, images, overlay
from facekp.predict.net import Net
from facekp.predict.page import runtime
from facekp.predict.sessions import MODELS

SITE = Path(__file__).parent / "site"

CANVAS_PIXELS = 16 * 10**6
"""Larger photos are looked at in a smaller copy: phones' browsers have no larger canvas."""


def settings(metadata):
    """Every number that the page shares with :mod:`facekp.predict`.

    Parameters
    ----------
    metadata : dict of str -> str, of the net

    Returns
    -------
    dict, for JSON
    """
    return {
        "version": facekp.__version__, "net": metadata, "size": SIZE, "keypoints": KEYPOINTS,
        "columns": formats.CSV_COLUMNS, "flip": FLIP.tolist(), "maxPixels": images.MAX_PIXELS,
        "canvasPixels": CANVAS_PIXELS,
        "skeleton": [[KEYPOINTS.index(name) for name in pair] for pair in formats.SKELETON],
        "longestSide": overlay.LONGEST_SIDE,
        "geometry": {
            "five": geometry.FIVE, "means": geometry.MEANS.tolist(),
            "upright": geometry.UPRIGHT_DEGREES, "usual": geometry.USUAL,
            "darkest": geometry.DARKEST, "leastSpread": geometry.LEAST_SPREAD,
            "oversample": geometry.OVERSAMPLE, "movedPx": geometry.MOVED_PX,
            "movedShare": geometry.MOVED_SHARE},
        "find": {"detected": find.DETECTED, "trustPx": find.TRUST_PX},
        "detector": {
            "minScore": detector.MIN_SCORE, "sides": detector.SIDES, "small": detector.SMALL,
            "sure": detector.SURE, "better": detector.BETTER, "overlap": detector.OVERLAP,
            "stride": detector.STRIDE},
    }


def contents(net=None):
    """What the page consists of.

    Parameters
    ----------
    net : path or None, see :class:`facekp.predict.net.Net`

    Returns
    -------
    dict of str -> Path or bytes, the files by their names on the page

    Raises
    ------
    ConfigError, RunError
        If there is no such net, or onnxruntime-web is not the pinned one.
    EngineError
        If onnxruntime-web is not there and npm does not get it.
    """
    chosen = Net(net)
    found = {path.name: path for path in sorted(SITE.iterdir()) if path.is_file()}
    found["settings.json"] = json.dumps(settings(chosen.metadata)).encode()
    found["models/keypoints.onnx"] = Path(chosen.path)
    found["models/centerface.onnx"] = Path(detector.FILE)
    found["models/README.md"] = Path(MODELS, "README.md")
    found.update({f"runtime/{name}": path for name, path in runtime.fetch().items()})
    return found


def build(folder, net=None):
    """Write the page into a folder, which any web server can serve.

    Parameters
    ----------
    folder : path, made if it is not there
    net : path or None, see :func:`contents`

    Returns
    -------
    int, the bytes of all files

    Raises
    ------
    ConfigError, EngineError, RunError
        See :func:`contents`; ConfigError also if the folder cannot be written.
    """
    total = 0
    for name, content in contents(net).items():
        path = Path(folder, name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with files.replacing(path) as file:
                if isinstance(content, bytes):
                    file.write(content)
                else:
                    with open(content, "rb") as source:
                        shutil.copyfileobj(source, file)
        except OSError as error:
            raise ConfigError(f"{os.fspath(folder)}: cannot be written ({error.strerror}); name "
                              "another folder") from None
        total += path.stat().st_size
    return total
