"""Find and open Kaggle's CSV files: plain, in training.zip or test.zip, or in the contest's zip.

Zip members are read as streams and never extracted. Every fault of an archive or of the file system
becomes a `DataError`.
"""
import contextlib
import hashlib
import io
import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple, Tuple

from facekp.data.faults import DOWNLOAD_AGAIN, fault
from facekp.text import shown, shown_path
from facekp.errors import DataError

COMPETITION_ZIP = "facial-keypoints-detection.zip"
TRAINING, TEST, LOOKUP = "training.csv", "test.csv", "IdLookupTable.csv"
TRUTH = "TestTruth.csv"
"""The labels of the test images, in folders of synthetic faces."""
KNOWN_FILES = (TRAINING, TEST, LOOKUP, "SampleSubmission.csv", "training.zip", "test.zip",
               COMPETITION_ZIP, f"{TRAINING}.gz", f"{TEST}.gz", f"{LOOKUP}.gz")
"""A folder that has one of these counts as a folder of Kaggle's files. A gzip file cannot be read
and is an error; if it were not in this list, synthetic faces would be used instead."""

MAX_CSV_BYTES = 2**35
"""That of a million images; Kaggle's file has about 240 MB."""
MAX_INNER_ZIP_BYTES = 2**28
"""A zip inside a zip is kept in memory; Kaggle's has about 60 MB."""
MAX_RATIO = 100
"""Compression makes Kaggle's text about 4 times smaller; a zip bomb up to 1000 times."""

SMALL = 2**24
"""Up to this many bytes, any compression ratio is harmless (uniform gray images, for example)."""

ZIP_FAULTS = (OSError, zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError,
              RuntimeError, ValueError, OverflowError, IndexError, KeyError)
"""What `zipfile` raises on damaged archives (NotImplementedError is a RuntimeError)."""


class Source(NamedTuple):
    """One of Kaggle's CSV files.

    Attributes
    ----------
    name : str, Kaggle's name, for example ``training.csv``
    path : Path of the file on disk that holds it
    members : names to open inside it, from the outermost zip to the CSV; empty for a plain CSV
    """

    name: str
    path: Path
    members: Tuple[str, ...]

    @property
    def label(self):
        """The file's name in messages."""
        return " > ".join([shown_path(self.path)] + [shown(m, 100) for m in self.members])


def holds_kaggle_files(folder):
    """Whether `folder` has any of `KNOWN_FILES`, however broken."""
    return any(os.path.lexists(os.path.join(folder, name)) for name in KNOWN_FILES)


def holds(folder, name):
    """Whether `folder` has one of Kaggle's CSV files, or a zip in which it is expected."""
    return any(os.path.lexists(os.path.join(folder, found)) for found in (
        name, name.replace(".csv", ".zip"), COMPETITION_ZIP, f"{name}.gz"))


def find(folder, name):
    """Find one of Kaggle's CSV files.

    Parameters
    ----------
    folder : path
    name : str, for example ``training.csv``

    Returns
    -------
    Source: the plain file if there is one, else its own zip, else the competition's zip

    Raises
    ------
    DataError : none of them is there, or the competition's zip lacks the file
    """
    folder = Path(folder)
    own_zip = name.replace(".csv", ".zip")
    if os.path.lexists(folder / name):
        return Source(name, folder / name, ())
    if os.path.lexists(folder / own_zip):
        return Source(name, folder / own_zip, (name,))
    if os.path.lexists(folder / COMPETITION_ZIP):
        return _find_in_competition_zip(folder / COMPETITION_ZIP, name, own_zip)
    if os.path.lexists(folder / f"{name}.gz"):
        raise fault(shown_path(folder / f"{name}.gz"), "a gzip file", f"{name} or {own_zip}",
                    "unpack it with gunzip")
    raise DataError(f"{shown_path(folder)}: {name} is missing; expected {name}, {own_zip} or "
                    f"{COMPETITION_ZIP} there; download the files, or name another folder",
                    remedies=("download", "data"))


def _find_in_competition_zip(path, name, own_zip):
    label = shown_path(path)
    with _open_file(path) as file, _open_zip(file, label) as archive:
        names = {os.path.basename(info.filename) for info in archive.infolist()}
    if name in names:
        return Source(name, path, (name,))
    if own_zip in names:
        return Source(name, path, (own_zip, name))
    raise fault(label, f"neither {name} nor {own_zip} in it", "the competition's complete zip")


