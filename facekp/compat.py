"""Run old scripts for Theano, Lasagne and nolearn as they are: ``python -m facekp.compat SCRIPT``.

The first line ``import facekp.compat`` in the script does the same. Both prepare the engine and
provide the names of 2014 that libraries have moved since. The command also runs scripts written for
Python 2: it translates their syntax in memory; ``1 / 2`` is 0.5 then, as in Python 3.
"""
import argparse
import importlib
import os
import sys
import tokenize
import types
import warnings

MOVED = {
    "cPickle": "pickle",
    "sklearn.externals.joblib": "joblib",
    "sklearn.grid_search": "sklearn.model_selection",
    "sklearn.learning_curve": "sklearn.model_selection",
}
"""Modules that old scripts import, by the name of today's module in their place."""


def install():
    """Prepare Theano, Lasagne and nolearn, and provide moved names; a second call changes nothing.

    Raises
    ------
    facekp.errors.EngineError
        As for ``import facekp.engine.ready``, which this function does.
    """
    import facekp.engine.ready  # noqa: F401
    import sklearn.cross_validation
    import sklearn.model_selection

    for old, new in MOVED.items():
        package, _, name = old.rpartition(".")
        module = sys.modules.setdefault(old, importlib.import_module(new))
        if package and not hasattr(importlib.import_module(package), name):
            setattr(importlib.import_module(package), name, module)
    for name in sklearn.model_selection.__all__:  # train_test_split; KFold is there as it was
        if not hasattr(sklearn.cross_validation, name):
            setattr(sklearn.cross_validation, name, getattr(sklearn.model_selection, name))


def compiled(path):
    """The code of a script, translated if it was written for Python 2.

    Parameters
    ----------
    path : path

    Returns
    -------
    code

    Raises
    ------
    SyntaxError
        If the script cannot be read as Python 2 either.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
    ...     _ = file.write("print 'an old script'"), file.flush()
    ...     exec(compiled(file.name))
    an old script
    """
    with tokenize.open(path) as file:
        source = file.read()
    try:
        return compile(source, path, "exec")
    except SyntaxError as error:
        try:
            return compile(translated(source, path), path, "exec")
        except Exception:  # the parser of Python 2 has an exception of its own
            raise error from None


def translated(source, name):
    """A source text of Python 2, as Python 3."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there until Python 3.12
        from lib2to3 import refactor
    tool = refactor.RefactoringTool(refactor.get_fixers_from_package("lib2to3.fixes"))
    return str(tool.refactor_string(source + "\n", name))


def main(argv=None):
    """Run a script. Its classes are those of ``__main__``, so that its nets can be pickled."""
    parser = argparse.ArgumentParser(prog="python -m facekp.compat",
                                     description="Run an old script for Theano, Lasagne and "
                                                 "nolearn.")
    parser.add_argument("script", metavar="SCRIPT")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="those of the script")
    options = parser.parse_args(argv)
    try:
        code = compiled(options.script)
    except OSError as error:
        parser.error(f"{options.script}: cannot be read ({error.strerror}); correct the path")
    install()
    sys.argv = [options.script, *options.arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(options.script))
    script = sys.modules["__main__"] = types.ModuleType("__main__")
    script.__file__ = options.script
    exec(code, vars(script))


if __name__ == "__main__":
    main()
else:
    install()
