// Convolution forward, one pass: columns of an image in L2, register tiles, and the epilogue (bias,
// ReLU, 2x2 max, dropout; or batch statistics) while the sums are still in registers.
#pragma once
#include "conv_epilogues.h"
#include "conv_tile.h"
#include "scratch.h"
#include "threads.h"

namespace facekp {

struct TapRange {
  int first, last;
};

// Calls emit(filter, first pixel, sums) for all tiles of f filters x `pixels` flattened pixels,
// each the sum over taps(first pixel). Filters are the outer loop: a tile's weights stay in L1, x
// streams from L2 at a quarter of its bandwidth.
template <int S, class Taps, class Emit>
static void all_tiles(int f, int pixels, const float* x, const float* w, const int* offset,
                      int all_taps, ptrdiff_t shift_stride, const float* bias, Taps taps,
                      Emit emit) {
  constexpr int VECS = 4, RUN = VECS / (S * S) * LANES;
  const FilterTiles tiles(f);
  for (int tile = 0; tile < tiles.count(); ++tile) {
    const int first = tiles.first_filter(tile);
    const float* tile_w = w + size_t(first) * all_taps;
    const float* tile_bias = bias ? bias + first : nullptr;
    for (int q = 0; q < pixels; q += RUN) {
      const TapRange k = taps(q);
      const int* tile_offset = offset + k.first * S;
      const auto emit_row = [=](int i, const vec (&sums)[VECS]) {
        if (first + i < f) emit(first + i, q, sums);
      };
      if (tile < tiles.wide)
        tap_tile<WIDE_TILE, VECS, S>(x + q, tile_w + k.first * WIDE_TILE, tile_offset,
                                     k.last - k.first, shift_stride, tile_bias, emit_row);
      else
        tap_tile<NARROW_TILE, VECS, S>(x + q, tile_w + k.first * NARROW_TILE, tile_offset,
                                       k.last - k.first, shift_stride, tile_bias, emit_row);
    }
  }
}

// x (n, c, h, w), w (f, c, kh, kw) flipped as in a true convolution, bias (f) or null. The epilogue
// receives the flat index of a pooled pixel in the output (n, f, out_h / S, out_w / S), how many
// pixels of the row of pixels are left, and the sums. stats (2, f) or null is computed from z.
template <class Epilogue>
static void conv_forward(const ConvShape& s, const float* x, const float* w, const float* bias,
                         const Epilogue& epilogue, const float* z = nullptr,
                         float* stats = nullptr) {
  constexpr int S = Epilogue::S, VECS = 4 / (S * S);  // vectors that a tile writes for a filter
  constexpr int AHEAD = 4;  // tiles: each filter's outputs are a stream of their own, too many for
                            // the hardware to foresee
  const int threads = max_threads(), height = s.out_h() / S, width = s.out_w() / S;
  const int rows = band_rows(s.n, height, Columns<S>(s, height).floats_per_row(), threads);
  const int bands = (height + rows - 1) / rows, items = s.n * bands, taps = s.taps();
  const Columns<S> layout(s, rows);

  const int f_padded = FilterTiles(s.f).padded_filters();
  static Scratch shared_scratch, thread_scratch;
  float* packed_w = shared_scratch.floats(size_t(f_padded) * (taps + 1));
  float* packed_bias = packed_w + size_t(f_padded) * taps;
  pack_weights(s.f, taps, [&](int f, int k) {  // the last tap of a channel first: flipped
    const int area = s.kh * s.kw;
    return w[size_t(f) * taps + k / area * area + area - 1 - k % area];
  }, packed_w);
  for (int f = 0; f < f_padded; ++f) packed_bias[f] = bias && f < s.f ? bias[f] : 0.0f;

  std::vector<int> offset;
  for (int c = 0; c < s.c; ++c)
    for (int ky = 0; ky < s.kh; ++ky)
      for (int kx = 0; kx < s.kw; ++kx)
        for (int py = 0; py < S; ++py) offset.push_back(layout.offset(c, ky, kx, py));

  const size_t columns_floats = layout.floats();
  const size_t work_floats = columns_floats + layout.channel_floats();
  float* work = thread_scratch.floats(threads * work_floats);
  Statistics statistics(stats ? items : 0, s.f);

  parallel_ranges(items, threads, [&](int first, int last, int thread) {
    float* columns = work + thread * work_floats;
    for (int item = first; item < last; ++item) {
      const int image = item / bands, row = item % bands * rows;
      const int some = std::min(rows, height - row), count = some * width;  // width may be 0
      layout.pack(x + size_t(image) * s.c * s.h * s.w, x + size_t(s.n) * s.c * s.h * s.w, row,
                  some, columns + columns_floats, columns);
      const size_t plane = size_t(height) * width;
      const size_t first_index = size_t(image) * s.f * plane + size_t(row) * width;
      all_tiles<S>(s.f, count, columns, packed_w, offset.data(), taps, layout.shift_stride(),
                   packed_bias, [&](int) { return TapRange{0, taps}; },
                   [=](int f, int q, const vec (&sums)[4]) {
                     const size_t index = first_index + f * plane + q;
                     for (int v = 0; v < VECS; ++v)
                       epilogue.prefetch(index + (AHEAD * VECS + v) * LANES);
                     epilogue(index, count - q, sums);
                   });
      if (stats)
        for (int f = 0; f < s.f; ++f)
          statistics.collect(item, f, z + first_index + f * plane, count);
    }
  });
  if (stats) statistics.combine(stats);
}

static void conv_relu_pool(const ConvShape& s, const float* x, const float* w, const float* bias,
                           const DropoutKey* dropout, float* y, uint8_t* mask) {
  conv_forward(s, x, w, bias, ReluPool{y, mask, dropout});
}

static void conv_relu(const ConvShape& s, const float* x, const float* w, const float* bias,
                      float* y) {
  conv_forward(s, x, w, bias, Relu{y});
}

static void conv_linear(const ConvShape& s, const float* x, const float* w, float* z,
                        float* stats) {
  conv_forward(s, x, w, nullptr, Linear{Target(z)}, z, stats);
}

}  // namespace facekp
