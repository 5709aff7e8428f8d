// The transforms of Winograd's F(m x m, r x r) (Lavin and Gray 2015, arXiv 1509.09308).
//
// An r x r correlation of a square input tile d, s = m + r - 1 pixels along a side, with taps g
// gives the m x m output tile
//
//     y = A' [ (G g G') . (B' d B) ] A          (' transposes, . multiplies element by element)
//
// with s * s products in place of m * m * r * r: 36 for 144 in F(4x4, 3x3), 25 for 81 in
// F(3x3, 3x3), 25 for 64 in F(4x4, 2x2), 64 for 400 in F(4x4, 5x5). Summed over channels, the
// products of each of the s * s points are a matrix product (winograd_multiply.h); this file has
// the linear maps around them. Every map is linear, so the gradients use the transposes of the same
// matrices:
//
//     dg = G' [ (A dy A') . (B' d B) ] G        summed over tiles
//     dd = B  [ (A dy A') . (G g G') ] B'       added up where tiles overlap
//
// Along one axis, y and g are polynomials that A and G evaluate at s points, of which the last is
// infinity (the leading coefficient), and B' interpolates. The points are 0, 1, -1, 2, for s = 6
// also -2, and for s = 8 also 1/2 and -1/2: small numbers and their inverses, hence coefficients
// near 1 and little loss of digits.
//
// Each map works on LANES channels (or filters) at once, one per lane; so tiles may lie anywhere.
#pragma once
#include "simd.h"

