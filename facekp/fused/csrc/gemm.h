// The inner kernel of a matrix product, C = A B, and the packing of its operands.
//
// A register tile holds TILE_ROWS x TILE_VECS vectors of C. Each step of the depth loads TILE_VECS
// vectors of B and broadcasts TILE_ROWS numbers of A for TILE_ROWS * TILE_VECS multiply-adds: with
// AVX-512, 24 of them for 11 loads, which the two load ports keep up with; all 32 registers are in
// use. With 16 registers (AVX2, SSE) 4 x 3 is the largest tile that leaves room for its operands.
//
// An own kernel and not the BLAS: it runs inside our OpenMP threads without a second thread pool,
// its split (and so its rounding) is the same for any number of threads, the epilogue can follow
// while results are in cache, and a dense layer's products have one small side (the batch) for
// which one operand needs no packing.
#pragma once
#include "simd.h"

namespace facekp {

#if FACEKP_LANES == 16
constexpr int TILE_ROWS = 8;
#else
constexpr int TILE_ROWS = 4;
#endif
constexpr int TILE_VECS = 3;
constexpr int PANEL = TILE_VECS * LANES;  // columns of a full tile

// Numbers A(i, k) of a tile's rows i, as they lie in memory.
struct PackedRows {  // [depth][TILE_ROWS]
  const float* a;
  FACEKP_INLINE float operator()(int i, int64_t k) const { return a[k * TILE_ROWS + i]; }
};
struct PlainRows {  // rows of a matrix
  const float* a;
  int64_t stride;
  FACEKP_INLINE float operator()(int i, int64_t k) const { return a[i * stride + k]; }
};

// c[i][j] (+)= sum over k of A(i, k) b[k][j] for i < rows, j < columns <= VECS * LANES.
// b is read in whole vectors.
template <int VECS, typename Rows>
static inline void multiply_tile(int64_t depth, Rows a, const float* b, int64_t b_stride, float* c,
                                 int64_t c_stride, int rows, int columns, bool accumulate) {
  vec t[TILE_ROWS][VECS] = {};
  for (int64_t k = 0; k < depth; ++k, b += b_stride) {
    vec bk[VECS];
    for (int v = 0; v < VECS; ++v) bk[v] = load(b + v * LANES);
#pragma GCC unroll 8
    for (int i = 0; i < TILE_ROWS; ++i) {
      const vec aik = splat(a(i, k));
      for (int v = 0; v < VECS; ++v) t[i][v] += aik * bk[v];
    }
  }
  if (rows == TILE_ROWS && columns == VECS * LANES) {
#pragma GCC unroll 8
    for (int i = 0; i < TILE_ROWS; ++i)
      for (int v = 0; v < VECS; ++v) {
        float* p = c + i * c_stride + v * LANES;
        store(p, accumulate ? load(p) + t[i][v] : t[i][v]);
      }
  } else {
    float tile[TILE_ROWS][VECS * LANES];
    memcpy(tile, t, sizeof tile);
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j)
        c[i * c_stride + j] = (accumulate ? c[i * c_stride + j] : 0.0f) + tile[i][j];
  }
}

// The same with the number of vectors chosen by the number of columns, 1 to PANEL.
template <typename Rows>
static inline void multiply_columns(int64_t depth, Rows a, const float* b, int64_t b_stride,
                                    float* c, int64_t c_stride, int rows, int columns,
                                    bool accumulate) {
  static_assert(TILE_VECS == 3, "one case for each number of vectors");
  if (columns > 2 * LANES)
    multiply_tile<3>(depth, a, b, b_stride, c, c_stride, rows, columns, accumulate);
  else if (columns > LANES)
    multiply_tile<2>(depth, a, b, b_stride, c, c_stride, rows, columns, accumulate);
  else
    multiply_tile<1>(depth, a, b, b_stride, c, c_stride, rows, columns, accumulate);
}

// Columns [0, columns) of b (depth x b_stride) as a dense panel [depth][PANEL], rest zero.
static inline void pack_panel(const float* b, int64_t b_stride, int64_t depth, int columns,
                              float* panel) {
  for (int64_t k = 0; k < depth; ++k, b += b_stride, panel += PANEL) {
    if (columns == PANEL) {
      for (int v = 0; v < TILE_VECS; ++v) store(panel + v * LANES, load(b + v * LANES));
    } else {
      for (int j = 0; j < PANEL; ++j) panel[j] = j < columns ? b[j] : 0.0f;
    }
  }
}

// Rows [0, rows) of a^T, where a is (depth x a_stride), as [depth][TILE_ROWS], rest zero.
static inline void pack_rows_transposed(const float* a, int64_t a_stride, int64_t depth, int rows,
                                        float* packed) {
  for (int64_t k = 0; k < depth; ++k)
    for (int i = 0; i < TILE_ROWS; ++i)
      packed[k * TILE_ROWS + i] = i < rows ? a[k * a_stride + i] : 0.0f;
}

// Rows [0, rows) of a (rows x a_stride), depth columns of it, as [depth][TILE_ROWS], rest zero.
static inline void pack_rows(const float* a, int64_t a_stride, int64_t depth, int rows,
                             float* packed) {
  if (rows == TILE_ROWS) {
    for (int64_t k = 0; k < depth; ++k)
      for (int i = 0; i < TILE_ROWS; ++i) packed[k * TILE_ROWS + i] = a[i * a_stride + k];
  } else {
    for (int64_t k = 0; k < depth; ++k)
      for (int i = 0; i < TILE_ROWS; ++i)
        packed[k * TILE_ROWS + i] = i < rows ? a[i * a_stride + k] : 0.0f;
  }
}

}  // namespace facekp
