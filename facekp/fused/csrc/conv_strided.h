// Convolution with stride 2, as residual nets have it: what its passes share, and the forward one.
//
// Direct sums by the register tiles of winograd_multiply.h, on images in which a pixel's channels
// lie together and whose padding is stored. There the pixels that one tap meets along a row of
// outputs lie two pixels apart, and are a matrix (outputs x channels) as good as any:
//
// * forward, for a row of outputs: its pixels x filters, summed over taps and channels;
// * weight gradient, for a tap: channels x filters, summed over the outputs of a few images;
// * input gradient, for a row of the input: its even or odd pixels x channels, summed over filters
//   and those taps that meet pixels of this parity, so that no product with one of a stride's gaps
//   is computed.
//
// What a sum runs over are stretches of such matrices, all in one pass through registers. Each
// thread works on a few images at a time, which stay in its L2 cache. The order of every sum is
// fixed by the shapes alone: any number of threads gives the same bits.
#pragma once
#include "conv_shape.h"
#include "winograd_ends.h"
#include "winograd_tiles.h"

namespace facekp {
namespace strided {

using namespace winograd;

constexpr int STRIDE = 2;

static inline int halved_up(int a) { return (a + 1) / 2; }

// As many of n images as take about `floats`, each `size`; at least 1, and less if they are few.
static inline int images_at_once(int n, size_t size, size_t floats) {
  const int fitting = int(std::min<size_t>(n, std::max<size_t>(1, floats / size)));
  const int pieces = (n + fitting - 1) / fitting;
  return (n + pieces - 1) / pieces;
}

// Images of pixels with `width` floats, with zeros around them. The width is an odd number of
// vectors, lest pixels at equal distances all fall into the same few sets of a cache.
struct Sheet {
  int rows, columns, width;
  Sheet(int rows, int columns, int channels)
      : rows(rows), columns(columns), width((whole_lanes(channels) / LANES | 1) * LANES) {}
  int at(int row, int column) const { return (row * columns + column) * width; }
  int floats() const { return at(rows, 0); }
};

// The weights as matrices: one for each tap and each group of columns.
struct Taps {
  int rows, columns, taps, wide;
  Taps(int rows, int columns, int taps)
      : rows(rows), columns(columns), taps(taps), wide(group_width(columns)) {}
  int groups() const { return (columns + wide - 1) / wide; }
  size_t floats() const { return at(groups() * wide, 0, 0); }
  size_t at(int column, int tap, int row) const {
    return ((size_t(column / wide) * taps + tap) * rows + row) * wide + column % wide;
  }

  // Between w (columns, rows, taps), whose taps are flipped, and LANES columns from `column` on.
  void pack(const float* w, int column, float* to) const {
    const size_t filter = size_t(rows) * taps;
    to_lanes(int(filter), std::min(LANES, columns - column),
             [&](int lane, int p, int count) {
               return load_some(w + (column + lane) * filter + p, count);
             },
             to + at(column, taps - 1, 0), taps, wide, -ptrdiff_t(rows) * wide);
  }
  void unpack(const float* from, int column, float* w) const {
    const size_t filter = size_t(rows) * taps;
    from_lanes(from + at(column, taps - 1, 0), taps, wide, int(filter),
               std::min(LANES, columns - column),
               [&](int lane, int p, vec v, int count) {
                 store_some(w + (column + lane) * filter + p, v, count);
               },
               -ptrdiff_t(rows) * wide);
  }
};

// Sizes, and the input's images as sheets. Of filters with one row only every second row of the
// input meets an output: the others are left out.
struct Layer {
  const ConvShape& s;
  int height, width;  // of the outputs
  int row_step;       // from output to output
  Sheet x;
  Taps taps;          // channels x filters

  explicit Layer(const ConvShape& s)
      : s(s),
        height(halved_up(s.out_h())),
        width(halved_up(s.out_w())),
        row_step(s.kh > 1 ? STRIDE : 1),
        x(s.kh > 1 ? s.padded_h() : height, s.padded_w(), s.c),
        taps(s.c, s.f, s.kh * s.kw) {}

  int outputs() const { return height * width; }
  Images images() const { return {s.n, s.f, height, width}; }
  // The pixel that a tap meets first in a row of outputs.
  int at(int row, int tap) const { return x.at(row * row_step + tap / s.kw, tap % s.kw); }

