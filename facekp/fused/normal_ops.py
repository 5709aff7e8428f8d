"""A net's random first weights, drawn on all threads: numpy's numbers, in a third of the time.

numpy takes more than a second for the 50 million weights of VGGNet.
"""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import functools
import math

import numpy as np
import theano
import theano.tensor as T

from facekp.fused import status
from facekp.fused.cop import FusedOp

MANY = 2**20
"""Fewer numbers than these numpy draws faster than a function is made."""

_WORDS = 624  # of MT19937's state


class DrawNormal(FusedOp):
    """Normally distributed numbers.

    Inputs: MT19937's words, the number of those that are used, and whether a number is kept, int64
    (626,); the kept number, the mean and the standard deviation, float64 (3,); how many, int64
    (1,). Outputs: the numbers, float32 (n,); the next state, int64 (626,) and float64 (1,).
    """

    headers = ("normal.h",)

    def c_support_code(self):
        return super().c_support_code() + """
        namespace facekp {
        template <> struct dtype<double> { static const int num = NPY_FLOAT64; };
        }
        """

    def make_node(self, state, numbers, n):
        return theano.Apply(self, [state, numbers, n], [T.fvector(), T.lvector(), T.dvector()])

    def c_compile_args(self):
        return super().c_compile_args() + ["-ffp-contract=off"]  # numpy's roundings

    def body(self, node, inputs, outputs):
        return """
        In<int64_t> state(%(state)s, 1, "state"), n(%(n)s, 1, "n");
        In<double> numbers(%(numbers)s, 1, "numbers");
        const int words = Twister::N;
        if (state.size() != words + 2) throw Failure("state has shape " + state.shape());
        Normal normal;
        std::copy(state.data, state.data + words, normal.twister.key);
        normal.twister.next = state.data[words];
        normal.kept = state.data[words + 1], normal.other = numbers.data[0];
        normal.draw(out<float>(&%(drawn)s, {n.data[0]}), n.data[0], numbers.data[1],
                    numbers.data[2]);
        int64_t* next = out<int64_t>(&%(next)s, {words + 2});
        std::copy(normal.twister.key, normal.twister.key + words, next);
        next[words] = normal.twister.next, next[words + 1] = normal.kept;
        *out<double>(&%(other)s, {1}) = normal.other;
        """ % dict(zip(("state", "numbers", "n", "drawn", "next", "other"), [*inputs, *outputs]))


class RandomState(np.random.RandomState):
    """numpy's RandomState, whose many normally distributed numbers are drawn on all threads.

    These are rounded to float32. A generator with the same seed gives the same numbers, rounded,
    and has the same state afterwards.

    Examples
    --------
    >>> ours, numpys = RandomState(3), np.random.RandomState(3)
    >>> bool((ours.normal(size=2**20) == numpys.normal(size=2**20).astype(np.float32)).all())
    True
    """

    def normal(self, loc=0.0, scale=1.0, size=None):
        """Normally distributed numbers of the given mean and standard deviation."""
        n = math.prod(np.atleast_1d(1 if size is None else size).tolist())
        if n < MANY or np.ndim(loc) or np.ndim(scale) or not (status.enabled() and agrees()):
            return super().normal(loc, scale, size)
        return draw(self, n, loc, scale).reshape(size)


@functools.lru_cache(maxsize=1)
def _function():
    state, numbers, n = T.lvector(), T.dvector(), T.lvector()
    return theano.function([state, numbers, n], DrawNormal()(state, numbers, n))


def draw(random, n, loc, scale):
    """`n` numbers of a generator, as its own method ``normal`` draws them, rounded to float32.

    Parameters
    ----------
    random : numpy.random.RandomState; its state is set as by its own method
    n : int
    loc, scale : float, the mean and the standard deviation

    Returns
    -------
    float32 array (n,)
    """
    kind, words, used, kept, other = random.get_state()
    drawn, state, other = _function()(
        np.append(words.astype(np.int64), [used, kept]), np.array([other, loc, scale], np.float64),
        np.array([n], np.int64))
    random.set_state((kind, state[:_WORDS].astype(np.uint32), *state[_WORDS:].tolist(), other[0]))
    return drawn


@functools.lru_cache(maxsize=1)
def agrees():
    """Whether the numbers are numpy's on this machine: its logarithm and roundings may be others.

    A thousand numbers are compared in full.
    """
    ours, numpys = np.random.RandomState(1), np.random.RandomState(1)
    return np.array_equal(draw(ours, 1000, 0.0, 1e-3),
                          numpys.normal(0.0, 1e-3, 1000).astype(np.float32))
