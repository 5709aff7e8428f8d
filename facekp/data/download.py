"""Download Kaggle's files with Kaggle's own client (``facekp data``)."""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from facekp.text import shown, shown_path
from facekp.data.folder import DEFAULT_FOLDER
from facekp.data.sources import LOOKUP, TEST, TRAINING, find
from facekp.errors import DataError

COMPETITION = "facial-keypoints-detection"
PAGE = f"https://www.kaggle.com/c/{COMPETITION}"
BY_HAND = f"or download the files by hand from {PAGE}/data into the data folder"


def download(folder=DEFAULT_FOLDER):
    """Download the competition's zip into `folder`, unless all of Kaggle's files are there already.

    Parameters
    ----------
    folder : path, made if it does not exist

    Returns
    -------
    bool, whether anything was downloaded

    Raises
    ------
    DataError : there is no client, no network or no API token, or the rules are not accepted. The
        message says what to do. Nothing is left in `folder` then.

    Examples
    --------
    >>> download("data/kaggle")    # doctest: +SKIP
    True
    """
    folder = Path(folder)
    if _is_complete(folder):
        return False
    beside = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
    client = shutil.which("kaggle", path=beside)
    if client is None:
        raise DataError("kaggle: found no such program; expected Kaggle's own client; install it "
                        f"(pip install kaggle, in an environment of its own), {BY_HAND}")
    if not _has_credentials():
        raise DataError("kaggle.json: found no credentials; expected an API token; create one at "
                        "https://www.kaggle.com/settings and save it as ~/.kaggle/kaggle.json, or "
                        f"set KAGGLE_USERNAME and KAGGLE_KEY, {BY_HAND}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as part:
            _run([client, "competitions", "download", "-c", COMPETITION, "-p", part])
            for path in sorted(Path(part).iterdir()):
                os.replace(path, folder / path.name)
    except OSError as error:
        raise DataError(f"{shown_path(folder)}: cannot be written ({error.strerror}); expected a "
                        "folder for Kaggle's files; name another", remedies=("data",))
    _find_all(folder)
    return True


def _is_complete(folder):
    try:
        _find_all(folder)
    except DataError:
        return False
    return True


def _find_all(folder):
    for name in (TRAINING, TEST, LOOKUP):
        find(folder, name)


def _has_credentials():
    if os.environ.get("KAGGLE_API_TOKEN"):
        return True
    if os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY"):
        return True
    folder = Path(os.environ.get("KAGGLE_CONFIG_DIR") or os.path.expanduser("~/.kaggle"))
    return (folder / "kaggle.json").is_file() or (folder / "access_token").is_file()


def _run(command):
    """Run the client; the last line that it prints goes into the error."""
    print("running:", " ".join(map(shown_path, command[:-2])), flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise _failure(done.returncode, done.stdout)


def _failure(code, output):
    lines = [line for line in output.splitlines() if line.strip()] or [b"no output"]
    said = f"kaggle: found exit status {code} ('{shown(lines[-1].strip(), 150)}')"
    if b"403" in output:
        return DataError(f"{said}; expected a user who has accepted the contest's rules; accept "
                         f"them at {PAGE}/rules, then try again")
    if b"401" in output:
        return DataError(f"{said}; expected a valid API token; create a new one at "
                         "https://www.kaggle.com/settings")
    if b"resolve" in output or b"Connection" in output or b"ConnectTimeout" in output:
        return DataError(f"{said}; expected www.kaggle.com to answer; check the network, {BY_HAND}")
    return DataError(f"{said}; expected a download; {BY_HAND}")