@contextlib.contextmanager
def open_csv(source):
    """Open a CSV file for reading, through its zips if any.

    Parameters
    ----------
    source : Source

    Yields
    ------
    (stream, sha256) : a buffered binary stream, and the running hash of what was read from it

    Raises
    ------
    DataError : the file is unreadable, damaged, far too large, or not a regular file
    """
    with contextlib.ExitStack() as stack:
        inner, label = stack.enter_context(_open_file(source.path)), shown_path(source.path)
        for depth, member in enumerate(source.members):
            if depth:
                inner = io.BytesIO(_Guarded(inner, label, MAX_INNER_ZIP_BYTES).readall())
            archive = stack.enter_context(_open_zip(inner, label))
            limit = MAX_CSV_BYTES if member == source.name else MAX_INNER_ZIP_BYTES
            inner = stack.enter_context(_open_member(archive, member, label, limit))
            label += f" > {member}"
        guarded = _Guarded(inner, label, MAX_CSV_BYTES)
        yield stack.enter_context(io.BufferedReader(guarded, 2**20)), guarded.sha256


def file_sha256(path):
    """sha256 (hex) of a file on disk; DataError if it cannot be read."""
    digest = hashlib.sha256()
    buffer = bytearray(2**20)
    with _open_file(path) as file:
        try:
            size = file.readinto(buffer)
            while size:
                digest.update(memoryview(buffer)[:size])
                size = file.readinto(buffer)
        except OSError as error:
            raise _unreadable(path, error)
    return digest.hexdigest()


def _open_file(path):
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise fault(shown_path(path), "a directory", "a file", "put Kaggle's file in its place")
        # A named pipe would block for ever, and a device would never end.
        if not stat.S_ISREG(mode):
            raise fault(shown_path(path), "a device or pipe", "a regular file",
                        "put Kaggle's file in its place")
        return open(path, "rb", buffering=0)
    except OSError as error:
        raise _unreadable(path, error)


def _unreadable(path, error):
    return fault(shown_path(path), f"a file that cannot be read ({error.strerror})",
                 "a readable file", "mend the link or permissions, or " + DOWNLOAD_AGAIN)


def _open_zip(file, label):
    try:
        buffered = io.BufferedReader(file) if isinstance(file, io.RawIOBase) else file
        archive = zipfile.ZipFile(buffered)
    except ZIP_FAULTS as error:
        raise _damaged(label, error)
    for info in archive.infolist():
        parts = info.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0]:
            raise fault(label, f"a member named '{shown(info.filename)}', which points out of the "
                        "archive", "Kaggle's zip", "do not unpack it; " + DOWNLOAD_AGAIN)
    return archive


def _open_member(archive, name, label, limit):
    found = [info for info in archive.infolist() if os.path.basename(info.filename) == name
             and not info.filename.startswith("__MACOSX/")]
    if len(found) != 1:
        raise fault(label, f"{len(found)} members named {name}", "one")
    info = found[0]
    _check_size(info, f"{label} > {name}", limit)
    if info.flag_bits & 1:
        raise fault(f"{label} > {name}", "an encrypted member", "a plain one")
    # zipfile limits the size of the output for these two methods only.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise fault(f"{label} > {name}", f"compression method {info.compress_type}",
                    "stored or deflated")
    try:
        return archive.open(info)
    except ZIP_FAULTS as error:
        raise _damaged(f"{label} > {name}", error)


def _check_size(info, label, limit):
    ratio = info.file_size / max(info.compress_size, 1)
    if info.file_size > limit or (info.file_size > SMALL and ratio > MAX_RATIO):
        raise fault(label, f"{info.file_size} bytes packed into {info.compress_size}",
                    f"at most {limit} bytes, at most {MAX_RATIO}-fold",
                    "do not unpack it; " + DOWNLOAD_AGAIN)


def _damaged(label, error):
    return fault(label, f"a damaged or cut-off zip ({shown(str(error), 80)})", "a whole zip")


class _Guarded(io.RawIOBase):
    """A stream that hashes and counts its bytes, and turns every fault into a DataError."""

    def __init__(self, inner, label, limit):
        self.sha256 = hashlib.sha256()
        self._inner, self._label, self._limit, self._total = inner, label, limit, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        try:
            size = self._inner.readinto(buffer)
        except ZIP_FAULTS as error:
            raise _damaged(self._label, error)
        self.sha256.update(memoryview(buffer)[:size])
        self._total += size
        if self._total > self._limit:
            raise fault(self._label, f"more than {self._limit} bytes",
                        "at most as much as a million images take (Kaggle's file has about 240 MB)")
        return size
