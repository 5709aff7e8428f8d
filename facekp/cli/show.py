"""``facekp figures``, ``report``, ``results``: what runs gave; ``augment-preview``: the faces."""
import argparse
import os

from facekp.arguments import path_name, whole_number
from facekp.experiment import known
from facekp.experiment.options import add
from facekp.text import shown


def add_to(commands):
    """Add the commands to argparse's subparsers."""
    parser = commands.add_parser("figures", help="every figure that the runs allow, PNG and PDF")
    _add_sources(parser)
    parser.add_argument("--figures", type=path_name, default="figures", metavar="FOLDER",
                        help="where the figures go (default: %(default)s)")
    parser.set_defaults(run=_figures)
    parser = commands.add_parser("report", help="all runs on one HTML page that needs no network")
    _add_sources(parser)
    parser.add_argument("--to", type=path_name, metavar="FILE",
                        help="the page (default: report.html in the folder of the runs)")
    parser.set_defaults(run=_report)
    parser = commands.add_parser("results", help="small files of all runs, and README's table")
    add(parser, "out")
    parser.add_argument("--results", type=path_name, default="results", metavar="FOLDER",
                        help="where the results go (default: %(default)s)")
    parser.add_argument("--readme", type=path_name, default="README.md", metavar="FILE",
                        help="whose table is written (default: %(default)s)")
    parser.add_argument("--table", action="store_true",
                        help="only the tables and figures, from the results that are there")
    parser.set_defaults(run=_results)
    parser = commands.add_parser("augment-preview", help="a picture of faces as --augment of "
                                 "train changes them")
    parser.add_argument("--augment", default="none", metavar="TRANSFORMS",
                        help="as for train, such as mirror,rotate=12,shift=5")
    add(parser, "data", data={"default": None, "help": "Kaggle's files (default: synthetic faces)"})
    parser.add_argument("--seed", type=whole_number(0, 2**32 - 1), default=0, metavar="N",
                        help="of the random numbers (default: %(default)s)")
    parser.add_argument("-o", "--to", type=_picture, default="augment-preview.png", metavar="FILE",
                        help="a .png or .pdf (default: %(default)s)")
    parser.set_defaults(run=_augment_preview)


def _picture(text):
    """An argparse type: the name of a picture that can be written."""
    if not path_name(text).endswith((".png", ".pdf")):
        raise argparse.ArgumentTypeError(f"found {shown(repr(text))}, expected a name that ends "
                                         "in .png or .pdf")
    return text


def _add_sources(parser):
    """What is shown: runs, and faces unless nobody else may see them."""
    add(parser, "data", "out")
    parser.add_argument("--synthetic-faces", action="store_true",
                        help="no face of the data: for what is passed on")


def _augment_preview(options):
    from facekp.augmentation import Augmentation
    from facekp.report.augmentation_preview import preview
    preview(Augmentation.parse(options.augment), options.to, options.data, options.seed)


def _figures(options):
    from facekp.report import figures
    from facekp.report.sources import Sources
    known.write_abouts(options.out)
    data = None if options.synthetic_faces else options.data
    figures.draw_all(Sources(options.out, data), options.figures)


def _report(options):
    from facekp.report import page
    from facekp.report.sources import Sources
    known.write_abouts(options.out)
    data = None if options.synthetic_faces else page.faces_at_hand(options.data)
    page.write_report(Sources(options.out, data),
                      options.to or os.path.join(options.out, "report.html"))


def _results(options):
    from facekp.report import publish, results_page
    known.write_abouts(options.results)
    if options.table:
        results_page.write_readme(options.readme, options.results)
        results_page.write(options.results)
    else:
        known.write_abouts(options.out)
        publish.publish(options.out, options.results, options.readme)
