"""A cache of parsed tables on disk, so that each CSV file is parsed only once.

An entry is an ``.npz`` file without pickled objects. Its name has the sha256 of the file that it
was made from, and the version of the loader. It is written atomically, and its checksums are
verified when it is read. Entries are in ``.facekp-cache`` in the data folder or, if that folder
cannot be written, in the user's cache folder. Without any of them the loader still works.
"""
import hashlib
import json
import logging
import os
import re
import time
from pathlib import Path

import numpy as np

from facekp import files, npz
from facekp.text import shown_path
from facekp.data.sources import file_sha256

VERSION = 2
"""Increase it when the same file gives other arrays than before, or is no longer accepted."""

SETTLED_NS = 2 * 10**9
"""A file that is younger than this can change again without a new time: file systems store times in
steps of up to two seconds."""

HEX = re.compile("[0-9a-f]{64}")

log = logging.getLogger("facekp.data")


class Cache:
    """The cache of one data folder.

    Parameters
    ----------
    folder : path of the data
    cache_dir : path or None
        The only folder to use. By default ``<folder>/.facekp-cache`` is tried first, then the
        user's cache folder (``$XDG_CACHE_HOME/facekp`` or ``~/.cache/facekp``).
    """

    def __init__(self, folder, cache_dir=None):
        self.folders = [Path(cache_dir)] if cache_dir else [Path(folder) / ".facekp-cache",
                                                            files.user_cache()]

    def sha256(self, path):
        """sha256 (hex) of a file. It is stored with the file's size, times and inode, and reused.

        Hashing 240 MB takes longer than loading the cached arrays.
        """
        before = _identity(path)
        path_hash = hashlib.sha256(os.fsencode(os.path.abspath(path))).hexdigest()
        stamp = f"stamp-{path_hash[:16]}.json"
        for folder in self.folders:
            try:
                remembered = json.loads((folder / stamp).read_text())
                if remembered["identity"] == before and HEX.fullmatch(remembered["sha256"]):
                    return remembered["sha256"]
            except (OSError, ValueError, KeyError, TypeError, RecursionError):
                continue
        digest = file_sha256(path)
        if before == _identity(path) and before and time.time_ns() - before[1] > SETTLED_NS:
            text = json.dumps({"identity": before, "sha256": digest})
            self._write(stamp, lambda file: file.write(text.encode()))
        return digest

    def read(self, name, columns):
        """Read an entry.

        Parameters
        ----------
        name : str
        columns : dict, array's name -> (dtype, number of columns)

        Returns
        -------
        (arrays, sha256) : dict of arrays (n, columns), and the hash that `write` was given; None if
            there is no complete entry. A damaged entry is logged as a warning.
        """
        for folder in self.folders:
            path = folder / name
            try:
                return _read(path, columns)
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                if not isinstance(error, (PermissionError, NotADirectoryError)):
                    log.warning("%s is damaged; the file is parsed again", shown_path(path))
        return None

    def write(self, name, arrays, sha256):
        """Write an entry to the first folder that can be written.

        Parameters
        ----------
        name : str
        arrays : dict of arrays (n, columns)
        sha256 : str, hash (hex) of the CSV that they were parsed from
        """
        digest = np.frombuffer(bytes.fromhex(sha256), np.uint8).reshape(1, 32)
        if not self._write(name, lambda file: np.savez(file, sha256=digest, **arrays)):
            log.warning("no cache: %s cannot be written; the next start parses again",
                        " and ".join(map(shown_path, self.folders)))

    def _write(self, name, write):
        for folder in self.folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with files.replacing(folder / name) as file:
                    write(file)
                return True
            except OSError:
                continue
        return False


def _identity(path):
    try:
        status = os.stat(path)
    except OSError:
        return None  # opening it says why
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _read(path, columns):
    expected = {name: ((np.dtype(dtype).str,), (None, width))
                for name, (dtype, width) in columns.items()}
    arrays = npz.read_npz(path, {**expected, "sha256": (("|u1",), (1, 32))})
    digest = arrays.pop("sha256").tobytes().hex()
    if len({len(array) for array in arrays.values()}) != 1:
        raise ValueError("arrays of different lengths")
    return arrays, digest
