"""Files are whole or not there, and damage is noticed wherever it is."""
import errno
import json
import math
import struct
import zlib

import numpy as np
import pytest

from facekp import files
from facekp.errors import ConfigError, RunError

ARRAYS = {"W": np.arange(6, dtype=np.float32).reshape(2, 3), "t": np.array(3, np.float32),
          "rng": np.arange(6, dtype=np.int32), "none": np.zeros((0, 4), np.float32)}
META = {"epoch": 2, "loss": float("nan"), "history": [{"train_loss": 0.1}]}


def test_replacing_replaces(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    with files.replacing(path, "w") as file:
        file.write("new")
        assert path.read_text() == "old"  # not before it is whole
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_the_longest_name_that_a_file_may_have(tmp_path):
    path = tmp_path / ("\u7167" * 80 + "a" * 15)  # 255 bytes
    files.write_text(path, "whole")
    assert [one.read_text() for one in tmp_path.iterdir()] == ["whole"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(error):
        with files.replacing(path, "w") as file:
            file.write("half")
            raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_its_error_names_the_file(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")
    path = tmp_path / "a"
    path.write_text("old")
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        files.write_json(path, {})
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_file_and_folder_are_synced_in_the_order_that_survives_a_power_cut(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        def spy(*args, _call=getattr(files.os, name), _name=name):
            calls.append(_name)
            return _call(*args)
        monkeypatch.setattr(files.os, name, spy)
    files.write_json(tmp_path / "a", {})
    assert calls == ["fsync", "replace", "fsync"]  # the file's bytes, its name, the folder


def test_new_folders_are_synced_from_above(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(files, "sync_folder", synced.append)
    files.make_folder(tmp_path / "a" / "b")
    files.make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir() and synced == [tmp_path, tmp_path / "a"]
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        files.make_folder(tmp_path / "file" / "c")


def test_text_is_put_between_two_lines_or_the_file_stays(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("above\n<a>\nold\n<b>\nbelow\n")
    files.put_between(path, "<a>", "<b>", "new")
    assert path.read_text() == "above\n<a>\n\nnew\n\n<b>\nbelow\n"
    for content in ("", "<a>", "<b> <a>", "<a> <b> <b>", "<a> <a> <b>"):
        path.write_text(content)
        with pytest.raises(ConfigError, match="page.md: expected the lines <a> and <b>"):
            files.put_between(path, "<a>", "<b>", "new")
        assert path.read_text() == content


def test_json_there_and_back(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"b": [1, (2.5, "ü")], "nan": math.nan, "inf": [-math.inf]})
    assert files.read_json(path) == {"b": [1, [2.5, "ü"]], "nan": None, "inf": [None]}
    assert json.loads(path.read_bytes().decode("utf-8"))["nan"] is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"null", b"\xff\xfe", b"[" * 100000],
                         ids=["empty", "cut", "list", "null", "not UTF-8", "deep"])
def test_bad_json(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(RunError, match="a.json: cannot be read"):
        files.read_json(path)


def test_missing_json(tmp_path):
    with pytest.raises(RunError, match="gone.json: cannot be read"):
        files.read_json(tmp_path / "gone.json")


def test_arrays_there_and_back(tmp_path):
    path = tmp_path / "checkpoint"
    files.write_arrays(path, dict(ARRAYS, fortran=np.asfortranarray(ARRAYS["W"])), META)
    arrays, meta = files.read_arrays(path)
    np.testing.assert_array_equal(arrays.pop("fortran"), ARRAYS["W"])
    assert list(arrays) == list(ARRAYS)
    for name, expected in ARRAYS.items():
        assert arrays[name].dtype == expected.dtype and arrays[name].shape == expected.shape
        np.testing.assert_array_equal(arrays[name], expected)
        assert arrays[name].flags.owndata or arrays[name].base.flags.owndata
        assert arrays[name].flags.writeable
    assert math.isnan(meta["loss"]) and meta["history"] == META["history"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "checkpoint"
    files.write_arrays(path, ARRAYS, META)
    return path.read_bytes()


def refused(tmp_path, content):
    path = tmp_path / "checkpoint"
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        files.read_arrays(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: cannot be used: ") and "\n" not in message


def test_a_flipped_bit_in_any_byte_is_noticed(tmp_path, whole):
    # every byte: magic, checksum, length, JSON and data
    path = tmp_path / "checkpoint"
    for offset in range(len(whole)):
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 4]) + whole[offset + 1:])
        with pytest.raises(RunError, match="cannot be used"):
            files.read_arrays(path)


@pytest.mark.parametrize("length", [0, 1, 8, 39, 40, 47, 48, 100, -200, -1])
def test_a_file_cut_short_is_noticed(tmp_path, whole, length):
    refused(tmp_path, whole[:length])


def test_a_file_with_something_behind_it_is_noticed(tmp_path, whole):
    refused(tmp_path, whole + b"\0")


def test_missing_and_folder(tmp_path):
    for path in (tmp_path / "gone", tmp_path):
        with pytest.raises(RunError, match="cannot be read") as caught:
            files.read_arrays(path)
        assert not isinstance(caught.value, files.Damaged)  # it could be whole


def test_what_the_disk_cannot_read_back_is_damaged(tmp_path, monkeypatch, whole):
    def failing(path):
        raise OSError(errno.EIO, "Input/output error")
    (tmp_path / "checkpoint").write_bytes(whole)
    monkeypatch.setattr(files.Path, "read_bytes", failing)
    with pytest.raises(files.Damaged, match="checkpoint: cannot be read .Input/output error"):
        files.read_arrays(tmp_path / "checkpoint")


@pytest.mark.parametrize("number, raises", [(errno.EIO, True), (errno.EINVAL, False)])
def test_a_folder_that_cannot_be_synced(tmp_path, monkeypatch, number, raises):
    def failing(descriptor):
        if files.os.fstat(descriptor).st_mode & 0o40000:
            raise OSError(number, "no")
    monkeypatch.setattr(files.os, "fsync", failing)
    if raises:  # the disk's fault
        with pytest.raises(OSError) as caught:
            files.write_json(tmp_path / "a", {})
        assert caught.value.filename == str(tmp_path)
    else:       # a file system that has no such thing
        files.write_json(tmp_path / "a", {})
    assert files.read_json(tmp_path / "a") == {}


@pytest.mark.parametrize("header", [
    {"meta": {}, "arrays": [["W", "|O", [1]]]},            # objects would be pointers
    {"meta": {}, "arrays": [["W", "<f4", [10**12]]]},      # more than there is
    {"meta": {}, "arrays": [["W", "nonsense", [1]]]},
    {"meta": {}, "arrays": [["W"]]},
    {"meta": {}}, {"arrays": []}, [], 3])
def test_a_forged_header_with_a_right_checksum_is_refused(tmp_path, header):
    text = json.dumps(header).encode()
    body = struct.pack("<Q", len(text)) + text + bytes(8)
    refused(tmp_path, files.MAGIC + struct.pack("<I", zlib.crc32(body)) + body)
