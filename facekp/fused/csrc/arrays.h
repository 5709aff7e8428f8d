// Between Theano's arrays and the kernels' pointers: the only header that knows Python.
//
// Failures are C++ exceptions here; cop.py wraps every Op's code in the try/catch that turns them
// into Python exceptions: Failure -> ValueError with its text, std::bad_alloc -> MemoryError.
#pragma once
#include <Python.h>
#include <numpy/arrayobject.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <new>
#include <stdexcept>
#include <string>

namespace facekp {

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <typename T> struct dtype;
template <> struct dtype<float> { static const int num = NPY_FLOAT32; };
template <> struct dtype<int64_t> { static const int num = NPY_INT64; };
template <> struct dtype<uint8_t> { static const int num = NPY_UINT8; };

// "(128, 1, 96, 96)", for error messages.
static inline std::string shape_text(const int64_t* shape, int ndim) {
  std::string text = "(";
  for (int i = 0; i < ndim; ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + ")";
}

static inline std::string shape_text(PyArrayObject* array) {
  int64_t shape[NPY_MAXDIMS];
  for (int i = 0; i < PyArray_NDIM(array); ++i) shape[i] = PyArray_DIM(array, i);
  return shape_text(shape, PyArray_NDIM(array));
}

constexpr int ANY_NDIM = -1;

// An input as a contiguous array of T: itself where it is one already, else a copy held by this.
template <typename T>
class In {
 public:
  In(PyArrayObject* array, int ndim, const char* name) {
    if ((PyArray_NDIM(array) != ndim && ndim != ANY_NDIM) || PyArray_TYPE(array) != dtype<T>::num)
      throw Failure(std::string(name) + " has shape " + shape_text(array) + " or a type that is " +
                    "not this Op's; expected " + std::to_string(ndim) + " dimensions");
    array_ = (PyArrayObject*)PyArray_FROM_OF((PyObject*)array, NPY_ARRAY_CARRAY_RO);
    if (!array_) throw std::bad_alloc();
    data = (const T*)PyArray_DATA(array_);
  }
  ~In() { Py_XDECREF(array_); }
  In(const In&) = delete;
  In& operator=(const In&) = delete;

  int ndim() const { return PyArray_NDIM(array_); }
  int64_t dim(int axis) const { return PyArray_DIM(array_, axis); }
  int64_t size() const { return PyArray_SIZE(array_); }
  std::string shape() const { return shape_text(array_); }

  const T* data = nullptr;

 private:
  PyArrayObject* array_ = nullptr;
};

// A new array that begins with a line of the cache, contents undefined: numpy aligns by 16 bytes
// alone, and a whole vector that crosses lines takes twice the time. It does not own its memory: its
// base does.
static PyArrayObject* aligned(const npy_intp* shape, int ndim, int type) {
  constexpr npy_intp LINE = 64;
  PyArray_Descr* descr = PyArray_DescrFromType(type);
  npy_intp bytes = PyArray_MultiplyList(const_cast<npy_intp*>(shape), ndim) * descr->elsize + LINE;
  PyArrayObject* memory = (PyArrayObject*)PyArray_EMPTY(1, &bytes, NPY_UINT8, 0);
  if (!memory) {
    Py_DECREF(descr);
    throw std::bad_alloc();
  }
  char* data = (char*)((uintptr_t(PyArray_DATA(memory)) + LINE - 1) / LINE * LINE);
  PyArrayObject* array = (PyArrayObject*)PyArray_NewFromDescr(
      &PyArray_Type, descr, ndim, const_cast<npy_intp*>(shape), nullptr, data, NPY_ARRAY_CARRAY,
      nullptr);
  if (!array) {
    Py_DECREF(memory);
    throw std::bad_alloc();
  }
  if (PyArray_SetBaseObject(array, (PyObject*)memory) < 0) {
    Py_DECREF(array);
    throw std::bad_alloc();
  }
  return array;
}

// Output storage of this shape: what Theano kept from the last call where it fits, else a new array
// (contents undefined in both cases).
template <typename T>
static T* out(PyArrayObject** storage, const npy_intp* shape, int ndim) {
  PyArrayObject* old = *storage;
  const bool fits = old && PyArray_NDIM(old) == ndim && PyArray_TYPE(old) == dtype<T>::num &&
                    PyArray_ISCARRAY(old) &&
                    PyArray_CompareLists(PyArray_DIMS(old), shape, ndim);
  if (!fits) {
    *storage = nullptr;
    Py_XDECREF(old);
    *storage = aligned(shape, ndim, dtype<T>::num);
  }
  return (T*)PyArray_DATA(*storage);
}

template <typename T>
static T* out(PyArrayObject** storage, std::initializer_list<int64_t> shape) {
  npy_intp dims[NPY_MAXDIMS];
  std::copy(shape.begin(), shape.end(), dims);
  return out<T>(storage, dims, (int)shape.size());
}

// An output with the shape of another array.
template <typename T>
static T* out_like(PyArrayObject** storage, PyArrayObject* other) {
  return out<T>(storage, PyArray_DIMS(other), PyArray_NDIM(other));
}

}  // namespace facekp
