"""The base class of the fused Ops: a Theano Op whose work is done by C++ headers in csrc/."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import hashlib
import os
import platform
import re
from functools import lru_cache

import theano
import theano.tensor as T

CSRC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "csrc")

HEADERS = ["<omp.h>", "<algorithm>", "<cmath>", "<cstdint>", "<cstring>", "<stdexcept>", "<string>",
           "<vector>"] + ["<immintrin.h>"] * (platform.machine() in ("x86_64", "AMD64"))
"""What csrc/ includes and takes long to compile: named here, it is compiled once for all modules
(facekp.engine.precompiled)."""

_LOCAL_INCLUDE = re.compile(r'\s*#include\s+"([^"]+)"\s*$')


class FusedOp(theano.gof.Op):
    """An Op written as ``headers`` (files in csrc/) and a C++ ``body`` that calls them.

    A subclass lists ``headers``, sets ``__props__``, and defines ``make_node``, ``infer_shape``,
    ``body`` and, where it has a gradient, ``grad``. In the body, the types of csrc/arrays.h are
    in scope (``In<float> x(%(x)s, 4, "x")`` is a contiguous input, ``out<float>(&%(y)s, {n, f})``
    an output's memory), and failing means ``throw Failure("message with the shapes")``.

    Whatever may differ from layer to layer should be data and not code, since each text of C++ is
    compiled on its own, for seconds: numbers come as fields of ``params_type`` (in the body,
    ``params->p``), optional inputs as empty arrays, and the number of threads is
    ``omp_get_max_threads()`` when the body runs.
    """

    __props__ = ("headers",)  # none at all would keep Theano from caching the compiled module
    headers = ()

    def body(self, node, inputs, outputs):
        """The C++ statements that compute ``outputs`` from ``inputs`` (names of PyArrayObject*)."""
        raise NotImplementedError("%s.body" % type(self).__name__)

    def c_code(self, node, name, inputs, outputs, sub):
        # `fail` is a goto: the braces let it leave the scope of the body's C++ objects
        return """
        try {
          using namespace facekp;
          %s
          %s
        } catch (const std::bad_alloc&) {
          PyErr_SetString(PyExc_MemoryError, "%s: out of memory");
          %s
        } catch (const std::exception& error) {
          PyErr_Format(PyExc_ValueError, "%s: %%s", error.what());
          %s
        }
        """ % ("auto* params = %s;" % sub["params"] if "params" in sub else "",
               self.body(node, inputs, outputs),
               type(self).__name__, sub["fail"], type(self).__name__, sub["fail"])

    def c_headers(self):
        return HEADERS

    def c_support_code(self):
        # The text itself, not #include: a folder's path would be part of the compiled module's
        # key, and no two checkouts would share what is compiled.
        return amalgamation(("arrays.h",) + tuple(self.headers))

    def c_compile_args(self):
        # no -ffast-math: NaN must stay NaN, and the order of sums is part of the results
        return ["-O3", "-std=c++14", "-fopenmp", "-fno-math-errno", "-fno-trapping-math"]

    def c_no_compile_args(self):
        return ["-ffast-math", "-ffinite-math-only"]

    def c_code_cache_version(self):
        return 3, _digest(self.c_support_code())

    def c_code_cache_version_apply(self, node):
        # The body counts as well: Theano looks a module up by this version, the Op and its types,
        # and would run the old code after an edit of the body alone.
        body = self.body(node, ["i%d" % i for i in range(len(node.inputs))],
                         ["o%d" % i for i in range(len(node.outputs))])
        return self.c_code_cache_version() + (_digest(body),)


def _digest(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


@lru_cache(maxsize=None)
def amalgamation(headers):
    """The text of csrc headers with all that they include in the place of the include lines.

    Parameters
    ----------
    headers : tuple of str, names of files in csrc/

    Returns
    -------
    str, each header once, each line known to the compiler by its file's name and number
    """
    seen = set()

    def text(name):
        if name in seen:
            return ""
        seen.add(name)
        with open(os.path.join(CSRC, name), encoding="utf-8") as stream:
            lines = stream.read().replace("#pragma once\n", "\n").split("\n")
        for i, line in enumerate(lines):
            include = _LOCAL_INCLUDE.match(line)
            if include:
                lines[i] = '%s#line %d "%s"' % (text(include.group(1)), i + 2, name)
        return '#line 1 "%s"\n%s\n' % (name, "\n".join(lines))

    return "".join(text(name) for name in headers)


def float32(value, ndim, name):
    """``value`` as a float32 tensor of ``ndim`` dimensions.

    Raises
    ------
    TypeError
        If it has another dtype or number of dimensions: the kernels know float32 alone.
    """
    value = T.as_tensor_variable(value)
    if value.dtype != "float32" or value.ndim != ndim:
        raise TypeError("%s is %s; expected a float32 tensor of %d dimensions"
                        % (name, value.type, ndim))
    return value
