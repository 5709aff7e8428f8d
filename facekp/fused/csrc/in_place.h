// Outputs that take over the memory of an input (Theano's destroy_map).
#pragma once
#include "arrays.h"

namespace facekp {

// The output `storage` with the values of `input`, to be overwritten by the caller: the input's own
// memory if `destroy` allows that, else a copy.
static float* overwrite(PyArrayObject** storage, PyArrayObject* input, bool destroy) {
  if (PyArray_TYPE(input) != NPY_FLOAT32) throw Failure("an array to overwrite is not float32");
  if (destroy && PyArray_ISCARRAY(input)) {
    Py_INCREF(input);
    Py_XDECREF(*storage);
    *storage = input;
  } else {
    PyObject* copy = PyArray_NewCopy(input, NPY_CORDER);
    if (!copy) throw std::bad_alloc();
    Py_XDECREF(*storage);
    *storage = (PyArrayObject*)copy;
  }
  return (float*)PyArray_DATA(*storage);
}

}  // namespace facekp
