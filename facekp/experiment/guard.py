"""Turn errors into one line and an exit code, with the command line's options for the remedy."""
import errno
import os
import sys

from facekp.errors import FacekpError
from facekp.text import shown, shown_path

EXIT_ERROR, EXIT_SIGINT, EXIT_SIGTERM = 2, 130, 143

REMEDIES = {
    "runs": "another folder of runs: --out, with make OUT=",
    "new": "a new run beside it: --force-new, with make NEW=1",
    "name": "another name for the ensemble: --name",
    "data": "another folder of data: --data, with make DATA=",
    "download": "download: facekp data, or make data",
    "import": "a file that registers nets: --import FILE",
    "net": "another net: --net FILE, from facekp export RUN",
}
"""What a user types for the remedies that :class:`facekp.errors.FacekpError` names."""


def guarded(command):
    """Run a command; turn errors and interruptions into one line and an exit code.

    Parameters
    ----------
    command : callable
        May return the exit code, an int; all else that it returns counts as 0.

    Returns
    -------
    int
    """
    for stream in (sys.stdout, sys.stderr):  # a name that is not UTF-8 must not end a training
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = command()
    except FacekpError as error:
        return _failed(worded(error))
    except ModuleNotFoundError as error:
        if (error.name or "facekp").startswith("facekp"):
            raise
        return _failed(f"{error.name} is not installed, which this command needs; install what "
                       "trains: make env in a checkout, or the package's extra 'train'")
    except MemoryError:
        return _failed("out of memory; close other programs, or take a smaller batch size")
    except BrokenPipeError:  # the reader of our output has stopped, like `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
    except OSError as error:  # a full disk, a folder that cannot be written
        return _failed(_fault_of_disk(error))
    except KeyboardInterrupt as error:
        print(f"\nfacekp: {str(error) or 'interrupted'}", file=sys.stderr)
        return EXIT_SIGTERM if str(error).startswith("SIGTERM") else EXIT_SIGINT
    return code if type(code) is int else 0


def _fault_of_disk(error):
    name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else ""
    folder = os.path.dirname(name)
    if error.errno == errno.ENOENT and folder and not os.path.isdir(folder):
        return (f"{shown_path(name)}: there is no folder {shown_path(folder)}; make it, or name "
                "another")
    place = f"{shown_path(name)}: " if name else ""
    return (f"{place}{error.strerror or error}; mend that, then give the same command again: what "
            "is finished, such as epochs or photos, is kept")


def worded(error):
    """An error's message, with the options for the remedies that it names.

    Parameters
    ----------
    error : Exception

    Returns
    -------
    str

    Examples
    --------
    >>> from facekp.errors import DataError
    >>> worded(DataError("faces: no such folder", remedies=["data"]))
    'faces: no such folder (another folder of data: --data, with make DATA=)'
    """
    message = str(error) or type(error).__name__
    ways = [REMEDIES[kind] for kind in getattr(error, "remedies", ())]
    return f"{message} ({'; '.join(ways)})" if ways else message


def _failed(message):
    """Print an error as one line, whatever characters it contains."""
    print("facekp: error:", shown(message, 4000), file=sys.stderr)
    return EXIT_ERROR
