"""Shared by the tests of prediction: pictures of several drawn people, with their keypoints."""
from unittest import mock

import numpy as np
from PIL import Image

from facekp.data.synthetic import face, people, scene
from facekp.keypoints import SIZE


def portraits(n, seed=0, canvas=240, zoom=0.55):
    """Drawn people with their hair and shoulders, on canvases larger than Kaggle's crops.

    Parameters
    ----------
    n, seed : int
    canvas : int, px, width and height of each picture
    zoom : float, size of the face against that in Kaggle's crop, which it would fill

    Returns
    -------
    pictures : uint8 array (n, canvas, canvas)
    points : float array (n, 15, 2), px, pixel edges at whole numbers
    """
    t = people.draw_people(np.random.default_rng(seed), n)
    grow = canvas / SIZE * zoom
    t.shift = (t.shift - SIZE / 2) * grow + canvas / 2
    t.scale = t.scale * np.float32(grow)
    with mock.patch.object(scene, "SIZE", canvas):
        pictures = scene.draw(t)
    pictures = np.clip(pictures * t.gain * 225 + 8, 0, 255).astype(np.uint8)
    return pictures, face.labels(t) + 0.5


def crowd(width, height, places, seed=0, brightness=1.0):
    """A picture of several people.

    Parameters
    ----------
    width, height : int, px
    places : list of (x, y, eyes, roll)
        Of each person: where the middle of the portrait is, px; the distance of the eyes that an
        average person would have there, px; the angle in degrees, positive clockwise.
    seed : int
    brightness : float

    Returns
    -------
    picture : uint8 array (height, width, 3)
    points : float array (n, 15, 2), px, pixel edges at whole numbers
    """
    canvas, zoom = 240, 0.55
    pictures, points = portraits(len(places), seed, canvas, zoom)
    whole = Image.fromarray(_wall(width, height, seed))
    found = []
    for picture, own, (x, y, eyes, roll) in zip(pictures, points, places):
        scale = eyes / (36.7 * canvas / SIZE * zoom)
        side = max(1, int(round(canvas * scale)))
        # Pillow turns counter-clockwise; a mask leaves the corners of the turned portrait out
        small = Image.fromarray(picture).resize((side, side), Image.BICUBIC, reducing_gap=3)
        mask = Image.new("L", small.size, 255).rotate(-roll, Image.BICUBIC, expand=True)
        small = small.rotate(-roll, Image.BICUBIC, expand=True)
        left, top = int(round(x - small.width / 2)), int(round(y - small.height / 2))
        whole.paste(small, (left, top), mask)
        c, s = np.cos(np.radians(roll)), np.sin(np.radians(roll))
        about = (own - canvas / 2) * (side / canvas)
        middle = (left + small.width / 2, top + small.height / 2)
        found.append(about @ np.array([[c, s], [-s, c]]) + middle)
    picture = np.asarray(whole, np.float32) * brightness
    tint = np.array([1.0, 0.93, 0.86], np.float32)
    return np.clip(picture[..., np.newaxis] * tint, 0, 255).astype(np.uint8), np.array(found)


def _wall(width, height, seed):
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(90, 170, (4, 5)).astype(np.uint8))
    return np.asarray(coarse.resize((width, height), Image.BICUBIC))


def error_percent(found, points):
    """Mean distance from the true points in percent of the eye distance.

    Parameters
    ----------
    found, points : float array (15, 2), px
    """
    eyes = np.hypot(*(points[0] - points[1]))
    return 100 * float(np.hypot(*(found - points).T).mean()) / eyes
