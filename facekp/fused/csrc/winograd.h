// Convolution with stride 1 by Winograd's F(m x m, r x r): forward and input gradient.
//
// Arrays are contiguous float32: x (n, C, H, W), W (F, C, r, r), y (n, F, h, w), any sizes. As in
// Lasagne the convolution is a true one, its filters flipped.
//
// Blocking. The transformed input V (tiles x C) and filters U (C x F) meet in s * s matrix
// products. What has fewer of its own, tiles or filters, is transformed in full first, by all
// threads, and stays in the shared L3 cache; the other is made piece by piece, each thread its own
// pieces, and used at once while it is in L2:
// * filters first (all but the last layers of VGG, U of at most 9 MB): a piece is a panel of whole
//   strips with about PANEL_FLOATS of V or of its products with 64 filters at a time, whichever is
//   more, but MIN_TILES at least where U is too large for L2. The epilogue is applied to the
//   products on their way from L2 to y.
// * tiles first (512 channels at 12x12 and 6x6 in small batches, where U takes 38 MB and V 5 to
//   20): a piece is 64 filters, 4.7 MB of U, which meet all tiles and never go to memory.
// A product of 24 or more tiles with 64 filters does 12 flops for each byte that U brings from L3,
// so that a core which computes 200 GFLOP/s reads 17 GB/s. Of MIN_TILES with 256 channels V exceeds
// an L2 of 1 MB, and what it reads anew from L3 is still less than U would be read for fewer tiles.
//
// The order of every sum is fixed by the shapes alone: any number of threads gives the same bits.
#pragma once
#include "conv_shape.h"
#include "winograd_ends.h"
#include "winograd_filters.h"
#include "winograd_tiles.h"

