"""The cache: used, keyed by content, checked, and never needed."""
import logging
import os
import zipfile

import numpy as np
import pytest
from kaggle_csv import as_bytes, training_lines, write_zip

from facekp import data
from facekp.data import cache, tables
from facekp.errors import DataError


@pytest.fixture
def parses(monkeypatch):
    """A list that grows by one with each CSV that is parsed."""
    calls = []

    def read_rows(*args, **kwargs):
        calls.append(args[1])
        return original(*args, **kwargs)

    original = tables.read_rows
    monkeypatch.setattr(tables, "read_rows", read_rows)
    return calls


def entries(folder):
    return sorted(p for p in folder.rglob("*.npz"))


def same(one, other):
    np.testing.assert_array_equal(one.X, other.X)
    np.testing.assert_array_equal(one.y, other.y)
    assert one.provenance == other.provenance


def test_second_load_parses_nothing(folder, parses):
    first = data.load_training(folder)
    data.load_test(folder)
    assert len(parses) == 2
    same(first, data.load_training(folder))
    data.load_test(folder)
    assert len(parses) == 2
    assert [p.parent.name for p in entries(folder)] == [".facekp-cache"] * 2


def test_changed_file_is_parsed_though_size_and_time_are_the_same(folder, parses):
    path = folder / "training.csv"
    os.utime(path, (1e9, 1e9))
    first = data.load_training(folder)
    path.write_bytes(path.read_bytes().replace(b" 7 ", b" 8 "))
    os.utime(path, (1e9, 1e9))
    second = data.load_training(folder)
    assert len(parses) == 2
    assert (first.X != second.X).sum() > 0
    assert first.provenance["files"] != second.provenance["files"]


def test_untouched_file_is_not_hashed_again(folder, monkeypatch):
    os.utime(folder / "training.csv", (1e9, 1e9))
    first = data.load_training(folder)
    monkeypatch.setattr(cache, "file_sha256", lambda path: pytest.fail("hashed again"))
    same(first, data.load_training(folder))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"identity": 1}', '{"identity": null}'])
def test_damaged_stamp_is_ignored(folder, text):
    os.utime(folder / "training.csv", (1e9, 1e9))
    first = data.load_training(folder)
    stamp, = (folder / ".facekp-cache").glob("stamp-*.json")
    stamp.write_text(text)
    same(first, data.load_training(folder))


def test_file_just_written_gets_no_stamp(folder):
    data.load_training(folder)
    assert not list((folder / ".facekp-cache").glob("stamp-*.json"))


def damage(content, place):
    """The entry with one byte changed, or cut, at `place` (0 to 1) of its length."""
    at = min(int(place * len(content)), len(content) - 1)
    return content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1:]


@pytest.mark.parametrize("place", [0.3, 0.9])
def test_flipped_byte_is_noticed_once_and_mended(folder, parses, caplog, place):
    first = data.load_training(folder)
    entry, = entries(folder)
    entry.write_bytes(damage(entry.read_bytes(), place))
    same(first, data.load_training(folder))
    same(first, data.load_training(folder))
    assert len(parses) == 2
    assert len([r for r in caplog.records if "is damaged" in r.getMessage()]) == 1


def test_cut_anywhere(folder, caplog):
    first = data.load_training(folder)
    entry, = entries(folder)
    whole = entry.read_bytes()
    for keep in list(range(0, len(whole), 3001)) + [len(whole) - 1]:
        entry.write_bytes(whole[:keep])
        same(first, data.load_training(folder))
        assert entry.read_bytes() == whole


HOSTILE = {
    "pickled objects": {"pixels": np.array([[print]] * 3), "y": np.zeros((3, 30), np.float32)},
    "other dtype": {"pixels": np.zeros((3, 9216), np.int8), "y": np.zeros((3, 30), np.float32)},
    "other shape": {"pixels": np.zeros((3, 9215), np.uint8), "y": np.zeros((3, 30), np.float32)},
    "other lengths": {"pixels": np.zeros((3, 9216), np.uint8), "y": np.zeros((2, 30), np.float32)},
    "missing array": {"pixels": np.zeros((3, 9216), np.uint8)},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_entry_is_refused(folder, caplog, name):
    first = data.load_training(folder)
    entry, = entries(folder)
    np.savez(entry, sha256=np.zeros((1, 32), np.uint8), **HOSTILE[name])
    same(first, data.load_training(folder))
    assert "is damaged" in caplog.text


def test_huge_declared_size_allocates_nothing(folder, caplog, monkeypatch):
    first = data.load_training(folder)
    entry, = entries(folder)
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (999999999999, 9216), }"
    npy = b"\x93NUMPY\x01\x00\x76\x00" + header.ljust(117) + b"\n"
    write_zip(entry, [("pixels.npy", npy), ("y.npy", npy), ("sha256.npy", npy)], zipfile.ZIP_STORED)
    same(first, data.load_training(folder))
    assert "is damaged" in caplog.text
    write_zip(entry, [("pixels.npy", npy + bytes(2**20))], zipfile.ZIP_DEFLATED)
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("a bomb is unpacked"))
    same(first, data.load_training(folder))


def test_folder_that_cannot_be_written_uses_the_users_cache(folder, tmp_path, parses):
    (folder / ".facekp-cache").write_text("a file where the cache would be")
    first = data.load_training(folder)
    same(first, data.load_training(folder))
    assert len(parses) == 1
    assert len(entries(tmp_path / "user-cache")) == 1


def test_no_place_for_a_cache(folder, tmp_path, parses, caplog):
    (folder / ".facekp-cache").write_text("")
    (tmp_path / "user-cache").write_text("")
    same(data.load_training(folder), data.load_training(folder))
    assert len(parses) == 2
    assert "cannot be written" in caplog.text


def test_disk_full_while_writing_leaves_nothing(folder, tmp_path, monkeypatch, caplog):
    def savez(file, **arrays):
        file.write(b"part of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", savez)
    assert len(data.load_training(folder).X) == 3
    assert "cannot be written" in caplog.text
    assert [p for p in tmp_path.rglob("*") if ".facekp" in str(p.parent) and p.is_file()] == []


def test_cache_dir_is_used_alone(folder, tmp_path, parses):
    data.load_training(folder, cache_dir=tmp_path / "mine")
    data.load_training(folder, cache_dir=tmp_path / "mine")
    assert len(parses) == 1
    assert entries(tmp_path) == entries(tmp_path / "mine")


def test_file_that_changes_while_it_is_read(folder, monkeypatch):
    path = folder / "training.csv"
    hashed = cache.file_sha256

    def hash_then_change(p):
        digest = hashed(p)
        path.write_bytes(as_bytes(training_lines(2)))
        return digest

    monkeypatch.setattr(cache, "file_sha256", hash_then_change)
    with pytest.raises(DataError, match="changed while it was read"):
        data.load_training(folder)
    assert entries(folder) == []


def test_a_load_from_cache_is_quiet(folder, caplog):
    caplog.set_level(logging.INFO)
    data.load_training(folder)
    data.load_training(folder)
    assert caplog.text == ""
