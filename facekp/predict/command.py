"""``facekp predict``: its arguments, and what they start. Imports nothing slow until it runs."""
import argparse

from facekp.arguments import path_name, whole_number

FORMATS = ("csv", "json", "coco", "labelme", "pts", "overlay")
"""What can be written: keypoints.csv, keypoints.json, coco.json, and in folders of their names a
file for each photo (labelme, overlay) or each face (pts)."""


def add_arguments(parser):
    """Declare the arguments of ``facekp predict``.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Gets the default ``run``: a callable that takes the options and returns the exit code.
    """
    parser.add_argument("paths", nargs="+", metavar="PATH", type=path_name,
                        help="photos, folders of photos, videos, or camera:0")
    parser.add_argument("-o", "--out", type=path_name, default="keypoints", metavar="FOLDER",
                        help="where the results go (default: %(default)s)")
    parser.add_argument("--format", type=_formats, default=("csv", "overlay"), metavar="LIST",
                        help=f"some of {','.join(FORMATS)} (default: csv,overlay)")
    parser.add_argument("--recursive", action="store_true", help="search folders in folders, too")
    parser.add_argument("--net", type=path_name, metavar="RUN|FILE",
                        help="another net: an ONNX file, or a run's folder with net.onnx")
    parser.add_argument("--boxes", type=path_name, metavar="FILE",
                        help="where the faces are: CSV with file,box_x,box_y,box_w,box_h, px")
    parser.add_argument("--no-detect", action="store_true",
                        help="each photo is one face; with --boxes: take the boxes as they are")
    parser.add_argument("--fast", action="store_true", help="one pass instead of two")
    parser.add_argument("--min-score", type=float, default=0.35, metavar="SCORE",
                        help="what the detector must reach for a face, 0 to 1 (default: "
                             "%(default)s)")
    parser.add_argument("--threads", type=whole_number(1, 1024), metavar="N",
                        help="cores to use (default: all that this process may use)")
    parser.set_defaults(run=_run)


def run(paths, out="keypoints", formats=("csv", "overlay"), **choices):
    """Find keypoints, write them, and say on stdout what was found.

    Parameters
    ----------
    paths, out, formats, choices : see :func:`facekp.predict.folder.predict`

    Returns
    -------
    int, the exit code: 0, or 1 if a photo was left out

    Raises
    ------
    FacekpError
        If nothing can be done; the message is for the user.
    """
    from facekp.predict import folder

    records, skipped = folder.predict(paths, out, formats, **choices)
    faces = sum(len(record.faces) for record in records)
    without = sum(not record.faces for record in records)
    print(f"{out}: {faces} face{'s' * (faces != 1)} in {len(records)} "
          f"picture{'s' * (len(records) != 1)}, {without} without a face, {len(skipped)} left out")
    return 1 if skipped else 0


def _run(options):
    return run(options.paths, options.out, options.format, recursive=options.recursive,
               net=options.net, boxes=options.boxes, detect=not options.no_detect,
               fast=options.fast, min_score=options.min_score, threads=options.threads)


def _formats(text):
    chosen = tuple(dict.fromkeys(text.split(",")))
    unknown = [name for name in chosen if name not in FORMATS]
    if unknown:
        raise argparse.ArgumentTypeError(f"found {','.join(unknown)!r}, expected some of "
                                         f"{','.join(FORMATS)}")
    return chosen
