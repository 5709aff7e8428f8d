"""Train one run in its own process; launchers start this module."""
import json
import os
import signal
import sys
from pathlib import Path

import facekp
from facekp.engine.plan import users_environ
from facekp.experiment import known
from facekp.experiment.guard import guarded
from facekp.nets import registry
from facekp.runs.folder import Run
from facekp.settings import Settings

COMMAND = (sys.executable, "-m", "facekp.experiment.launch.worker")


def environ(threads):
    """The environment of the process: the user's own, with a number of threads (a str)."""
    paths = [str(Path(facekp.__file__).parents[1]), os.environ.get("PYTHONPATH")]
    return dict(users_environ(), OMP_NUM_THREADS=threads, PYTHONUNBUFFERED="1",
                PYTHONIOENCODING="utf-8", PYTHONPATH=os.pathsep.join(filter(None, paths)))


def job(run, settings, data):
    """The only argument of the process: JSON with the run, its settings and the data.

    Parameters
    ----------
    run : facekp.runs.folder.Run
    settings : facekp.settings.Settings
    data : path of Kaggle's files

    Returns
    -------
    str
    """
    return json.dumps({"folder": str(run.folder), "settings": settings.as_dict(),
                       "data": str(data), "file": registry.get(settings.model).file})


def main(argv=None):
    """Train one run.

    Parameters
    ----------
    argv : list of one str, as :func:`job` gives it

    Returns
    -------
    int, the exit code, as :func:`facekp.experiment.guard.guarded` gives it
    """
    [text] = sys.argv[1:] if argv is None else argv
    return guarded(lambda: _train(**json.loads(text)))


def _train(folder, settings, data, file=None):
    def stop(number, frame):
        name = signal.Signals(number).name
        raise KeyboardInterrupt(f"{name}: stopped; the same command goes on")

    for number in (signal.SIGINT, signal.SIGTERM):  # until the training sets its own handlers
        signal.signal(number, stop)
    from facekp.data import load_training, load_unlabelled
    from facekp.training import train
    if file:  # the file that registers a net which is not part of facekp
        known.load(file)
    settings = Settings.from_dict(settings)
    training = load_training(data, complete_only=settings.labels == "complete")
    train(Run(folder), settings, training, *load_unlabelled(data))


if __name__ == "__main__":
    sys.exit(main())
