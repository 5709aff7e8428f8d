// All gradients of a convolution by Winograd's F(m x m, r x r) in one pass, for layers with many
// tiles and few channels.
//
// A tile's gradient dy is transformed once, A dy A', and used twice: with the transformed input for
// the filters, and with the transformed filters for the input,
//
//     dg = G' [ (A dy A') . (B' d B) ] G,     dd = B [ (A dy A') . (G g G') ] B',
//
// where neighbouring tiles' dd, s pixels along a side at distances of m, are added up. (The other
// way to dd, a convolution of dy between zeros, would transform dy another time, s * s points for
// each m * m pixels of many filters; here only the few channels of dd are transformed.)
//
// The images are cut into parts with sums of their own for the filters' gradient, which are added
// up at the end. A thread takes whole parts. Within a part it goes through pieces of a few strips,
// so that V (tiles x C), the transformed gradients (tiles x up to 64 filters) and the products
// (tiles x C) stay in L2. How many parts there are depends on the shapes alone, so that any number
// of threads gives the same bits.
#pragma once
#include "winograd.h"

namespace facekp {
namespace winograd {

template <class S, class Gradient>
class Backward {
 public:
  // gx and gb may be null.
  Backward(const ConvShape& s, const float* x, const float* w, const Gradient& gradient, float* gx,
           float* gw, float* gb)
      : input_{x, input_images(s)},
        gradient_{gradient, output_images(s, Gradient::S)},
        grid_(grid_of<S>(gradient_.shape)),
        x_layout_{input_.shape, grid_, s.pad, S::KERNEL - 1},
        g_layout_{gradient_.shape, grid_, 0, 0},
        w_(w),
        gx_(gx, size_t(s.n) * s.c, size_t(s.h) * s.w),
        gw_(gw),
        gb_(gb),
        filters_(s.f),
        channels_(s.c),
        deep_(whole_lanes(s.c)),
        wide_(group_width(s.f)),
        narrow_(group_width(s.c)),
        threads_(omp_get_max_threads()),
        piece_(strips_of<S>(grid_, deep_ + wide_ + (gx ? deep_ : 0), BACKWARD_FLOATS)),
        window_rows_(std::min(piece_, grid_.rows)),
        tiles_(piece_ * grid_.columns),
        x_size_(Panel<S>::floats(tiles_, deep_, deep_)),
        g_size_(Panel<S>::floats(tiles_, wide_, wide_)),
        q_size_(gx ? Panel<S>::floats(tiles_, narrow_, s.c) : 0),
        window_size_(std::max(x_layout_.floats(window_rows_), g_layout_.floats(window_rows_))),
        dx_size_(gx ? x_layout_.floats(window_rows_) : 0),
        group_size_(Panel<S>::floats(s.c, wide_, wide_)),
        sums_size_(groups() * (group_size_ + wide_)),
        parts_(std::min(s.n, std::max(8, std::min(32, int(PARTS_FLOATS / sums_size_))))),
        u_size_(gx ? Panel<S>::floats(s.f, narrow_, s.c) : 0),
        work_(u_size_ + parts_ * sums_size_,
              x_size_ + g_size_ + q_size_ + window_size_ + dx_size_ * (deep_ / LANES), threads_),
        u_(work_.shared(), filters_, narrow_) {}

  void run() const {
#pragma omp parallel num_threads(threads_)
    {
      if (gx_.data()) {
        const BackwardFilters<S, true> filters{w_, filters_, channels_};
#pragma omp for schedule(static)
        for (int c = 0; c < channels_; c += LANES)
          filters.transform_to(Panel<S>(u_.at(0, 0, c / narrow_ * narrow_), filters_, narrow_), c,
                               c % narrow_);
      }
#pragma omp for schedule(static)
      for (int part = 0; part < parts_; ++part) add_part(part);
#pragma omp for schedule(static)
      for (int f = 0; f < filters_; f += LANES) write_filters(f);
      drain();
    }
  }

 private:
  static constexpr size_t BACKWARD_FLOATS = 220 * 1024;  // of a piece: 880 KB
  static constexpr size_t PARTS_FLOATS = 1024 * 1024;    // of all parts' sums
  static constexpr int SUM_POINT = S::SPAN + 1;  // points (1, 1): there the transform A sums a tile

