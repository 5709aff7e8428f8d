// 3x3 convolution, stride 1, padding 1, by Winograd's F(4x4, 3x3): forward and both gradients.
//
// Arrays are contiguous float32: x (n, C, H, W), W (F, C, 3, 3), y (n, F, H, W), any sizes. As in
// Lasagne the convolution is a true one, its filters flipped.
//
// Blocking. The transformed input V and filters U meet in 36 matrix products. Whichever has fewer
// rows is transformed in full first, by all threads, and stays in the shared L3 cache; the other
// is made piece by piece, each thread its own, and used at once while it is in L2:
// * few filters, many tiles (the first layers of VGG): a panel of whole strips, about PANEL_FLOATS
//   per channel... see panel_strips(); 64 filters at a time give the products, 36 x tiles x 64,
//   which go to y before they leave L2.
// * few tiles, many filters (512 channels of 12x12 and 6x6, where U takes 38 MB): 64 filters at a
//   time against all tiles, so that U never goes to memory.
// The order of every sum is fixed by the shapes alone: any number of threads gives the same bits.
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

// Strips that make about `floats` transformed floats (one point counted) of `channels`; at least 1.
static int strips_of(const Images& shape, int channels, size_t floats) {
  const size_t strip = size_t(POINTS) * channels * shape.tile_columns();
  return int(std::min<size_t>(std::max<size_t>(1, floats / strip), shape.strips()));
}

static int round_up(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

// The strips from `first` to `last` fall into stretches of one image each; visit(image, first tile
// row, end tile row, tiles before it).
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
          transform<Map>(window + r * TILE * pitch + size_t(t) * TILE * LANES, pitch,
                                     LANES, to, SPAN * panel.point, panel.point);
    }
  });
}

// Filters as forward uses them: lanes are filters, the depth is channels, taps are flipped.
struct ForwardFilters {
  const float* w;  // (filters, channels, 3, 3)
  int filters, channels;
  int outputs() const { return filters; }
  int depth() const { return channels; }

  // Transforms LANES filters from f on, into columns `column` of rows 0..channels of `panel`.
  void transform_to(const Panel& panel, int f, int column) const {
    constexpr int BLOCK = LANES;
    float taps[BLOCK * TAPS * LANES];
    for (int c0 = 0; c0 < channels; c0 += BLOCK) {
      const int count = std::min(BLOCK, channels - c0);
      const float* from = w + (size_t(f) * channels + c0) * TAPS;
      to_lanes(count * TAPS, std::min(LANES, filters - f),
               [&](int lane, int p, int some) {
                 return load_some(from + size_t(lane) * channels * TAPS + p, some);
               },
               taps, count * TAPS, 0);
      for (int c = 0; c < count; ++c)
        transform<FilterPoints>(taps + (c * TAPS + 8) * LANES, -3 * LANES, -LANES,
                                          panel.at(0, c0 + c, column), SPAN * panel.point,
                                          panel.point);
    }
  }
};

// Filters as the input gradient uses them: lanes are channels, the depth is filters, unflipped.
struct BackwardFilters {
  const float* w;
  int filters, channels;
  int outputs() const { return channels; }
  int depth() const { return filters; }

  void transform_to(const Panel& panel, int c, int column) const {
    const int lanes = std::min(LANES, channels - c);
    float taps[TAPS * LANES];
    for (int f = 0; f < filters; ++f) {
      const float* from = w + (size_t(f) * channels + c) * TAPS;
      to_lanes(TAPS, lanes,
               [&](int lane, int p, int some) { return load_some(from + lane * TAPS + p, some); },
               taps, TAPS, 0);
      transform<FilterPoints>(taps, 3 * LANES, LANES, panel.at(0, f, column),
                                        SPAN * panel.point, panel.point);
    }
  }
};

// Sinks: write(image, channel, tile row, end tile row, products, pixels) takes LANES channels of a
// stretch of tiles from the products of their first tile on; `pixels` is room for the stretch.

