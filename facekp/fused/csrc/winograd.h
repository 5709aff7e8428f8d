// 3x3 convolution, stride 1, padding 1, by Winograd's F(4x4, 3x3): forward and input gradient.
//
// Arrays are contiguous float32: x (n, C, H, W), W (F, C, 3, 3), y (n, F, H, W), any sizes. As in
// Lasagne the convolution is a true one, its filters flipped.
//
// Blocking. The transformed input V (tiles x C) and filters U (C x F) meet in 36 matrix products.
// What has fewer of its own, tiles or filters, is transformed in full first, by all threads, and
// stays in the shared L3 cache; the other is made piece by piece, each thread its own pieces, and
// used at once while it is in L2:
// * filters first (all but the last layers of VGG, U of at most 9 MB): a piece is a panel of whole
//   strips with about PANEL_FLOATS of V. 64 filters at a time make its products, 36 x tiles x 64
//   floats, and bias, ReLU and pool are applied on their way from L2 to y.
// * tiles first (512 channels at 12x12 and 6x6 in small batches, where U takes 38 MB and V 5 to
//   20): a piece is 64 filters, 4.7 MB of U, which meet all tiles and never go to memory.
// A product of 24 or more tiles with 64 filters does 12 flops for each byte that U brings from L3,
// so that a core which computes 200 GFLOP/s reads 17 GB/s.
//
// The order of every sum is fixed by the shapes alone: any number of threads gives the same bits.
#pragma once
#include "winograd_filters.h"
#include "winograd_relu.h"
#include "winograd_tiles.h"

namespace facekp {
namespace winograd {

// The products of the tiles of strips first..last with one group of filters, then their way out.
template <class Sink>
static void finish_group(const Panel& v, const Panel& u, const Panel& products, int depth,
                         int first, int last, int channel, float* pixels, const Sink& sink) {
  const int tiles = (last - first) * sink.shape.tile_columns();
  const int columns = std::min(GROUP, sink.shape.channels - channel);
  for (int k = 0; k < POINTS; ++k)
    multiply(tiles, columns, depth, v.at(k, 0, 0), v.width, 1, u.at(k, 0, 0), products.at(k, 0, 0),
             false);
  for_stretches(sink.shape, first, last, [&](int image, int top, int end, int tile) {
    for (int c = 0; c < columns; c += LANES)
      sink.write(image, channel + c, top, end, products.at(0, tile, c), products, pixels);
  });
}

// Correlates what `source` gives with `filters` and hands the result to `sink`.
template <class Source, class Filters, class Sink>
static void convolve(const Source& source, const Filters& filters, const Sink& sink, int threads) {
  const Images& shape = source.shape;
  const int depth = filters.depth(), outputs = filters.outputs();
  const int groups = (outputs + GROUP - 1) / GROUP, strips = shape.strips();
  const bool filters_first = outputs <= shape.tiles();
  const int piece = filters_first ? strips_of(shape, depth, PANEL_FLOATS) : strips;
  const int window_rows = std::min(piece, shape.tile_rows());
  const int tiles = piece * shape.tile_columns(), width = (depth + LANES - 1) / LANES * LANES;

  const size_t v_size = Panel::floats(tiles, width, width);
  const size_t u_size = Panel::floats(depth, GROUP, GROUP);
  const size_t shared = filters_first ? groups * u_size : v_size;
  const size_t own = filters_first ? v_size : u_size;
  const size_t m_size = Panel::floats(tiles, GROUP, GROUP);
  const size_t window_size = Window<1>::floats(shape, window_rows);
  Workspace work(shared, own + m_size + window_size, threads);

#pragma omp parallel num_threads(threads)
  {
    float* mine = work.own();
    const Panel products(mine + own, tiles, GROUP);
    float* window = mine + own + m_size;  // also the room for pixels on their way out
    if (filters_first) {
#pragma omp for schedule(static)
      for (int f = 0; f < outputs; f += LANES)
        filters.transform_to(Panel(work.shared() + f / GROUP * u_size, depth, GROUP), f,
                             f % GROUP);
      const Panel v(mine, tiles, width);
#pragma omp for schedule(static)
      for (int first = 0; first < strips; first += piece) {
        const int last = std::min(first + piece, strips);
        transform_tiles<1, InputPoints>(source, first, last, window, v, 0);
        for (int g = 0; g < groups; ++g)
          finish_group(v, Panel(work.shared() + g * u_size, depth, GROUP), products, depth,
                       first, last, g * GROUP, window, sink);
      }
    } else {
      const Panel v(work.shared(), tiles, width), u(mine, depth, GROUP);
#pragma omp for schedule(static)
      for (int s = 0; s < strips; ++s)
        transform_tiles<1, InputPoints>(source, s, s + 1, window, v, s * shape.tile_columns());
#pragma omp for schedule(static)
      for (int g = 0; g < groups; ++g) {
        for (int f = g * GROUP; f < std::min((g + 1) * GROUP, outputs); f += LANES)
          filters.transform_to(u, f, f % GROUP);
        finish_group(v, u, products, depth, 0, strips, g * GROUP, window, sink);
      }
    }
  }
}

}  // namespace winograd
}  // namespace facekp
