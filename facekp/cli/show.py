"""``facekp figures``, ``report`` and ``results``: what runs gave, for readers."""
import os

from facekp.experiment import known
from facekp.experiment.arguments import path_name
from facekp.experiment.options import add


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


def _add_sources(parser):
    """What is shown: runs, and faces unless nobody else may see them."""
    add(parser, "data", "out")
    parser.add_argument("--synthetic-faces", action="store_true",
                        help="no face of the data: for what is passed on")


def _figures(options):
    from facekp.report import figures
    from facekp.report.sources import Sources
    known.write_missing(options.out)
    data = None if options.synthetic_faces else options.data
    figures.draw_all(Sources(options.out, data), options.figures)


def _report(options):
    from facekp.report import page
    from facekp.report.sources import Sources
    known.write_missing(options.out)
    data = None if options.synthetic_faces else page.faces_at_hand(options.data)
    page.write_report(Sources(options.out, data),
                      options.to or os.path.join(options.out, "report.html"))


def _results(options):
    from facekp.report import paper_table, publish, results_page
    known.write_missing(options.results)
    if options.table:
        paper_table.write(options.readme, options.results)
        results_page.write(options.results)
    else:
        known.write_missing(options.out)
        publish.publish(options.out, options.results, options.readme)
