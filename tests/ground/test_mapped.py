"""Arrays in a file where memory is too small: the same values, nothing left, a full disk."""
import errno
import os

import numpy as np
import pytest

from facekp import machine, mapped, npz
from facekp.errors import FolderError


@pytest.fixture
def no_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(mapped, "available_memory", lambda: 0)
    monkeypatch.setattr(mapped, "SMALL", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_memory_where_it_is_enough():
    assert type(mapped.empty((3, 4), np.float32)) is np.ndarray


def test_a_file_without_a_name_where_it_is_not(no_memory):
    array = mapped.empty((3, 4), np.float32)
    assert isinstance(array, np.memmap) and array.shape == (3, 4)
    array[:] = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(array[[2, 0]], [[8, 9, 10, 11], [0, 1, 2, 3]])
    assert list((no_memory / "facekp").iterdir()) == []


def test_take_is_an_index(no_memory, monkeypatch, random):
    monkeypatch.setattr(mapped, "BLOCK", 3)
    array, index = random.randint(0, 9, (5, 2)), random.randint(0, 5, 8)
    taken = mapped.take(array, index)
    assert isinstance(taken, np.memmap) and taken.dtype == array.dtype
    np.testing.assert_array_equal(taken, array[index])


@pytest.mark.parametrize("free", [0, 40, 10**9])  # from the first block on, from the second, never
def test_rows_of_several_blocks(free, no_memory, monkeypatch, random):
    monkeypatch.setattr(mapped, "available_memory", lambda: free)
    blocks = [random.randint(0, 255, (n, 4)).astype(np.uint8) for n in (2, 1, 3)]
    rows = mapped.Rows(4, np.uint8)
    for block in blocks:
        rows.append(block)
    whole = rows.array()
    assert isinstance(whole, np.memmap) == (free < 100)
    np.testing.assert_array_equal(whole, np.concatenate(blocks))
    assert whole.flags.writeable


def full(*_, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_one_line_that_names_the_folder(no_memory, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(FolderError, match=r"2\.0 GB .*No space left.*XDG_CACHE_HOME") as caught:
        mapped.empty((10**9, 2), np.uint8)
    assert str(no_memory / "facekp") in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_does_not_fit_is_not_called_damaged(no_memory, monkeypatch):
    path = no_memory / "arrays.npz"
    np.savez(path, a=np.zeros(9))
    expected = {"a": (npz.FLOATS, (9,))}
    assert npz.read_npz(path, expected)["a"].shape == (9,)
    monkeypatch.setattr(mapped.tempfile, "TemporaryFile", full)
    with pytest.raises(FolderError, match="does not fit into memory"):
        npz.read_npz(path, expected)


@pytest.mark.parametrize("line, folder, limit, usage, cached", [
    ("0::/batch/job", "batch/job", "memory.max", "memory.current", "inactive_file"),
    ("4:cpu,memory:/batch/job", "memory/batch/job", "memory.limit_in_bytes",
     "memory.usage_in_bytes", "total_inactive_file")], ids=["version 2", "version 1"])
def test_memory_that_a_control_group_leaves(line, folder, limit, usage, cached, tmp_path):
    job, own = tmp_path / folder, tmp_path / "own"
    job.mkdir(parents=True)
    for group, bytes_ in ((job, "max"), (job.parent, "1000")):
        (group / limit).write_text(bytes_ + "\n")
        (group / usage).write_text("700\n")
        (group / "memory.stat").write_text(f"anon 1\n{cached} 150\nactive_file 9\n")
    own.write_text("1:name=systemd:/other\n" + line + "\n")
    assert list(machine.left_by_cgroups(tmp_path, own)) == [450]
    own.write_text(line.replace("job", "that/is/gone") + "\n")
    assert list(machine.left_by_cgroups(tmp_path, own)) == [450]
    assert list(machine.left_by_cgroups(tmp_path, tmp_path / "none")) == []


def test_some_memory_is_available():
    assert 0 < machine.available_memory() < float("inf")
