"""The base class of the fused Ops: a Theano Op whose work is done by C++ headers in csrc/."""
import facekp.engine  # noqa: F401  (readies Theano)

import hashlib
import inspect
import os
import re

import theano
import theano.tensor as T

CSRC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "csrc")

_LOCAL_INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"', re.MULTILINE)


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
        return ["<omp.h>", '"arrays.h"'] + ['"%s"' % header for header in self.headers]

    def c_header_dirs(self):
        return [CSRC]

    def c_compile_args(self):
        # no -ffast-math: NaN must stay NaN, and the order of sums is part of the results
        return ["-O3", "-std=c++14", "-fopenmp", "-fno-math-errno", "-fno-trapping-math"]

    def c_no_compile_args(self):
        return ["-ffast-math", "-ffinite-math-only"]

    def c_code_cache_version(self):
        # The body counts as well: Theano looks a module up by this version, the Op and its types,
        # and would run the old code after an edit of the body alone.
        with open(inspect.getsourcefile(type(self)), "rb") as stream:
            body = hashlib.sha256(stream.read()).hexdigest()[:16]
        return (1, sources_digest(("arrays.h",) + tuple(self.headers)), body)


def sources_digest(headers):
    """A digest of csrc headers and all that they include, so that an edit recompiles the Op."""
    seen = {}
    queue = list(headers)
    while queue:
        header = queue.pop()
        if header in seen:
            continue
        with open(os.path.join(CSRC, header), encoding="utf-8") as stream:
            seen[header] = stream.read()
        queue += _LOCAL_INCLUDE.findall(seen[header])
    text = "".join(name + "\0" + seen[name] + "\0" for name in sorted(seen))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


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
