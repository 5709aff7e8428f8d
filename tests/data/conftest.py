"""What the tests of the loader share."""
import pytest
from kaggle_csv import write_folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Small files in Kaggle's format; the user's cache lies beside their folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    (tmp_path / "kaggle").mkdir()
    return write_folder(tmp_path / "kaggle")
