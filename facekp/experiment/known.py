"""Find experiments: files in experiments/, or anywhere else by their path."""
import contextlib
import importlib.util
import os
import sys
from pathlib import Path

import facekp
from facekp.errors import ConfigError
from facekp.runs.about import FILE, write_about

_loaded = {}


def files():
    """The experiments that come with the checkout or the installed package.

    Returns
    -------
    dict of str -> Path; the name is the file's, with dashes
    """
    package = Path(facekp.__file__).resolve().parent
    for folder in (package / "experiments", package.parent / "experiments"):
        if folder.is_dir():
            found = sorted(folder.glob("*.py")) + sorted((folder / "beyond").glob("*.py"))
            return {path.stem.replace("_", "-"): path for path in found}
    return {}


def load(file):
    """Run an experiment's file, once per process.

    Like a script, it can import modules from its own folder.

    Parameters
    ----------
    file : path

    Returns
    -------
    module

    Raises
    ------
    ConfigError
        If there is no such file.
    """
    path = os.path.realpath(file)
    if path not in _loaded:
        if not os.path.isfile(path) or not path.endswith(".py"):
            raise ConfigError(f"{file}: found no such Python file, expected one that holds an "
                              "experiment or registers a net; correct the path")
        if os.path.dirname(path) not in sys.path:
            sys.path.append(os.path.dirname(path))
        spec = importlib.util.spec_from_file_location(f"experiment file {path}", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException as error:
            del sys.modules[spec.name]
            if not isinstance(error, (ImportError, SyntaxError)):  # its traceback says more
                raise
            line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
            raise ConfigError(f"{file}{line}: cannot be imported ({type(error).__name__}: "
                              f"{error}); correct the file") from error
        _loaded[path] = module
    return _loaded[path]


def get(name):
    """Get an experiment by its name, or by the path of its file.

    Parameters
    ----------
    name : str, like "optimizer-study" or "my_experiment.py"

    Returns
    -------
    Experiment or Series

    Raises
    ------
    ConfigError
        If there is none.
    """
    from facekp.experiment import Experiment, Series
    path = files().get(name, name)
    if path is name and not name.endswith(".py"):
        raise ConfigError(f"experiment: found {name!r}, expected one of {', '.join(files())}, or "
                          "the path of a file that ends in .py")
    found = [value for value in vars(load(path)).values()
             if isinstance(value, (Experiment, Series))]
    if len({id(value) for value in found}) != 1:
        raise ConfigError(f"{path}: found {len(found)} experiments, expected one; a file holds one "
                          "facekp.experiment.Experiment")
    return found[0]


def experiments():
    """All experiments that come with the checkout or the installed package.

    Returns
    -------
    list of Experiment
    """
    from facekp.experiment import Experiment
    return [found for found in map(get, files()) if isinstance(found, Experiment)]


def write_abouts(root):
    """Write experiment.json for runs of the experiments at hand: what these say of themselves now.

    A claim or a label that has been changed in an experiment's file shows without its command being
    given again. Where some runs have other settings than the file, or are of a variant that it
    lacks, experiment.json stays as it is.

    Parameters
    ----------
    root : path, of the runs
    """
    from facekp.runs.read import find_runs
    runs = find_runs(root, warn=lambda text: None)
    there = {(run.experiment, run.base) for run in runs}
    # the runs of the demo and of --quick are one folder deeper, like demo/lenet-augmented
    places = {"", *(name.rpartition("/")[0] for name, _ in there)}
    for experiment in experiments():
        wanted = {(experiment.name, variant) for variant in experiment.variants}
        wanted |= {tuple(shared) for shared in experiment.shares.values()}
        for place in places:
            here = {(f"{place}/{name}".lstrip("/"), variant) for name, variant in wanted}
            full_name = f"{place}/{experiment.name}".lstrip("/")
            own = [run for run in runs if run.experiment == full_name]
            new = not Path(root, place, experiment.name, FILE).exists()
            if here & there and (new or all(_is_of(experiment, run) for run in own)):
                with contextlib.suppress(OSError):  # a folder that is only read says what it said
                    write_about(Path(root, place), experiment.about())


def _is_of(experiment, run):
    """Whether a run (facekp.runs.result.RunResult) is one that an experiment would make."""
    if run.base in experiment.ensembles:
        return True
    variant = experiment.variants.get(run.base)
    chosen = {name: run.settings[name] for name in ("seed", "fold", "split", "epochs")}
    return variant is not None and {**variant.settings.as_dict(), **chosen} == run.settings
