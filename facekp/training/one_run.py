"""One run from beginning to end: its folder, the net, the epochs, the evaluation."""
import facekp.engine.ready  # noqa: F401  (readies Theano, Lasagne and nolearn)

import os
import time

import theano

from facekp import files, fused, machine, text
from facekp.data import only_complete
from facekp.engine import allocator
from facekp.nets.models import build
from facekp.nets.net import check_engine
from facekp.runs import provenance
from facekp.runs.config import differing
from facekp.runs.version import TRAINING_VERSION
from facekp.training import augmented_batches, rates, start
from facekp.training.evaluate import finish
from facekp.training.fit import fit
from facekp.training.split import split


def train(run, settings, training, test=None, lookup=None, say=text.say):
    """Train a net and write its run folder.

    A run that was stopped is continued after its last epoch. A complete run is left as it is.

    Parameters
    ----------
    run : facekp.runs.folder.Run
    settings : facekp.settings.Settings
    training : facekp.data.Training
        Images that lack keypoints are left out, unless `settings.labels` is ``"all"``.
    test : facekp.data.Test or None
    lookup : facekp.data.Lookup or None
        If `test` and `lookup` are given, submission.csv is written.
    say : callable taking a str
        Receives messages about the progress; by default they are printed.

    Returns
    -------
    dict, the contents of summary.json

    Raises
    ------
    FolderError
        If the folder is in use, or if its run was begun with other settings, other data, other
        first weights, other versions of the libraries, or another training version
        (:mod:`facekp.runs.version`).
    RunError
        If the run whose weights this one starts from is not complete or does not fit.
    Interrupted
        If Ctrl-C or SIGTERM stopped it. Every finished epoch is on disk.

    Examples
    --------
    >>> from facekp.data import load_training
    >>> from facekp.runs.folder import Run
    >>> from facekp.settings import Settings
    >>> summary = train(Run("runs/mine"), Settings("lenet5", epochs=10),
    ...                 load_training(complete_only=True))    # doctest: +SKIP
    """
    allocator.tune()
    check_engine()
    net = build(settings)  # before the folder is touched: it refuses options that do not fit
    augmented_batches.use(net, settings)
    rates.use(net, settings)
    if settings.labels == "complete":
        training = only_complete(training)
    with run.locked():
        config = describe(settings, training, test, lookup)
        if not run.complete:
            config.update(start.origin(run, settings))
        begun = run.begin(config)
        if run.complete:
            say(f"{run.folder}: complete")
            run.drop_checkpoints()  # a kill just after summary.json was written leaves them
            return files.read_json(run.summary)
        start.check(run, begun, config)
        changed = differing(provenance.rounding(begun), provenance.rounding(config))
        if changed:
            say(f"{run.folder}: {'; '.join(changed)}: the last bits may differ from an "
                "undisturbed run's")
        data = split(training.X, training.y, settings)
        precision = "" if theano.config.floatX == "float32" else f" in {theano.config.floatX}"
        say(f"{run.folder}: compiling {settings.model}{precision}")
        net.compile()
        start.use(net, run, settings)
        best, averaged, stop = fit(net, data, run, settings, say)
        for name, parameter in net.weights().items():
            if best.values:
                parameter.set_value(best.values[name])
        return finish(run, settings, net, data, best, averaged, stop, training, test, lookup)


def describe(settings, training, test=None, lookup=None):
    """The contents of config.json.

    Parameters
    ----------
    settings, training, test, lookup : as for :func:`train`

    Returns
    -------
    dict, JSON-able
    """
    predicted = [table.provenance["files"] for table in (test, lookup) if table is not None]
    return {
        "settings": settings.as_dict(),
        "data": training.provenance,
        "test_data": {name: sha256 for table in predicted for name, sha256 in table.items()},
        "versions": provenance.versions(),
        "training_version": TRAINING_VERSION,
        "engine": {"device": theano.config.device, "floatX": theano.config.floatX,
                   "fused": fused.in_use() and settings.options.get("fused", True)},
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
        "theano_flags": os.environ.get("THEANO_FLAGS", ""),
        "git": provenance.git_state(),
        "host": machine.host(),
        "begun": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
