"""The command line: ``facekp`` and its commands."""
import argparse
import os

import facekp
from facekp.arguments import path_name
from facekp.cli import cluster, ensemble, show, train
from facekp.experiment import known
from facekp.experiment.guard import guarded
from facekp.experiment.options import add
from facekp.predict import command as predict
from facekp.predict.page import command as page


def main(argv=None):
    """Entry point of the ``facekp`` command.

    Returns
    -------
    int, the exit code: 0, 2 for a fault the user can mend, 130 or 143 when told to stop
    """
    parser = argparse.ArgumentParser(prog="facekp", description=facekp.__doc__)
    parser.add_argument("--version", action="version", version=facekp.__version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_info(commands)
    _add_data(commands)
    _add_run(commands)
    train.add_to(commands)
    ensemble.add_to(commands)
    cluster.add_to(commands)
    _add_submit(commands)
    show.add_to(commands)
    _add_export(commands)
    predict.add_arguments(commands.add_parser(
        "predict", help="find the keypoints of the faces on photos"))
    page.add_arguments(commands.add_parser(
        "page", help="the same in a browser, with a camera too, on this machine alone"))
    options = parser.parse_args(argv)
    if options.command == "run" and options.name:
        # the experiment's own parser may print help and exit, which is no error
        return guarded(lambda: _run(options)) or options.code
    return guarded(lambda: _command(options))


def _command(options):
    if getattr(options, "device", None):
        os.environ["FACEKP_DEVICE"] = options.device
    for file in getattr(options, "imports", ()):
        known.load(file)
    return options.run(options)


def _add_info(commands):
    parser = commands.add_parser("info", help="versions, device, BLAS and what was chosen why")
    add(parser, "device")
    parser.set_defaults(run=_info)


def _info(options):
    from facekp.cli import info
    info.main()


def _add_data(commands):
    parser = commands.add_parser("data", help="download Kaggle's files")
    add(parser, "data", data={"help": "where they go (default: %(default)s)"})
    parser.set_defaults(run=_data)


def _data(options):
    from facekp.data import download
    fresh = download.download(options.data)
    print(f"{options.data}: {'downloaded' if fresh else 'complete already'}")


def _add_run(commands):
    parser = commands.add_parser(
        "run", help="run an experiment: its name, or the path of its file; alone, list them",
        usage="facekp run [NAME [OPTIONS]]",
        epilog="facekp run NAME --help says which options the experiment understands")
    parser.add_argument("name", nargs="?", metavar="NAME", type=path_name,
                        help="like lenet, or my_experiment.py; without it, the names are printed")
    parser.add_argument("options", nargs=argparse.REMAINDER, metavar="OPTIONS")
    parser.set_defaults(run=_list, code=0)


def _run(options):
    options.code = known.get(options.name).main(options.options, f"facekp run {options.name}")


def _list(options):
    for name in known.files():
        print(f"{name:<18} {known.get(name).title}")


def _add_submit(commands):
    parser = commands.add_parser("submit", help="a run's weights and test.csv, or its published "
                                                "predictions, to a submission")
    parser.add_argument("run_folder", metavar="RUN", type=path_name,
                        help="the folder of a run or an ensemble, or one in results/")
    add(parser, "averaged", "data", "out", "device", "imports",
        out={"default": "submission.csv", "metavar": "FILE",
             "help": "the submission (default: %(default)s)"})
    parser.set_defaults(run=_submit)


def _submit(options):
    from facekp.data import load_lookup, load_test, schemes
    from facekp.runs import submission
    from facekp.runs.folder import Run
    run = Run(options.run_folder)
    own = options.averaged or run.weights.exists()
    small = run.folder / submission.PREDICTIONS
    if small.exists() and not own:
        lookup = load_lookup(options.data)
        rows = submission.restore(run.folder, options.out, lookup)
        print(f"{options.out}: {rows} rows ({lookup.provenance['label']}), from {small}: each "
              f"within {submission.ROUNDING_PX} px of the net's")
        return
    test = load_test(options.data)
    lookup = load_lookup(options.data, test.image_ids)
    if run.is_ensemble and not options.averaged:
        y_pred = submission.predictions_of(run, test)
    else:
        from facekp.training import load_net
        from facekp.training.load import refuse_some_points
        known.experiments()  # they register the nets of their own
        refuse_some_points(run.folder)
        second = schemes.is_second(schemes.asked_of(lookup, test.image_ids))
        y_pred = load_net(run.folder, options.averaged).predict_px(test.X, second)
    rows = submission.write_submission(options.out, y_pred, test.image_ids, lookup)
    print(f"{options.out}: {rows} rows ({test.provenance['label']})")


def _add_export(commands):
    parser = commands.add_parser("export", help="finished runs to one ONNX file, which `facekp "
                                                "predict --net` takes")
    parser.add_argument("folders", nargs="+", metavar="RUN", type=path_name,
                        help="a run folder; of several runs the predictions are averaged")
    parser.add_argument("-o", "--out", metavar="FILE", type=path_name,
                        help="the file (default: net.onnx in the first run's folder)")
    parser.add_argument("--half", action="store_true", help="weights in half precision")
    parser.add_argument("--eight-bits", action="store_true", help="the largest weights in 8 bits")
    parser.add_argument("--held-out", nargs="+", metavar="RUN", type=path_name, default=(),
                        help="for nets of --split all-images: runs with the same settings but "
                             "another split, whose validation error the file names")
    add(parser, "averaged", "imports")
    parser.set_defaults(run=_export)


def _export(options):
    from facekp.training.export import export
    known.experiments()  # they register the nets of their own
    path = options.out or os.path.join(options.folders[0], "net.onnx")
    difference = export(options.folders, path, options.half, options.eight_bits, options.averaged,
                        options.held_out)
    print(f"{path}: {os.path.getsize(path) / 1e6:.1f} MB, at most {difference:.2g} px from the "
          "nets that it was made of")