// The output tile of the products at `m`, row by row.
static FACEKP_INLINE void output_tile(const float* m, size_t point, vec* tile) {
  float* out = (float*)tile;
  transform<OutputValues>(m, SPAN * point, point, out, TILE * LANES, LANES);
}

// y (n, channels, height, width), with finish(tile of vectors) applied before.
template <class Finish>
static FACEKP_INLINE void write_pixels(float* y, const Images& shape, int image, int channel,
                                       int top, int end, const float* m, const Panel& products,
                                       float* pixels, const Finish& finish) {
  const int height = std::min(end * TILE, shape.height) - top * TILE;
  for (int r = 0; r < end - top; ++r)
    for (int t = 0; t < shape.tile_columns(); ++t, m += products.width) {
      vec tile[TILE * TILE];
      output_tile(m, products.point, tile);
      finish(tile);
      const int rows = std::min(TILE, height - r * TILE);
      const int columns = std::min(TILE, shape.width - t * TILE);
      float* to = pixels + (size_t(r) * TILE * shape.width + size_t(t) * TILE) * LANES;
      for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j)
          store(to + (size_t(i) * shape.width + j) * LANES, tile[i * TILE + j]);
    }
  float* to = y + shape.at(image, channel, top * TILE);
  const size_t plane = shape.plane();
  from_lanes(pixels, height * shape.width, std::min(LANES, shape.channels - channel),
             [&](int lane, int p, vec v, int count) {
               store_some(to + lane * plane + p, v, count);
             });
}

struct Plain {
  float* y;
  Images shape;
  void write(int image, int channel, int top, int end, const float* m, const Panel& products,
             float* pixels) const {
    write_pixels(y, shape, image, channel, top, end, m, products, pixels, [](vec*) {});
  }
};

struct BiasRectify {
  const float* bias;
  float* y;
  Images shape;
  void write(int image, int channel, int top, int end, const float* m, const Panel& products,
             float* pixels) const {
    const vec b = load_some(bias + channel, std::min(LANES, shape.channels - channel));
    write_pixels(y, shape, image, channel, top, end, m, products, pixels, [&](vec* tile) {
      for (int i = 0; i < TILE * TILE; ++i) tile[i] = rectified(tile[i] + b);
    });
  }
};

// y (n, channels, height / 2, width / 2), and the bytes for the gradient (see Unpooled).
struct BiasRectifyPool {
  const float* bias;
  float* y;
  uint8_t* mask;
  Images shape;  // before the pool

  void write(int image, int channel, int top, int end, const float* m, const Panel& products,
             float* pixels) const {
    const int lanes = std::min(LANES, shape.channels - channel);
    const vec b = load_some(bias + channel, lanes);
    const Images half = shape.halved();
    const int height = std::min(end * 2, half.height) - top * 2;
    for (int r = 0; r < end - top; ++r)
      for (int t = 0; t < shape.tile_columns(); ++t, m += products.width) {
        vec tile[TILE * TILE];
        output_tile(m, products.point, tile);
        for (int i = 0; i < 2; ++i)
          for (int j = 0; j < 2; ++j) {
            const vec* w = tile + i * 2 * TILE + j * 2;
            const vec largest = max(max(w[0], w[1]), max(w[TILE], w[TILE + 1]));
            const vec sum = largest + b;
            // ties are those of the pooled values, after the bias has been added and rounded
            ivec bits = ((w[0] + b == sum) & 1) | ((w[1] + b == sum) & 2) |
                        ((w[TILE] + b == sum) & 4) | ((w[TILE + 1] + b == sum) & 8) |
                        ((sum == vec{}) & POOL_HALF);
            bits &= sum >= vec{};
            const int row = (top + r) * 2 + i, column = t * 2 + j;
            store_bytes(mask + pool_mask_index(shape, image, row, column) + channel, bits, lanes);
            if (row - top * 2 < height && column < half.width)
              store(pixels + (size_t(row - top * 2) * half.width + column) * LANES,
                    max(vec{}, sum));
          }
      }
    if (height <= 0) return;
    float* to = y + half.at(image, channel, top * 2);
    const size_t plane = half.plane();
    from_lanes(pixels, height * half.width, lanes, [&](int lane, int p, vec v, int count) {
      store_some(to + lane * plane + p, v, count);
    });
  }
};

