"""The nets: architectures by name, and what they are made of. Importing this imports no Theano."""
from facekp.nets.registry import register

__all__ = ["register"]
