"""The command line: ``facekp`` with its commands, thin."""
from facekp.cli.commands import main

__all__ = ["main"]
