"""Keypoints of many photos: files and folders in, a folder of results out."""
import errno
import itertools
import os
import sys
from pathlib import Path

from facekp import __version__, files
from facekp.errors import ConfigError
from facekp.predict import formats, paths, video
from facekp.predict.command import FORMATS
from facekp.predict.detector import MIN_SCORE
from facekp.predict.find import Finder
from facekp.predict.images import PhotoError, load
from facekp.predict.journal import Journal, state_of
from facekp.predict.overlay import write_overlay
from facekp.predict.records import Record
from facekp.text import Progress, shown_path


def predict(given, out, formats=("csv", "overlay"), recursive=False, net=None, boxes=None,
            detect=True, fast=False, min_score=MIN_SCORE, threads=None):
    """Find the keypoints in photos and write them.

    A file that cannot be used is named on stderr and left out. After a stop the same call goes on
    with the photos that are not done. Of videos, every frame is a row of CSV and JSON.

    Parameters
    ----------
    given : list of path, photos, videos, folders of them, or ``camera:0``
    out : path of the folder of results, made if it is not there
    formats : sequence of str, of :data:`facekp.predict.command.FORMATS`
    recursive : bool, search the folders in a folder, too
    boxes : path or None
        A CSV file with the columns file, box_x, box_y, box_w, box_h; see
        :func:`facekp.predict.paths.read_boxes`. Of photos: a video's faces move.
    net, detect, fast, min_score, threads : see :func:`facekp.predict.find_keypoints`

    Returns
    -------
    records : list of Record, in the order of the photos
    skipped : list of str, why each photo that was left out was

    Raises
    ------
    FacekpError
        If a choice is impossible, a path does not exist, or there is no photo.
    """
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown or not formats:
        raise ConfigError(f"format: found {', '.join(unknown) or 'none'}, expected some of "
                          f"{', '.join(FORMATS)}")
    out = Path(out)
    skipped, progress = [], Progress("photos", 0)

    def leave_out(why):
        skipped.append(why)
        progress.clear()
        print(f"facekp: warning: {why} (left out)", file=sys.stderr)

    photos = paths.find_photos(given, recursive, out / "overlay", leave_out)
    progress.total = len(photos)
    pictures = [name for name, path in photos.items() if not video.is_video(path)]
    chosen = paths.read_boxes(boxes, pictures) if boxes else {}
    finder = Finder(net, detect, fast, min_score, threads)
    try:
        files.make_folder(out)
        journal = Journal(out, {"version": __version__, "net": _identity(finder.net.path),
                                "detect": detect, "fast": fast, "min_score": min_score,
                                "formats": sorted(formats), "boxes": chosen})
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written ({error.strerror}); name another folder for "
                          "the results") from None
    records, finished = [], False
    try:
        for name, path in photos.items():
            try:
                for record in _one(name, path, out, formats, finder, chosen.get(name), journal):
                    records.append(record)
                    progress.show("" if record.frame is None else f"frame {record.frame}")
            except PhotoError as error:
                leave_out(str(error))
            progress.step()
        _write_whole(out, formats, records, finder.net.metadata)
        finished = True
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(f"{str(error) or 'interrupted'}; the same command goes on where it "
                                "was stopped") from None
    finally:
        progress.clear()
        journal.close(finished)
    return records, skipped


def _identity(path):
    """What tells one net's file from another."""
    status = os.stat(path)
    return [os.path.abspath(path), status.st_size, status.st_mtime_ns]


def _one(name, path, out, formats, finder, boxes, journal):
    """The records of a photo or a video; the photo's own files are written."""
    if video.is_video(path):
        return video.records(name, path, finder)
    if journal.has(name, path):
        return [journal.done[name]]
    state = state_of(path)
    image = load(path)
    try:
        faces = finder(image, boxes)
    except PhotoError as error:  # of a picture without a name
        raise PhotoError(f"{shown_path(path)}: {error}") from None
    record = Record(name, path, image.size, faces)
    try:
        _write_own(out, formats, record, image)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise PhotoError(f"{shown_path(path)}: its name is too long for those of its results; "
                         "shorten it") from None
    journal.add(record, state)
    return [record]


def _write_own(out, chosen, record, image):
    if "overlay" in chosen:
        write_overlay(_place(out / "overlay", record.file + ".png"), image, record.faces)
    if "labelme" in chosen:
        formats.write_labelme(_place(out / "labelme", record.file + ".json"), record)
    if "pts" in chosen:
        for number, face in enumerate(record.faces):
            formats.write_pts(_place(out / "pts", f"{record.file}.{number}.pts"), face)
        for number in itertools.count(len(record.faces)):  # an earlier run may have found more
            try:
                (out / "pts" / f"{record.file}.{number}.pts").unlink()
            except FileNotFoundError:
                break


def _place(folder, name):
    """The path of a photo's file; with the photo's suffix in it, a.jpg and a.png differ."""
    path = folder / name
    files.make_folder(path.parent)
    return path


def _write_whole(out, chosen, records, metadata):
    if "csv" in chosen:
        formats.write_csv(out / "keypoints.csv", records)
    if "json" in chosen:
        formats.write_json(out / "keypoints.json", records, metadata)
    if "coco" in chosen:
        formats.write_coco(out / "coco.json", [one for one in records if one.frame is None])
