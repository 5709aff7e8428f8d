"""Keypoints on photos: the command from its start to its end, and one photo after the other.

    python benchmarks/photos.py

The photos show drawn people. "Cold" is `facekp predict`, a process of its own that writes CSV and
overlay; "warm" is a photo that is read from its file and searched by a process that has done so
before. Medians.
"""
import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import results
import worker

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

PHOTOS = {  # name -> width, height, people as for scene_tools.crowd, how many times enlarged
    "640x480, one face": (640, 480, [(320, 240, 60, 0)], 1),
    "1200x800, six faces": (1200, 800, [(200, 220, 60, 0), (600, 220, 60, 0), (1000, 220, 60, 0),
                                        (200, 580, 60, 0), (600, 580, 60, 0), (1000, 580, 60, 0)],
                            1),
    "4000x3000, three faces": (1000, 750, [(200, 250, 60, 0), (600, 450, 70, 0), (850, 250, 50, 0)],
                               4),
}


def draw(folder):
    """The photos as JPEG files; dict of name -> path."""
    from PIL import Image
    from scene_tools import crowd

    paths = {}
    for name, (width, height, places, times) in PHOTOS.items():
        paths[name] = Path(folder, f"{name}.jpg")
        picture = Image.fromarray(crowd(width, height, places, seed=1)[0])
        picture.resize((width * times, height * times), Image.BICUBIC).save(paths[name], quality=92)
    return paths


def command(repeat, *words):
    """Median seconds of a `facekp` command, each time a process of its own."""
    seconds = []
    for _ in range(repeat + 1):  # the first one brings the files into the system's memory
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "facekp.cli", *words], check=True,
                       stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds[1:])


def warm(path, threads, repeat):
    """The faces of a photo, and median seconds to read and search it."""
    from facekp.predict import Finder

    finder = Finder(threads=threads)
    faces = len(finder(path))
    return faces, statistics.median(worker.seconds(lambda: finder(path), repeat))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--out", type=Path, default=results.FOLDER)
    options = parser.parse_args()
    found = {"help_seconds": command(options.repeat, "--help"), "photos": []}
    with tempfile.TemporaryDirectory() as folder:
        for name, path in draw(folder).items():
            faces, seconds = warm(path, 1, options.repeat)
            found["photos"].append({
                "photo": name, "faces": faces, "one_thread_seconds": seconds,
                "seconds": warm(path, None, options.repeat)[1],
                "cold_seconds": command(options.repeat, "predict", str(path), "-o",
                                        str(Path(folder, "out")))})
            print(found["photos"][-1], file=sys.stderr, flush=True)
    print(f"facekp --help: {found['help_seconds']:.2f} s", file=sys.stderr)
    results.update(options.out, photos=found)


if __name__ == "__main__":
    main()
