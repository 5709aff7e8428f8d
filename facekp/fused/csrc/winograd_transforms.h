// The transforms of Winograd's F(4x4, 3x3) (Lavin and Gray 2015, arXiv 1509.09308).
//
// A 3x3 correlation of a 6x6 input tile d with taps g gives the 4x4 output tile
//
//     y = A' [ (G g G') . (B' d B) ] A          (' transposes, . multiplies element by element)
//
// with 36 products in place of 144. Summed over channels, the products of each of the 36 points
// are a matrix product (winograd_multiply.h); this file has the linear maps around them. Every map
// is linear, so the gradient of the taps uses the transposes of the same matrices:
//
//     dg = G' [ (A dy A') . (B' d B) ] G        summed over tiles
//
// Each map works on LANES channels (or filters) at once, one per lane; so tiles may lie anywhere.
#pragma once
#include "simd.h"

namespace facekp {
namespace winograd {

constexpr int TILE = 4;     // output pixels along a side
constexpr int SPAN = 6;     // input pixels along a side, and points along one
constexpr int POINTS = 36;  // SPAN * SPAN
constexpr int TAPS = 9;     // 3 * 3

// A map along one axis, OUT values from IN, is an integer matrix whose results are scaled at the
// end: with exact products and one rounding, whole numbers stay whole where they can (a factor such
// as 1/6 inside of fused multiply-adds would not round back).

// B': interpolation of 6 input values at 0, 1, -1, 2, -2, infinity.
struct InputPoints {
  static constexpr int IN = SPAN, OUT = SPAN;
  static constexpr double scale(int) { return 1; }
  static FACEKP_INLINE void map(const vec* d, vec* t) {
    const vec even1 = d[4] - 4.0f * d[2], odd1 = d[3] - 4.0f * d[1];
    const vec even2 = d[4] - d[2], odd2 = 2.0f * (d[3] - d[1]);
    t[0] = 4.0f * d[0] - 5.0f * d[2] + d[4];
    t[1] = even1 + odd1;
    t[2] = even1 - odd1;
    t[3] = even2 + odd2;
    t[4] = even2 - odd2;
    t[5] = 4.0f * d[1] - 5.0f * d[3] + d[5];
  }
};

// A': 4 output values from 6 points.
struct OutputValues {
  static constexpr int IN = SPAN, OUT = TILE;
  static constexpr double scale(int) { return 1; }
  static FACEKP_INLINE void map(const vec* m, vec* y) {
    const vec even1 = m[1] + m[2], odd1 = m[1] - m[2];
    const vec even2 = m[3] + m[4], odd2 = m[3] - m[4];
    y[0] = m[0] + even1 + even2;
    y[1] = odd1 + 2.0f * odd2;
    y[2] = even1 + 4.0f * even2;
    y[3] = odd1 + 8.0f * odd2 + m[5];
  }
};

// A: 6 points from 4 output gradients.
struct OutputPoints {
  static constexpr int IN = TILE, OUT = SPAN;
  static constexpr double scale(int) { return 1; }
  static FACEKP_INLINE void map(const vec* y, vec* m) {
    const vec even1 = y[0] + y[2], odd1 = y[1] + y[3];
    const vec even2 = y[0] + 4.0f * y[2], odd2 = 2.0f * y[1] + 8.0f * y[3];
    m[0] = y[0];
    m[1] = even1 + odd1;
    m[2] = even1 - odd1;
    m[3] = even2 + odd2;
    m[4] = even2 - odd2;
    m[5] = y[3];
  }
};

// G: 6 points from 3 taps.
struct FilterPoints {
  static constexpr int IN = 3, OUT = SPAN;
  static constexpr double scale(int i) {
    return i == 0 ? 1 / 4.0 : i < 3 ? -1 / 6.0 : i < 5 ? 1 / 24.0 : 1;
  }
  static FACEKP_INLINE void map(const vec* g, vec* u) {
    const vec even1 = g[0] + g[2], even2 = g[0] + 4.0f * g[2], odd2 = 2.0f * g[1];
    u[0] = g[0];
    u[1] = even1 + g[1];
    u[2] = even1 - g[1];
    u[3] = even2 + odd2;
    u[4] = even2 - odd2;
    u[5] = g[2];
  }
};

// G': 3 tap gradients from 6 points.
struct FilterValues {
  static constexpr int IN = SPAN, OUT = 3;
  static constexpr double scale(int i) { return i == 0 ? 1 / 24.0 : i == 1 ? 1 / 12.0 : 1 / 6.0; }
  static FACEKP_INLINE void map(const vec* u, vec* g) {
    const vec even1 = u[1] + u[2], odd1 = u[1] - u[2];
    const vec even2 = u[3] + u[4], odd2 = u[3] - u[4];
    g[0] = 6.0f * u[0] - 4.0f * even1 + even2;
    g[1] = odd2 - 2.0f * odd1;
    g[2] = even2 - even1 + 6.0f * u[5];
  }
};

// A map along columns, then along rows: `in` is read as IN x IN vectors whose rows lie `in_row` and
// columns `in_column` floats apart; `out` likewise.
template <class Map>
static FACEKP_INLINE void transform(const float* in, ptrdiff_t in_row, ptrdiff_t in_column,
                                    float* out, ptrdiff_t out_row, ptrdiff_t out_column) {
  constexpr int IN = Map::IN, OUT = Map::OUT;
  vec half[OUT][IN];
  for (int j = 0; j < IN; ++j) {
    vec column[IN], mapped[OUT];
    for (int i = 0; i < IN; ++i) column[i] = load(in + i * in_row + j * in_column);
    Map::map(column, mapped);
    for (int i = 0; i < OUT; ++i) half[i][j] = mapped[i];
  }
#pragma GCC unroll 6  // makes the scales constants
  for (int i = 0; i < OUT; ++i) {
    vec mapped[OUT];
    Map::map(half[i], mapped);
#pragma GCC unroll 6
    for (int j = 0; j < OUT; ++j)
      store(out + i * out_row + j * out_column,
            mapped[j] * float(Map::scale(i) * Map::scale(j)));
  }
}

}  // namespace winograd
}  // namespace facekp
