"""Exit codes, and errors as one line with what to type."""
import errno

import pytest

from facekp.errors import ConfigError, DataError, FolderError, RunError
from facekp.experiment.guard import guarded, worded


def raising(error):
    def command():
        raise error
    return command


@pytest.mark.parametrize("error, code, words", [
    (DataError("training.csv, row 3: bad"), 2, "facekp: error: training.csv, row 3: bad\n"),
    (OSError(errno.ENOSPC, "No space left on device", "runs/x"), 2,
     "facekp: error: runs/x: No space left on device; "),
    (KeyboardInterrupt(), 130, "\nfacekp: interrupted\n"),
    (KeyboardInterrupt("SIGINT: stopped; go on"), 130, "\nfacekp: SIGINT: stopped; go on\n"),
    (KeyboardInterrupt("SIGTERM: stopped"), 143, "\nfacekp: SIGTERM: stopped\n"),
])
def test_exit_codes(error, code, words, capsys):
    assert guarded(raising(error)) == code
    captured = capsys.readouterr()
    assert captured.err.startswith(words) and captured.err.strip().count("\n") == 0
    assert captured.out == ""


def test_success_is_0_and_a_bug_is_no_fault_of_the_users():
    assert guarded(lambda: None) == 0
    with pytest.raises(ZeroDivisionError):
        guarded(raising(ZeroDivisionError()))


def test_an_error_is_told_with_the_options_that_mend_it():
    assert worded(DataError("d: found none", remedies=["data"])).startswith("d: found none (")
    for error, options in ((DataError("x", remedies=["data"]), ["--data", "DATA="]),
                           (RunError("x", remedies=["runs"]), ["--out", "OUT="]),
                           (FolderError("x"), ["OUT=", "NEW=1", "--force-new"]),
                           (ConfigError("x", remedies=["import"]), ["--import"])):
        assert all(option in worded(error) for option in options)
    assert worded(RunError("x")) == "x" and worded(MemoryError()) == "MemoryError"
