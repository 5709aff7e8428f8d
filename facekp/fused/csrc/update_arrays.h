// Between Theano's arrays and the kernels of updates.h.
#pragma once
#include <deque>
#include <vector>

#include "in_place.h"
#include "updates.h"

namespace facekp {

static inline float scalar(PyArrayObject* array) { return *(float*)PyArray_DATA(array); }

// `old` and `next` hold, for each of `count` parameters, the parameter and then its states.
template <int STATES, typename Rule>
static void update_arrays(const Rule& rule, int count, PyArrayObject* const* grads,
                          PyArrayObject* const* old, PyArrayObject** const* next, bool destroy) {
  std::deque<In<float>> contiguous;  // gradients; a deque, since In cannot be moved
  std::vector<Tensor> tensors;
  for (int i = 0; i < count; ++i) {
    PyArrayObject* const* mine = old + i * (1 + STATES);
    contiguous.emplace_back(grads[i], PyArray_NDIM(mine[0]), "a gradient");
    Tensor tensor = {PyArray_SIZE(mine[0]), contiguous.back().data, nullptr, {nullptr, nullptr}};
    for (int k = 0; k <= STATES; ++k) {
      if (!PyArray_SAMESHAPE(grads[i], mine[k]))
        throw Failure("parameter or state " + std::to_string(k) + " has shape " +
                      shape_text(mine[k]) + ", its gradient " + shape_text(grads[i]));
      (k ? tensor.state[k - 1] : tensor.param) =
          overwrite(next[i * (1 + STATES) + k], mine[k], destroy);
    }
    tensors.push_back(tensor);
  }
  update_all<STATES>(rule, tensors, omp_get_max_threads());
}

}  // namespace facekp
