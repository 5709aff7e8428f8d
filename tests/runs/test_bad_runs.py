"""Run folders with something wrong in them, by way of the commands: exit code 2 and one line.

Every file that a run leaves, crossed with what may have become of it; for the command that trains
(on a run that has ended, and on one that was stopped) and for the one that makes a submission.
"""
import contextlib
import json
import os
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import core_tools
import numpy as np
import pytest

from facekp import files
from facekp.cli import commands as cli
from facekp.runs import folder as runs
from facekp.training import load, one_run as training
from facekp.experiment import Experiment
from facekp.runs.folder import Run

pytestmark = pytest.mark.usefixtures("quick_pictures")

STUDY = Experiment("study", {"": replace(core_tools.CLASSIC, epochs=2)})
FOLDER = ("study", "lenet5", "fold0")


@pytest.fixture(autouse=True)
def no_files(monkeypatch):
    from facekp import data
    monkeypatch.setattr(data, "load_training", lambda *args, **kw: core_tools.training_data())
    monkeypatch.setattr(data, "load_test", lambda *args, **kw: core_tools.unlabelled_data())
    monkeypatch.setattr(data, "load_lookup", lambda *args: core_tools.lookup())
    monkeypatch.setattr(data, "load_unlabelled", lambda folder: (core_tools.unlabelled_data(),
                                                                 core_tools.lookup()))
    monkeypatch.setattr(load, "build", core_tools.build_once)
    with core_tools.quick_training():
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A complete run, and the same run as it was after its first epoch."""
    root = tmp_path_factory.mktemp("trained")
    with core_tools.quick_training(), pytest.MonkeyPatch.context() as patch:
        for name in ("complete", "stopped"):
            run = Run(root / name)
            patch.setattr(training, "finish", training.finish if name == "complete" else stopped)
            try:
                training.train(run, STUDY.variants[""].settings, core_tools.training_data(),
                               core_tools.unlabelled_data(), core_tools.lookup(), say=str)
            except KeyboardInterrupt:
                pass
    return root


def stopped(*args):
    raise KeyboardInterrupt


@pytest.fixture
def place(trained, tmp_path):
    """Copy a run to where the study looks for it: its folder."""
    def copy(name):
        folder = tmp_path.joinpath(*FOLDER)
        shutil.copytree(trained / name, folder)
        return folder
    return copy


def train(tmp_path, *arguments):
    return STUDY.main(["--out", str(tmp_path), *arguments])


def refused(code, capsys, folder, before, *words):
    """Exit code 2, one error line with these words, and every file as it was."""
    err = capsys.readouterr().err
    assert code == 2
    assert err.startswith("facekp: error: ") and err.count("\n") == 1 and len(err) < 1500, err
    for word in words:
        assert word in err
    assert contents(folder) == before


def contents(folder):
    """Every file's bytes; locks and what is written beside first do not count."""
    return {path.relative_to(folder): path.read_bytes() if path.is_file() else None
            for path in sorted(folder.rglob("*")) if path.name != "lock"}


def missing(path):
    path.unlink()


def a_directory(path):
    path.unlink()
    path.mkdir()


def garbage(path):
    path.write_bytes(np.random.RandomState(0).bytes(3000))


def empty(path):
    path.write_bytes(b"")


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def a_symlink_loop(path):
    path.unlink()
    path.symlink_to(path.name)


def empty_object(path):
    path.write_text("{}")


def a_list(path):
    path.write_text("[1]")


def nested(path):
    path.write_text("[" * 10**5)


def foreign_summary(path):
    path.write_text('{"state": "complete", "valid_rmse_px": "<b>"}')


def a_line(path):
    path.write_text("garbage\n")


DAMAGES = [missing, a_line, a_directory, garbage, empty, cut, a_symlink_loop]
OF_JSON = [empty_object, a_list, nested]


