"""Full disks, read-only folders, vanished and changed data, damaged checkpoints.

Whatever happens: one clear error, no half-written file, and when it is mended the same command ends
with the bits of a run that nothing happened to.
"""
import contextlib
import errno
import gc
import io
import os
import resource
import shutil
import subprocess

import core_tools
import numpy as np
import pytest
from faults import configurations, harness
from PIL import Image
from run_tools import make_run

from facekp import data, files, plots
from facekp.cli import commands
from facekp.report import results_page
from facekp.runs.about import About, write_about
from facekp.runs.folder import Run
from facekp.training import evaluate, handlers, one_run
from facekp.data import folder as data_folder
from facekp.errors import RunError
from facekp.experiment import Experiment
from facekp.experiment.guard import EXIT_ERROR, guarded

pytestmark = pytest.mark.usefixtures("quick_pictures")

SETTINGS = core_tools.CLASSIC  # three epochs, a checkpoint of 10 MB


@pytest.fixture(autouse=True, scope="module")
def quick():
    with core_tools.quick_training():
        yield


def train(folder, say=print):
    return one_run.train(Run(folder), SETTINGS, core_tools.training_data(),
                         core_tools.unlabelled_data(), core_tools.lookup(), say)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    train(folder)
    return harness.results(folder)


def assert_refused(folder, capsys, words):
    """The command ends with 2 and one line; nothing half-written is left."""
    assert guarded(lambda: train(folder)) == EXIT_ERROR
    error = capsys.readouterr().err
    assert error.startswith("facekp: error: ") and error.count("\n") == 1
    assert words in error
    if folder.is_dir():
        assert [path.name for path in folder.iterdir() if path.name.endswith(".tmp")] == []


# ---- full disks --------------------------------------------------------------------------------


