"""Training processes are killed with SIGKILL and end as if nothing had been (short version).

``make test-faults`` kills 200; docs/reliability.md has its figures.
"""
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from faults import campaign, configurations, figures, harness, report

LATE = ("last files", "rename", 3)  # weights.npz and predictions.npz are there, no summary.json


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return configurations.write_data(tmp_path_factory.mktemp("faults") / "data")


NAME = "cnn14 with dropout, adagrad"
MOMENTS = [("epochs", "rename", 6), ("epochs", "write", 40), LATE]


@pytest.mark.slow
def test_killed_and_started_again(tmp_path, clean_env, data):
    key = f"KILLED/{NAME}"

    def attempt(out, moment=None):
        return harness.attempt(key, data, tmp_path / out, tmp_path / f"{out}.log", moment,
                               env=clean_env)

    with ThreadPoolExecutor() as pool:  # processes of one thread each
        beside = pool.submit(attempt, "undisturbed")
        safe = 0
        for moment in MOMENTS:
            killed = attempt("killed", moment)
            assert killed.code == -signal.SIGKILL and killed.struck_at == "/".join(moment[:2])
            assert killed.saved > safe and (killed.went_on or 0) >= safe
            safe = killed.saved
        ended = attempt("killed")
        assert ended.code == 0 and ended.went_on >= safe, ended.output
        undisturbed = beside.result()
    assert undisturbed.code == 0, undisturbed.output
    folder = configurations.run_folder(key, tmp_path / "killed")
    expected = harness.results(configurations.run_folder(key, tmp_path / "undisturbed"))
    assert harness.differences(folder, expected) == []

    weights = folder / "weights.npz"  # the comparison sees a single bit, and a file left behind
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    (folder / ".weights.npz.1.tmp").write_bytes(b"")
    assert harness.differences(folder, expected) == ["weights.npz", ".weights.npz.1.tmp"]


# ---- the harness itself ------------------------------------------------------------------------

PASSED = {"first files/sync": 2, "epochs/train": 12, "epochs/write": 60, "last files/remove": 3}


@pytest.mark.parametrize("saved, expected", [
    (0, {("first files", "sync"): 2, ("epochs", "train"): 3, ("epochs", "write"): 15}),
    (3, {("epochs", "train"): 3, ("epochs", "write"): 15, ("last files", "remove"): 3}),
    (5, {("epochs", "train"): 2, ("epochs", "write"): 10, ("last files", "remove"): 3}),
    (configurations.EPOCHS, {("last files", "remove"): 3, None: 0})])
def test_moments_are_drawn_from_all_that_lie_ahead(random, saved, expected):
    """Every kind, up to the moments of one and a half epochs or of those left."""
    highest, by_clock = {}, []
    for _ in range(500):
        moment = harness.draw(random, PASSED, saved, seconds=10)
        if isinstance(moment, float):
            by_clock.append(moment)
        else:
            kind = moment and moment[:2]
            highest[kind] = max(highest.get(kind, 0), moment[2] if moment else 0)
    assert highest == expected
    assert 40 < len(by_clock) < 120 and min(by_clock) < 2 and 9 < max(by_clock) <= 11


def ended(code, struck_at=None, saved=0, went_on=None, output=""):
    return harness.Attempt(code, struck_at, 0.0, saved, went_on, PASSED, 1.0, output)


def test_a_campaign_counts_what_is_lost(tmp_path, monkeypatch):
    name = "cnn14 with dropout, adagrad"
    story = [ended(0),                                                  # undisturbed
             ended(-9, "epochs/write", saved=3),
             ended(-9, "any moment", went_on=3),                        # killed before the next one
             ended(-9, "epochs/train", saved=4, went_on=2),             # epoch 3 was lost
             ended(-9, "first files/sync", output="checkpoint: cannot be used: ...; going on"),
             ended(1, output="Traceback"), ended(-11), ended(0)]
    monkeypatch.setattr(harness, "attempt", lambda *args: story.pop(0))
    monkeypatch.setattr(harness, "results", lambda folder: {})
    monkeypatch.setattr(harness, "differences", lambda folder, expected: ["weights.npz"])
    monkeypatch.setattr(campaign.shutil, "rmtree", lambda folder, **options: None)
    first = campaign.Campaign(name, tmp_path)
    for _ in range(4):
        first.step()
    going_on = campaign.Campaign(name, tmp_path)  # as after an interruption
    for _ in range(3):
        going_on.step()
    assert story == []
    found = going_on.figures
    assert found["kills"] == {"epochs/write": 1, "any moment": 1, "epochs/train": 1,
                              "first files/sync": 1}
    assert (found["epochs_lost"], found["damaged"], found["runs"]) == (1, 1, 1)
    assert found["differing"] == ["weights.npz"]
    assert [text[:12] for text in found["failures"]] == ["exit code 1:", "exit code -1"]


def test_the_tables_are_those_of_the_figures():
    """docs/reliability.md is stale: PYTHONPATH=.:tests python -m faults.report"""
    page = report.PAGE.read_text(encoding="utf-8")
    assert f"{report.BEGIN}\n\n{report.text(figures.read())}\n\n{report.END}" in page


def test_the_data_are_in_kaggles_format(data):
    from facekp.data import load_lookup, load_test, load_training
    training = load_training(data, complete_only=True)
    assert training.X.shape == (40, 1, 96, 96) and training.provenance["kind"] == "synthetic"
    test = load_test(data)
    assert len(load_lookup(data, test.image_ids).row_ids) == 12
    assert np.isfinite(training.y).all()
