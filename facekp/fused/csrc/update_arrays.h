// Between Theano's arrays and the kernels of updates.h.
#pragma once
#include "in_place.h"
#include "updates.h"

namespace facekp {

static inline float scalar(PyArrayObject* array) { return *(float*)PyArray_DATA(array); }

// `old` and `next` hold the parameter and then its states.
template <int STATES, typename Rule>
static void update_arrays(const Rule& rule, PyArrayObject* grad, PyArrayObject* const* old,
                          PyArrayObject** const* next, bool destroy) {
  const In<float> g(grad, PyArray_NDIM(old[0]), "the gradient");
  Tensor tensor = {g.size(), g.data, nullptr, {nullptr, nullptr}};
  for (int k = 0; k <= STATES; ++k) {
    if (!PyArray_SAMESHAPE(grad, old[k]))
      throw Failure("parameter or state " + std::to_string(k) + " has shape " +
                    shape_text(old[k]) + ", its gradient " + shape_text(grad));
    (k ? tensor.state[k - 1] : tensor.param) = overwrite(next[k], old[k], destroy);
  }
  const bool small = g.size() < 16384;  // less work than waking a thread
  update_tensor<STATES>(rule, tensor, small ? 1 : max_threads());
}

}  // namespace facekp
