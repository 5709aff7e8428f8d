"""The examples in the docstrings run, and each public function has one."""
import doctest
import importlib
import pkgutil

import matplotlib.pyplot as plt
import pytest

from facekp import plots


@pytest.mark.parametrize("name", [found.name for found in pkgutil.iter_modules(plots.__path__)])
def test_examples(name):
    found = doctest.testmod(importlib.import_module(f"facekp.plots.{name}"))
    plt.close("all")
    assert found.failed == 0


def test_each_public_function_has_an_example():
    functions = [getattr(plots, name) for name in plots.__all__ if name != "COLORS"]
    assert [one.__name__ for one in functions if ">>>" not in one.__doc__] == []
