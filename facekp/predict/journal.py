"""What a run through a folder has done so far, so that the same command goes on after a stop."""
import json
import os
from pathlib import Path

from facekp import files
from facekp.predict.records import as_json, from_json

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
    """

    def __init__(self, folder, choices):
        self.path = Path(folder) / NAME
        self._choices = json.loads(json.dumps(choices))
        lines = self._read()
        self.done, self._states = {}, {}
        with files.replacing(self.path, "w", encoding="ascii") as file:  # less a line cut off
            file.write(json.dumps(self._choices) + "\n")
            for state, record in lines:
                self.done[record.file] = record
                self._states[record.file] = state
                file.write(_line(state, record))
        self._file = open(self.path, "a", encoding="ascii")

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
                and self._states[name] == _state(path))

    def add(self, record):
        """Note that a photo is done, all its own files included."""
        state = _state(record.path)
        self._file.write(_line(state, record))
        self._file.flush()
        self.done[record.file], self._states[record.file] = record, state

    def close(self, finished):
        """Close the file, and remove it when the run has come to its end."""
        self._file.close()
        if finished:
            self.path.unlink()


def _state(path):
    """What changes when a file does: its size and time, None where it cannot be seen."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _line(state, record):
    return json.dumps([state, record.path, as_json(record)]) + "\n"
