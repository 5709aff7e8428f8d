"""Keypoints on photos: the command from its start to its end, and one photo after the other.

    python benchmarks/photos.py [--repeat N]

The photos show drawn people. "Cold" is `facekp predict`, a process of its own that writes CSV and
overlay; "warm" is a photo that is read from its file and searched by a process that has done so
before. Medians, as a table in docs/photos.md.
"""
import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import worker
from facekp import files

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "photos.md"
BEGIN, END = "<!-- times: written by benchmarks/photos.py -->", "<!-- end of times -->"

sys.path.insert(0, str(ROOT / "tests"))

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


def measure(repeat):
    """The table, and the sentences below it."""
    from facekp import machine

    lines = ["| photo | cold, s | warm, ms | with one thread, ms | for each face, ms |",
             "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        for name, path in draw(folder).items():
            cold = command(repeat, "predict", str(path), "-o", str(Path(folder, "out")))
            faces, one = warm(path, 1, repeat)
            _, all_cores = warm(path, None, repeat)
            lines.append(f"| {name} | {cold:.2f} | {1000 * all_cores:.0f} | {1000 * one:.0f} | "
                         f"{1000 * one / faces:.0f} |")
            print(lines[-1], file=sys.stderr, flush=True)
    host = machine.host()
    return "\n".join(lines) + (f"\n\n`facekp --help` takes {command(repeat, '--help'):.2f} s. "
                               f"The photos show drawn people. Medians of {repeat}; "
                               f"{host['cpu']}, {host['cores']} cores.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=15)
    options = parser.parse_args()
    text = measure(options.repeat)
    print(text)
    files.put_between(PAGE, BEGIN, END, text)


if __name__ == "__main__":
    main()