@pytest.mark.parametrize("name, damage", [
    *((name, damage) for name in ("config.json", "history.csv") for damage in DAMAGES),
    *(("config.json", damage) for damage in OF_JSON),
    *(("summary.json", damage) for damage in [*DAMAGES[1:], *OF_JSON, foreign_summary])])
def test_training_where_a_complete_run_is_damaged(name, damage, place, tmp_path, capsys):
    folder = place("complete")
    damage(folder / name)
    before = contents(folder)
    refused(train(tmp_path), capsys, folder, before, str(folder))


@pytest.mark.parametrize("damage", [missing, a_directory, garbage, empty, cut, a_symlink_loop,
                                    *OF_JSON])
def test_training_where_a_stopped_run_has_lost_its_config(damage, place, tmp_path, capsys):
    folder = place("stopped")
    damage(folder / "config.json")
    before = contents(folder)
    refused(train(tmp_path), capsys, folder, before, "fold0")


def foreign(folder):
    """The checkpoint of another net, whole and with a right checksum."""
    files.write_arrays(folder / "checkpoint", {"state/000.W": np.zeros(3, np.float32)},
                       {"history": [], "batches_epoch": 0, "best_epoch": 0, "best_loss": 1.0})


def other_shape(folder):
    arrays, meta = files.read_arrays(folder / "checkpoint")
    name = next(name for name in arrays if name.startswith("state/") and arrays[name].ndim == 2)
    files.write_arrays(folder / "checkpoint", {**arrays, name: arrays[name][:, 1:]}, meta)


def other_type(folder):
    arrays, meta = files.read_arrays(folder / "checkpoint")
    arrays = {name: value.astype(np.float64) for name, value in arrays.items()}
    files.write_arrays(folder / "checkpoint", arrays, meta)


def other_best(folder):
    arrays, meta = files.read_arrays(folder / "checkpoint")
    files.write_arrays(folder / "checkpoint", {**arrays, "best/x": np.zeros(1)}, meta)


def no_meta(folder):
    files.write_arrays(folder / "checkpoint", files.read_arrays(folder / "checkpoint")[0], {})


@pytest.mark.parametrize("put", [foreign, other_shape, other_type, other_best, no_meta])
def test_a_checkpoint_of_another_net_is_refused(put, place, tmp_path, capsys):
    folder = place("stopped")
    put(folder)
    before = contents(folder)
    refused(train(tmp_path), capsys, folder, before, "checkpoint: is another net's", "OUT=")


def test_a_damaged_checkpoint_gives_way_to_the_one_before(place, tmp_path, capsys, trained):
    folder = place("stopped")
    cut(folder / "checkpoint")
    assert train(tmp_path) == 0
    assert "checkpoint: cannot be used" in capsys.readouterr().out
    for name in ("weights.npz", "submission.csv"):
        assert (folder / name).read_bytes() == (trained / "complete" / name).read_bytes()


def test_results_without_config_are_not_taken_for_a_new_run(place, tmp_path, capsys):
    folder = place("complete")
    (folder / "config.json").unlink()
    before = contents(folder)
    refused(train(tmp_path), capsys, folder, before, "config.json: is missing", "OUT=")
    assert train(tmp_path, "--force-new") == 0
    assert contents(folder) == before and runs.Run(folder.with_name("fold0-2")).complete


@pytest.mark.parametrize("name", ["train", "lenet5", "study/lenet5/fold0"])
def test_a_file_where_a_folder_should_be(name, tmp_path, capsys):
    path = tmp_path.joinpath(*FOLDER)
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    assert train(tmp_path) == 2
    err = capsys.readouterr().err
    assert err.startswith("facekp: error: ") and "cannot be written" in err and "OUT=" in err
    assert path.read_text() == "mine"


# ---- submit ------------------------------------------------------------------------------------


def submit(folder, out):
    return cli.main(["submit", str(folder), "--out", str(out)])


