// Between the transforms' tiles and what stands at the ends of a convolution, the epilogues of
// conv_epilogues.h and the gradients of conv_gradients.h: those work on pixels of one channel,
// tiles on one pixel of LANES channels, so that a transpose lies between, in registers and L1.
#pragma once
#include "conv_gradients.h"
#include "winograd_multiply.h"
#include "winograd_pixels.h"

namespace facekp {
namespace winograd {

// Moments of n pixels, `step` floats apart, of `lanes` channels from `channel` on, relative to the
// first pixel (see Statistics::collect).
static void collect(Statistics* statistics, int item, int channel, int lanes, int n,
                    const float* pixels, ptrdiff_t step) {
  const vec pivot = load(pixels);
  vec totals[4] = {}, sums[4] = {};  // four: no addition waits for the one before
  for (int p = 0; p < n; p += 4)
    for (int i = 0; i < std::min(4, n - p); ++i) {
      const vec d = load(pixels + (p + i) * step) - pivot;
      totals[i] += d;
      sums[i] += d * d;
    }
  const vec total = (totals[0] + totals[1]) + (totals[2] + totals[3]);
  const vec squares = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  for (int lane = 0; lane < lanes; ++lane) {
    const double shift = double(total[lane]) / n;
    statistics->add(item, channel + lane, n, pivot[lane] + shift,
                    squares[lane] - shift * shift * n);
  }
}

// Where a convolution's outputs go. write() takes LANES channels of a stretch of tiles from the
// products of their first tile on; `pixels` is room for the stretch.
template <class S, class Epilogue>
struct Outputs {
  static constexpr int POOL = Epilogue::S;
  static_assert(S::TILE % POOL == 0, "a pool's windows lie within tiles");
  Epilogue epilogue;
  const float* bias;  // or null
  Images shape;       // before the pool, without a last row or column that it drops
  Statistics* statistics;  // or null

  Grid grid() const { return grid_of<S>(shape); }

  void write(int image, int channel, int top, int end, const float* m, const Panel<S>& products,
             float* pixels) const {
    constexpr int TILE = S::TILE;  // of its own: std::min takes its address
    const int lanes = std::min(LANES, shape.channels - channel);
    const vec b = bias ? load_some(bias + channel, lanes) : vec{};
    const int width = shape.width / POOL, columns = grid().columns;
    const int height = std::min(end * TILE, shape.height) - top * TILE, n = height / POOL * width;
    // The POOL * POOL phases of the pixels one after another, each without gaps
    for (int r = 0; r < end - top; ++r)
      for (int t = 0; t < columns; ++t, m += products.width) {
        vec tile[TILE * TILE];
        transform<OutputValues<S>>(m, S::SPAN * products.point, products.point, (float*)tile,
                                   TILE * LANES, LANES);
        const int rows = std::min(TILE, height - r * TILE);
        const int some = std::min(TILE, shape.width - t * TILE);
        float* to = pixels + (size_t(r * TILE / POOL) * width + t * TILE / POOL) * LANES;
#pragma GCC unroll 4
        for (int i = 0; i < TILE; ++i)
#pragma GCC unroll 4
          for (int j = 0; j < TILE; ++j)
            if (i < rows && j < some)
              store(to + (size_t(i % POOL * POOL + j % POOL) * n + i / POOL * width + j / POOL) *
                             LANES,
                    tile[i * TILE + j] + b);
      }
    if (statistics)
      collect(statistics, image * grid().rows + top, channel, lanes, n, pixels, LANES);
    const Images kept = {shape.images, shape.channels, shape.height / POOL, width};
    const size_t first = kept.at(image, channel, top * TILE / POOL), plane = kept.plane();
    const int bottom = top * TILE / POOL + height / POOL;
    const size_t ahead = next_stretch(kept, top * TILE / POOL, bottom);
    for (int p = 0; p < n; p += LANES) {
      const int count = std::min(LANES, n - p);
      vec v[POOL * POOL][LANES];
      for (int phase = 0; phase < POOL * POOL; ++phase) {
        for (int i = 0; i < LANES; ++i)
          v[phase][i] = i < count ? load(pixels + (size_t(phase) * n + p + i) * LANES) : vec{};
        transpose(v[phase]);
      }
      for (int lane = 0; lane < lanes; ++lane) {
        if (POOL > 1) epilogue.prefetch(first + lane * plane + p + ahead);
        vec sums[POOL * POOL];
        for (int phase = 0; phase < POOL * POOL; ++phase) sums[phase] = v[phase][lane];
        epilogue(first + lane * plane + p, count, sums);
      }
    }
  }
};

// The gradient of a convolution's outputs, a source (see winograd_pixels.h).
template <class Gradient>
struct OutputGradients {
  static constexpr int POOL = Gradient::S;
  Gradient gradient;
  Images shape;  // before the pool, without a last row or column that it drops

  // `step` is for gradients without a pool.
  void read(int image, int channel, int top, int bottom, float* pixels, size_t pitch,
            size_t step = LANES) const {
    const int lanes = std::min(LANES, shape.channels - channel), width = shape.width / POOL;
    const Images kept = {shape.images, shape.channels, shape.height / POOL, width};
    const int first = top / POOL, last = (bottom + POOL - 1) / POOL, n = (last - first) * width;
    const size_t index = kept.at(image, channel, first), plane = kept.plane();
    const size_t ahead = next_stretch(kept, first, last);
    if (POOL == 1) {
      to_lanes(n, lanes,
               [&](int lane, int p, int count) {
                 vec g[POOL * POOL];
                 gradient.prefetch(index + lane * plane + p + ahead);
                 gradient(index + lane * plane + p, count, g);
                 return g[0];
               },
               pixels, width, pitch, step);
      return;
    }
    int row = first * POOL - top, column = 0;
    for (int p = 0; p < n; p += LANES) {
      const int count = std::min(LANES, n - p);
      vec v[POOL * POOL][LANES];
      for (int lane = 0; lane < LANES; ++lane) {
        vec g[POOL * POOL] = {};
        if (lane < lanes) {
          gradient.prefetch(index + lane * plane + p + ahead);
          gradient(index + lane * plane + p, count, g);
        }
        for (int phase = 0; phase < POOL * POOL; ++phase) v[phase][lane] = g[phase];
      }
      for (int phase = 0; phase < POOL * POOL; ++phase) transpose(v[phase]);
      for (int i = 0; i < count; ++i) {
        for (int phase = 0; phase < POOL * POOL; ++phase) {
          const int to = row + phase / POOL;  // a window can begin above a stretch, or end below
          if (to >= 0 && to < bottom - top)
            store(pixels + to * pitch + (column + phase % POOL) * LANES, v[phase][i]);
        }
        column += POOL;
        if (column == shape.width) {
          column = 0;
          row += POOL;
        }
      }
    }
  }
};

}  // namespace winograd
}  // namespace facekp
