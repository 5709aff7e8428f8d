// Dense layers: y = dropout(act(x W + b)) and the gradients, for a batch that is small against W.
//
// x is (n, inputs), W (inputs, units), y (n, units). In the 14-layer CNN W is 15488 x 500: 31 MB,
// so that W (or its gradient) passes through the caches once in each of the three products while
// the other operands stay in L2. Batches are taken in slabs of up to SLAB rows for that reason.
//
//   forward     the inputs are split into at most CHUNKS parts; each part's product is summed on
//               its own, then the parts are added in order while bias, activation and dropout are
//               applied. Every thread reads its own rows of W, and the sums do not depend on who
//               computes which part.
//   gradients   g = gy act'(y) once; then blocks of W's rows are independent of each other:
//               gW = x^T g, and gx = g W^T computed as (W g^T)^T, which broadcasts from W's rows as
//               they lie in memory instead of transposing 31 MB.
//
// tests/fused/test_fused_dense.py compares all of it with stock Theano.
#pragma once
#include <omp.h>

#include <algorithm>
#include <cmath>

#include "dropout.h"
#include "gemm.h"
#include "scratch.h"

namespace facekp {

enum Activation { LINEAR, RECTIFY, TANH };

constexpr int64_t SLAB = 128;   // rows of the batch at a time
constexpr int64_t CHUNKS = 16;  // parts of the forward sum: an upper limit to useful threads
constexpr int64_t DEPTH = 256;  // a packed panel of W is DEPTH x PANEL floats: 48 KB at most
constexpr int64_t W_ROWS = 64;  // rows of W in one block of the gradients; multiple of TILE_ROWS

static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Rectified values keep a trace of what they were: -0.0 for a negative pre-activation, +0.0 for
// zero, where Theano's 0.5 * (a + |a|) passes half of the gradient.
static FACEKP_INLINE float rectify(float a) { return a < 0.0f ? -0.0f : a + 0.0f; }
static FACEKP_INLINE float rectify_slope(float y) {
  return y > 0.0f ? 1.0f : std::signbit(y) ? 0.0f : 0.5f;
}

// a[j] = act(a[j] + b[j]), b may be null.
static inline void activate(Activation activation, float* a, const float* b, int64_t size) {
  if (b)
    for (int64_t j = 0; j < size; ++j) a[j] += b[j];
  if (activation == RECTIFY)
    for (int64_t j = 0; j < size; ++j) a[j] = rectify(a[j]);
  else if (activation == TANH)
    for (int64_t j = 0; j < size; ++j) a[j] = std::tanh(a[j]);
}

// g[j] *= act'(the pre-activation of y[j]).
static inline void times_slope(Activation activation, float* g, const float* y, int64_t size) {
  if (activation == RECTIFY)
    for (int64_t j = 0; j < size; ++j) g[j] *= rectify_slope(y[j]);
  else if (activation == TANH)
    for (int64_t j = 0; j < size; ++j) g[j] *= 1.0f - y[j] * y[j];
}

// out[j] = x[j] * factor of element first + j; key may be null.
static inline void drop(const DropoutKey* key, const float* x, float* out, int64_t first,
                        int64_t size) {
  if (key)
    for (int64_t j = 0; j < size; ++j) out[j] = x[j] * dropout_factor(*key, (uint32_t)(first + j));
  else
    std::copy(x, x + size, out);
}

// part[units] = x[inputs] W for a single image: nothing is used twice, so that W's rows pass as
// they lie in memory, four at a time, for which the sums (in L1) are loaded and stored once.
static inline void multiply_row(const float* x, const float* W, int64_t inputs, int64_t units,
                                float* __restrict part) {
  std::fill(part, part + units, 0.0f);
  int64_t k = 0;
  for (; k + 4 <= inputs; k += 4, x += 4, W += 4 * units)
    for (int64_t j = 0; j < units; ++j)
      part[j] += (x[0] * W[j] + x[1] * W[units + j]) +
                 (x[2] * W[2 * units + j] + x[3] * W[3 * units + j]);
  for (; k < inputs; ++k, ++x, W += units)
    for (int64_t j = 0; j < units; ++j) part[j] += x[0] * W[j];
}

// part[n][units] = x[:, first:first + inputs] W[first:first + inputs, :] for the slab's n rows.
// `pack` has room for (n rounded up to TILE_ROWS) * DEPTH + DEPTH * PANEL floats.
static inline void multiply_part(const float* x, int64_t x_stride, const float* W, int64_t n,
                                 int64_t inputs, int64_t units, float* part, float* pack) {
  if (n == 1) return multiply_row(x, W, inputs, units, part);
  const int64_t blocks = ceil_div(inputs, DEPTH), depth = ceil_div(inputs, blocks);
  const int64_t tiles = ceil_div(n, TILE_ROWS);
  float* panel = pack;
  float* rows = pack + DEPTH * PANEL;
  for (int64_t k = 0; k < inputs; k += depth) {
    const int64_t d = std::min(depth, inputs - k);
    for (int64_t t = 0; t < tiles; ++t)
      pack_rows(x + t * TILE_ROWS * x_stride + k, x_stride, d,
                (int)std::min<int64_t>(TILE_ROWS, n - t * TILE_ROWS), rows + t * TILE_ROWS * d);
    for (int64_t j = 0; j < units; j += PANEL) {
      const int columns = (int)std::min<int64_t>(PANEL, units - j);
      const float* b = W + k * units + j;
      int64_t b_stride = units;
      if (tiles > 1 || columns < PANEL) {  // one tile alone reads W only once: no need to pack
        pack_panel(b, units, d, columns, panel);
        b = panel;
        b_stride = PANEL;
      }
      for (int64_t t = 0; t < tiles; ++t)
        multiply_columns(d, PackedRows{rows + t * TILE_ROWS * d}, b, b_stride,
                         part + t * TILE_ROWS * units + j, units,
                         (int)std::min<int64_t>(TILE_ROWS, n - t * TILE_ROWS), columns, k > 0);
    }
  }
}

// y = dropout(act(x W + b)); b and dropout may be null; inputs > 0.
static void dense_forward(Activation activation, const float* x, const float* W, const float* b,
                          const DropoutKey* dropout, float* y, int64_t n, int64_t inputs,
                          int64_t units, int threads) {
  static Scratch part_scratch, pack_scratch;
  const int64_t chunk = std::max<int64_t>(DEPTH, ceil_div(inputs, CHUNKS));
  const int64_t chunks = ceil_div(inputs, chunk);
  const int64_t slab = std::min(n, SLAB), part_size = slab * units;
  const int64_t pack_size = (slab + TILE_ROWS) * DEPTH + DEPTH * PANEL;
  float* parts = part_scratch.floats(chunks * part_size);
  float* packs = pack_scratch.floats(chunks * pack_size);
  for (int64_t first = 0; first < n; first += slab) {
    const int64_t rows = std::min(slab, n - first);
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
      for (int64_t c = 0; c < chunks; ++c) {
        const int64_t k = c * chunk;
        multiply_part(x + first * inputs + k, inputs, W + k * units, rows,
                      std::min(chunk, inputs - k), units, parts + c * part_size,
                      packs + c * pack_size);
      }
#pragma omp for schedule(static)
      for (int64_t m = 0; m < rows; ++m) {
        float* sum = parts + m * units;
        for (int64_t c = 1; c < chunks; ++c)
          for (int64_t j = 0; j < units; ++j) sum[j] += sum[c * part_size + j];
        activate(activation, sum, b, units);
        drop(dropout, sum, y + (first + m) * units, (first + m) * units, units);
      }
    }
  }
}