  int groups() const { return (filters_ + wide_ - 1) / wide_; }
  float* sums_of(int part, int group) const {
    return work_.shared() + u_size_ + part * sums_size_ + group * (group_size_ + wide_);
  }

  void add_part(int part) const {
    const int first = int(int64_t(grid_.images) * part / parts_) * grid_.rows;
    const int last = int(int64_t(grid_.images) * (part + 1) / parts_) * grid_.rows;
    float* mine = work_.own();
    const Panel<S> x(mine, tiles_, deep_), g(mine + x_size_, tiles_, wide_),
        products(mine + x_size_ + g_size_, tiles_, narrow_);
    float* window = mine + x_size_ + g_size_ + q_size_;
    for (int s = first; s < last; s += piece_) {
      const int end = std::min(s + piece_, last), tiles = (end - s) * grid_.columns;
      transform_tiles<S, InputPoints<S>>(input_, x_layout_, s, end, window, x, 0);
      for (int group = 0; group < groups(); ++group) {
        const int f = group * wide_, columns = std::min(wide_, filters_ - f);
        transform_tiles<S, OutputPoints<S>>(gradient_, g_layout_, s, end, window, g, 0, f,
                                            f + columns);
        add_to_filters(x, g, columns, tiles, sums_of(part, group), s > first);
        if (gx_.data()) add_to_products(g, f, columns, tiles, products);
      }
      if (gx_.data()) write_inputs(products, s, end, window + window_size_);
    }
  }

  // The sums over tiles for the filters' gradient, and behind them those for the bias.
  void add_to_filters(const Panel<S>& x, const Panel<S>& g, int columns, int tiles, float* sums,
                      bool accumulate) const {
    const Panel<S> to(sums, channels_, wide_);
    for (int k = 0; k < S::POINTS; ++k)
      multiply<true>(channels_, columns, {tiles, x.at(k, 0, 0), deep_, g.at(k, 0, 0), wide_,
                                          to.at(k, 0, 0), wide_, accumulate});
    float* bias = sums + group_size_;
    for (int f = 0; f < columns; f += LANES) {
      vec total = {};
      for (int t = 0; t < tiles; ++t) total += load(g.at(SUM_POINT, t, f));
      store(bias + f, accumulate ? load(bias + f) + total : total);
    }
  }

  void add_to_products(const Panel<S>& g, int f, int depth, int tiles,
                       const Panel<S>& products) const {
    for (int c = 0; c < channels_; c += narrow_)
      for (int k = 0; k < S::POINTS; ++k)
        multiply<false>(tiles, std::min(narrow_, channels_ - c),
                        {depth, g.at(k, 0, 0), wide_, u_.at(k, f, c), narrow_,
                         products.at(k, 0, c), narrow_, f > 0});
  }

  // Adds the tiles of strips first..last up to rows of pixels. The last rows of a stretch wait for
  // the next one of their image at the top of `dx`, which holds them for each LANES channels.
  void write_inputs(const Panel<S>& products, int first, int last, float* dx) const {
    constexpr int TILE = S::TILE;
    const size_t pitch = x_layout_.pitch();
    for_stretches(grid_, first, last, [&](int image, int top, int end, int tile) {
      for (int c = 0; c < channels_; c += LANES) {
        float* pixels = dx + c / LANES * dx_size_;
        const size_t waiting = (S::KERNEL - 1) * pitch;
        if (top == 0) std::fill_n(pixels, waiting, 0.0f);
        std::fill_n(pixels + waiting, (end - top) * TILE * pitch, 0.0f);
        const float* m = products.at(0, tile, c);
        for (int r = 0; r < end - top; ++r)
          for (int t = 0; t < grid_.columns; ++t, m += products.width)
            transform<InputValues<S>, true>(m, S::SPAN * products.point, products.point,
                                            pixels + r * TILE * pitch + size_t(t) * TILE * LANES,
                                            pitch, LANES);
        write_rows(image, c, top * TILE, end * TILE + (end == grid_.rows ? S::KERNEL - 1 : 0),
                   pixels);
        std::copy_n(pixels + (end - top) * TILE * pitch, waiting, pixels);
      }
    });
  }