@pytest.mark.parametrize("name", ["config.json", "weights.npz"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_submitting_from_a_damaged_run(name, damage, place, tmp_path, capsys):
    folder = place("complete")
    damage(folder / name)
    before = contents(folder)
    refused(submit(folder, tmp_path / "s.csv"), capsys, folder, before, str(folder / name))
    assert not (tmp_path / "s.csv").exists()


def with_settings(**changes):
    """The config.json of a run with other settings."""
    return json.dumps({"settings": {**STUDY.variants[""].settings.as_dict(), **changes}})


@pytest.mark.parametrize("config, words", [
    ("{}", "holds no settings"), ('{"settings": []}', "holds no settings"),
    ('{"settings": null}', "holds no settings"), (with_settings(model="alexnet"), "alexnet"),
    (with_settings(model=[]), "holds no settings"), (with_settings(model=None), "model"),
    (with_settings(optimizer={}), "holds no settings"),
    (with_settings(options=[]), "options: found []"),
    (with_settings(model="cnn14", options={"num_dense_units": 10**12}),
     "found 1000000000000 for num_dense_units"),
    (with_settings(model="cnn14", options={"num_dense_units": -1}), "found -1"),
    (with_settings(model="cnn14", options={"num_dense_units": 1.5}), "found 1.5"),
    (with_settings(model="cnn14", options={"dropout": "no"}), "found 'no' for dropout"),
    (with_settings(options={"output_nonlinearity": "tanh"}), "output_nonlinearity"),
    (with_settings(options={"__class__": "x"}), "does not take"),
    (with_settings(options={"variant": "x"}), "variant: found 'x'"),
    (with_settings(options={"variant": []}), "found [] for variant"),
    (with_settings(learning_rate="fast"), "holds no settings"),
    (with_settings(learning_rate=float("nan")), "learning_rate: found nan"),
    (with_settings(epochs=10**400), "epochs"), (with_settings(seed=True), "seed: found True"),
    (with_settings(fold=9), "fold: found 9"), (with_settings(colour="red"), "colour"),
    (with_settings(model="vggnet"), "vggnet does not take"),
    (with_settings(options={}), "weights.npz: these weights cannot be used"),
    (with_settings(model="\x1b[31m\n"), "\\x1b[31m\\n"),
])
def test_submitting_with_somebody_elses_config(config, words, place, tmp_path, capsys):
    folder = place("complete")
    (folder / "config.json").write_text(config)
    before = contents(folder)
    refused(submit(folder, tmp_path / "s.csv"), capsys, folder, before, words, str(folder))
    assert not (tmp_path / "s.csv").exists()


@pytest.mark.parametrize("out, words", [
    ("", "Is a directory"), ("nowhere/s.csv", "there is no folder"),
    ("file/s.csv", "Not a directory"), ("loop/s.csv", "symbolic links"),
    ("n" * 300, "File name too long")])
def test_a_submission_that_cannot_be_written(out, words, place, tmp_path, capsys):
    folder = place("complete")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_text("mine")
    (tmp_path / "out" / "loop").symlink_to("loop")
    before = contents(tmp_path)
    refused(submit(folder, tmp_path / "out" / out), capsys, tmp_path, before, words,
            str(tmp_path / "out" / out)[:900])


@pytest.fixture
def nobody():
    """A context in which root, too, is a user without rights."""
    @contextlib.contextmanager
    def unprivileged():
        if os.geteuid():
            yield
            return
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)
    return unprivileged


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no users to change to")
@pytest.mark.parametrize("name", ["config.json", "weights.npz", "history.csv", "summary.json"])
def test_a_run_that_may_not_be_read(name, trained, nobody, capsys):
    with tempfile.TemporaryDirectory() as root:  # pytest's own folders are closed to others
        os.chmod(root, 0o777)
        folder = Path(root).joinpath(*FOLDER)
        shutil.copytree(trained / "complete", folder)
        before = contents(folder)
        (folder / "lock").unlink()
        folder.chmod(0o777)
        (folder / name).chmod(0)
        with nobody():
            command = submit(folder, Path(root, "s.csv")) if name == "weights.npz" else train(root)
        (folder / name).chmod(0o600)
        refused(command, capsys, folder, before, str(folder / name), "Permission denied")
        assert not Path(root, "s.csv").exists()


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no users to change to")
def test_folders_that_may_not_be_written(trained, nobody, tmp_path, capsys):
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o755)
        folder = Path(root, "run")
        shutil.copytree(trained / "complete", folder)
        Path(root).chmod(0o555)
        before = contents(Path(root))
        with nobody():
            assert train(root) == 2
        err = capsys.readouterr().err
        assert "study/lenet5/fold0: cannot be written (Permission denied)" in err
        with nobody():
            code = submit(folder, Path(root, "s.csv"))
        refused(code, capsys, Path(root), before, f"{root}/s.csv: Permission denied")
        Path(root).chmod(0o755)


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS refuses names that are not UTF-8")
def test_names_that_are_no_utf8_are_shown_escaped(place, tmp_path, monkeypatch, capfdbinary):
    """Where the terminal's encoding is strict, as in most locales."""
    folder = place("complete").rename(tmp_path / os.fsdecode(b"caf\xe9\n\x1b[0m"))
    out = tmp_path / os.fsdecode(b"\xe9.csv")
    for name in ("stdout", "stderr"):
        stream = open(1 if name == "stdout" else 2, "w", encoding="utf-8", closefd=False)
        monkeypatch.setattr(sys, name, stream)
    assert submit(folder, out) == 0
    (folder / "config.json").unlink()
    assert submit(folder, out) == 2
    sys.stdout.flush(), sys.stderr.flush()
    said = capfdbinary.readouterr()
    assert b"\\udce9.csv: 12 rows" in said.out
    assert b"caf\\xe9\\n\\x1b[0m/config.json: cannot be read" in said.err
    assert said.err.count(b"\n") == 1


