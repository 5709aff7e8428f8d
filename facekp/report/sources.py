"""What figures and notebooks are drawn from: the runs of a folder, and faces."""
from functools import cached_property
from pathlib import Path
from shlex import quote
from types import SimpleNamespace

import numpy as np

from facekp.analysis.aggregate import group_runs
from facekp.errors import FacekpError
from facekp.runs.read import Collection


CNN14 = (("cnn14", ""), ("optimizer-study", "adagrad"))
"""Where the 14-layer CNN trained with Adagrad is found: (experiment, variant), best first."""

N_FACES = 16
"""How many synthetic faces are drawn where no folder of data is named."""


class Missing(FacekpError):
    """A figure cannot be drawn yet; the message has the command that makes what it needs."""


class Sources(Collection):
    """The runs and the faces that figures are drawn from; each is read when it is first needed.

    Parameters
    ----------
    root : path
        Folder of runs: ``runs`` or ``results``.
    data : path or None
        Folder of Kaggle's files; None for a few synthetic faces, drawn at once.
    """

    def __init__(self, root, data=None):
        super().__init__(root)
        self.data = data and Path(data)

    @cached_property
    def training(self):
        """facekp.data.Training, the complete images; of synthetic ones X, y and provenance only"""
        if self.data is None:
            return synthetic_faces()
        from facekp.data import load_training
        return load_training(self.data, complete_only=True)

    @cached_property
    def test(self):
        """facekp.data.Test; there must be a folder of data"""
        from facekp.data import load_test
        return load_test(self.data)

    def groups(self, experiment):
        """dict of name -> runs that differ in seed and fold only; without runs of no epoch."""
        return {group.name: list(group.runs) for group in group_runs(self.of(experiment))}

    def first(self, places, *files):
        """The first complete run of some (experiment, variant) that has one of some files; none
        that diverged.

        Raises
        ------
        Missing
        """
        for experiment, variant in places:
            for run in self.of(experiment, variant):
                if run.complete and not run.diverged and any(
                        (run.folder / name).exists() for name in files):
                    return run
        commands = " or ".join(self.command(*place) for place in places)
        kept = "" if self.root.name != "results" else " (results/ keeps no predictions of faces)"
        raise Missing(f"no complete run in {self.root} has {' or '.join(files)}{kept}: {commands}")

    def command(self, experiment, variants=""):
        """The command that trains an experiment, or some of its variants (a str with commas), with
        the folders that are not the Makefile's own."""
        own = self.root.name == "results" or self.root.name == "runs" and (
            not self.root.is_absolute() or (self.root.parent / "Makefile").exists())
        choices = {"ONLY": variants,
                   "DATA": self.data if self.data != Path("data/kaggle") else "",
                   "OUT": "" if own else self.root}
        return " ".join([f"make {experiment}"] + [
            f"{name}={quote(str(value)).replace('$', '$$')}"  # for the shell, and for make
            for name, value in choices.items() if value])

    def faces_of(self, run):
        """The complete training images that a run was trained on.

        Raises
        ------
        Missing
            If the data folder holds others.
        """
        if run.config["data"]["files"] != self.training.provenance["files"]:
            raise Missing(f"{run.folder} was made from {run.label}, the data folder holds "
                          f"{self.training.provenance['label']}: name the run's with DATA=")
        return self.training


def synthetic_faces(n=N_FACES):
    """Synthetic faces with the attributes of :class:`facekp.data.Training` that figures need.

    Parameters
    ----------
    n : int

    Returns
    -------
    object with X, float32 (n, 1, 96, 96) in [0, 1]; y, float32 (n, 30), px; provenance, dict
    """
    from facekp.data.synthetic import generate

    images, y = generate(n)
    return SimpleNamespace(X=images[:, np.newaxis].astype(np.float32) / 255, y=y,
                           provenance={"kind": "synthetic", "label": "synthetic faces",
                                       "files": {}})
