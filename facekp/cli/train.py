"""``facekp train``: train one net with any settings, in the folder train/ below the runs."""
from facekp import schedule
from facekp.augmentation import EXPECTED, Augmentation
from facekp.experiment import Experiment, known
from facekp.experiment.arguments import number, whole_number
from facekp.experiment.options import OF_EXPERIMENTS, add
from facekp.nets import registry
from facekp.settings import SPLITS, Settings

NAME = "train"
OLD_MIRROR = ("none", "split-then-mirror", "mirror-then-split")


def add_to(commands):
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser(NAME, help="train one net with settings of your own")
    parser.add_argument("model", metavar="NET", help=f"{', '.join(registry.names())}, or one that "
                        "a file of --import registers")
    add(parser, *(name for name in OF_EXPERIMENTS if name not in ("only", "quick")), "imports",
        epochs={"default": 100, "help": "how many at the most (default: %(default)s)"},
        folds={"default": 1, "help": "how many of the five folds (default: %(default)s)"},
        split={"choices": SPLITS, "default": "random",
               "help": "grouped: near-duplicates stay on one side (default: %(default)s)"})
    parser.add_argument("--optimizer", default="adam", metavar="NAME",
                        help="such as sgd, adagrad, adam (default: %(default)s)")
    parser.add_argument("--learning-rate", type=number, metavar="RATE",
                        help="default: what suits the net, 0.001 for most")
    parser.add_argument("--batch-size", type=whole_number(1, 10**6), metavar="N",
                        help="default: what suits the net, 128 for most")
    parser.add_argument("--schedule", default="", metavar="WORDS",
                        help=f"how the rate changes: {schedule.EXPECTED} (default: not at all)")
    parser.add_argument("--average", type=number, default=0.0, metavar="PART",
                        help="save the weights' moving average, too, of which a step keeps this "
                             "part, such as 0.995 (default: no average)")
    parser.add_argument("--patience", type=whole_number(1, 10**6), metavar="EPOCHS",
                        help="stop after so many epochs without a better validation loss")
    parser.add_argument("--augment", action="append", default=[], metavar="TRANSFORMS",
                        help="mirror: each training image is there as its mirror image, too; "
                             "other images in each epoch, with commas between several: mirror=0.5, "
                             + EXPECTED.partition(", ")[2])
    parser.add_argument("--mirror", choices=OLD_MIRROR, default="none",
                        help="the former name of --augment mirror (split-then-mirror), with "
                             "--split after-mirroring (mirror-then-split)")
    parser.add_argument("--batch-norm", action="store_true", help="of nets that know it")
    parser.add_argument("--no-dropout", action="store_true", help="of nets that have dropout")
    parser.set_defaults(run=_train, only=None, quick=False)


def _train(options):
    known.experiments()  # they register the nets of their own
    chosen = dict(registry.get(options.model).defaults, options={},
                  optimizer=options.optimizer, epochs=options.epochs, patience=options.patience,
                  augment=Augmentation.parse(",".join(options.augment)).words,
                  schedule=tuple(filter(None, options.schedule.split(","))),
                  average=options.average)
    if options.batch_norm:
        chosen["options"]["batch_norm"] = True
    if options.no_dropout:
        chosen["options"]["dropout"] = False
    for name in ("learning_rate", "batch_size"):
        if getattr(options, name) is not None:
            chosen[name] = getattr(options, name)
    if options.mirror != "none":
        chosen["augment"] = ("mirror",)
    if options.mirror == "mirror-then-split":
        options.split = "after-mirroring"
    if options.split == "after-mirroring":
        chosen["split"] = options.split
    Experiment(NAME, {"": Settings(options.model, **chosen)}).run(options)