class Full(io.FileIO):
    """A file on a disk that takes half of what is written and then no more."""

    number = errno.ENOSPC

    def write(self, data):
        super().write(memoryview(data)[:len(data) // 2])
        raise OSError(self.number, "No space left on device")

    def fileno(self):  # the picture writer uses it, and would go past `write`
        raise io.UnsupportedOperation


@pytest.mark.parametrize("name, nth", [
    ("config.json", 1), ("checkpoint.new", 1), ("checkpoint.new", 3), ("history.csv", 2),
    ("weights.npz", 1), ("predictions.npz", 1), ("curves.png", 1), ("submission.csv", 1),
    ("faces.png", 1), ("summary.json", 1)])
def test_a_disk_that_is_full_at_any_file(tmp_path, monkeypatch, capsys, expected, name, nth):
    met = []

    def open_(path, mode, **options):
        met.extend([path] * path.name.startswith(f".{name}."))
        if len(met) < nth or not path.name.startswith(f".{name}."):
            return open(path, mode, **options)
        file = io.BufferedWriter(Full(path, "w"))
        return file if "b" in mode else io.TextIOWrapper(file, **options)

    with monkeypatch.context() as patch:
        patch.setattr(files, "open", open_, raising=False)
        if name.endswith(".png"):
            patch.setattr(evaluate, "plots", plots)  # real pictures
        assert_refused(tmp_path, capsys, f"{tmp_path / name}: No space left on device; mend that")
    train(tmp_path)
    assert harness.differences(tmp_path, expected) == []


def test_files_that_may_not_be_so_large(tmp_path, capsys, expected):
    """A real error of the system's, which needs no privilege: a limit of 5 MB a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, before[1]))
    try:
        assert_refused(tmp_path, capsys, f"{tmp_path / 'checkpoint.new'}: File too large; ")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    train(tmp_path)
    assert harness.differences(tmp_path, expected) == []


def mount(*arguments):
    return subprocess.run(("mount",) + arguments, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 15 MB: one checkpoint fits, two do not."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not shutil.which("mount"):
        pytest.skip("there is no mount command here")
    done = mount("-t", "tmpfs", "-o", "size=15m", "tmpfs", str(folder))
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stdout.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_small_disk(small_disk, capsys, expected):
    run = Run(small_disk / "run")
    assert_refused(run.folder, capsys, "checkpoint.new: No space left on device; ")
    _, meta = run.load_checkpoint(pytest.fail)
    assert len(meta["history"]) == 1
    assert_refused(run.folder, capsys, "checkpoint.new: No space left on device; ")  # and again
    mount("-o", "remount,size=100m", str(small_disk))
    said = []
    train(run.folder, said.append)
    assert f"{run.folder}: going on after epoch 1" in said
    assert harness.differences(run.folder, expected) == []


@pytest.fixture
def full_disk(small_disk):
    """A file that fills the disk but for 8 KB; without it the disk has room again."""
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(2**16))
    os.truncate(filler, filler.stat().st_size - 2**13)
    return filler


@pytest.mark.parametrize("command", ["predict", "ensemble", "results", "report"])
def test_what_is_made_of_runs_and_photos_on_a_full_disk(full_disk, tmp_path, capsys, monkeypatch,
                                                        command):
    disk, runs = full_disk.parent, tmp_path / "runs"
    if command == "predict":
        X, _ = core_tools.faces(2)
        for k, image in enumerate(X):
            Image.fromarray(np.kron((image[0] * 255).astype(np.uint8), np.ones((3, 3), np.uint8))
                            ).save(tmp_path / f"{k}.png")
        arguments = [tmp_path / "0.png", tmp_path / "1.png", "--out", disk / "keypoints",
                     "--no-detect", "--format", "csv,json,overlay"]
    elif command == "ensemble":
        folder = runs / "study" / "lenet5" / "fold0"
        train(folder)
        monkeypatch.setattr(data, "load_training", lambda *args, **options:
                            core_tools.training_data())
        monkeypatch.setattr(data, "load_unlabelled", lambda folder: (
            core_tools.unlabelled_data(), core_tools.lookup()))
        arguments = [folder, "--mirror", "--out", disk]
    else:
        make_run(runs / "study" / "cnn14" / "fold0", [.04, .02])
        write_about(runs, About("study", title="A study", variants={"": "a net"}))
        (tmp_path / "README.md").write_text(f"{results_page.BEGIN}\n{results_page.END}\n")
        arguments = ["--out", runs] + {
            "results": ["--results", disk / "results", "--readme", tmp_path / "README.md"],
            "report": ["--to", disk / "report.html", "--synthetic-faces"]}[command]
    arguments = [command, *map(str, arguments)]
    assert commands.main(arguments) == EXIT_ERROR
    errors = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert len(errors) == 1 and "No space left on device" in errors[0] and str(disk) in errors[0]
    assert not list(disk.rglob(".*.tmp"))
    full_disk.unlink()
    assert commands.main(arguments) == 0


def test_a_read_only_disk(small_disk, capsys):
    mount("-o", "remount,ro", str(small_disk))
    assert_refused(small_disk / "run", capsys, "run: cannot be written (Read-only file system); ")
    mount("-o", "remount,rw", str(small_disk))
    assert list(small_disk.iterdir()) == []


# ---- data --------------------------------------------------------------------------------------


class Crash(Exception):
    pass


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """A command whose run was begun, and its data's folder."""
    data = configurations.write_data(tmp_path / "data")
    other = configurations.write_data(tmp_path / "synthetic", n_train=41)
    monkeypatch.setattr(data_folder, "_synthetic", lambda folder: other)
    experiment = Experiment("begun", {"": SETTINGS})

    def command():
        return experiment.main(["--data", str(data), "--out", str(tmp_path / "runs")])

    def crash(self, net, history):
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(handlers.EpochTable, "__call__", crash)
        with pytest.raises(Crash):
            command()
    return command, data


def other_pixel(path):
    path.write_text(path.read_text().replace(" 0 ", " 1 ", 1))


def vanish(path):
    for name in ("training.csv", "test.csv", "IdLookupTable.csv"):
        (path.parent / name).unlink()


@pytest.mark.parametrize("name, change, words", [
    ("training.csv", lambda path: path.unlink(), "training.csv"),
    ("test.csv", lambda path: path.unlink(), "test.csv"),
    ("training.csv", vanish, "begun with other values: data.files.training.csv was "),
    ("training.csv", other_pixel, "begun with other values: data.files.training.csv was "),
    ("test.csv", other_pixel, "begun with other values: test_data.test.csv was "),
], ids=["training.csv gone", "test.csv gone", "all gone", "training.csv changed",
        "test.csv changed"])
def test_data_that_vanished_or_changed(begun, capsys, name, change, words):
    command, data = begun
    capsys.readouterr()
    change(data / name)
    assert command() == EXIT_ERROR
    error = capsys.readouterr().err
    assert error.startswith("facekp: error: ") and error.count("\n") == 1 and words in error


# ---- damaged checkpoints -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_epochs(tmp_path_factory):
    """A run folder after two of three epochs."""
    folder = tmp_path_factory.mktemp("two") / "run"

    def crash(self, net, history):
        if len(history) == 2:
            raise Crash

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handlers.EpochTable, "__call__", crash)
        with pytest.raises(Crash):
            train(folder)
    return folder


def places(content):
    """Offsets of every kind: each field of the header, the text, the ends of some arrays."""
    length = int.from_bytes(content[12:20], "little")
    text = files.json.loads(content[20:20 + length].decode())
    yield from {"magic": 0, "checksum": 8, "length": 12, "text": 20 + length // 2}.items()
    end = 20 + length
    for number, (name, dtype, shape) in enumerate(text["arrays"]):
        first, end = end, end + int(np.prod(shape)) * int(dtype[2:])
        if number % 10 == 0 or end == len(content):
            yield f"first byte of {name}", first
            yield f"last byte of {name}", end - 1
    assert end == len(content)


@pytest.mark.parametrize("damage", ["flipped", "cut short", "zeros from there on"])
def test_damage_anywhere_in_a_real_checkpoint(two_epochs, tmp_path, damage):
    content = (two_epochs / "checkpoint").read_bytes()
    found = dict(places(content))
    assert len(found) == 4 + 2 * 4  # of ten parameters, their memories and Adam's step
    for place, offset in found.items():
        run = Run(tmp_path / "run")
        shutil.copytree(two_epochs, run.folder)
        with open(run.checkpoint, "r+b") as file:
            file.seek(offset)
            if damage == "flipped":
                file.write(bytes([content[offset] ^ 1]))
            elif damage == "cut short":
                file.truncate()
            elif any(content[offset:]):
                file.write(bytes(len(content) - offset))
            else:
                continue
        told = []
        _, meta = run.load_checkpoint(told.append)
        assert len(meta["history"]) == 1, place
        assert len(told) == 1 and "checkpoint: cannot be used: " in told[0], place
        shutil.rmtree(run.folder)


def test_a_damaged_checkpoint_costs_an_epoch_and_no_bit(two_epochs, tmp_path, expected):
    run = Run(tmp_path / "run")
    shutil.copytree(two_epochs, run.folder)
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:-1])
    said = []
    train(run.folder, said.append)
    assert any("checkpoint: cannot be used: its checksum does not hold" in line for line in said)
    assert f"{run.folder}: going on after epoch 1" in said
    assert harness.differences(run.folder, expected) == []


def test_both_checkpoints_damaged_start_again_to_the_same_bits(two_epochs, tmp_path, expected):
    run = Run(tmp_path / "run")
    shutil.copytree(two_epochs, run.folder)
    run.checkpoint.write_bytes(b"")
    run.previous_checkpoint.write_bytes(b"")
    said = []
    train(run.folder, said.append)
    assert any("starting again from epoch 1" in line for line in said)
    assert harness.differences(run.folder, expected) == []


def test_nothing_more_is_said_than_the_error(tmp_path, capsys):
    """numpy's half-written zip files complained when they were collected."""
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError):
        files.write_npz(tmp_path / "a", {"x": np.zeros(3)})
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    gc.collect()
    assert capsys.readouterr() == ("", "")


def test_a_second_training_in_the_same_folder_is_refused(tmp_path):
    run = Run(tmp_path)
    with run.locked():
        with pytest.raises(RunError, match="is at work on this run; wait for it"):
            train(tmp_path)
