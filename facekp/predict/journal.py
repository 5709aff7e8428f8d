"""What a run through a folder has done so far, so that the same command goes on after a stop."""
import contextlib
import errno
import json
import os
from pathlib import Path

from facekp import files
from facekp.errors import ConfigError
from facekp.predict.records import as_json, from_json

try:
    import fcntl
except ImportError:  # Windows: no lock there
    fcntl = None

NAME = ".facekp-progress.jsonl"


class Journal:
    """A file with one line for each photo that is done; the first line holds the choices.

    Parameters
    ----------
    folder : path, of the results
    choices : dict, JSON-able
        What the results depend on. A journal of other choices is begun anew.

    Attributes
    ----------
    done : dict of str -> Record, by the photo's name

    Raises
    ------
    ConfigError
        If another process has a journal in the folder.
    """

    def __init__(self, folder, choices):
        self.path = Path(folder) / NAME
        self._choices = json.loads(json.dumps(choices))
        self.done, self._states = {}, {}
        with contextlib.ExitStack() as stack:
            stack.enter_context(_locked(folder))
            lines = self._read()
            with files.replacing(self.path, "w", encoding="ascii") as file:  # less a line cut off
                file.write(json.dumps(self._choices) + "\n")
                for state, record in lines:
                    self.done[record.file] = record
                    self._states[record.file] = state
                    file.write(_line(state, record))
            self._file = stack.enter_context(open(self.path, "a", encoding="ascii"))
            self._held = stack.pop_all()

    def _read(self):
        try:
            first, *rest = self.path.read_text(encoding="ascii").splitlines()
            if json.loads(first) != self._choices:
                return []
        except (OSError, ValueError):
            return []
        found = []
        for line in rest:
            try:
                state, path, value = json.loads(line)
                found.append((state, from_json(value, path)))
            except (ValueError, TypeError, KeyError):  # the line that a kill cut off
                continue
        return found

    def has(self, name, path):
        """Whether a photo is done, and its file the same as then."""
        record = self.done.get(name)
        return (record is not None and record.path == path
                and self._states[name] == state_of(path))

    def add(self, record, state):
        """Note that a photo, of which :func:`state_of` told `state` before it was read, is done,
        all its own files included."""
        self._file.write(_line(state, record))
        self._file.flush()
        self.done[record.file], self._states[record.file] = record, state

    def close(self, finished):
        """Close the file, and remove it when the run has come to its end."""
        self._file.close()
        with self._held:
            if finished:
                self.path.unlink()


@contextlib.contextmanager
def _locked(folder):
    """Hold the folder for this process alone, where there are locks."""
    lock = None if fcntl is None else os.open(folder, os.O_RDONLY)
    try:
        if lock is not None:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            os.close(lock)
            raise ConfigError(f"{folder}: another process writes its results there; wait for it, "
                              "or name another folder") from None
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def state_of(path):
    """What changes when a file does: its size and time, None where it cannot be seen."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _line(state, record):
    return json.dumps([state, record.path, as_json(record)]) + "\n"
