"""One run in a process of its own: what :mod:`facekp.experiment.launch.local` starts."""
import json
import signal
import sys

from facekp.experiment.experiment import guarded
from facekp.runs.folder import Run
from facekp.settings import Settings


def main(argv=None):
    """Train one run.

    Parameters
    ----------
    argv : list of one str, JSON
        ``{"folder": ..., "settings": {...}, "data": ...}``

    Returns
    -------
    int, the exit code, as :func:`facekp.experiment.experiment.guarded` gives it
    """
    [text] = sys.argv[1:] if argv is None else argv
    return guarded(lambda: _train(**json.loads(text)))


def _train(folder, settings, data):
    def stop(number, frame):
        name = signal.Signals(number).name
        raise KeyboardInterrupt(f"{name}: stopped; the same command goes on")

    for number in (signal.SIGINT, signal.SIGTERM):  # until the training has its own
        signal.signal(number, stop)
    from facekp import data as tables
    from facekp import training
    test = tables.load_test(data)
    training.train(Run(folder), Settings.from_dict(settings),
                   tables.load_training(data, complete_only=True), test,
                   tables.load_lookup(data, test.image_ids))


if __name__ == "__main__":
    sys.exit(main())
