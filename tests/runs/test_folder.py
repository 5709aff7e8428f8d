"""The run folder: written atomically, held by one process, refused when it does not fit."""
import errno
import json
import math
import signal
import subprocess
import sys

import numpy as np
import pytest

from facekp import files
from facekp.runs import folder as runs, place
from facekp.runs.config import differing
from facekp.runs.version import CODE_DIGESTS, TRAINING_VERSION
from facekp.errors import ConfigError, FolderError, RunError
from facekp.runs.folder import HISTORY, Run
from facekp.settings import Settings

CONFIG = {"settings": {"model": "lenet5", "seed": 0, "options": {}}, "data": {"label": "tests"},
          "versions": {"numpy": "1"}, "training_version": 2, "engine": {"device": "cpu"},
          "begun": "now"}

HOLD = """
import sys, time
from facekp.runs.folder import Run
with Run(sys.argv[1]).locked():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder's lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)],
                               stdout=subprocess.PIPE, universal_newlines=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def save(run, epoch):
    run.save_checkpoint({"W": np.full(4, epoch, np.float32)}, {"epoch": epoch})


def loaded_epoch(run, told):
    found = run.load_checkpoint(told.append)
    if found is None:
        return None
    arrays, meta = found
    assert (arrays["W"] == meta["epoch"]).all()
    return meta["epoch"]


# ---- lock --------------------------------------------------------------------------------------


def test_second_process_is_refused_and_a_killed_one_holds_nothing(run, holder):
    with pytest.raises(RunError, match=f"process {holder.pid} of .* is at work on this run"):
        with run.locked():
            pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with run.locked():
        pass


def test_a_file_system_without_locks_is_refused(run, monkeypatch):
    def no_locks(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(runs.fcntl, "flock", no_locks)
    with pytest.raises(RunError, match="file system without locks .No locks available"):
        with run.locked():
            pass


def test_lock_is_released_after_an_error(run):
    with pytest.raises(KeyError):
        with run.locked():
            raise KeyError
    with run.locked():
        pass


def test_lock_makes_the_folder_and_says_when_it_cannot(tmp_path):
    with Run(tmp_path / "a" / "b").locked():
        assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file.*cannot be written"):
        with Run(tmp_path / "file" / "fold0").locked():
            pass


def test_lock_removes_what_a_killed_writer_left(run, tmp_path):
    (tmp_path / ".checkpoint.new.12345.tmp").write_bytes(b"half")
    (tmp_path / "mine.tmp").write_bytes(b"")
    with run.locked():
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "mine.tmp"]


# ---- config.json -------------------------------------------------------------------------------


def test_begin_twice_with_the_same_config(run):
    run.begin(CONFIG)
    before = run.config.read_bytes()
    run.begin({**CONFIG, "begun": "later"})  # not a part that must agree
    assert run.config.read_bytes() == before


def test_tuples_equal_the_lists_that_json_makes_of_them(run):
    config = {**CONFIG, "settings": {"options": {"a": (1, 2)}}}
    run.begin(config)
    run.begin(config)


@pytest.mark.parametrize("part, value, words", [
    ("settings", {"model": "lenet5", "seed": 1, "options": {}}, "settings.seed was 0, now is 1"),
    ("settings", {"model": "lenet5", "seed": 0, "options": {"batch_norm": True}},
     "settings.options.batch_norm was None, now is True"),
    ("data", {"label": "Kaggle's files"}, "data.label was 'tests', now is \"Kaggle's files\""),
    ("test_data", {"test.csv": "ab"}, "test_data was None, now is {'test.csv': 'ab'}"),
    ("versions", {"numpy": "2"}, "versions.numpy was '1', now is '2'"),
    ("training_version", 3, "training_version was 2, now is 3"),
    ("engine", {"device": "cuda0"}, "engine.device was 'cpu', now is 'cuda0'"),
])
def test_begin_with_another_config_shows_the_difference(run, part, value, words):
    run.begin(CONFIG)
    before = run.config.read_bytes()
    with pytest.raises(RunError) as caught:
        run.begin({**CONFIG, part: value})
    message = str(caught.value)
    assert words in message and "\n" not in message
    assert run.config.read_bytes() == before


def test_a_complete_run_stays_usable_when_the_code_moves_on(run):
    run.begin(CONFIG)
    files.write_json(run.summary, {})
    run.begin({**CONFIG, "training_version": 3, "versions": {}})
    with pytest.raises(RunError, match="seed"):
        run.begin({**CONFIG, "settings": {"model": "lenet5", "seed": 9, "options": {}}})


OLD = {**CONFIG, "settings": {"model": "lenet5", "mirror": "split-then-mirror"}}
TODAY = {**CONFIG, "settings": Settings("lenet5", augment=("mirror",)).as_dict()}


@pytest.mark.parametrize("digest, version", CODE_DIGESTS.items())
def test_a_run_begun_before_there_were_versions_goes_on_where_its_code_computes_the_same(
        run, tmp_path, digest, version):
    files.write_json(run.config, {**without_version(OLD), "code": digest})
    assert run.begin({**TODAY, "training_version": version})["code"] == digest
    assert place.beside(tmp_path, {**TODAY, "training_version": version}).folder == tmp_path
    with pytest.raises(FolderError, match=f"training_version was {version}, now is 9"):
        run.begin({**TODAY, "training_version": 9})


def test_a_run_of_unknown_code_is_only_read(run):
    files.write_json(run.config, {**without_version(OLD), "code": "f00d" * 16})
    with pytest.raises(FolderError, match=r"training_version was 'unknown \(code f00df00df00d\)'"):
        run.begin({**TODAY, "training_version": TRAINING_VERSION})
    files.write_json(run.summary, {})
    run.begin({**TODAY, "training_version": TRAINING_VERSION})


def without_version(config):
    return {name: value for name, value in config.items() if name != "training_version"}


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_damaged_config(run, content):
    run.config.write_text(content)
    with pytest.raises(RunError, match="config.json: cannot be read"):
        run.begin(CONFIG)


def test_differing():
    assert differing({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}, "d": 4}, "x") == [
        "x.b.c was 2, now is 3", "x.d was None, now is 4"]
    assert differing([1, 2], [1, 2]) == []
    assert differing({"a": 1}, 1, "x") == ["x was {'a': 1}, now is 1"]


# ---- checkpoints -------------------------------------------------------------------------------


def test_newest_checkpoint_of_two_generations(run, tmp_path):
    told = []
    assert loaded_epoch(run, told) is None
    for epoch in (1, 2, 3):
        save(run, epoch)
        assert loaded_epoch(run, told) == epoch
    assert told == []
    assert files.read_arrays(run.previous_checkpoint)[1]["epoch"] == 2
    run.drop_checkpoints()
    run.drop_checkpoints()  # nothing to remove is no fault
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [
    lambda content: b"", lambda content: content[:30], lambda content: content[:-1],
    lambda content: b"x" + content[1:], lambda content: content[:60] + b"x" + content[61:],
    lambda content: content[:-3] + b"x" + content[-2:]],
    ids=["empty", "header", "truncated", "magic", "json", "data"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before_it(run, damage):
    save(run, 1)
    save(run, 2)
    run.checkpoint.write_bytes(damage(run.checkpoint.read_bytes()))
    told = []
    assert loaded_epoch(run, told) == 1
    assert len(told) == 1 and "checkpoint: cannot be used" in told[0]
    save(run, 2)  # and the training goes on from there
    assert loaded_epoch(run, told) == 2


def test_two_damaged_checkpoints_start_anew_and_say_so(run):
    save(run, 1)
    save(run, 2)
    run.checkpoint.write_bytes(b"")
    run.previous_checkpoint.write_bytes(b"")
    told = []
    assert loaded_epoch(run, told) is None
    assert len(told) == 3 and "starting again from epoch 1" in told[-1]


def test_a_checkpoint_that_may_not_be_read_is_kept(run):
    save(run, 1)
    save(run, 2)
    run.checkpoint.unlink()
    run.checkpoint.mkdir()  # stands for one without permission, which root would have
    told = []
    with pytest.raises(RunError, match="checkpoint: cannot be read .*the same command goes on"):
        run.load_checkpoint(told.append)
    assert told == [] and run.checkpoint.is_dir()
    assert files.read_arrays(run.previous_checkpoint)[1]["epoch"] == 1


def test_vanished_checkpoints_are_noticed(run):
    run.write_history([ROW])
    told = []
    assert loaded_epoch(run, told) is None
    assert told == [f"{run.folder}: no checkpoint is there any more; starting again from epoch 1, "
                    "to the same result"]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("last_call", range(5))
def test_a_kill_between_any_two_steps_of_a_save_loses_no_finished_save(run, monkeypatch, last_call):
    """The process ends before the n-th change of the folder; the next one finds 2 or 3 whole."""
    save(run, 1)
    save(run, 2)
    calls = []

    def ending_at(function):
        def call(*args, **kwargs):
            if len(calls) == last_call:
                raise Killed
            calls.append(function)
            return function(*args, **kwargs)
        return call

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", ending_at(files.os.replace))
        patch.setattr(files.os, "fsync", ending_at(files.os.fsync))
        try:
            save(run, 3)
        except Killed:
            pass
    told = []
    # calls: the file's fsync, its rename, the folder's fsync, then the two renames
    assert loaded_epoch(run, told) == (2 if last_call < 2 else 3)
    assert told == []
    save(run, 4)
    assert loaded_epoch(run, told) == 4
    assert files.read_arrays(run.previous_checkpoint)[1]["epoch"] in (2, 3)


# ---- history.csv -------------------------------------------------------------------------------


ROW = {"epoch": 1, "train_loss": 0.1 + 0.2, "valid_loss": np.float64(1 / 3),
       "train_loss_clean": float("nan"), "valid_rmse_px": 2.5, "best": 1, "seconds": 0.25,
       "dur": 0.25, "valid_accuracy": 0.3}


def test_columns_of_the_history_that_some_runs_have(run):
    rows = [{**ROW, "learning_rate": 0.5}, {**ROW, "epoch": 2}]
    run.write_history(rows)
    history = run.read_history()
    assert history["learning_rate"][0] == 0.5 and np.isnan(history["learning_rate"][1])
    assert "averaged_loss" not in history
    run.write_history([ROW])
    assert set(run.read_history()) == set(HISTORY)


def test_history_there_and_back(run):
    run.write_history([ROW, {**ROW, "epoch": 2, "train_loss_clean": 1e-300}])
    text = run.history.read_text()
    assert text.splitlines()[0] == ("epoch,train_loss,valid_loss,train_loss_clean,valid_rmse_px,"
                                    "best,seconds")
    history = run.read_history()
    assert history["epoch"] == [1, 2]
    assert history["train_loss"] == [0.30000000000000004] * 2  # every digit
    assert history["valid_loss"] == [1 / 3] * 2
    assert math.isnan(history["train_loss_clean"][0]) and history["train_loss_clean"][1] == 1e-300


@pytest.mark.parametrize("content", ["epoch\n1\n"] + [
    f"{','.join(HISTORY)}\n{row}\n" for row in (
        "1,x,1,1,1,1,1", "1,1,1,1,1,,1", "1,1,1,1,1,inf,1", "1,1,1,1,1,0.5,1")])
def test_damaged_history(run, content):
    run.history.write_text(content)
    with pytest.raises(RunError, match="history.csv: cannot be read"):
        run.read_history()


def test_missing_history(run):
    with pytest.raises(RunError, match="history.csv: cannot be read"):
        run.read_history()


# ---- names -------------------------------------------------------------------------------------


def test_beside(tmp_path):
    def folder():
        return place.beside(tmp_path / "fold0", CONFIG).folder.name

    assert folder() == "fold0"
    (tmp_path / "fold0").mkdir()
    assert folder() == "fold0"                   # an empty folder holds no run
    runs.Run(tmp_path / "fold0").config.write_text("{}")
    assert folder() == "fold0-2"
    second = runs.Run(tmp_path / "fold0-2")
    second.folder.mkdir()
    second.begin({**CONFIG, "begun": "now"})
    assert folder() == "fold0-2"                 # it was stopped, and can go on
    files.write_json(second.summary, {})
    assert folder() == "fold0-3"
    runs.Run(tmp_path / "fold0-3").folder.mkdir()
    runs.Run(tmp_path / "fold0-3").begin({**CONFIG, "training_version": 1})
    assert folder() == "fold0-4"


@pytest.mark.parametrize("variant, split, own, seed, path", [
    ("", "random", "random", 0, "lenet/lenet5/fold2"),
    ("", "grouped", "random", 0, "lenet/lenet5/grouped/fold2"),
    ("bn", "grouped", "random", 1, "lenet/lenet5/bn/grouped/seed1/fold2"),
    ("bn", "grouped", "grouped", 1, "lenet/lenet5/bn/seed1/fold2"),
    ("fair", "random", "after-mirroring", 0, "lenet/lenet5/fair/random/fold2")])
def test_a_runs_place_there_and_back(tmp_path, variant, split, own, seed, path):
    settings = Settings("lenet5", split=split, augment=("mirror",), seed=seed, fold=2)
    run = place.run_at(tmp_path, "lenet", variant, settings, own)
    assert run.folder == tmp_path / path
    for attempt, folder in ((1, run.folder), (3, run.folder.with_name("fold2-3"))):
        above, found, number = place.place_of(folder, settings)
        name = "/".join(filter(None, (variant, "" if split == own else split)))
        assert (above, found, number) == (tmp_path / "lenet", name, attempt)


@pytest.mark.parametrize("variant", ["grouped", "all-images", "lenet5"])
def test_a_variant_is_not_named_as_a_split_or_its_net(tmp_path, variant):
    with pytest.raises(ConfigError, match=f"variant: found '{variant}'"):
        place.run_at(tmp_path, "lenet", variant, Settings("lenet5"), "random")


def test_complete_only_with_summary(run):
    assert not run.complete
    run.begin(CONFIG)
    save(run, 1)
    assert not run.complete
    files.write_json(run.summary, {"state": "complete"})
    assert run.complete and json.loads(run.summary.read_text()) == {"state": "complete"}
