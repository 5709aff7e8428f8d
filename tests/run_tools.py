"""Shared by the tests of what reads runs: folders of runs that nobody trained."""
import json

from facekp.runs.folder import Run
from facekp.settings import Settings


def make_run(folder, valid, train=None, state="complete", label="a test's faces", seconds=2.0,
             clean=None, files=None, summary=None, **settings):
    """Write a run folder with the losses given, an epoch each.

    Parameters
    ----------
    folder : Path, like ``runs/study/cnn14/adam/fold0``
    valid, train, clean : list of float, the losses
    state : "complete", "diverged", or None for a run that is not finished
    label, files : of the data
    seconds : float, an epoch's
    summary : dict, more for summary.json
    settings : of :class:`facekp.settings.Settings`; seed and fold must agree with the folder

    Returns
    -------
    Run
    """
    run = Run(folder)
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(**{"model": "cnn14", "epochs": max(1, len(valid)), **settings})
    run.config.write_text(json.dumps({
        "settings": settings.as_dict(), "training_version": 4, "threads": "1",
        "theano_flags": 'device="cpu",base_compiledir="/home/someone/.cache"',
        "versions": {"facekp": "0.1.0"}, "git": {"revision": "abc", "dirty": False},
        "host": {"name": "secret-host", "cpu": "A CPU", "cores": 2, "system": "Linux"},
        "data": {"kind": "kaggle", "label": label, "files": files or {"training.csv": "12ab"}}}))
    train = train or valid
    best = None
    rows = []
    for epoch, (t, v) in enumerate(zip(train, valid), 1):
        better = v == v and (best is None or v < best)
        best = v if better else best
        rows.append({"epoch": epoch, "train_loss": t, "valid_loss": v, "best": int(better),
                     "train_loss_clean": clean[epoch - 1] if clean else float("nan"),
                     "valid_rmse_px": 48 * v ** 0.5, "seconds": seconds})
    if rows:
        run.write_history(rows)
    if state:
        run.summary.write_text(json.dumps({
            "state": state, "data": label, "epochs": len(rows), "n_valid": 428, "n_train": 1712,
            "stopped_by": "epochs", "valid_rmse_px": 48 * best ** 0.5 if best else None,
            "mean_face_rmse_px": 3.2, "seconds_per_epoch": seconds,
            "best_epoch": 1, **(summary or {})}))
    return run