  // Rows from `top` to before `bottom`, the padding's included, of LANES channels from c on; after
  // the last one those that no tile meets.
  void write_rows(int image, int c, int top, int bottom, const float* pixels) const {
    const Images& shape = input_.shape;
    const int pad = x_layout_.pad, lanes = std::min(LANES, shape.channels - c);
    const int from = std::max(top - pad, 0), to = std::min(bottom - pad, shape.height);
    const size_t out = shape.at(image, c, from);
    const size_t plane = shape.plane(), ahead = next_stretch(shape, from, to);
    if (from < to)
      from_lanes(pixels + (from + pad - top) * x_layout_.pitch() + pad * LANES, shape.width,
                 x_layout_.pitch(), (to - from) * shape.width, lanes,
                 [&](int lane, int p, vec v, int count) {
                   gx_.prefetch(out + lane * plane + p + ahead);
                   gx_.put(out + lane * plane + p, v, count);
                 });
    if (bottom == grid_.rows * S::TILE + S::KERNEL - 1)
      for (int lane = 0; lane < lanes; ++lane)
        for (int row = std::max(0, bottom - pad); row < shape.height; ++row)
          std::fill_n(gx_.data() + shape.at(image, c + lane, row), shape.width, 0.0f);
  }

  // LANES filters from f on: the sum of all parts, then the transform to taps.
  void write_filters(int f) const {
    constexpr int TAPS = S::TAPS, BLOCK = LANES;
    const int lanes = std::min(LANES, filters_ - f), group = f / wide_, column = f % wide_;
    const Panel<S> sums(sums_of(0, group), channels_, wide_);
    for (int part = 1; part < parts_; ++part) {
      const Panel<S> more(sums_of(part, group), channels_, wide_);
      for (int k = 0; k < S::POINTS; ++k)
        for (int c = 0; c < channels_; ++c) {
          float* to = sums.at(k, c, column);
          store(to, load(to) + load(more.at(k, c, column)));
        }
    }
    float taps[BLOCK * TAPS * LANES];
    for (int c0 = 0; c0 < channels_; c0 += BLOCK) {
      const int some = std::min(BLOCK, channels_ - c0);
      for (int i = 0; i < some; ++i)
        transform<FilterValues<S>>(sums.at(0, c0 + i, column), S::SPAN * sums.point, sums.point,
                                   taps + (i * TAPS + TAPS - 1) * LANES, -S::KERNEL * LANES,
                                   -LANES);
      float* to = gw_ + (size_t(f) * channels_ + c0) * TAPS;
      from_lanes(taps, some * TAPS, 0, some * TAPS, lanes, [&](int lane, int p, vec v, int n) {
        store_some(to + size_t(lane) * channels_ * TAPS + p, v, n);
      });
    }
    if (!gb_) return;
    vec total = {};
    for (int part = 0; part < parts_; ++part)
      total += load(sums_of(part, group) + group_size_ + column);
    store_some(gb_ + f, total, lanes);
  }

  const Values input_;
  const OutputGradients<Gradient> gradient_;
  const Grid grid_;
  const Window<S> x_layout_, g_layout_;
  const float* const w_;
  const Target gx_;
  float *const gw_, *const gb_;
  const int filters_, channels_;
  const int deep_, wide_, narrow_;  // columns of V, of a group of filters, of a group of channels
  const int threads_, piece_, window_rows_, tiles_;  // strips of a piece, of a window; tiles
  const size_t x_size_, g_size_, q_size_, window_size_, dx_size_, group_size_, sums_size_;
  const int parts_;
  const size_t u_size_;
  const Workspace work_;
  const Panel<S> u_;
};

// As facekp::conv_backward.
template <class S, class Gradient>
static void conv_backward_together(const ConvShape& s, const float* x, const float* w,
                                   const Gradient& gradient, float* gx, float* gw, float* gb) {
  if (has_outputs(s, Gradient::S))
    Backward<S, Gradient>(s, x, w, gradient, gx, gw, gb).run();
  else
    zero_gradients(s, gx, gw, gb);
}

}  // namespace winograd
}  // namespace facekp
