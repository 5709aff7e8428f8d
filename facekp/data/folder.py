"""The folder that is read, and where its files come from."""
import functools
import logging
import os
from pathlib import Path

from facekp.data.faults import fault
from facekp.text import shown, shown_path
from facekp.data.sources import LOOKUP, TEST, TRAINING, holds_kaggle_files

DEFAULT_FOLDER = "data/kaggle"
SYNTHETIC_FOLDER = "data/synthetic"
SYNTHETIC_LABEL = "synthetic faces"

KAGGLE_ROWS = {TRAINING: 7049, TEST: 1783, LOOKUP: 27124}
"""How many rows each of Kaggle's files has, besides the names of the columns."""

DEMO_FOLDER = "data/demo"
DEMO_FACES = {"n_train": 2140, "n_test": 178, "complete": True}
"""As many complete training images as Kaggle has, and nothing that `make demo` would not use:
drawing all faces takes as long as its training."""

log = logging.getLogger("facekp.data")


def resolve(folder=DEFAULT_FOLDER, synthetic_folder=SYNTHETIC_FOLDER):
    """The folder to read: `folder` if it has any of Kaggle's files, else that of synthetic faces.

    Parameters
    ----------
    folder : path; ``data/demo`` for a smaller set of synthetic faces
    synthetic_folder : path of the synthetic faces; they are made if they are not there yet

    Returns
    -------
    Path

    Raises
    ------
    DataError : `folder` cannot be read as a folder; only the two default folders may be missing

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     Path(place, "training.csv").touch()
    ...     resolve(place) == Path(place)
    True
    """
    folder, synthetic_folder = Path(folder), Path(synthetic_folder)
    if folder == synthetic_folder:
        return Path(_synthetic(synthetic_folder))
    if folder == Path(DEMO_FOLDER):
        return Path(_synthetic(folder, **DEMO_FACES))
    try:
        os.listdir(folder)
    except (OSError, ValueError) as error:
        if not (isinstance(error, FileNotFoundError) and folder == Path(DEFAULT_FOLDER)):
            reason = getattr(error, "strerror", None) or error
            raise fault(shown_path(folder), f"no folder that can be read ({reason})",
                        "the folder of Kaggle's files",
                        f"name another folder, or none for {DEFAULT_FOLDER}", remedies=("data",))
    if holds_kaggle_files(folder):
        return folder
    _warn(folder, synthetic_folder)
    return Path(_synthetic(synthetic_folder))


@functools.lru_cache(maxsize=None)
def _warn(folder, synthetic_folder):
    """Log once that synthetic faces are used instead."""
    log.warning("%s has none of Kaggle's files: using %s (%s)", shown_path(folder), SYNTHETIC_LABEL,
                shown_path(synthetic_folder))


@functools.lru_cache(maxsize=None)
def _synthetic(folder, **size):
    """Make the synthetic faces if needed; one check per process is enough."""
    from facekp.data import synthetic

    return synthetic.ensure(folder, **size)


def provenance(folder, name, sha256, rows=None):
    """Where a table comes from.

    Parameters
    ----------
    folder : Path; the first line of a file ``label.txt`` in it, if any, says whose files these are
    name : str, for example ``training.csv``
    sha256 : str, hash (hex) of that CSV
    rows : int or None, how many it has: without a label, a table of another length than Kaggle's
        is not called Kaggle's

    Returns
    -------
    dict: "kind" is "kaggle" or "synthetic", "label" a str, "files" ``{name: sha256}``
    """
    label = "Kaggle's files" if rows in (None, KAGGLE_ROWS.get(name)) else "data without a name"
    try:
        with open(folder / "label.txt", "rb") as file:
            label = shown(file.readline(400).strip(), 200) or label
    except FileNotFoundError:
        pass
    except OSError as error:
        raise fault(shown_path(folder / "label.txt"),
                    f"a file that cannot be read ({error.strerror})",
                    "one line that says whose files these are", "mend or delete it", remedies=())
    if "$" in label:  # matplotlib would read it as a formula, and fail after the training
        raise fault(shown_path(folder / "label.txt"), f"'{label}'", "a name without dollar signs",
                    "correct its first line", row=1, remedies=())
    kind = "synthetic" if label.startswith(SYNTHETIC_LABEL) else "kaggle"
    return {"kind": kind, "label": label, "files": {name: sha256}}
