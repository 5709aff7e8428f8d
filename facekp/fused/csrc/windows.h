// Rows of pixels as vectors: runs of LANES numbers, runs of LANES windows of 2x2 pixels, and the
// shorter run at a row's end.
#pragma once
#include <type_traits>

#include "simd.h"

#define FACEKP_INLINED __attribute__((always_inline))  // for lambdas

namespace facekp {

// Calls body(all, i, count) on runs of LANES numbers and on the rest of fewer; `all` says which, as
// a type: std::true_type or std::false_type.
template <class Body>
static FACEKP_INLINE void for_each_run(int64_t size, Body body) {
  int64_t i = 0;
  for (; i + LANES <= size; i += LANES) body(std::true_type(), i, LANES);
  if (i < size) body(std::false_type(), i, int(size - i));
}
template <class All>
static FACEKP_INLINE vec load_run(All, const float* p, int count) {
  return All::value ? load(p) : load_first(p, count);
}
template <class All>
static FACEKP_INLINE void store_run(All, float* p, vec v, int count) {
  if (All::value) store(p, v); else store_first(p, v, count);
}

// LANES windows of 2x2 pixels side by side: two rows of 2 * LANES pixels.
struct Windows {
  vec v[2][2];  // [row][left or right half]

  FACEKP_INLINE vec max() const {
    const vec left = facekp::max(v[0][0], v[1][0]), right = facekp::max(v[0][1], v[1][1]);
    return facekp::max(half_blocks<2, 0>(left, right), half_blocks<2, 1>(left, right));
  }
};

static FACEKP_INLINE int lanes_in_half(int count, int half) {  // of the first `count` windows
  const int lanes = 2 * count - half * LANES;
  return lanes < 0 ? 0 : lanes < LANES ? lanes : LANES;
}

// `count` windows with their upper left pixel at `top`, in rows of w pixels; the others are 0.
template <class All>
static FACEKP_INLINE Windows load_windows(All all, const float* top, int w, int count) {
  Windows x;
  for (int row = 0; row < 2; ++row)
    for (int half = 0; half < 2; ++half)
      x.v[row][half] = load_run(all, top + row * w + half * LANES, lanes_in_half(count, half));
  return x;
}
template <class All>
static FACEKP_INLINE void store_windows(All all, float* top, int w, const Windows& x, int count) {
  for (int row = 0; row < 2; ++row)
    for (int half = 0; half < 2; ++half)
      store_run(all, top + row * w + half * LANES, x.v[row][half], lanes_in_half(count, half));
}

}  // namespace facekp
