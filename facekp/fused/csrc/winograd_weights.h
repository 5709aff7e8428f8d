// Gradients of the filters and the bias of the convolution in winograd.h.
#pragma once
#include "winograd.h"

namespace facekp {
namespace winograd {

// gW (filters, channels, r, r) and gb (filters), for layers with many filters and channels.
//
// Chunks of tiles are transformed by all threads into L3, about CHUNK_FLOATS; then every thread
// adds the products of its share of (filter group, point) pairs to the points' sums, each of
// filters x channels.
// Where these sums would be larger than all transformed tiles (512 channels: 38 MB, more than L3),
// one chunk takes all tiles, and each block of 64 filters x 64 channels goes through its products
// and the last transform within L2.
template <class S, class Gradient>
class WeightGradient {
 public:
  WeightGradient(const ConvShape& s, const float* x, const Gradient& gradient, float* gw, float* gb)
      : input_{x, input_images(s)},
        gradient_{gradient, output_images(s, Gradient::S)},
        grid_(grid_of<S>(gradient_.shape)),
        x_layout_{input_.shape, grid_, s.pad, S::KERNEL - 1},
        g_layout_{gradient_.shape, grid_, 0, 0},
        gw_(gw),
        gb_(gb),
        threads_(omp_get_max_threads()),
        one_chunk_(size_t(grid_.tiles()) * both() <= 2 * size_t(filters()) * channels()),
        chunk_(one_chunk_ ? grid_.strips() : chunk_strips()),
        piece_(std::min(grid_.rows, strips_of<S>(grid_, both(), PANEL_FLOATS))),
        tiles_(chunk_ * grid_.columns),
        x_size_(Panel<S>::floats(tiles_, GROUP, channels())),
        g_size_(Panel<S>::floats(tiles_, GROUP, filters())),
        sums_size_(Panel<S>::floats(one_chunk_ ? GROUP : channels(), GROUP, GROUP)),
        window_size_(std::max(x_layout_.floats(piece_), g_layout_.floats(piece_))),
        work_(x_size_ + g_size_ + (one_chunk_ ? 0 : groups(filters()) * sums_size_),
              window_size_ + (one_chunk_ ? sums_size_ : 0), threads_),
        x_(work_.shared(), tiles_, GROUP),
        g_(work_.shared() + x_size_, tiles_, GROUP) {}

  void run() const {
    const int strips = grid_.strips();
#pragma omp parallel num_threads(threads_)
    {
      for (int first = 0; first < strips; first += chunk_) {
        const int last = std::min(first + chunk_, strips);
        transform_chunk(first, last);
        const int depth = (last - first) * grid_.columns;
        if (one_chunk_)
          write_blocks(depth);
        else
          add_chunk(depth, first > 0);
      }
      if (!one_chunk_) write_sums();
    }
  }

 private:
  static constexpr size_t CHUNK_FLOATS = 3 * 512 * 1024;
  static constexpr int CHUNK_TILES = 512;  // at most: a longer sum in one float would lose digits
  static constexpr int SUM_POINT = S::SPAN + 1;  // points (1, 1), where A sums the tile

  int channels() const { return input_.shape.channels; }
  int filters() const { return gradient_.shape.channels; }
  int both() const { return channels() + filters(); }
  static int groups(int n) { return (n + GROUP - 1) / GROUP; }
  int chunk_strips() const {
    return std::min(strips_of<S>(grid_, both(), CHUNK_FLOATS),
                    std::max(1, CHUNK_TILES / grid_.columns));
  }
  Panel<S> sums_of(int filter) const {
    return Panel<S>(work_.shared() + x_size_ + g_size_ + filter / GROUP * sums_size_, channels(),
                    GROUP);
  }

  // Each of the following divides its loop over the threads that call it, and waits at its end.

  void transform_chunk(int first, int last) const {
    float* window = work_.own();
#pragma omp for schedule(static)
    for (int s = first; s < last; s += piece_) {
      const int end = std::min(s + piece_, last), row = (s - first) * grid_.columns;
      transform_tiles<S, InputPoints<S>>(input_, x_layout_, s, end, window, x_, row);
      transform_tiles<S, OutputPoints<S>>(gradient_, g_layout_, s, end, window, g_, row);
    }
  }

  void add_chunk(int depth, bool accumulate) const {
#pragma omp for schedule(static) collapse(2)
    for (int f = 0; f < filters(); f += GROUP)
      for (int k = 0; k < S::POINTS; ++k) {
        for (int c = 0; c < channels(); c += GROUP)
          add_products(k, f, c, depth, sums_of(f).at(k, c, 0), accumulate);
        if (gb_ && k == SUM_POINT) add_bias(f, depth, accumulate);
      }
  }

