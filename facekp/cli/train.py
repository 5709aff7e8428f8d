"""``facekp train``: train one net with any settings, in the folder train/ below the runs."""
import argparse
import contextlib
import hashlib
import os
from dataclasses import replace

from facekp import files, schedule
from facekp.arguments import whole_number
from facekp.augmentation import EXPECTED, Augmentation
from facekp.errors import ConfigError, RunError
from facekp.experiment import Experiment, known
from facekp.experiment.options import OF_EXPERIMENTS, add
from facekp.nets import registry
from facekp.runs.config import disagreements
from facekp.settings import HEADS, LABELS, OLD_MIRROR, SPLITS, Settings
from facekp.text import shown

NAME = "train"
GIVEN = ("optimizer", "learning_rate", "batch_size", "epochs", "patience", "average", "labels",
         "heads")
"""Settings that are options of the command as they are."""

OF_PATHS = ("model", "folds", "fold", "seed")
"""Settings that the path of a run names by itself."""

MAX_NAME = 200
"""Characters of a folder's name; file systems allow 255."""


def add_to(commands):
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser(
        NAME, help="train one net with settings of your own",
        description="Train one net with settings of your own. What is not given is what suits the "
                    "net: the default named below, unless it was registered with another one.")
    parser.add_argument("model", metavar="NET", help=f"{', '.join(registry.names())}, or one that "
                        "a file of --import registers")
    add(parser, *(name for name in OF_EXPERIMENTS if name not in ("only", "quick")), "imports",
        epochs={"help": "how many at the most (default: 100)"},
        folds={"default": 1, "help": "how many of the five folds (default: %(default)s)"},
        seeds={"default": [0], "help": "one or more seeds (default: 0)"},
        split={"choices": SPLITS,
               "help": "grouped: near-duplicates stay on one side (default: random)"})
    parser.add_argument("--optimizer", metavar="NAME",
                        help="sgd, nesterov_momentum, adagrad, rmsprop or adam (default: adam)")
    parser.add_argument("--learning-rate", type=_number, metavar="RATE",
                        help="default: what suits the net, 0.001 for most")
    parser.add_argument("--batch-size", type=whole_number(1, 10**6), metavar="N",
                        help="default: what suits the net, 128 for most")
    parser.add_argument("--schedule", metavar="WORDS",
                        help=f"how the rate changes: {schedule.EXPECTED} (default: not at all)")
    parser.add_argument("--average", type=_number, metavar="PART",
                        help="save the weights' moving average, too, of which a step keeps this "
                             "part, such as 0.995 (default: no average)")
    parser.add_argument("--patience", type=whole_number(1, 10**6), metavar="EPOCHS",
                        help="stop after so many epochs without a better validation loss")
    parser.add_argument("--augment", action="append", default=[], metavar="TRANSFORMS",
                        help="mirror: each training image is there as its mirror image, too; "
                             "other images in each epoch, with commas between several: mirror=0.5, "
                             + EXPECTED.partition(", ")[2])
    parser.add_argument("--labels", choices=LABELS,
                        help="all: train on images that lack keypoints, too (default: complete)")
    parser.add_argument("--heads", choices=HEADS,
                        help="of all images: outputs for the two labelling schemes of Kaggle's "
                             "images; input: the scheme is an input; each: one output for each "
                             "(default: one)")
    parser.add_argument("--mirror", choices=OLD_MIRROR, default="none",
                        help="the former name of --augment mirror (split-then-mirror), with "
                             "--split after-mirroring (mirror-then-split)")
    parser.add_argument("--batch-norm", action="store_true",
                        help="with batch normalization (lenet5, small_vgg)")
    parser.add_argument("--no-dropout", action="store_true",
                        help="without dropout (cnn14, vggnet)")
    parser.set_defaults(run=_train, only=None, quick=False)


def _number(text):
    """An argparse type: a decimal number (float() would read 1_0 as ten)."""
    from facekp.data.values import NUMBER  # slow to import, and only two options need it
    if not NUMBER.fullmatch(os.fsencode(text)):
        raise argparse.ArgumentTypeError(f"found {shown(repr(text))}, expected a number")
    return float(text)


def _train(options):
    known.experiments()  # they register the nets of their own
    given = {name: getattr(options, name) for name in GIVEN}
    chosen = {**registry.get(options.model).defaults,
              **{name: value for name, value in given.items() if value is not None}}
    former = OLD_MIRROR[options.mirror]
    if options.augment or former:
        augmentation = Augmentation.parse(",".join(options.augment))
        if former:
            augmentation = replace(augmentation, doubled=True)
        chosen["augment"] = augmentation.words
    if options.schedule is not None:
        chosen["schedule"] = tuple(filter(None, options.schedule.split(",")))
    chosen["options"] = dict(chosen.get("options", {}))
    if options.batch_norm:
        chosen["options"]["batch_norm"] = True
    if options.no_dropout:
        chosen["options"]["dropout"] = False
    if "split" in former:
        if options.split not in (None, former["split"]):
            raise ConfigError(f"--split: found {options.split} with --mirror mirror-then-split, "
                              "which is --augment mirror --split after-mirroring; leave one out")
        options.split = former["split"]
    if options.split == "after-mirroring":
        chosen["split"] = options.split
    experiment_of(Settings(options.model, **chosen), options).run(options)


def experiment_of(settings, options):
    """The experiment of one variant, in a folder of its own for these settings.

    Earlier versions had one folder for all settings of a net: a run that is there goes on there.
    """
    former = Experiment(NAME, {"": settings})
    for run, own in former.plan(options):
        with contextlib.suppress(RunError, KeyError, TypeError):  # none there, or damaged
            if not disagreements(files.read_json(run.config), {"settings": own.as_dict()},
                                 ("settings",)):
                return former
    return Experiment(NAME, {variant_of(settings): settings})


def variant_of(settings):
    """A folder's name that says what differs from the net's usual settings; "" if nothing does.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    str
        Settings that differ have different names: one that is too long ends with a hash of it.

    Examples
    --------
    >>> variant_of(Settings("lenet5", {"batch_norm": True}, augment=("mirror", "rotate=12")))
    'batch_norm=true,augment=mirror+rotate=12'
    """
    usual = Settings(settings.model, **registry.get(settings.model).defaults).as_dict()
    changed = {name: value for name, value in settings.as_dict().items()
               if name not in OF_PATHS and value != usual[name]}
    words = {**changed.pop("options", {}), **changed}
    text = ",".join(f"{name}={_word(value)}" for name, value in words.items())
    if len(text) > MAX_NAME:
        text = text[:MAX_NAME - 9] + "-" + hashlib.sha256(text.encode()).hexdigest()[:8]
    return text


def _word(value):
    """A value of a setting as part of a folder's name."""
    if isinstance(value, (list, tuple)):
        return "+".join(map(str, value)) or "none"
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
