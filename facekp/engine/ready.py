"""Import this module before theano, lasagne or nolearn: it prepares them.

It chooses the settings (facekp.engine.plan), checks that the installed versions work together,
imports Theano, checks that Theano uses the requested device, and installs the bridges
(facekp.engine.bridges). Every fault is one EngineError with its remedy.
"""

import re
from importlib import metadata

from facekp.engine import bridges, compile_cache, device, garbage
from facekp.engine.plan import configure
from facekp.errors import EngineError

MEND = "set the environment up again: make env, or pip install --no-deps -r requirements/run.txt"
PINS = {"theano-pymc": "1.0.9", "lasagne": "0.1", "nolearn": "0.6.1"}


def installed(distribution):
    """Version of an installed distribution, None if it is not there."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def check_versions(version=installed):
    """Raise EngineError unless the installed versions are known to work together.

    Parameters
    ----------
    version : callable
        Name of a distribution -> its version or None.
    """
    theano = version("Theano")
    if theano is not None:
        raise EngineError(
            "Theano %s is installed over theano-pymc, in the same folder; remove both "
            "(pip uninstall -y Theano theano-pymc) and %s" % (theano, MEND)
        )
    for name, wanted in PINS.items():
        found = version(name)
        if found != wanted:
            raise EngineError(
                "%s %s: expected %s; %s" % (name, found or "is not installed", wanted, MEND)
            )
    found = version("numpy")
    if found is None or tuple(map(int, re.findall(r"\d+", found)[:2])) >= (1, 24):
        raise EngineError(
            "numpy %s: expected 1.23.5 (Theano needs numpy < 1.24); %s"
            % (found or "is not installed", MEND)
        )


def check_docstrings():
    """Raise EngineError if Python was told to drop docstrings, which Theano puts together."""
    if check_docstrings.__doc__ is None:
        raise EngineError("Python runs without docstrings (PYTHONOPTIMIZE=2 or -OO), which Theano "
                          "cannot do; unset PYTHONOPTIMIZE, or set it to 1")


def import_theano():
    """Import Theano with the requested device.

    Raises
    ------
    EngineError
        If the device cannot be used (Theano alone would silently use the CPU), or if THEANO_FLAGS
        or a theanorc file has an invalid value.
    """
    if plan is not None:
        device.prepare(plan)
    if plan is not None and "base_compiledir" in plan.flags:
        compile_cache.remove_cut_extensions(plan.flags["base_compiledir"].value)
    with device.Faults() as faults:
        try:
            import theano
        except (AssertionError, KeyError, TypeError, ValueError) as error:  # a setting's value
            raise EngineError("Theano refuses its settings: %s; correct or unset THEANO_FLAGS or "
                              "the theanorc" % " ".join(str(error).split()))
    device.check(theano.config, faults.reasons)
    return theano


check_docstrings()
check_versions()
plan = configure()
with garbage.paused():
    theano = import_theano()
    bridges.bridge()
