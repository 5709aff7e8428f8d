"""What the files of a run folder must hold before figures and tables believe them.

Run folders are passed on: a wrong one is named in one line, and never ends a report.
"""
import math
import numbers
import sys
from pathlib import Path

from facekp import npz
from facekp.engine.flags import parse_flags
from facekp.errors import ConfigError, EngineError, RunError
from facekp.keypoints import KEYPOINTS
from facekp.settings import Settings
from facekp.text import shown

SIDES = ("near_duplicates", "others")
"""Parts of `near_duplicates` in summary.json: validation images that have one in training, and
the others."""

TWINS = ("valid_rmse_px_twin_in_train", "valid_rmse_px_no_twin")
"""Keys of summary.json of which there are both or none."""


def is_number(value):
    """Whether a JSON value is a number that fits into a float."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and not (
        isinstance(value, int) and abs(value) > sys.float_info.max)


def _is_text(value):
    # figures would take what follows a dollar sign for a formula
    return isinstance(value, str) and "$" not in value


def _are_flags(value):
    try:
        return isinstance(value, str) and parse_flags(value) is not None
    except EngineError:
        return False


def _all(kind):
    return lambda values: isinstance(values, list) and bool(values) and all(map(kind[0], values))


def _by_name(kind):
    return lambda values: isinstance(values, dict) and all(map(kind[0], values.values()))


OBJECT = (lambda value: isinstance(value, dict), "an object")
ANY_TEXT = (lambda value: isinstance(value, str), "a text")
TEXT = (_is_text, "a text without dollar signs")
WHOLE = (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number")
NUMBER = (is_number, "a number")
FINITE = (lambda value: is_number(value) and math.isfinite(value), "a finite number")
TEXTS = (_by_name(ANY_TEXT), "texts by name")
NUMBERS = (_all(NUMBER), "a list of numbers")
FLAGS = (_are_flags, "flags with closed quotation marks")
COUNT = (lambda value: WHOLE[0](value) and 0 <= value < 10**9, "a number of images")
"""What a value may be: a function that tells, and words for a message."""

CONFIG = {"host": OBJECT, "threads": ANY_TEXT, "theano_flags": FLAGS, "code": ANY_TEXT,
          "training_version": WHOLE}
"""What config.json need not hold."""

SUMMARY = {name: NUMBER for name in (
    "epochs", "best_epoch", "n_train", "n_valid", "n_params", "seconds", "seconds_per_epoch",
    "train_loss", "valid_loss", "best_valid_loss", "valid_rmse_px", "train_rmse_px",
    "mean_face_rmse_px", *TWINS, "frozen_since")}
"""What summary.json need not hold, or may hold as null."""


def check(path, values, kinds, optional=False, remedy="", where=""):
    """Check values of a JSON object.

    Parameters
    ----------
    path : path, for the message
    values : dict
    kinds : dict of name -> one of the kinds above
    optional : bool
        Whether a value may be null, or not there.
    remedy : str
        What to do; empty for a file of a run: to run the experiment again.
    where : str, in front of a name: ``data.``

    Raises
    ------
    RunError
    """
    for name, (fits, words) in kinds.items():
        value = values.get(name)
        if not (optional and value is None or fits(value)):
            raise _wrong(path, where + name, value, words, remedy)


def check_config(config, path):
    """Check what is read of config.json; the path is for the message.

    Raises
    ------
    RunError
    """
    check(path, config, {"settings": OBJECT, "data": OBJECT})
    check(path, config["settings"], {"model": TEXT, "seed": WHOLE, "fold": WHOLE, "epochs": WHOLE})
    check(path, config["data"], {"label": TEXT, "files": TEXTS}, where="data.")
    check(path, config, CONFIG, optional=True)
    try:
        Settings.from_dict(config["settings"])
    except (ConfigError, TypeError) as error:
        raise RunError(f"{path}: settings: {shown(str(error), 200)}; remove {Path(path).parent} "
                       "and run the experiment again") from None


def check_summary(summary, path):
    """Check what is read of summary.json; see :func:`check_config`."""
    check(path, summary, {"state": ANY_TEXT})
    check(path, summary, {**SUMMARY, "near_duplicates": OBJECT}, optional=True)
    lacking = {name: NUMBER for name in TWINS if summary.get(name) is None}
    check(path, summary, lacking, optional=len(lacking) != 1)
    if summary.get("near_duplicates") is not None:
        check_near_duplicates(summary["near_duplicates"], path)


def check_near_duplicates(found, path):
    """Check the errors on near-duplicates and on other images; see :func:`check_config`."""
    check(path, found, dict.fromkeys(SIDES, OBJECT))
    for side in SIDES:
        check(path, found[side], {"n": COUNT}, where=f"{side}.")
        check(path, found[side], {"rmse_px": NUMBER, "mean_face_rmse_px": NUMBER}, optional=True,
              where=f"{side}.")
    if not any(found[side]["n"] for side in SIDES):
        raise _wrong(path, "near_duplicates", found, "at least one image")


def check_about(content, path):
    """Check what is read of experiment.json, but for what figures and claims need besides."""
    remedy = "remove it and give the experiment's command again"
    check(path, content, {
        "title": TEXT, "section": TEXT, "order": NUMBER, "variants": (_by_name(TEXT), TEXTS[1]),
        "shares": (_by_name((_is_place, "")), "pairs of experiment and variant by name"),
        **dict.fromkeys(("nets", "paper", "claims", "figures"),
                        (lambda value: isinstance(value, list) and all(map(OBJECT[0], value)),
                         "a list of objects"))}, optional=True, remedy=remedy)
    for part, kinds in (("nets", {"label": TEXT, "variant": TEXT}),
                        ("paper", {"statement": TEXT, "variant": TEXT, "measure": TEXT})):
        for row in content.get(part) or ():
            check(path, row, kinds, remedy=remedy, where=f"{part}.")
    for net in content.get("nets") or ():
        check(path, net, {"score": NUMBER}, optional=True, remedy=remedy, where="nets.")


def _is_place(value):
    return isinstance(value, list) and len(value) == 2 and all(map(_is_text, value))


def check_errors(errors, path):
    """Check what is read of errors.json; see :func:`check_config`."""
    known = set(errors["mean_face_px"]) if isinstance(errors.get("mean_face_px"), dict) else None
    check(path, errors, {
        "keypoint_rmse_px": (lambda value: _by_name(NUMBER)(value) and value and set(value) == known
                             and set(value) <= set(KEYPOINTS), "numbers by keypoint"),
        "mean_face_px": (_by_name((lambda place: _all(NUMBER)(place) and len(place) == 2, "")),
                         "pairs of numbers by keypoint"),
        "rmse_px": FINITE, "thresholds_px": NUMBERS, "within": NUMBERS})
    if len(errors["within"]) != len(errors["thresholds_px"]):
        raise _wrong(path, "within", len(errors["within"]), "as many numbers as thresholds_px")


def read_predictions(path, *names):
    """Read arrays of keypoints from predictions.npz.

    Parameters
    ----------
    path : path
    names : str, like "y_pred_valid"

    Returns
    -------
    list of float array (n, 30), px; None for an array that the file lacks

    Raises
    ------
    RunError
        If the file is damaged, or holds something else.
    """
    shape = None, 2 * len(KEYPOINTS)
    try:
        found = npz.read_npz(path, {name: (npz.FLOATS, shape) for name in names}, some=True)
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}); remove {Path(path).parent} and run the "
                       "experiment again") from None
    return [found.get(name) for name in names]


def _wrong(path, name, found, expected, remedy=""):
    what = f"lacks {name!r}" if found is None else (
        f"{name}: found {shown(repr(found), 60)}, expected {expected}")
    return RunError(f"{path}: {what}; "
                    + (remedy or f"remove {Path(path).parent} and run the experiment again"))
