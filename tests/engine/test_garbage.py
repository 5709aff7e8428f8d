"""The garbage collector is paused, and afterwards as it was."""
import gc

import pytest

from facekp.engine import garbage


def test_paused_and_again_as_before():
    with pytest.raises(KeyError):
        with garbage.paused():
            assert not gc.isenabled()
            raise KeyError
    assert gc.isenabled()
    gc.disable()
    try:
        with garbage.paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
