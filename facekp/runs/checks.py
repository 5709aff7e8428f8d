"""What the files of a run folder must hold before figures and tables believe them.

Run folders are passed on: a wrong one is named in one line, and never ends a report.
"""
import re
import sys
from pathlib import Path

from facekp.engine.flags import parse_flags
from facekp.errors import ConfigError, EngineError, RunError
from facekp.settings import Settings
from facekp.text import shown

SIDES = ("near_duplicates", "others")
"""Parts of `near_duplicates` in summary.json: validation images that have one in training, and
the others."""

TWINS = ("valid_rmse_px_twin_in_train", "valid_rmse_px_no_twin")
"""Keys of summary.json: errors on validation images whose mirror image is in training, and on the
others."""


def _is_number(value):
    """Whether a JSON value is a finite number that fits into a float."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def _are_flags(value):
    try:
        return isinstance(value, str) and parse_flags(value) is not None
    except EngineError:
        return False


def _pair(fits):
    return lambda value: isinstance(value, list) and len(value) == 2 and all(map(fits, value))


OBJECT, LIST, TEXT = "an object", "a list", "a text"
WHOLE, FINITE = "a whole number", "a finite number"
NUMBER, PERHAPS = "a number from 0 on", "a number from 0 on, or null"
KINDS = {
    OBJECT: lambda value: isinstance(value, dict),
    LIST: lambda value: isinstance(value, list),
    TEXT: lambda value: isinstance(value, str),
    "experiment and variant": _pair(lambda value: isinstance(value, str)),
    "flags with closed quotation marks": _are_flags,
    WHOLE: lambda value: type(value) is int,
    "a number of images": lambda value: type(value) is int and 0 <= value < 10**9,
    FINITE: _is_number,
    NUMBER: lambda value: _is_number(value) and value >= 0,
    PERHAPS: lambda value: value is None or _is_number(value) and value >= 0,
    "complete or diverged": lambda value: value in ("complete", "diverged"),
    "a name of a file": lambda value: (isinstance(value, str)
                                       and re.fullmatch(r"[A-Za-z0-9][\w.-]*", value)),
    "x and y": _pair(_is_number),
}
"""What a value may be: the words for a message, and a function that tells."""

CONFIG = {
    "settings": OBJECT, "settings.model": TEXT, "settings.seed": WHOLE, "settings.fold": WHOLE,
    "settings.epochs": WHOLE, "settings.learning_rate?": FINITE, "data": OBJECT,
    "data.label": TEXT, "data.files": OBJECT, "data.files.*": TEXT, "host?": OBJECT,
    "test_data?": OBJECT, "versions?": OBJECT, "engine?": OBJECT, "git?": OBJECT,
    "threads?": TEXT, "code?": TEXT,
    "theano_flags?": "flags with closed quotation marks", "training_version?": WHOLE,
    "members?": OBJECT, "members.*": OBJECT, "members.*.fold": WHOLE}
NEAR_DUPLICATES = {
    f"{side}{name}": kind for side in SIDES for name, kind in (
        ("", OBJECT), (".n", "a number of images"), (".rmse_px", PERHAPS),
        (".mean_face_rmse_px", PERHAPS))}
SUMMARY = {
    "state": "complete or diverged", **{f"{name}?": NUMBER for name in (
        "epochs", "best_epoch", "n_train", "n_valid", "n_params", "seconds", "seconds_per_epoch",
        "train_loss", "valid_loss", "best_valid_loss", "valid_rmse_px", "train_rmse_px",
        "mean_face_rmse_px", "averaged_valid_rmse_px", "averaged_best_epoch", "test_rmse_px",
        "test_rmse_px_first", "test_rmse_px_second", *TWINS,
        "frozen_since", "peak_memory_mb")},
    "near_duplicates?": OBJECT,
    **{f"near_duplicates.{name}": kind for name, kind in NEAR_DUPLICATES.items()}}
ERRORS = {
    "keypoint_rmse_px": OBJECT, "keypoint_rmse_px.*": NUMBER, "mean_face_px": OBJECT,
    "mean_face_px.*": "x and y", "rmse_px": FINITE, "thresholds_px": LIST,
    "thresholds_px.*": NUMBER, "within": LIST, "within.*": NUMBER}
ABOUT = {
    "title?": TEXT, "section?": TEXT, "order?": FINITE, "variants?": OBJECT, "variants.*": TEXT,
    "shares?": OBJECT, "shares.*": "experiment and variant",
    **{f"{part}{name}": kind for part in ("nets", "paper", "claims", "figures")
       for name, kind in (("?", LIST), (".*", OBJECT))},
    "nets.*.label": TEXT, "nets.*.variant": TEXT, "nets.*.score?": NUMBER,
    "paper.*.statement": TEXT, "paper.*.variant": TEXT, "paper.*.measure": TEXT,
    "paper.*.number?": NUMBER, "claims.*.kind": TEXT,
    "figures.*.name": "a name of a file", "figures.*.shows": TEXT, "figures.*.kind": TEXT,
    "figures.*.runs?": LIST, "figures.*.runs.*": TEXT, "figures.*.model?": TEXT,
    "figures.*.options?": OBJECT}
"""What is read of a file: a value's name and what it must be. A question mark: it may be missing,
or null. A star: each value of an object, or of a list."""

INTEGERS = "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8"
MISSING = object()


def check(path, content, kinds, remedy=""):
    """Check the content (a dict) of a JSON file by one of the tables above; raises RunError.

    The path is for the message, as is the remedy, which is to run the experiment again if empty.
    """
    for name, kind in kinds.items():
        for place, value in _values(content, name.rstrip("?").split(".")):
            may_lack = name.endswith("?") and (value is None or value is MISSING)
            if not (may_lack or KINDS[kind](value)):
                raise _wrong(path, place, value, kind, remedy)


def _values(value, names, place=""):
    """(place, value) of what has a name in a JSON value; nothing where a part above it lacks."""
    if not names:
        yield place[1:], value
    elif value is not None and value is not MISSING:
        parts = dict(enumerate(value)) if isinstance(value, list) else value
        wanted = parts if names[0] == "*" else names[:1]
        for name in wanted:
            yield from _values(parts.get(name, MISSING), names[1:], f"{place}.{name}")


def _wrong(path, place, found, expected, remedy=""):
    place = shown(place, 60)
    what = f"lacks {place!r}" if found is None or found is MISSING else (
        f"{place}: found {shown(repr(found), 60)}, expected {expected}")
    return RunError(f"{path}: {what}; "
                    + (remedy or f"remove {Path(path).parent} and run the experiment again"))


def check_config(config, path):
    """Check what is read of config.json; the path is for the message. Raises RunError."""
    check(path, config, CONFIG)
    try:
        Settings.from_dict(config["settings"])
    except (ConfigError, TypeError) as error:
        raise RunError(f"{path}: settings: {shown(str(error), 200)}; remove {Path(path).parent} "
                       "and run the experiment again") from None


def check_summary(summary, path):
    """Check what is read of summary.json; see :func:`check_config`."""
    check(path, summary, SUMMARY)
    if summary.get("near_duplicates") is not None:
        check_images(summary["near_duplicates"], path)


def check_images(found, path):
    """Check that errors on near-duplicates, checked already, are those of an image at least."""
    if not any(found[side]["n"] for side in SIDES):
        raise _wrong(path, "near_duplicates", found, "at least one image")


def check_errors(errors, path):
    """Check what is read of errors.json; see :func:`check_config`."""
    check(path, errors, ERRORS)
    from facekp.keypoints import KEYPOINTS  # it imports numpy, which takes time
    keypoints, n = set(errors["keypoint_rmse_px"]), len(errors["within"])
    if not keypoints or not keypoints <= set(KEYPOINTS) or keypoints != set(errors["mean_face_px"]):
        raise _wrong(path, "keypoint_rmse_px", errors["keypoint_rmse_px"], "numbers by keypoint")
    if not n or n != len(errors["thresholds_px"]):
        raise _wrong(path, "within", n, "as many numbers as thresholds_px")


def read_predictions(path, *names):
    """Read arrays of keypoints (n, 30), px, from predictions.npz, and "image_ids" (n,): a list,
    with None for each of the names, like "y_pred_valid", that the file lacks. Raises RunError if
    the file is damaged, or holds something else."""
    from facekp import npz
    from facekp.keypoints import COLUMNS
    forms = {name: ((*npz.FLOATS, *INTEGERS),
                    (None,) if name == "image_ids" else (None, len(COLUMNS))) for name in names}
    try:
        found = npz.read_npz(path, forms, some=True)
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}); remove {Path(path).parent} and run the "
                       "experiment again") from None
    return [found.get(name) for name in names]