// Rows [row, row + rows) of gW (+)= x^T g, for a slab of n rows; panels is g packed [][n][PANEL].
static inline void multiply_gW(const float* x, int64_t inputs, const float* panels, int64_t n,
                               int64_t units, int64_t row, int64_t rows, float* gW, float* pack,
                               bool accumulate) {
  const int64_t tiles = ceil_div(rows, TILE_ROWS);
  for (int64_t t = 0; t < tiles; ++t)
    pack_rows_transposed(x + row + t * TILE_ROWS, inputs, n,
                         (int)std::min<int64_t>(TILE_ROWS, rows - t * TILE_ROWS),
                         pack + t * TILE_ROWS * n);
  for (int64_t j = 0; j < units; j += PANEL)
    for (int64_t t = 0; t < tiles; ++t)
      multiply_columns(n, PackedRows{pack + t * TILE_ROWS * n}, panels + j * n, PANEL,
                       gW + (row + t * TILE_ROWS) * units + j, units,
                       (int)std::min<int64_t>(TILE_ROWS, rows - t * TILE_ROWS),
                       (int)std::min<int64_t>(PANEL, units - j), accumulate);
}

// Columns [row, row + rows) of gx = (W g^T)^T, for a slab of n rows; g_t is g^T packed
// [][units][PANEL]. `block` has room for W_ROWS * n floats, `pack` for TILE_ROWS * units.
static inline void multiply_gx(const float* W, int64_t inputs, const float* g_t, int64_t n,
                               int64_t units, int64_t row, int64_t rows, float* gx, float* block,
                               float* pack) {
  for (int64_t t = 0; t < rows; t += TILE_ROWS) {
    const int tile_rows = (int)std::min<int64_t>(TILE_ROWS, rows - t);
    const float* a = W + (row + t) * units;
    for (int64_t m = t * n / rows; m < (t + tile_rows) * n / rows; ++m)  // for the last line
      for (int64_t k = 0; k < rows; k += LANES) __builtin_prefetch(gx + m * inputs + row + k, 1, 2);
    if (tile_rows < TILE_ROWS) pack_rows(a, units, units, tile_rows, pack);
    for (int64_t m = 0; m < n; m += PANEL) {
      const int columns = (int)std::min<int64_t>(PANEL, n - m);
      float* c = block + t * n + m;
      if (tile_rows < TILE_ROWS)  // the last rows of W: a full tile would read behind its end
        multiply_columns(units, PackedRows{pack}, g_t + m * units, PANEL, c, n, tile_rows, columns,
                         false);
      else
        multiply_columns(units, PlainRows{a, units}, g_t + m * units, PANEL, c, n, tile_rows,
                         columns, false);
    }
  }
  for (int64_t m = 0; m < n; ++m)
    for (int64_t k = 0; k < rows; ++k) gx[m * inputs + row + k] = block[k * n + m];
}

