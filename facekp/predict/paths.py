"""Which photos the paths of a user name, and what their results are called."""
import csv
import math
import os
from pathlib import Path

from facekp.errors import ConfigError
from facekp.predict.images import SUFFIXES
from facekp.text import shown_path

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm")
CAMERA = "camera:"
"""What a path begins with that names a camera, like ``camera:0``."""


def find_photos(paths, recursive=False, leave_out=None, complain=None):
    """The photos that some paths name, each with a name of its own.

    A file that is named is taken whatever its suffix is; a folder is searched for files with a
    photo's or a video's suffix.

    Parameters
    ----------
    paths : list of path
    recursive : bool
        Search the folders in a folder, too.
    leave_out : path or None
        A folder that is not searched: that of the pictures that are results.
    complain : callable or None
        Called with a line of text for each folder that cannot be read.

    Returns
    -------
    dict of str -> str
        Name in the results -> path. The name is the path within its folder, with "/"; of two that
        would be the same, the second gets a number, like ``a-2.jpg``.

    Raises
    ------
    ConfigError
        If a path does not exist, or no photo is found at all.
    """
    found, taken, seen = {}, set(), set()
    for path in map(os.fspath, paths):
        for name, file in _below(path, recursive, leave_out, complain):
            place = file if file.startswith(CAMERA) else os.path.realpath(file)
            if place not in seen:
                seen.add(place)
                name = _free(name, taken)
                taken.add(name.lower())  # some file systems take a.jpg and A.jpg for the same
                found[name] = file
    if not found:
        raise ConfigError("no photo found in " + ", ".join(shown_path(path) for path in paths)
                          + f"; name files, or a folder of {', '.join(SUFFIXES)} files"
                          + ("" if recursive else "; --recursive searches its folders, too"))
    return found


def _below(path, recursive, leave_out, complain):
    """Pairs (name, path) of the files that a path stands for, in order of their names."""
    if path.startswith(CAMERA):
        return [(path.replace(":", ""), path)]
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise ConfigError(f"{shown_path(path)}: does not exist; correct the path") from None
    except OSError:  # who opens it says why
        pass
    if not os.path.isdir(path):
        return [(os.path.basename(path), path)]

    def closed(error):
        if complain is not None:
            complain(f"{shown_path(error.filename)}: cannot be read ({error.strerror}); let this "
                     "user read the folder")

    found, results = [], leave_out and os.path.realpath(leave_out)
    for folder, inner, names in os.walk(path, onerror=closed):
        own = os.path.realpath(folder) == results
        inner[:] = inner if recursive and not own else []
        found += [Path(folder, name) for name in names
                  if not own and name.lower().endswith(SUFFIXES + VIDEO_SUFFIXES)]
    return sorted((file.relative_to(path).as_posix(), str(file)) for file in found
                  if _may_be_file(file))


def _may_be_file(path):
    """Whether a path is a file; who opens one that nobody may look at says why."""
    try:
        return path.is_file()
    except OSError:
        return True


def _free(name, taken):
    stem, suffix = os.path.splitext(name)
    number, free = 1, name
    while free.lower() in taken:
        number += 1
        free = f"{stem}-{number}{suffix}"
    return free


def read_boxes(path, names):
    """The boxes that a CSV file gives: columns file, box_x, box_y, box_w, box_h, px.

    Other columns are left alone, so that a file of results can be given; rows without a box, too.

    Parameters
    ----------
    path : path
    names : iterable of str, of photos

    Returns
    -------
    dict of str -> list of four float

    Raises
    ------
    ConfigError
        If the file is not of that kind, or it names a photo that is none of these.
    """
    boxes = {name: [] for name in names}
    where = shown_path(path)
    columns = ("box_x", "box_y", "box_w", "box_h")
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.DictReader(file)
            if not {"file", *columns} <= set(reader.fieldnames or ()):
                found = ",".join(reader.fieldnames or ())
                raise ConfigError(f"{where}, row 1: found {found!r:.100}, expected the columns "
                                  f"file,{','.join(columns)}")
            for row in reader:
                if row["file"] not in boxes:
                    raise ConfigError(f"{where}, row {reader.line_num}: found the file "
                                      f"{row['file']!r:.100}, which is none of the photos; correct "
                                      "it, or name that photo, too")
                if row["box_x"]:
                    boxes[row["file"]].append(_box([row[column] for column in columns]))
    except OSError as error:
        raise ConfigError(f"{where}: cannot be read ({error.strerror}); name a CSV file") from None
    except (ValueError, csv.Error) as error:
        raise ConfigError(f"{where}, row {reader.line_num}: found {str(error)!r:.100}, expected "
                          f"four numbers in {', '.join(columns)}, px, the last two above 0"
                          ) from None
    return boxes


def _box(texts):
    try:
        box = [float(text) for text in texts]
        if all(map(math.isfinite, box)) and min(box[2:]) > 0:
            return box
    except (TypeError, ValueError):  # a row that is too short, or words
        pass
    raise ValueError(",".join(text or "" for text in texts))
