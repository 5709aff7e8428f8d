"""The command line: ``facekp`` and its commands."""
from facekp.cli.commands import main

__all__ = ["main"]
