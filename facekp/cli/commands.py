"""The command line: ``facekp`` info, data, train, submit, figures, report, results."""
import argparse
import os
import sys

import facekp
from facekp.experiment.arguments import number, path_name, whole_number
from facekp.experiment.experiment import Experiment, guarded
from facekp.settings import SPLITS, Settings

MODELS = ("lenet5", "vggnet", "cnn14")
OPTIMIZERS = ("sgd", "nesterov_momentum", "adagrad", "rmsprop", "adam")


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
    _add_train(commands)
    _add_submit(commands)
    _add_figures(commands)
    _add_report(commands)
    _add_results(commands)
    options = parser.parse_args(argv)
    if getattr(options, "device", None):
        os.environ["FACEKP_DEVICE"] = options.device
    return guarded(lambda: options.run(options))


def _add_info(commands):
    parser = commands.add_parser("info", help="versions, device, BLAS and what was chosen why")
    parser.add_argument("--device", metavar="DEVICE")
    parser.set_defaults(run=_info)


def _info(options):
    from facekp.cli import info
    info.main()


def _add_data(commands):
    parser = commands.add_parser("data", help="download Kaggle's files")
    parser.add_argument("--data", type=path_name, default="data/kaggle", metavar="FOLDER")
    parser.set_defaults(run=_data)


def _data(options):
    from facekp.data import download
    fresh = download.download(options.data)
    print(f"{options.data}: {'downloaded' if fresh else 'complete already'}")


def _add_train(commands):
    """``facekp train``: one net with choices of one's own, in runs/train/."""
    parser = commands.add_parser("train", help="train one net with settings of your own")
    experiment = Experiment("train", "", "", {"": Settings("cnn14")})
    parser.add_argument("model", choices=MODELS)
    experiment.add_arguments(parser)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="adam")
    parser.add_argument("--learning-rate", type=number, metavar="RATE",
                        help="default: 0.0003 for vggnet, which learns nothing at Adam's usual "
                             "0.001, else that")
    parser.add_argument("--batch-size", type=whole_number(1, 10**6), metavar="N",
                        help="default: 32 for vggnet, which needs the memory, else 128")
    parser.add_argument("--patience", type=whole_number(1, 10**6), metavar="EPOCHS",
                        help="stop after so many epochs without a better validation loss")
    parser.add_argument("--split", choices=SPLITS, default="random")
    parser.add_argument("--mirror", action="store_true", help="mirror images in training, too")
    parser.add_argument("--batch-norm", action="store_true", help="lenet5 only")
    parser.add_argument("--no-dropout", action="store_true", help="cnn14 and vggnet only")
    parser.set_defaults(run=_train)


def _train(options):
    model_options = {}
    if options.batch_norm:
        model_options["batch_norm"] = True
    if options.no_dropout:
        model_options["dropout"] = False
    vggnet = options.model == "vggnet"
    batch_size, learning_rate = options.batch_size, options.learning_rate
    if batch_size is None:
        batch_size = 32 if vggnet else 128
    if learning_rate is None:
        learning_rate = 0.0003 if vggnet else 0.001
    settings = Settings(options.model, model_options, options.optimizer, learning_rate,
                        options.epochs or 100, options.patience, batch_size, options.split,
                        ("mirror",) * options.mirror)
    Experiment("train", "", "", {"": settings}).run(options)


def _add_submit(commands):
    parser = commands.add_parser("submit", help="a run's weights and test.csv, or its published "
                                                    "predictions, to a submission")
    parser.add_argument("run_folder", metavar="RUN", type=path_name,
                        help="a run folder with weights.npz, or one in results/")
    parser.add_argument("--data", type=path_name, default="data/kaggle", metavar="FOLDER")
    parser.add_argument("--out", type=path_name, default="submission.csv", metavar="FILE")
    parser.add_argument("--device", metavar="DEVICE")
    parser.set_defaults(run=_submit)


def _submit(options):
    from facekp import data
    from facekp.runs import submission
    from facekp.runs.folder import Run
    small = os.path.join(options.run_folder, submission.PREDICTIONS)
    if os.path.exists(small) and not Run(options.run_folder).weights.exists():
        lookup = data.load_lookup(options.data)
        rows = submission.restore(options.run_folder, options.out, lookup)
        print(f"{options.out}: {rows} rows ({lookup.provenance['label']}), from {small}: each "
              f"within {submission.ROUNDING_PX} px of the net's")
        return
    from facekp.training import predict
    net = predict.load_net(options.run_folder)
    test = data.load_test(options.data)
    lookup = data.load_lookup(options.data, test.image_ids)
    rows = submission.write_submission(options.out, predict.predict_px(net, test.X),
                                       test.image_ids, lookup)
    print(f"{options.out}: {rows} rows ({test.provenance['label']})")


def _add_figures(commands):
    parser = commands.add_parser("figures", help="every figure that the runs allow, PNG and PDF")
    _add_sources(parser)
    parser.add_argument("--figures", type=path_name, default="figures", metavar="FOLDER",
                        help="where the figures go (default: %(default)s)")
    parser.set_defaults(run=_figures)


def _add_sources(parser):
    """What is shown: runs, and faces unless nobody else may see them."""
    parser.add_argument("--data", type=path_name, default="data/kaggle", metavar="FOLDER")
    parser.add_argument("--out", type=path_name, default="runs", metavar="FOLDER", help="the runs")
    parser.add_argument("--synthetic-faces", action="store_true",
                        help="no face of the data: for what is passed on")


def _figures(options):
    from facekp.report import figures
    from facekp.report.sources import Sources
    data = None if options.synthetic_faces else options.data
    figures.draw_all(Sources(options.out, data), options.figures)


def _add_report(commands):
    parser = commands.add_parser("report", help="all runs on one HTML page that needs no network")
    _add_sources(parser)
    parser.add_argument("--to", type=path_name, metavar="FILE",
                        help="the page (default: report.html in the folder of the runs)")
    parser.set_defaults(run=_report)


def _report(options):
    from facekp.report import page as report
    from facekp.report.sources import Sources
    data = None if options.synthetic_faces else report.faces_at_hand(options.data)
    report.write_report(Sources(options.out, data),
                        options.to or os.path.join(options.out, "report.html"))


def _add_results(commands):
    parser = commands.add_parser("results", help="small files of all runs, and README's table")
    parser.add_argument("--out", type=path_name, default="runs", metavar="FOLDER", help="the runs")
    parser.add_argument("--results", type=path_name, default="results", metavar="FOLDER",
                        help="where the results go (default: %(default)s)")
    parser.add_argument("--readme", type=path_name, default="README.md", metavar="FILE",
                        help="whose table is written (default: %(default)s)")
    parser.add_argument("--table", action="store_true",
                        help="only the tables and figures, from the results that are there")
    parser.set_defaults(run=_results)


def _results(options):
    from facekp.report import paper_table, publish, results_page
    if options.table:
        paper_table.write(options.readme, options.results)
        results_page.write(options.results)
    else:
        publish.publish(options.out, options.results, options.readme)


if __name__ == "__main__":
    sys.exit(main())
