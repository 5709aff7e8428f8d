"""What figures, pages and notebooks are made from: runs, what experiments say, and faces."""
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from facekp.analysis.aggregate import group_runs
from facekp.errors import FacekpError, RunError
from facekp.runs import about
from facekp.runs.read import find_runs, of_experiment, on_photographs, warning

N_FACES = 16
"""How many synthetic faces are drawn where no folder of data is named."""


class Missing(FacekpError):
    """A figure cannot be drawn yet; the message has the command that makes what it needs."""


class Sources:
    """The runs and the faces that figures are drawn from; each is read when it is first needed.

    Parameters
    ----------
    root : path
        Folder of runs: ``runs`` or ``results``.
    data : path or None
        Folder of Kaggle's files; None for a few synthetic faces, drawn at once.
    known : iterable of facekp.runs.about.About
        Experiments that may have left nothing in the folder yet.
    """

    def __init__(self, root, data=None, known=()):
        self.root, self.data, self.known = Path(root), data and Path(data), tuple(known)

    @cached_property
    def all_runs(self):
        """list of facekp.runs.read.RunResult: all in the folder"""
        return find_runs(self.root)

    @cached_property
    def runs(self):
        """list of RunResult: those on Kaggle's faces; if there is none, those on synthetic ones."""
        return on_photographs(self.all_runs)

    @cached_property
    def abouts(self):
        """dict of str -> About: what the experiments say of themselves, in the order of tables;
        an experiment below another folder, like ``demo/lenet-augmented``, after the others."""
        found = {one.name: one for one in self.known}
        names = {path.parent.relative_to(self.root).as_posix()
                 for path in self.root.rglob(about.FILE)}
        for name in sorted(names | {run.experiment for run in self.all_runs}):
            try:
                found[name] = about.read_about(self.root, name)
            except RunError as error:
                warning(f"{error} (left out)")
                found[name] = about.About(name)
        order = sorted(found, key=lambda name: (name.count("/"), found[name].order, name))
        return {name: found[name] for name in order}

    def of(self, place):
        """The runs that have an epoch of an experiment, like ``lenet``, or of one of its
        variants, like ``dropout-ablation/dropout``; those among them that it shares."""
        experiment, variant = self._parts(place)
        return [run for run in of_experiment(self.runs, experiment)
                if run.epochs and variant in ("", run.variant)]

    def groups(self, place, runs=None):
        """dict of str -> list of RunResult that differ in seed and fold only, by their label; of
        other runs than those of the place, if some are given."""
        found = group_runs(run for run in runs or self.of(place) if run.epochs)

        def order(group):  # as the experiment names its variants
            names = list(self.abouts[group.experiment].variants)
            return names.index(group.variant) if group.variant in names else len(names)
        return {self.label(group): list(group.runs) for group in sorted(found, key=order)}

    def label(self, group):
        """What readers call a run, or a group of runs, and what tells it from its like."""
        label = self.abouts[group.experiment].label(group.variant)
        name, own = getattr(group, "name", ""), group.variant or group.model
        return label + (name[len(own):] if name.startswith(own) else "")

    def first(self, places, *files):
        """The first complete run of some places (:meth:`of`) that has one of some files;
        none that diverged.

        Raises
        ------
        Missing
        """
        for place in places:
            for run in self.of(place):
                if run.complete and not run.diverged and any(
                        (run.folder / name).exists() for name in files):
                    return run
        commands = " or ".join(map(self.command, places[:2])) or "train one"
        raise Missing(f"no complete run in {self.root} has {' or '.join(files)}: {commands}")

    def command(self, place):
        """The command that trains what a place names (:meth:`of`)."""
        experiment, variant = self._parts(place)
        return f"make {experiment}" + (f" ONLY={variant}" if variant else "")

    def _parts(self, place):
        """(experiment, variant) of a place; the experiment's name may have a slash itself."""
        experiment, _, variant = (place, "", "") if place in self.abouts else place.partition("/")
        return experiment, variant

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

    def faces_of(self, run):
        """The complete training images that a run was trained on.

        Raises
        ------
        Missing
            If the data folder holds others.
        """
        if run.config["data"]["files"] != self.training.provenance["files"]:
            raise Missing(f"{run.folder} was made from {run.label}, the data folder holds "
                          f"{self.training.provenance['label']}: name the run's faces")
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