# ---- results -----------------------------------------------------------------------------------


def changed(name, **values):
    """A function that changes keys of a JSON file of a run folder."""
    def put(folder):
        path = folder / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return put


def best(cell):
    """A function that puts another text where history.csv says whether an epoch was the best."""
    def put(folder):
        path = folder / "history.csv"
        header, row, *rest = path.read_text().splitlines()
        cells = row.split(",")
        cells[header.split(",").index("best")] = cell
        path.write_text("\n".join([header, ",".join(cells), *rest]) + "\n")
    return put


@pytest.mark.parametrize("put, words", [
    (best(""), "history.csv: cannot be read (best is neither 0 nor 1)"),
    (best("inf"), "history.csv: cannot be read (best is neither 0 nor 1)"),
    (changed("config.json", host="x"), "config.json: host: found 'x'"),
    (changed("config.json", theano_flags=5), "config.json: theano_flags: found 5"),
    (changed("config.json", theano_flags='a="'), "config.json: theano_flags: found 'a=\"'"),
    (changed("config.json", code=["x"]), "config.json: code: found ['x']"),
    (changed("config.json", threads=[1]), "config.json: threads: found [1]")])
def test_publishing_a_damaged_run(put, words, trained, tmp_path, capsys):
    folder = tmp_path / "runs/lenet/lenet5/fold0"
    shutil.copytree(trained / "complete", folder)
    put(folder)
    assert cli.main(["results", "--out", str(tmp_path / "runs"), "--results",
                     str(tmp_path / "results"), "--readme", str(tmp_path / "README.md")]) == 2
    warned, refusal = capsys.readouterr().err.splitlines()
    assert warned.startswith(f"facekp: warning: {folder}/{words}") and "left out" in warned
    assert refusal.startswith("facekp: error: ") and "holds no run of" in refusal
    assert not (tmp_path / "results").exists()
