"""What figures, pages and notebooks are made from: runs, what experiments say, and faces."""
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from facekp.analysis.aggregate import group_runs
from facekp.errors import FacekpError
from facekp.runs.read import Collection

N_FACES = 16
"""How many synthetic faces are drawn where no folder of data is named."""


class Missing(FacekpError):
    """A figure cannot be drawn yet; the message has the command that makes what it needs."""


def synthetic_faces(n, seed=0):
    """So many synthetic faces, drawn at once: X (n, 1, 96, 96) in [0, 1], y (n, 30) in px, and
    provenance."""
    from facekp.data.folder import SYNTHETIC_LABEL
    from facekp.data.synthetic import generate
    images, y = generate(n, seed)
    return SimpleNamespace(X=images[:, np.newaxis].astype(np.float32) / 255, y=y, provenance={
        "kind": "synthetic", "label": SYNTHETIC_LABEL, "files": {}})


class Sources(Collection):
    """A :class:`Collection` of runs, and faces; each is read when it is first needed.

    `data` is a folder of Kaggle's files, or None for a few synthetic faces, drawn at once.
    """

    def __init__(self, root, data=None, known=()):
        super().__init__(root, known=known)
        self.data = data and Path(data)

    def groups(self, place):
        """dict of str -> list of RunResult that differ in seed and fold only, by their label."""
        return {group.name: list(group.runs) for group in group_runs(
            run for run in self.of(place) if run.epochs)}

    def first(self, places, *files, ensembles=True):
        """The first complete run of some places (:meth:`of`), perhaps an ensemble, that has one of
        some files and did not diverge; raises :class:`Missing` without one."""
        for run in (run for place in places for run in self.of(place)):
            if run.complete and not run.diverged and (ensembles or run.epochs) and any(
                    (run.folder / name).exists() for name in files):
                return run
        commands = " or ".join(map(self.command, places[:2])) or "train one"
        raise Missing(f"no complete run in {self.root} has {' or '.join(files)}: {commands}")

    def command(self, place):
        """The command that trains what a place names (:meth:`of`)."""
        experiment, variant = self.parts(place)
        return f"make {experiment}" + (f" ONLY={variant}" if variant else "")

    @cached_property
    def training(self):
        """facekp.data.Training, the complete images; of synthetic ones X (n, 1, 96, 96) in [0, 1],
        y (n, 30) in px and provenance only"""
        if self.data is not None:
            from facekp.data import load_training
            return load_training(self.data, complete_only=True)
        return synthetic_faces(N_FACES)

    @cached_property
    def test(self):
        """facekp.data.Test; there must be a folder of data"""
        from facekp.data import load_test
        return load_test(self.data)

    def faces_of(self, run):
        """The complete training images that a run was trained on; raises :class:`Missing` if the
        data folder holds others."""
        if run.config["data"]["files"] != self.training.provenance["files"]:
            raise Missing(f"{run.folder} was made from {run.label}, the data folder holds "
                          f"{self.training.provenance['label']}: name the run's faces")
        return self.training
