// The matrix products of Winograd's points, and the layout of the data between transforms.
//
// Register tile: ROWS = 6 rows x COLUMNS vectors. With AVX-512 that is 6 x 64 floats in 24 of the
// 32 registers: a step of the depth loads 4 vectors, broadcasts 6 scalars and does 24 fused
// multiply-adds, so the two load ports idle more than half of the time. With AVX and SSE (16
// registers) it is 6 x 2 vectors in 12. Both operands arrive packed in the order of use.
#pragma once
#include "winograd_transforms.h"

namespace facekp {
namespace winograd {

constexpr int ROWS = 6;
constexpr int COLUMNS = LANES == 16 ? 4 : 2;
constexpr int GROUP = 64;  // filters (or channels) that are packed and multiplied together

// For each of the 36 points a matrix [row][channel] of floats. The channels are cut into groups
// of `width`, each a matrix of its own with contiguous rows. Rows are tiles, or for transformed
// filters the channels of the depth.
struct Panel {
  float* data;
  int width;
  size_t point;  // floats between the matrices of two points

  // LANES extra floats keep the 36 points of one tile off the same few sets of the L1 cache.
  static size_t stride(int rows, int width) { return size_t(rows) * width + LANES; }
  static size_t floats(int rows, int width, int channels) {
    return (channels + width - 1) / width * (POINTS * stride(rows, width));
  }
  Panel(float* data, int rows, int width)
      : data(data), width(width), point(stride(rows, width)) {}

  float* at(int k, int row, int channel) const {
    return data + (size_t(channel / width) * POINTS + k) * point + size_t(row) * width +
           channel % width;
  }
};

// c[i][j] (+)= sum over d < depth of a[i * a_row + d * a_step] * b[d * GROUP + j]
template <int M>
static void multiply_tile(int depth, const float* a, size_t a_row, size_t a_step, const float* b,
                          float* c, bool accumulate) {
  vec sums[M][COLUMNS] = {};
  for (int d = 0; d < depth; ++d, a += a_step, b += GROUP) {
    vec row[COLUMNS];
    for (int j = 0; j < COLUMNS; ++j) row[j] = load(b + j * LANES);
    for (int i = 0; i < M; ++i)
      for (int j = 0; j < COLUMNS; ++j) sums[i][j] += a[i * a_row] * row[j];
  }
  for (int i = 0; i < M; ++i)
    for (int j = 0; j < COLUMNS; ++j) {
      float* to = c + i * GROUP + j * LANES;
      store(to, accumulate ? load(to) + sums[i][j] : sums[i][j]);
    }
}

// The same for any number of rows and up to GROUP columns (rounded up to whole register tiles).
static void multiply(int rows, int columns, int depth, const float* a, size_t a_row, size_t a_step,
                     const float* b, float* c, bool accumulate) {
  for (int j = 0; j < columns; j += COLUMNS * LANES) {
    int i = 0;
    for (; i + ROWS <= rows; i += ROWS)
      multiply_tile<ROWS>(depth, a + i * a_row, a_row, a_step, b + j, c + i * GROUP + j,
                          accumulate);
    const float* rest = a + i * a_row;
    float* out = c + i * GROUP + j;
    switch (rows - i) {
      case 1: multiply_tile<1>(depth, rest, a_row, a_step, b + j, out, accumulate); break;
      case 2: multiply_tile<2>(depth, rest, a_row, a_step, b + j, out, accumulate); break;
      case 3: multiply_tile<3>(depth, rest, a_row, a_step, b + j, out, accumulate); break;
      case 4: multiply_tile<4>(depth, rest, a_row, a_step, b + j, out, accumulate); break;
      case 5: multiply_tile<5>(depth, rest, a_row, a_step, b + j, out, accumulate); break;
    }
  }
}

}  // namespace winograd
}  // namespace facekp