  void write_sums() const {
#pragma omp for schedule(static)
    for (int f = 0; f < filters(); f += LANES)
      write_gradient(sums_of(f), f % GROUP, f, 0, channels());
  }

  void write_blocks(int depth) const {
    const Panel<S> block(work_.own() + window_size_, GROUP, GROUP);
#pragma omp for schedule(static) collapse(2)
    for (int f = 0; f < filters(); f += GROUP)
      for (int c = 0; c < channels(); c += GROUP) {
        for (int k = 0; k < S::POINTS; ++k)
          add_products(k, f, c, depth, block.at(k, 0, 0), false);
        for (int i = f; i < std::min(f + GROUP, filters()); i += LANES)
          write_gradient(block, i - f, i, c, std::min(GROUP, channels() - c));
        if (gb_ && c == 0) add_bias(f, depth, false);
      }
  }

  // One point's products of up to GROUP channels from c on and GROUP filters from f on.
  void add_products(int k, int f, int c, int depth, float* sums, bool accumulate) const {
    multiply<true>(
        std::min(GROUP, channels() - c), std::min(GROUP, filters() - f),
        {depth, x_.at(k, 0, c), GROUP, g_.at(k, 0, f), GROUP, sums, GROUP, accumulate});
  }

  void add_bias(int f, int depth, bool accumulate) const {
    for (int i = f; i < std::min(f + GROUP, filters()); i += LANES) {
      const int lanes = std::min(LANES, filters() - i);
      vec total = {};
      for (int t = 0; t < depth; ++t) total += load(g_.at(SUM_POINT, t, i));
      store_some(gb_ + i, accumulate ? load_some(gb_ + i, lanes) + total : total, lanes);
    }
  }

  // LANES filters from f on, `count` channels from c on, of sums whose rows are channels.
  void write_gradient(const Panel<S>& sums, int column, int f, int c, int count) const {
    constexpr int BLOCK = LANES, TAPS = S::TAPS;
    float taps[BLOCK * TAPS * LANES];
    for (int c0 = 0; c0 < count; c0 += BLOCK) {
      const int some = std::min(BLOCK, count - c0);
      for (int i = 0; i < some; ++i)
        transform<FilterValues<S>>(sums.at(0, c0 + i, column), S::SPAN * sums.point, sums.point,
                                   taps + (i * TAPS + TAPS - 1) * LANES, -S::KERNEL * LANES,
                                   -LANES);
      float* to = gw_ + (size_t(f) * channels() + c + c0) * TAPS;
      from_lanes(taps, some * TAPS, 0, some * TAPS, std::min(LANES, filters() - f),
                 [&](int lane, int p, vec v, int n) {
                   store_some(to + size_t(lane) * channels() * TAPS + p, v, n);
                 });
    }
  }

  const Values input_;
  const OutputGradients<Gradient> gradient_;
  const Grid grid_;
  const Window<S> x_layout_, g_layout_;
  float *const gw_, *const gb_;
  const int threads_;
  const bool one_chunk_;
  const int chunk_, piece_, tiles_;  // strips of a chunk and of a window, tiles of a chunk
  const size_t x_size_, g_size_, sums_size_, window_size_;
  const Workspace work_;
  const Panel<S> x_, g_;
};

template <class S, class Gradient>
static void weight_gradient(const ConvShape& s, const float* x, const Gradient& gradient, float* gw,
                            float* gb) {
  WeightGradient<S, Gradient>(s, x, gradient, gw, gb).run();
}

// A convolution of the outputs' gradient, between as many zeros as make the result as large as x.
template <class S, class Gradient>
static void input_gradient(const ConvShape& s, const float* w, const Gradient& gradient,
                           float* gx) {
  convolve<S>(OutputGradients<Gradient>{gradient, output_images(s, Gradient::S)},
              S::KERNEL - 1 - s.pad, BackwardFilters<S, false>{w, s.f, s.c},
              Outputs<S, Linear>{{Target(gx, size_t(s.n) * s.c, size_t(s.h) * s.w)}, nullptr,
                                 input_images(s), nullptr},
              omp_get_max_threads());
}

// As facekp::conv_backward.
template <class S, class Gradient>
static void conv_backward_apart(const ConvShape& s, const float* x, const float* w,
                                const Gradient& gradient, float* gx, float* gw, float* gb) {
  if (!has_outputs(s, Gradient::S)) return zero_gradients(s, gx, gw, gb);
  weight_gradient<S>(s, x, gradient, gw, gb);
  if (gx) input_gradient<S>(s, w, gradient, gx);
}

}  // namespace winograd
}  // namespace facekp
