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
constexpr size_t LARGE_FLOATS = 1024 * 1024;  // transformed filters that stay in L3
constexpr int MIN_TILES = 36;                 // six register tiles' rows

// As many strips of so many channels as give about `floats` transformed floats; at least 1.
template <class S>
static int strips_of(const Grid& grid, int channels, size_t floats) {
  const size_t strip = size_t(S::POINTS) * channels * grid.columns;
  return int(std::min<size_t>(std::max<size_t>(1, floats / strip), grid.strips()));
}

// The strips from `first` to before `last` fall into stretches of one image each: calls
// visit(image, first tile row, end tile row, tiles before it).
template <class Visit>
static FACEKP_INLINE void for_stretches(const Grid& grid, int first, int last,
                                        const Visit& visit) {
  const int rows = grid.rows;
  for (int s = first; s < last;) {
    const int row = s % rows, end = std::min(rows, row + last - s);
    visit(s / rows, row, end, (s - first) * grid.columns);
    s += end - row;
  }
}

// The pixels under a stretch of tiles as vectors, with zeros where tiles exceed the image: `pad`
// rows and columns above and left of it, and what the last tiles have too much. Two tiles that
// follow each other share `overlap` pixels.
template <class S>
struct Window {
  Images image;
  Grid grid;
  int pad, overlap;

  int columns() const { return std::max(grid.columns * S::TILE + overlap, image.width + pad); }
  int rows(int tile_rows) const { return tile_rows * S::TILE + overlap; }
  size_t pitch() const { return size_t(columns()) * LANES; }
  size_t floats(int tile_rows) const { return rows(tile_rows) * pitch(); }

  template <class Source>
  void read(const Source& source, int n, int channel, int tile_row, int end_row,
            float* window) const {
    const int top = tile_row * S::TILE - pad, bottom = top + rows(end_row - tile_row);
    const int from = std::max(top, 0), to = std::min(bottom, image.height);
    const size_t left = size_t(pad) * LANES, right = left + size_t(image.width) * LANES;
    for (int row = top; row < bottom; ++row) {
      float* line = window + (row - top) * pitch();
      const bool inside = row >= from && row < to;
      if (inside) std::fill_n(line, left, 0.0f);
      std::fill(line + (inside ? right : 0), line + pitch(), 0.0f);
    }
    if (from < to)
      source.read(n, channel, from, to, window + (from - top) * pitch() + left, pitch());
  }
};

// Transforms LANES channels from c on of the tiles of a stretch into the rows of `panel` that begin
// with `to`.
template <class S, class Map, class Source>
static void transform_stretch(const Source& source, const Window<S>& layout, int image, int c,
                              int top, int end, float* window, const Panel<S>& panel, float* to) {
  constexpr int TILE = S::TILE;
  const size_t pitch = layout.pitch();
  layout.read(source, image, c, top, end, window);
  for (int r = 0; r < end - top; ++r)
    for (int t = 0; t < layout.grid.columns; ++t, to += panel.width)
      transform<Map>(window + r * TILE * pitch + size_t(t) * TILE * LANES, pitch, LANES, to,
                     S::SPAN * panel.point, panel.point);
}

// Transforms all channels of the tiles of strips first..last into rows of `panel` from `row` on; or
// those from `channel` to before `last_channel`.
template <class S, class Map, class Source>
static void transform_tiles(const Source& source, const Window<S>& layout, int first, int last,
                            float* window, const Panel<S>& panel, int row, int channel,
                            int last_channel) {
  for_stretches(layout.grid, first, last, [&](int image, int top, int end, int tile) {
    for (int c = channel; c < last_channel; c += LANES)
      transform_stretch<S, Map>(source, layout, image, c, top, end, window, panel,
                                panel.at(0, row + tile, c - channel));
  });
}
template <class S, class Map, class Source>
static void transform_tiles(const Source& source, const Window<S>& layout, int first, int last,
                            float* window, const Panel<S>& panel, int row) {
  transform_tiles<S, Map>(source, layout, first, last, window, panel, row, 0,
                          source.shape.channels);
}

}  // namespace winograd
}  // namespace facekp
