"""How well facekp.predict does on drawn scenes: faces found, and errors; a table in docs/photos.md.

    PYTHONPATH=.:tests python -m scenes.measure [--net RUN|FILE] [--pictures N] [--no-table]

Nobody's photo is needed, and no labels by hand: the drawings know where their keypoints are. What
they do not show is how real faces, lenses and light differ from drawn ones.
"""
import argparse
import hashlib
import itertools
from collections import namedtuple
from pathlib import Path

import numpy as np
from scene_tools import crowd, error_percent

import facekp
from facekp import files
from facekp.predict import Finder

PAGE = Path(__file__).resolve().parents[2] / "docs" / "photos.md"
BEGIN, END = "<!-- scenes: written by scenes.measure -->", "<!-- end of scenes -->"
WIDTH, HEIGHT = 1200, 800
FOUND_PERCENT = 50
"""A face belongs to a person if its points are so near on average, percent of the eye distance."""

Kind = namedtuple("Kind", "name people eyes roll brightness", defaults=(0.0, 1.0))
"""People of a picture: how many, the distance of their eyes, px, the angle in degrees to which
they are turned at random, and how bright the picture is."""

KINDS = (
    Kind("one large face", 1, 150.0),
    Kind("six faces, eyes 60 px apart", 6, 60.0),
    Kind("24 faces, eyes 24 px apart", 24, 24.0),
    Kind("60 faces, eyes 11 px apart", 60, 11.0),
    Kind("six faces, turned by up to 20 degrees", 6, 60.0, 20.0),
    Kind("six faces, turned by up to 45 degrees", 6, 50.0, 45.0),
    Kind("six faces in a fifth of the light", 6, 60.0, 0.0, 0.2),
)

Result = namedtuple("Result", "kind people found others errors")
"""What was found of all pictures of a kind: of how many people, how many were found, other boxes,
and the errors of those found, percent of the eye distance."""


def picture(kind, seed):
    """A picture of a kind: uint8 array (800, 1200, 3), and its points, float array (n, 15, 2)."""
    random = np.random.default_rng(seed)
    columns = int(np.ceil(np.sqrt(kind.people * WIDTH / HEIGHT)))
    rows = -(-kind.people // columns)
    grid = itertools.islice(itertools.product(range(rows), range(columns)), kind.people)
    places = [((column + 0.5) * WIDTH / columns, (row + 0.5) * HEIGHT / rows, kind.eyes,
               random.uniform(-kind.roll, kind.roll)) for row, column in grid]
    return crowd(WIDTH, HEIGHT, places, seed, kind.brightness)


def measure(finder, kind, n_pictures):
    """Find the faces on pictures of a kind.

    Parameters
    ----------
    finder : facekp.predict.Finder
    kind : Kind
    n_pictures : int

    Returns
    -------
    Result
    """
    errors, others = [], 0
    for seed in range(n_pictures):
        image, points = picture(kind, seed)
        left = list(points)
        for face in finder(image):
            apart = [error_percent(face.keypoints, one) for one in left]
            if apart and min(apart) < FOUND_PERCENT:
                errors.append(min(apart))
                del left[int(np.argmin(apart))]
            else:
                others += 1
    return Result(kind.name, kind.people * n_pictures, len(errors), others, errors)


def table(results):
    """The results as a table in Markdown."""
    lines = ["| scene | people | found | other boxes | error, median | error, 90th percentile |",
             "|---|---|---|---|---|---|"]
    for one in results:
        error = [f"{value:.1f} %" for value in np.percentile(one.errors, (50, 90))] \
            if one.errors else ["–", "–"]
        share = f"{one.found} ({100 * one.found / one.people:.3g} %)"
        lines.append("| " + " | ".join([one.kind, str(one.people), share, str(one.others)] + error)
                     + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", help="another net than the one of the package")
    parser.add_argument("--pictures", type=int, default=4, help="of each kind")
    parser.add_argument("--no-table", action="store_true", help="leave docs/photos.md alone")
    options = parser.parse_args()
    finder = Finder(options.net, threads=1)
    text = table([measure(finder, kind, options.pictures) for kind in KINDS])
    digest = hashlib.sha256(Path(finder.net.path).read_bytes()).hexdigest()
    text += (f"\n\nfacekp {facekp.__version__}, the net with the SHA-256 {digest[:12]}…, "
             f"{options.pictures} pictures of {WIDTH}x{HEIGHT} px of each kind.")
    print(text)
    if not options.no_table:
        files.put_between(PAGE, BEGIN, END, text)


if __name__ == "__main__":
    main()