// The products of `tiles` rows of V with one group of filters, then their way out.
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

// Floats of a panel of transformed input: about half of an L2 cache of 1 MB.
constexpr size_t PANEL_FLOATS = 110 * 1024;

// Correlates what `source` gives with `filters` and hands the result to `sink`.
template <class Source, class Filters, class Sink>
static void convolve(const Source& source, const Filters& filters, const Sink& sink, int threads) {
  const Images& shape = source.shape;
  const int depth = filters.depth(), outputs = filters.outputs();
  const int groups = (outputs + GROUP - 1) / GROUP, strips = shape.strips();
  const bool filters_first = outputs <= shape.tiles();
  const int piece = filters_first ? strips_of(shape, depth, PANEL_FLOATS) : strips;
  const int window_rows = std::min(piece, shape.tile_rows());
  const int tiles = piece * shape.tile_columns(), width = round_up(depth, LANES);

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
        transform_tiles<1, InputPoints>(source, s, s + 1, window, v,
                                               s * shape.tile_columns());
#pragma omp for schedule(static)
      for (int g = 0; g < groups; ++g) {
        for (int f = g * GROUP; f < std::min((g + 1) * GROUP, outputs); f += LANES)
          filters.transform_to(u, f, f % GROUP);
        finish_group(v, u, products, depth, 0, strips, g * GROUP, window, sink);
      }
    }
  }
}

// gW (filters, channels, 3, 3) and gb (filters) from the input and what `gradient` gives.
//
// Chunks of tiles are transformed by all threads into L3; then every thread adds the products of
// its share of (filter group, point) pairs to their 36 sums of filters x channels. Where the sums
// are larger than the transformed tiles (512 channels: 38 MB) one chunk takes all tiles, and blocks
// of 64 filters x 64 channels go through the products and the last transform within L2.
template <class Gradient>
class WeightGradient {
 public:
  WeightGradient(const Values& input, const Gradient& gradient, float* gw, float* gb)
      : input_(input), gradient_(gradient), gw_(gw), gb_(gb) {}

  void run(int threads) {
    const Images& shape = input_.shape;
    const int both = channels() + filters(), strips = shape.strips();
    const bool one_chunk =
        size_t(shape.tiles()) * both <= 2 * size_t(filters()) * channels();
    chunk_ = one_chunk ? strips : strips_of(shape, both, CHUNK_FLOATS);
    const int tiles = chunk_ * shape.tile_columns();
    const int window_rows = std::min(shape.tile_rows(), strips_of(shape, both, PANEL_FLOATS));

    const size_t x_size = Panel::floats(tiles, GROUP, channels());
    const size_t g_size = Panel::floats(tiles, GROUP, filters());
    const size_t sums_size = Panel::floats(one_chunk ? GROUP : channels(), GROUP, GROUP);
    const size_t window_size = Window<1>::floats(shape, window_rows);
    Workspace work(x_size + g_size + (one_chunk ? 0 : groups(filters()) * sums_size),
                   window_size + (one_chunk ? sums_size : 0), threads);
    const Panel x(work.shared(), tiles, GROUP), g(work.shared() + x_size, tiles, GROUP);
    float* sums = work.shared() + x_size + g_size;

#pragma omp parallel num_threads(threads)
    {
      float* window = work.own();
      for (int first = 0; first < strips; first += chunk_) {
        const int last = std::min(first + chunk_, strips);
#pragma omp for schedule(static)
        for (int s = first; s < last; s += window_rows)
          transform_strips(s, std::min(s + window_rows, last), s - first, window, x, g);
        const int depth = (last - first) * shape.tile_columns();
        if (one_chunk) {
          const Panel block(window + window_size, GROUP, GROUP);
#pragma omp for schedule(static) collapse(2)
          for (int f = 0; f < filters(); f += GROUP)
            for (int c = 0; c < channels(); c += GROUP) {
              const int some = std::min(GROUP, channels() - c);
              for (int k = 0; k < POINTS; ++k) add_products(k, f, c, some, depth, x, g, block, 0, 0);
              for (int i = 0; i < GROUP && f + i < filters(); i += LANES)
                write_gradient(block, i, f + i, c, some);
              if (c == 0) add_bias(f, depth, g, 0);
            }
        } else {
#pragma omp for schedule(static) collapse(2)
          for (int f = 0; f < filters(); f += GROUP)
            for (int k = 0; k < POINTS; ++k) {
              const Panel block(sums + f / GROUP * sums_size, channels(), GROUP);
              for (int c = 0; c < channels(); c += GROUP)
                add_products(k, f, c, std::min(GROUP, channels() - c), depth, x, g, block, c,
                             first);
              if (k == SUM_POINT) add_bias(f, depth, g, first);
            }
        }
      }
      if (!one_chunk) {
#pragma omp for schedule(static)
        for (int f = 0; f < filters(); f += LANES)
          write_gradient(Panel(sums + f / GROUP * sums_size, channels(), GROUP), f % GROUP, f, 0,
                         channels());
      }
    }
  }