  // Writes all but the zeros around an image, which are there already.
  void read(const float* values, int image, float* sheet) const {
    const int plane = s.h * s.w;
    for (int c = 0; c < s.c; c += LANES) {
      const float* from = values + (size_t(image) * s.c + c) * plane;
      if (row_step == STRIDE)
        read_rows(from, s.h, c, sheet + x.at(s.pad, s.pad) + c);
      else
        for (int row = s.pad % STRIDE; row < s.h; row += STRIDE)
          read_rows(from + row * s.w, 1, c, sheet + x.at((row + s.pad) / STRIDE, s.pad) + c);
    }
  }

 private:
  // LANES channels from c on. The next ones are prefetched: they are read in short runs from many
  // planes, which the hardware does not foresee.
  void read_rows(const float* from, int rows, int c, float* to) const {
    const int plane = s.h * s.w;
    to_lanes(rows * s.w, std::min(LANES, s.c - c),
             [&](int lane, int p, int count) {
               const float* pixels = from + size_t(lane) * plane + p;
               __builtin_prefetch(pixels + LANES * plane, 0, 2);
               return load_some(pixels, count);
             },
             to, s.w, x.at(1, 0), x.width);
  }
};

// What follows the sums of an image, for the group of filters from f on.
template <class Epilogue>
static void write_outputs(const Layer& layer, const float* sums, int image, int f,
                          const float* bias, const Epilogue& epilogue, Statistics* statistics) {
  const int outputs = layer.outputs(), wide = layer.taps.wide;
  for (const int end = std::min(f + wide, layer.s.f); f < end; f += LANES, sums += LANES) {
    const int lanes = std::min(LANES, end - f);
    const size_t index = layer.images().at(image, f, 0);
    if (statistics) collect(statistics, image, f, lanes, outputs, sums, wide);
    from_lanes(sums, outputs, 0, outputs, lanes,
               [&](int lane, int p, vec v, int count) {
                 const size_t to = index + size_t(lane) * outputs + p;
                 const vec values[1] = {bias ? v + splat(bias[f + lane]) : v};
                 epilogue.prefetch(to + LANES * outputs);
                 epilogue(to, count, values);
               },
               wide);
  }
}

constexpr size_t FORWARD_FLOATS = 160 * 1024;  // of images and their products in L2: 640 KB

// As facekp::conv_forward.
template <class Epilogue>
static void conv_forward(const ConvShape& s, const float* x, const float* w, const float* bias,
                         const Epilogue& epilogue, float* stats = nullptr) {
  static_assert(Epilogue::S == 1, "no pooling behind a stride");
  const Layer layer(s);
  const Taps& taps = layer.taps;
  const int threads = omp_get_max_threads(), outputs = layer.outputs();
  const size_t sheet = layer.x.floats(), products = size_t(outputs) * taps.wide;
  const int some = images_at_once((s.n + threads - 1) / threads, sheet + products, FORWARD_FLOATS);
  std::vector<int> starts;
  for (int tap = 0; tap < taps.taps; ++tap) starts.push_back(layer.at(0, tap));
  Workspace work(taps.floats(), some * (sheet + products), threads);
  Statistics statistics(stats ? s.n : 0, s.f);

#pragma omp parallel num_threads(threads)
  {
    float *images = work.own(), *sums = images + some * sheet;
    std::fill(images, sums, 0.0f);
#pragma omp for schedule(static)
    for (int f = 0; f < s.f; f += LANES) taps.pack(w, f, work.shared());
#pragma omp for schedule(static)
    for (int first = 0; first < s.n; first += some) {
      const int count = std::min(some, s.n - first);
      for (int i = 0; i < count; ++i) layer.read(x, first + i, images + i * sheet);
      for (int f = 0; f < s.f; f += taps.wide)
        for (int i = 0; i < count; ++i) {
          for (int row = 0; row < layer.height; ++row)
            multiply<false>(layer.width, std::min(taps.wide, s.f - f),
                            {s.c, images + i * sheet + layer.at(row, 0), STRIDE * layer.x.width,
                             work.shared() + taps.at(f, 0, 0), taps.wide,
                             sums + i * products + size_t(row) * layer.width * taps.wide,
                             taps.wide, false, taps.taps, starts.data()});
          write_outputs(layer, sums + i * products, first + i, f, bias, epilogue,
                        stats ? &statistics : nullptr);
        }
    }
    drain();
  }
  if (stats) statistics.combine(stats);
}

static void conv_relu(const ConvShape& s, const float* x, const float* w, const float* bias,
                      float* y) {
  strided::conv_forward(s, x, w, bias, Relu{y});
}

static void conv_linear(const ConvShape& s, const float* x, const float* w, float* z,
                        float* stats) {
  const Target target(z, size_t(s.n) * s.f, Layer(s).images().plane());
  strided::conv_forward(s, x, w, nullptr, Linear{target}, stats);
}

}  // namespace strided
}  // namespace facekp
