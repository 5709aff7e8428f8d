"""The photo with what was found drawn over it."""
from PIL import Image, ImageDraw

from facekp import files
from facekp.keypoints import KEYPOINTS
from facekp.predict.formats import SKELETON

LONGEST_SIDE = 2048
"""px; larger photos are drawn on a smaller copy."""


def draw(image, faces):
    """A copy of a photo with boxes, keypoints and lines between them.

    Parameters
    ----------
    image : PIL image of mode RGB
    faces : list of Face

    Returns
    -------
    PIL image of mode RGB
    """
    scale = min(1.0, LONGEST_SIDE / max(image.size))
    size = [max(1, round(length * scale)) for length in image.size]
    drawn = image.resize(size, Image.BICUBIC, reducing_gap=3) if scale < 1 else image.copy()
    pen = ImageDraw.Draw(drawn)
    for face in faces:
        x, y, w, h = face.box * scale
        thick = max(1, round(w / 120))
        pen.rectangle((x, y, max(x + w, x), max(y + h, y)), outline=(255, 200, 0), width=thick)
        points = face.keypoints * scale
        for pair in SKELETON:
            line = [tuple(points[KEYPOINTS.index(name)]) for name in pair]
            pen.line(line, fill=(0, 160, 255), width=thick)
        radius = max(1.0, w / 70)
        for px, py in points:
            pen.ellipse((px - radius, py - radius, px + radius, py + radius), fill=(255, 40, 40))
    return drawn


def write_overlay(path, image, faces):
    """Write :func:`draw`'s picture as PNG, atomically.

    Parameters
    ----------
    path : path
    image : PIL image of mode RGB
    faces : list of Face
    """
    with files.replacing(path) as file:
        draw(image, faces).save(file, "PNG", compress_level=1)  # half the time, a little larger