// gx, gW, gb from the output's gradient gy; y is the output before dropout's factors or, rectified,
// after them. gx, gb and dropout may be null.
static void dense_gradients(Activation activation, const float* x, const float* W, const float* y,
                            const float* gy, const DropoutKey* dropout, float* gx, float* gW,
                            float* gb, int64_t n, int64_t inputs, int64_t units, int threads) {
  static Scratch g_scratch, work_scratch;
  const int64_t slab = std::min(n, SLAB), blocks = ceil_div(inputs, W_ROWS);
  const int64_t g_columns = ceil_div(units, PANEL) * PANEL, g_rows = ceil_div(slab, PANEL) * PANEL;
  float* g = g_scratch.floats(slab * (units + g_columns) + g_rows * units);
  float* panels = g + slab * units;
  float* g_t = panels + slab * g_columns;
  const int64_t work_size = W_ROWS * slab + TILE_ROWS * units;
  float* work = work_scratch.floats(threads * work_size);
  if (gb) std::fill(gb, gb + units, 0.0f);
  if (n == 0) std::fill(gW, gW + inputs * units, 0.0f);
  for (int64_t first = 0; first < n; first += slab) {
    const int64_t rows = std::min(slab, n - first);
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
      for (int64_t m = 0; m < rows; ++m) {
        const int64_t at = (first + m) * units;
        drop(dropout, gy + at, g + m * units, at, units);
        times_slope(activation, g + m * units, y + at, units);
      }
#pragma omp for schedule(static)
      for (int64_t j = 0; j < units; j += PANEL)
        pack_panel(g + j, units, rows, (int)std::min<int64_t>(PANEL, units - j), panels + j * rows);
      if (gx) {
#pragma omp for schedule(static)
        for (int64_t j = 0; j < units; ++j)
          for (int64_t m = 0; m < g_rows; ++m)
            g_t[(m / PANEL * units + j) * PANEL + m % PANEL] = m < rows ? g[m * units + j] : 0.0f;
      }
#pragma omp single nowait
      if (gb)
        for (int64_t m = 0; m < rows; ++m)
          for (int64_t j = 0; j < units; ++j) gb[j] += g[m * units + j];
      float* mine = work + omp_get_thread_num() * work_size;
#pragma omp for schedule(static)
      for (int64_t block = 0; block < blocks; ++block) {
        const int64_t row = block * W_ROWS, block_rows = std::min(W_ROWS, inputs - row);
        multiply_gW(x + first * inputs, inputs, panels, rows, units, row, block_rows, gW, mine,
                    first > 0);
        if (gx)
          multiply_gx(W, inputs, g_t, rows, units, row, block_rows, gx + first * inputs, mine,
                      mine + W_ROWS * slab);
      }
    }
  }
}

}  // namespace facekp
