"""The nets: architectures by name, and their parts. Importing this package imports no Theano."""
from facekp.nets.registry import register

__all__ = ["register"]
