// The matrix products of Winograd's points, and the layout of the data between transforms.
//
// Register tiles of rows x vectors: with AVX-512 6 x 64 floats in 24 of the 32 registers. A step of
// the depth loads 4 vectors, broadcasts 6 scalars and does 24 fused multiply-adds, so the two load
// ports idle more than half of the time. Where fewer columns are left, 12 x 32 (14 loads) or
// 12 x 16 (13 loads for 12 multiply-adds: still no more than the ports give). With AVX and SSE
// (16 registers) 6 x 2 vectors in 12. Both operands arrive packed in the order of use.
#pragma once
#include <algorithm>

#include "winograd_transforms.h"

namespace facekp {
namespace winograd {

constexpr int COLUMNS = LANES == 16 ? 4 : 2;  // vectors of the widest register tile
constexpr int GROUP = 64;  // filters (or channels) that are packed and multiplied together, at most

static inline int whole_lanes(int n) { return (n + LANES - 1) / LANES * LANES; }
// The columns of a group where there are n in all.
static inline int group_width(int n) { return std::min(GROUP, whole_lanes(n)); }

// For each point a matrix [row][channel] of floats. The channels are cut into groups of `width`,
// each a matrix of its own with contiguous rows. Rows are tiles, or for transformed filters the
// channels of the depth.
template <class S>
struct Panel {
  float* data;
  int width;
  size_t point;  // floats between the matrices of two points

  // LANES extra floats keep the points of one tile off the same few sets of the L1 cache.
  static size_t stride(int rows, int width) { return size_t(rows) * width + LANES; }
  static size_t floats(int rows, int width, int channels) {
    return (channels + width - 1) / width * (S::POINTS * stride(rows, width));
  }
  Panel(float* data, int rows, int width)
      : data(data), width(width), point(stride(rows, width)) {}

  float* at(int k, int row, int channel) const {
    return data + (size_t(channel / width) * S::POINTS + k) * point + size_t(row) * width +
           channel % width;
  }
};

constexpr int ONE_START[] = {0};

// The operands of one product: c[i][j] (+)= sum over d < depth of A(i, d) * b[d][j], where A(i, d)
// is a[i][d], or a[d][i] with TRANSPOSED. Each matrix has rows of so many floats.
template <bool TRANSPOSED>
struct Product {
  int depth;
  const float* a;
  int a_width;
  const float* b;
  int b_width;
  float* c;
  int c_width;
  bool accumulate;
  // The sum runs over so many stretches of a, `depth` long each, which begin at these floats from
  // `a`, and over b without a gap.
  int stretches = 1;
  const int* starts = ONE_START;
};

template <int M, int VECS, bool TRANSPOSED>
static void multiply_tile(const Product<TRANSPOSED>& p, int row, int column) {
  const size_t a_row = TRANSPOSED ? 1 : p.a_width, a_step = TRANSPOSED ? p.a_width : 1;
  const size_t b_width = p.b_width;
  const float* b = p.b + column;
  vec sums[M][VECS] = {};
  for (int s = 0; s < p.stretches; ++s) {
    const float* a = p.a + row * a_row + p.starts[s];
    for (int d = 0; d < p.depth; ++d, a += a_step, b += b_width) {
      vec v[VECS];
      for (int j = 0; j < VECS; ++j) v[j] = load(b + j * LANES);
      for (int i = 0; i < M; ++i)
        for (int j = 0; j < VECS; ++j) sums[i][j] += a[i * a_row] * v[j];
    }
  }
  for (int i = 0; i < M; ++i)
    for (int j = 0; j < VECS; ++j) {
      float* to = p.c + size_t(row + i) * p.c_width + column + j * LANES;
      store(to, p.accumulate ? load(to) + sums[i][j] : sums[i][j]);
    }
}

// As many tiles of M rows as fit before `rows`; the first row that is left.
template <int M, int VECS, bool TRANSPOSED>
static FACEKP_INLINE int multiply_rows(const Product<TRANSPOSED>& p, int row, int rows,
                                       int column) {
  for (; row + M <= rows; row += M) multiply_tile<M, VECS>(p, row, column);
  return row;
}

// Any number of rows and up to GROUP columns (rounded up to whole vectors).
template <bool TRANSPOSED>
static void multiply(int rows, int columns, const Product<TRANSPOSED>& p) {
  int j = 0;
  for (; j + COLUMNS * LANES <= whole_lanes(columns); j += COLUMNS * LANES) {
    const int i = multiply_rows<6, COLUMNS>(p, 0, rows, j);
    switch (rows - i) {
      case 1: multiply_tile<1, COLUMNS>(p, i, j); break;
      case 2: multiply_tile<2, COLUMNS>(p, i, j); break;
      case 3: multiply_tile<3, COLUMNS>(p, i, j); break;
      case 4: multiply_tile<4, COLUMNS>(p, i, j); break;
      case 5: multiply_tile<5, COLUMNS>(p, i, j); break;
    }
  }
  if (COLUMNS > 2 && j + 2 * LANES <= whole_lanes(columns)) {
    int i = multiply_rows<12, 2>(p, 0, rows, j);
    i = multiply_rows<4, 2>(p, i, rows, j);
    multiply_rows<1, 2>(p, i, rows, j);
    j += 2 * LANES;
  }
  if (j < columns) {
    int i = multiply_rows<12, 1>(p, 0, rows, j);
    i = multiply_rows<4, 1>(p, i, rows, j);
    multiply_rows<1, 1>(p, i, rows, j);
  }
}

}  // namespace winograd
}  // namespace facekp
