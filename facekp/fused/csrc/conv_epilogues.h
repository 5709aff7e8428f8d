// What follows a convolution while its sums are in registers: ReLU, 2x2 max pooling and dropout, or
// the statistics for a batch normalization.
#pragma once
#include <algorithm>
#include <vector>

#include "dropout.h"
#include "target.h"

namespace facekp {

// A mask byte for every pooled pixel: bits 0 .. 3 are the window's elements that equal its maximum,
// in the order (0, 0) (0, 1) (1, 0) (1, 1), where the maximum is >= 0 and not dropped; all of them
// receive the gradient (Theano's rule for ties). HALF says that the maximum is exactly 0, where
// 0.5 * (x + |x|) has the derivative 1/2.
constexpr int HALF = 16;

// What happens to a tile's sums for filter f at pixel q: max(., 0), pooling, dropout.
struct ReluPool {
  static constexpr int S = 2;
  float* y;       // (n, f, h / 2, w / 2)
  uint8_t* mask;  // the same shape, or null in evaluation
  const DropoutKey* dropout;  // or null

  FACEKP_INLINE void prefetch(size_t index) const {
    __builtin_prefetch(y + index, 1, 2);
    if (mask) __builtin_prefetch(mask + index, 1, 2);
  }
  FACEKP_INLINE void operator()(size_t index, int count, const vec (&a)[4]) const {
    const vec largest = max(max(a[0], a[1]), max(a[2], a[3]));
    vec result = max(vec{}, largest);  // in this order NaN stays NaN
    ivec bits = ((a[0] == largest) & 1) | ((a[1] == largest) & 2) | ((a[2] == largest) & 4) |
                ((a[3] == largest) & 8) | ((largest == vec{}) & HALF);
    bits &= largest >= vec{};
    if (dropout) {
      const ivec keep = (ivec)(dropout_bits(*dropout, uint32_t(index)) >=
                               uvec{} + dropout->threshold);
      result = (vec)((ivec)(result * splat(dropout->scale)) & keep);
      bits &= keep;
    }
    if (count >= LANES) {
      store(y + index, result);
      if (mask) store_bytes(mask + index, bits, LANES);
    } else {
      store_first(y + index, result, count);
      if (mask) store_bytes(mask + index, bits, count);
    }
  }
};

// ReLU alone. The sign of a zero tells the gradient what was there: +0 was exactly 0 (derivative
// 1/2), -0 was negative (0). No mask is needed.
struct Relu {
  static constexpr int S = 1;
  float* y;
  FACEKP_INLINE void prefetch(size_t index) const { __builtin_prefetch(y + index, 1, 2); }
  template <int VECS>
  FACEKP_INLINE void operator()(size_t index, int count, const vec (&a)[VECS]) const {
    const ivec sign = ivec{} + INT32_MIN;
    for (int v = 0; v < VECS; ++v) {
      const vec y_v = a[v] < vec{} ? (vec)sign : (vec)((ivec)a[v] & ~sign);
      if (count - v * LANES >= LANES) store(y + index + v * LANES, y_v);
      else if (count > v * LANES) store_first(y + index + v * LANES, y_v, count - v * LANES);
    }
  }
};

struct Linear {
  static constexpr int S = 1;
  Target z;
  FACEKP_INLINE void prefetch(size_t index) const { z.prefetch(index); }
  template <int VECS>
  FACEKP_INLINE void operator()(size_t index, int count, const vec (&a)[VECS]) const {
    for (int v = 0; v < VECS && count > v * LANES; ++v)
      z.put(index + v * LANES, a[v], count - v * LANES);
  }
};

// Mean and variance of every filter's outputs, from sums that each (image, band) leaves behind: a
// result that does not depend on the number of threads as long as it does not exceed the images'.
class Statistics {
 public:
  Statistics(int items, int f) : f_(f), moments_(size_t(items) * f) {}

  // Sums relative to the first element: a mean that is large beside the deviation costs no digits.
  void collect(int item, int filter, const float* z, int count) {
    const vec pivot = splat(z[0]);
    vec total = {}, squares = {};
    for (int q = 0; q < count; q += LANES) {
      vec d = (count - q < LANES ? load_first(z + q, count - q) : load(z + q)) - pivot;
      if (count - q < LANES) d = lane_index() < count - q ? d : vec{};
      total += d;
      squares += d * d;
    }
    const double shift = double(sum(total)) / count;
    add(item, filter, count, z[0] + shift, sum(squares) - shift * shift * count);
  }
  void add(int item, int filter, int count, double mean, double squares) {
    moments_[size_t(item) * f_ + filter] = {double(count), mean, squares};
  }

  // Chan et al.'s formula for the moments of a union. stats is (2, f): mean, biased variance.
  void combine(float* stats) const {
    for (int i = 0; i < f_; ++i) {
      Moments all = {0, 0, 0};
      for (size_t j = i; j < moments_.size(); j += f_) {
        const Moments& part = moments_[j];
        const double count = all.count + part.count, delta = part.mean - all.mean;
        if (count == 0) continue;
        all.mean += delta * part.count / count;
        all.squares += part.squares + delta * delta * all.count * part.count / count;
        all.count = count;
      }
      stats[i] = float(all.mean);
      stats[f_ + i] = float(std::max(0.0, all.squares / all.count));
    }
  }

 private:
  struct Moments {
    double count, mean, squares;  // squares of the deviations from the mean
  };
  int f_;
  std::vector<Moments> moments_;
};

}  // namespace facekp
