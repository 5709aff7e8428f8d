// From images to panels: windows of pixels, and the transform of the tiles within them.
#pragma once
#include <omp.h>

#include "scratch.h"
#include "winograd_multiply.h"
#include "winograd_pixels.h"

namespace facekp {
namespace winograd {

// A block of memory for all threads and one for each, kept from call to call.
class Workspace {
 public:
  Workspace(size_t shared, size_t own, int threads) : shared_(lines(shared)), own_(lines(own)) {
    static Scratch memory;
    base_ = memory.floats(shared_ + own_ * threads);
  }
  float* shared() const { return base_; }
  float* own() const { return base_ + shared_ + own_ * omp_get_thread_num(); }

 private:
  static size_t lines(size_t floats) { return (floats + 15) / 16 * 16; }
  size_t shared_, own_;
  float* base_;
};

// Transformed tiles that a thread has at work: about half of an L2 cache of 1 MB.
constexpr size_t PANEL_FLOATS = 110 * 1024;

// As many strips of so many channels as give about `floats` transformed floats; at least 1.
static int strips_of(const Images& shape, int channels, size_t floats) {
  const size_t strip = size_t(POINTS) * channels * shape.tile_columns();
  return int(std::min<size_t>(std::max<size_t>(1, floats / strip), shape.strips()));
}

// The strips from `first` to before `last` fall into stretches of one image each: calls
// visit(image, first tile row, end tile row, tiles before it).
template <class Visit>
static FACEKP_INLINE void for_stretches(const Images& shape, int first, int last,
                                        const Visit& visit) {
  const int rows = shape.tile_rows();
  for (int s = first; s < last;) {
    const int row = s % rows, end = std::min(rows, row + last - s);
    visit(s / rows, row, end, (s - first) * shape.tile_columns());
    s += end - row;
  }
}

// A stretch of pixels as vectors, with a halo of `HALO` zero columns and rows around the image.
template <int HALO>
struct Window {
  static size_t pitch(const Images& shape) {
    return size_t(shape.tile_columns() * TILE + 2 * HALO) * LANES;
  }
  static size_t floats(const Images& shape, int tile_rows) {
    return (tile_rows * TILE + 2 * HALO) * pitch(shape);
  }

  template <class Source>
  static void read(const Source& source, int image, int channel, int tile_row, int end_row,
                   float* window) {
    const Images& shape = source.shape;
    const size_t pitch = Window::pitch(shape);
    const int top = tile_row * TILE - HALO, bottom = end_row * TILE + HALO;
    const int from = std::max(top, 0), to = std::min(bottom, shape.height);
    const size_t right = size_t(HALO + shape.width) * LANES;
    for (int row = top; row < bottom; ++row) {
      float* line = window + (row - top) * pitch;
      const bool inside = row >= from && row < to;
      if (inside) std::fill_n(line, HALO * LANES, 0.0f);
      std::fill(line + (inside ? right : 0), line + pitch, 0.0f);
    }
    source.read(image, channel, from, to, window + (from - top) * pitch + HALO * LANES, pitch);
  }
};

// Transforms all channels of the tiles of strips first..last into rows of `panel` from `row` on.
template <int HALO, class Map, class Source>
static void transform_tiles(const Source& source, int first, int last, float* window,
                            const Panel& panel, int row) {
  const Images& shape = source.shape;
  const size_t pitch = Window<HALO>::pitch(shape);
  for_stretches(shape, first, last, [&](int image, int top, int end, int tile) {
    for (int c = 0; c < shape.channels; c += LANES) {
      Window<HALO>::read(source, image, c, top, end, window);
      float* to = panel.at(0, row + tile, c);
      for (int r = 0; r < end - top; ++r)
        for (int t = 0; t < shape.tile_columns(); ++t, to += panel.width)
          transform<Map>(window + r * TILE * pitch + size_t(t) * TILE * LANES, pitch, LANES, to,
                         SPAN * panel.point, panel.point);
    }
  });
}

}  // namespace winograd
}  // namespace facekp
