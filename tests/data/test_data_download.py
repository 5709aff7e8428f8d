"""``make data``: what is run, and what is said when it cannot be."""
import os
import stat
import sys

import pytest
from kaggle_csv import LOOKUP_LINES, as_bytes, test_lines, training_lines, write_folder, write_zip

from facekp import data
from facekp.cli import commands
from facekp.data.download import download
from facekp.errors import DataError


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """No client and no credentials; returns a folder to download into, which does not exist."""
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "bin"), "/usr/bin", "/bin"]))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "data" / "kaggle"


def client(tmp_path, script):
    """A stand-in for Kaggle's client."""
    path = tmp_path / "bin" / "kaggle"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def credentials(tmp_path):
    (tmp_path / ".kaggle").mkdir()
    (tmp_path / ".kaggle" / "kaggle.json").write_text("{}")


def test_no_client(bare):
    with pytest.raises(DataError, match="pip install kaggle.*by hand"):
        download(bare)


def test_no_credentials(bare, tmp_path):
    client(tmp_path, "exit 0\n")
    with pytest.raises(DataError, match="KAGGLE_USERNAME and KAGGLE_KEY"):
        download(bare)
    assert not bare.exists()


def test_download_then_load(bare, tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLE_USERNAME", "u")
    monkeypatch.setenv("KAGGLE_KEY", "k")
    write_zip(tmp_path / "c.zip", [("training.csv", as_bytes(training_lines())),
                                   ("test.csv", as_bytes(test_lines())),
                                   ("IdLookupTable.csv", as_bytes(LOOKUP_LINES))])
    client(tmp_path, f'echo "$@" > {tmp_path}/asked\n'
                     f'cp {tmp_path}/c.zip "$6/facial-keypoints-detection.zip"\n')
    assert download(bare) is True
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:5] == ["competitions", "download", "-c", "facial-keypoints-detection", "-p"]
    assert [p.name for p in bare.iterdir()] == ["facial-keypoints-detection.zip"]
    assert len(data.load_training(bare).X) == 3
    assert download(bare) is False


@pytest.mark.parametrize("said, remedy", [
    ("403 - Forbidden", "accept them at https://www.kaggle.com/c/facial-keypoints-detection/rules"),
    ("401 - Unauthorized", "create a new one"),
    ("Failed to resolve 'www.kaggle.com'", "check the network"),
    ("something else", "by hand")])
def test_failure_is_named_and_leaves_nothing(bare, tmp_path, said, remedy):
    credentials(tmp_path)
    client(tmp_path, f'echo part > "$6/part.zip"\necho "{said}" >&2\nexit 1\n')
    with pytest.raises(DataError) as caught:
        download(bare)
    assert said in str(caught.value) and remedy in str(caught.value)
    assert str(caught.value).isprintable()
    assert list(bare.iterdir()) == []


def test_client_that_brings_nothing(bare, tmp_path):
    credentials(tmp_path)
    client(tmp_path, "exit 0\n")
    with pytest.raises(DataError, match="training.csv is missing"):
        download(bare)


def test_folder_that_cannot_be_made(bare, tmp_path):
    credentials(tmp_path)
    client(tmp_path, "exit 0\n")
    bare.parent.write_text("a file")
    with pytest.raises(DataError, match="cannot be written"):
        download(bare)


def test_incomplete_folder_gets_the_rest(bare, tmp_path):
    credentials(tmp_path)
    bare.mkdir(parents=True)
    (write_folder(bare) / "test.csv").unlink()
    write_zip(tmp_path / "c.zip", [("test.csv", as_bytes(test_lines()))])
    client(tmp_path, f'cp {tmp_path}/c.zip "$6/facial-keypoints-detection.zip"\n')
    assert download(bare) is True
    assert len(data.load_test(bare).X) == 3


def test_command_line(bare, capsys):
    assert commands.main(["data", "--data", str(bare)]) == 2
    assert capsys.readouterr().err.startswith("facekp: error: kaggle: ")
    bare.mkdir(parents=True)
    write_folder(bare)
    assert commands.main(["data", "--data", str(bare)]) == 0
    assert "complete already" in capsys.readouterr().out
