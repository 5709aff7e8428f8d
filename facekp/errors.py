"""The errors that facekp raises for faults a user can mend.

Each message is one line that names the file, row, column or parameter, what was found, what was
expected and what to do. The command line prints it after ``facekp: error:`` and exits with 2.
"""


class FacekpError(Exception):
    """Base class of every error that facekp raises on purpose."""


class DataError(FacekpError):
    """A file of Kaggle's is missing or does not hold what it should."""


class ConfigError(FacekpError):
    """A parameter has a value that it cannot have."""


class RunError(FacekpError):
    """A run folder cannot be used: locked, damaged, or made with other settings."""


class FolderError(RunError):
    """A run folder cannot be used for a training; another folder can."""


class EngineError(FacekpError, ImportError):
    """Theano, a library, the compiler or the device that was asked for is missing or unfit."""