 private:
  static constexpr size_t CHUNK_FLOATS = 3 * 512 * 1024;
  static constexpr int SUM_POINT = 7;  // points (1, 1): there the transform A sums the tile

  int channels() const { return input_.shape.channels; }
  int filters() const { return gradient_.shape.channels; }
  static int groups(int n) { return (n + GROUP - 1) / GROUP; }

  void transform_strips(int first, int last, int strip, float* window, const Panel& x,
                        const Panel& g) const {
    const int row = strip * input_.shape.tile_columns();
    transform_tiles<1, InputPoints>(input_, first, last, window, x, row);
    transform_tiles<0, OutputPoints>(gradient_, first, last, window, g, row);
  }

  void add_products(int k, int f, int c, int channels, int depth, const Panel& x, const Panel& g,
                    const Panel& sums, int row, bool accumulate) const {
    multiply(channels, std::min(GROUP, filters() - f), depth, x.at(k, 0, c), 1, GROUP,
             g.at(k, 0, f), sums.at(k, row, 0), accumulate);
  }

  void add_bias(int f, int depth, const Panel& g, bool accumulate) const {
    for (int j = 0; j < std::min(GROUP, filters() - f); j += LANES) {
      const int lanes = std::min(LANES, filters() - f - j);
      vec total = accumulate ? load_some(gb_ + f + j, lanes) : vec{};
      for (int t = 0; t < depth; ++t) total += load(g.at(SUM_POINT, t, f + j));
      store_some(gb_ + f + j, total, lanes);
    }
  }

  // LANES filters from f on, `count` channels from c on, of sums whose rows are channels.
  void write_gradient(const Panel& sums, int column, int f, int c, int count) const {
    constexpr int BLOCK = LANES;
    float taps[BLOCK * TAPS * LANES];
    for (int c0 = 0; c0 < count; c0 += BLOCK) {
      const int some = std::min(BLOCK, count - c0);
      for (int i = 0; i < some; ++i)
        transform<FilterValues>(sums.at(0, c0 + i, column), SPAN * sums.point,
                                          sums.point, taps + (i * TAPS + 8) * LANES, -3 * LANES,
                                          -LANES);
      float* to = gw_ + (size_t(f) * channels() + c + c0) * TAPS;
      from_lanes(taps, some * TAPS, std::min(LANES, filters() - f),
                 [&](int lane, int p, vec v, int n) {
                   store_some(to + size_t(lane) * channels() * TAPS + p, v, n);
                 });
    }
  }

  const Values input_;
  const Gradient gradient_;
  float *const gw_, *const gb_;
  int chunk_ = 0;
};

}  // namespace winograd
}  // namespace facekp