namespace facekp {
namespace winograd {

// The products of the tiles of strips first..last with one group of filters, then their way out.
template <class S, class Sink>
static void finish_group(const Panel<S>& v, const Panel<S>& u, const Panel<S>& products, int depth,
                         int first, int last, int channel, float* pixels, const Sink& sink) {
  const Grid grid = sink.grid();
  const int tiles = (last - first) * grid.columns;
  const int columns = std::min(GROUP, sink.shape.channels - channel);
  for (int k = 0; k < S::POINTS; ++k)
    multiply<false>(tiles, columns, {depth, v.at(k, 0, 0), v.width, u.at(k, 0, 0), u.width,
                                     products.at(k, 0, 0), products.width, false});
  for_stretches(grid, first, last, [&](int image, int top, int end, int tile) {
    for (int c = 0; c < columns; c += LANES)
      sink.write(image, channel + c, top, end, products.at(0, tile, c), products, pixels);
  });
}

// Correlates what `source` gives, between `pad` zeros, with `filters`; `sink` gets the result.
template <class S, class Source, class Filters, class Sink>
static void convolve(const Source& source, int pad, const Filters& filters, const Sink& sink,
                     int threads) {
  const Grid grid = sink.grid();
  const Window<S> layout{source.shape, grid, pad, S::KERNEL - 1};
  const int depth = filters.depth(), outputs = filters.outputs(), strips = grid.strips();
  const int wide = group_width(outputs), groups = (outputs + wide - 1) / wide;
  const bool filters_first = outputs <= grid.tiles();
  const int width = whole_lanes(depth);
  const bool large = size_t(S::POINTS) * width * outputs > LARGE_FLOATS;
  const int enough = large ? (MIN_TILES + grid.columns - 1) / grid.columns : 1;
  const int some = strips_of<S>(grid, std::max(width, wide), PANEL_FLOATS);
  const int piece = filters_first ? std::min(strips, std::max(enough, some)) : strips;
  const int window_rows = std::min(piece, grid.rows), tiles = piece * grid.columns;

  const size_t v_size = Panel<S>::floats(tiles, width, width);
  const size_t u_size = Panel<S>::floats(depth, wide, wide);
  const size_t shared = filters_first ? groups * u_size : v_size;
  const size_t own = filters_first ? v_size : u_size;
  const size_t m_size = Panel<S>::floats(tiles, wide, wide);
  Workspace work(shared, own + m_size + layout.floats(window_rows), threads);

#pragma omp parallel num_threads(threads)
  {
    float* mine = work.own();
    const Panel<S> products(mine + own, tiles, wide);
    float* window = mine + own + m_size;  // also the room for pixels on their way out
    if (filters_first) {
#pragma omp for schedule(static)
      for (int f = 0; f < outputs; f += LANES)
        filters.transform_to(Panel<S>(work.shared() + f / wide * u_size, depth, wide), f,
                             f % wide);
      const Panel<S> v(mine, tiles, width);
#pragma omp for schedule(static)
      for (int first = 0; first < strips; first += piece) {
        const int last = std::min(first + piece, strips);
        transform_tiles<S, InputPoints<S>>(source, layout, first, last, window, v, 0);
        for (int g = 0; g < groups; ++g)
          finish_group<S>(v, Panel<S>(work.shared() + g * u_size, depth, wide), products, depth,
                          first, last, g * wide, window, sink);
      }
    } else {
      const Panel<S> v(work.shared(), tiles, width), u(mine, depth, wide);
#pragma omp for schedule(static)
      for (int s = 0; s < strips; ++s)
        transform_tiles<S, InputPoints<S>>(source, layout, s, s + 1, window, v,
                                           s * grid.columns);
#pragma omp for schedule(static)
      for (int g = 0; g < groups; ++g) {
        for (int f = g * wide; f < std::min((g + 1) * wide, outputs); f += LANES)
          filters.transform_to(u, f, f % wide);
        finish_group<S>(v, u, products, depth, 0, strips, g * wide, window, sink);
      }
    }
    drain();
  }
}

// The images of a convolution: what goes in, and what comes out and is not dropped by a pool.
static Images input_images(const ConvShape& s) { return {s.n, s.c, s.h, s.w}; }
static Images output_images(const ConvShape& s, int pool) {
  return {s.n, s.f, s.out_h() / pool * pool, s.out_w() / pool * pool};
}

static bool has_outputs(const ConvShape& s, int pool) {
  return s.out_h() >= pool && s.out_w() >= pool;
}
static void zero_gradients(const ConvShape& s, float* gx, float* gw, float* gb) {
  if (gx) std::fill_n(gx, input_images(s).at(s.n, 0, 0), 0.0f);
  std::fill_n(gw, size_t(s.f) * s.taps(), 0.0f);
  if (gb) std::fill_n(gb, s.f, 0.0f);
}

// As facekp::conv_forward.
template <class S, class Epilogue>
static void conv_forward(const ConvShape& s, const float* x, const float* w, const float* bias,
                         const Epilogue& epilogue, float* stats = nullptr) {
  if (!has_outputs(s, Epilogue::S)) return;
  const Images out = output_images(s, Epilogue::S);
  Statistics statistics(stats ? grid_of<S>(out).strips() : 0, s.f);
  convolve<S>(Values{x, input_images(s)}, s.pad, ForwardFilters<S>{w, s.f, s.c},
              Outputs<S, Epilogue>{epilogue, bias, out, stats ? &statistics : nullptr},
              omp_get_max_threads());
  if (stats) statistics.combine(stats);
}

template <class S>
static void conv_relu_pool(const ConvShape& s, const float* x, const float* w, const float* bias,
                           const DropoutKey* dropout, float* y, uint8_t* mask) {
  conv_forward<S>(s, x, w, bias, ReluPool{y, mask, dropout});
}

template <class S>
static void conv_relu(const ConvShape& s, const float* x, const float* w, const float* bias,
                      float* y) {
  conv_forward<S>(s, x, w, bias, Relu{y});
}

template <class S>
static void conv_linear(const ConvShape& s, const float* x, const float* w, float* z,
                        float* stats) {
  const Target target(z, size_t(s.n) * s.f, output_images(s, 1).plane());
  conv_forward<S>(s, x, w, nullptr, Linear{target}, stats);
}

}  // namespace winograd
}  // namespace facekp