namespace facekp {
namespace winograd {

// F(TILE x TILE, KERNEL x KERNEL).
template <int TILE_, int KERNEL_>
struct Scheme {
  static constexpr int TILE = TILE_;                 // output pixels along a side
  static constexpr int KERNEL = KERNEL_;             // taps along a side
  static constexpr int SPAN = TILE + KERNEL - 1;     // input pixels, and points, along a side
  static constexpr int POINTS = SPAN * SPAN, TAPS = KERNEL * KERNEL;
  static_assert(SPAN == 5 || SPAN == 6 || SPAN == 8, "other spans' points are not in this file");
};

// A map along one axis, OUT values from IN, is a matrix of whole numbers (with s = 8 of quarters and
// the like) whose results are scaled at the end: with exact products and one rounding, whole numbers
// stay whole where they can (a factor such as 1/6 inside of fused multiply-adds would not round
// back).

struct Unscaled {
  static constexpr double scale(int) { return 1; }
};

// Values at the points of a polynomial with N coefficients, (SPAN x N): A for N = TILE.
template <int SPAN, int N>
struct Evaluate : Unscaled {
  static constexpr int IN = N, OUT = SPAN;
  static FACEKP_INLINE void map(const vec* c, vec* v) {
    vec even1 = c[0], odd1 = c[1], even2 = c[0], odd2 = 2.0f * c[1];  // at 1 and 2
    vec even3 = c[0], odd3 = 0.5f * c[1];                             // at 1/2
#pragma GCC unroll 6
    for (int i = 2; i < N; ++i) {
      (i % 2 ? odd1 : even1) += c[i];
      (i % 2 ? odd2 : even2) += float(1 << i) * c[i];
      (i % 2 ? odd3 : even3) += 1.0f / float(1 << i) * c[i];
    }
    v[0] = c[0];
    v[1] = even1 + odd1;
    v[2] = even1 - odd1;
    v[3] = even2 + odd2;
    if (SPAN > 5) v[4] = even2 - odd2;
    if (SPAN == 8) {
      v[5] = even3 + odd3;
      v[6] = even3 - odd3;
    }
    v[SPAN - 1] = c[N - 1];
  }
};

// The transpose of Evaluate: A' for N = TILE.
template <int SPAN, int N>
struct Combine : Unscaled {
  static constexpr int IN = SPAN, OUT = N;
  static FACEKP_INLINE void map(const vec* v, vec* c) {
    const vec even1 = v[1] + v[2], odd1 = v[1] - v[2];
    const vec even2 = SPAN > 5 ? v[3] + v[4] : v[3], odd2 = SPAN > 5 ? v[3] - v[4] : v[3];
    c[0] = v[0] + even1 + even2;
#pragma GCC unroll 6
    for (int i = 1; i < N; ++i)
      c[i] = i % 2 ? odd1 + float(1 << i) * odd2 : even1 + float(1 << i) * even2;
    if (SPAN == 8) {
      const vec even3 = v[SPAN - 3] + v[SPAN - 2], odd3 = v[SPAN - 3] - v[SPAN - 2];
#pragma GCC unroll 6
      for (int i = 0; i < N; ++i) c[i] += 1.0f / float(1 << i) * (i % 2 ? odd3 : even3);
    }
    c[N - 1] += v[SPAN - 1];
  }
};

// G is Evaluate for N = KERNEL with row i divided by the product of the differences of point i
// to the other ones: WEIGHT / DIVISOR with whole numbers.
template <int SPAN>
constexpr int divisor() { return SPAN == 8 ? 90 : SPAN == 6 ? 24 : 6; }
template <int SPAN>
constexpr int weight(int i) {
  return SPAN == 8   ? (i == 0 ? -90 : i < 3 ? -20 : i < 5 ? 1 : i < 7 ? 64 : 90)
         : SPAN == 6 ? (i == 0 ? 6 : i < 3 ? -4 : i < 5 ? 1 : 24)
                     : (i == 0 ? 3 : i == 1 ? -3 : i == 2 ? -1 : i == 3 ? 1 : 6);
}

template <class S>
struct FilterPoints : Evaluate<S::SPAN, S::KERNEL> {
  static constexpr double scale(int i) { return double(weight<S::SPAN>(i)) / divisor<S::SPAN>(); }
};

// G'.
template <class S>
struct FilterValues {
  static constexpr int IN = S::SPAN, OUT = S::KERNEL;
  static constexpr double scale(int) { return 1.0 / divisor<S::SPAN>(); }
  static FACEKP_INLINE void map(const vec* u, vec* g) {
    vec weighted[IN];
#pragma GCC unroll 8
    for (int i = 0; i < IN; ++i) weighted[i] = float(weight<S::SPAN>(i)) * u[i];
    Combine<S::SPAN, S::KERNEL>::map(weighted, g);
  }
};

template <class S>
using OutputPoints = Evaluate<S::SPAN, S::TILE>;  // A
template <class S>
using OutputValues = Combine<S::SPAN, S::TILE>;   // A'

// B'.
template <int SPAN>
struct Interpolate;

template <>
struct Interpolate<8> : Unscaled {
  static constexpr int IN = 8, OUT = 8;
  static FACEKP_INLINE void map(const vec* d, vec* t) {
    const vec even1 = d[6] - 4.25f * d[4] + d[2], odd1 = d[5] - 4.25f * d[3] + d[1];
    const vec even2 = d[6] - 1.25f * d[4] + 0.25f * d[2];
    const vec odd2 = 2.0f * d[5] - 2.5f * d[3] + 0.5f * d[1];
    const vec even3 = d[6] - 5.0f * d[4] + 4.0f * d[2];
    const vec odd3 = 0.5f * d[5] - 2.5f * d[3] + 2.0f * d[1];
    t[0] = d[6] - d[0] + 5.25f * (d[2] - d[4]);
    t[1] = even1 + odd1;
    t[2] = even1 - odd1;
    t[3] = even2 + odd2;
    t[4] = even2 - odd2;
    t[5] = even3 + odd3;
    t[6] = even3 - odd3;
    t[7] = d[7] - d[1] + 5.25f * (d[3] - d[5]);
  }
};

template <>
struct Interpolate<6> : Unscaled {
  static constexpr int IN = 6, OUT = 6;
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

template <>
struct Interpolate<5> : Unscaled {
  static constexpr int IN = 5, OUT = 5;
  static FACEKP_INLINE void map(const vec* d, vec* t) {
    const vec odd = d[3] - d[1], even = d[3] - d[2];
    t[0] = odd + 2.0f * (d[0] - d[2]);
    t[1] = even - 2.0f * d[1];
    t[2] = even - 2.0f * (d[2] - d[1]);
    t[3] = odd;
    t[4] = d[4] - d[2] - 2.0f * odd;
  }
};

template <class S>
using InputPoints = Interpolate<S::SPAN>;

// B.
template <int SPAN>
struct Spread;

template <>
struct Spread<8> : Unscaled {
  static constexpr int IN = 8, OUT = 8;
  static FACEKP_INLINE void map(const vec* t, vec* d) {
    const vec even1 = t[1] + t[2], odd1 = t[1] - t[2];
    const vec even2 = t[3] + t[4], odd2 = 2.0f * (t[3] - t[4]);
    const vec even3 = t[5] + t[6], odd3 = 0.5f * (t[5] - t[6]);
    d[0] = -t[0];
    d[1] = odd1 + 0.25f * odd2 + 4.0f * odd3 - t[7];
    d[2] = 5.25f * t[0] + even1 + 0.25f * even2 + 4.0f * even3;
    d[3] = 5.25f * t[7] - 4.25f * odd1 - 1.25f * odd2 - 5.0f * odd3;
    d[4] = -5.25f * t[0] - 4.25f * even1 - 1.25f * even2 - 5.0f * even3;
    d[5] = odd1 + odd2 + odd3 - 5.25f * t[7];
    d[6] = t[0] + even1 + even2 + even3;
    d[7] = t[7];
  }
};

template <>
struct Spread<6> : Unscaled {
  static constexpr int IN = 6, OUT = 6;
  static FACEKP_INLINE void map(const vec* t, vec* d) {
    const vec even1 = t[1] + t[2], odd1 = t[1] - t[2];
    const vec even2 = t[3] + t[4], odd2 = 2.0f * (t[3] - t[4]);
    d[0] = 4.0f * t[0];
    d[1] = 4.0f * (t[5] - odd1) - odd2;
    d[2] = -5.0f * t[0] - 4.0f * even1 - even2;
    d[3] = odd1 + odd2 - 5.0f * t[5];
    d[4] = t[0] + even1 + even2;
    d[5] = t[5];
  }
};

template <>
struct Spread<5> : Unscaled {
  static constexpr int IN = 5, OUT = 5;
  static FACEKP_INLINE void map(const vec* t, vec* d) {
    const vec even = t[0] + t[1] + t[2] + t[3] - 2.0f * t[4];
    d[0] = 2.0f * t[0];
    d[1] = 2.0f * (t[2] + t[4] - t[1]) - t[0] - t[3];
    d[2] = -2.0f * t[0] - t[1] - 3.0f * t[2] - t[4];
    d[3] = even;
    d[4] = t[4];
  }
};

template <class S>
using InputValues = Spread<S::SPAN>;

// A map along columns, then along rows: `in` is read as IN x IN vectors whose rows lie `in_row` and
// columns `in_column` floats apart; `out` likewise, and with ADD the results are added to it.
template <class Map, bool ADD = false>
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
#pragma GCC unroll 8  // makes the scales constants
  for (int i = 0; i < OUT; ++i) {
    vec mapped[OUT];
    Map::map(half[i], mapped);
#pragma GCC unroll 8
    for (int j = 0; j < OUT; ++j) {
      float* to = out + i * out_row + j * out_column;
      const vec value = mapped[j] * float(Map::scale(i) * Map::scale(j));
      store(to, ADD ? load(to) + value : value);
    }
  }
}

}  // namespace winograd
}  // namespace facekp
