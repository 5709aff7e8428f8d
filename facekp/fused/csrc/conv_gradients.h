// The gradient before what conv_epilogues.h does, from the one behind it.
#pragma once
#include <algorithm>

#include "conv_epilogues.h"

namespace facekp {

// LANES numbers of the `size` at p, from index on; zeros past the end.
static FACEKP_INLINE vec load_within(const float* p, size_t index, size_t size) {
  return index + LANES <= size ? load(p + index) : load_first(p + index, int(size - index));
}
static FACEKP_INLINE vec first_lanes(vec v, int count) {
  return count >= LANES ? v : lane_index() < count ? v : vec{};
}

// The three sources of pre-activation gradients. Each gives, for `count` pooled pixels from a flat
// index on, the gradient of the S * S outputs of their windows, a vector for each phase. They are
// read in short runs from many planes, which the hardware does not foresee: prefetch() tells it.

struct PooledGradient {
  static constexpr int S = 2;
  const float* gy;      // (n, f, h / 2, w / 2)
  const uint8_t* mask;  // the same shape
  size_t size;
  float scale;          // of the kept elements of dropout

  FACEKP_INLINE void prefetch(size_t index) const {
    __builtin_prefetch(gy + index, 0, 2);
    __builtin_prefetch(mask + index, 0, 2);
  }
  // The gradient that each of the elements in `bits` receives, 0 where there are none.
  FACEKP_INLINE vec of_windows(size_t index, int count, ivec* bits) const {
    const ivec all = load_bytes(mask + index, int(std::min(size - index, size_t(LANES))));
    const vec full = first_lanes(load_within(gy, index, size), count) * splat(scale);
    *bits = all & (HALF - 1);
    return *bits == 0 ? vec{} : (all & HALF) != 0 ? full * splat(0.5f) : full;
  }
  FACEKP_INLINE void operator()(size_t index, int count, vec (&g)[4]) const {
    ivec bits;
    const vec passed = of_windows(index, count, &bits);
    for (int phase = 0; phase < 4; ++phase) g[phase] = (bits & (1 << phase)) != 0 ? passed : vec{};
  }
};

struct ReluGradient {
  static constexpr int S = 1;
  const float *gy, *y;  // (n, f, h, w)
  size_t size;

  FACEKP_INLINE void prefetch(size_t index) const {
    __builtin_prefetch(gy + index, 0, 2);
    __builtin_prefetch(y + index, 0, 2);
  }
  FACEKP_INLINE void operator()(size_t index, int count, vec (&g)[1]) const {
    const vec full = first_lanes(load_within(gy, index, size), count);
    const ivec sign = (ivec)load_within(y, index, size);  // see Relu
    g[0] = sign > 0 ? full : sign == 0 ? full * splat(0.5f) : vec{};
  }
};

struct LinearGradient {
  static constexpr int S = 1;
  const float* gz;
  size_t size;

  FACEKP_INLINE void prefetch(size_t index) const { __builtin_prefetch(gz + index, 0, 2); }
  FACEKP_INLINE void operator()(size_t index, int count, vec (&g)[1]) const {
    g[0] = first_lanes(load_within(gz, index, size), count);
  }
};

}  // namespace facekp
