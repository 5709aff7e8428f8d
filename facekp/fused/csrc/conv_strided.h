// Convolutions with stride 2, as residual nets have them: forward, and all gradients.
//
// Direct sums by the register tiles of winograd_multiply.h, on images in which a pixel's channels
// lie together and whose padding is stored. There the pixels that a tap meets along a row of
// outputs are two pixels apart, which is a matrix (outputs x channels) like any other; the rows of
// a product over several taps, or the depth of one over several rows, are its stretches:
//
// * forward, for a row of outputs: its pixels x filters, over taps and channels;
// * weight gradient, for a tap: channels x filters, over the rows of outputs of a few images;
// * input gradient, for a row of the input: its even or odd pixels x channels, over the filters and
//   those taps that meet pixels of this parity. No product with one of a stride's gaps is computed.
//
// Each thread works on a few images at a time, which stay in its L2 cache. The order of every sum
// is fixed by the shapes alone: any number of threads gives the same bits.
#pragma once
#include "conv_shape.h"
#include "winograd_ends.h"
#include "winograd_tiles.h"

namespace facekp {
namespace strided {

using namespace winograd;

constexpr int STRIDE = 2;
#ifndef PIECE
constexpr size_t PIECE_FLOATS = 160 * 1024;     // of images that a thread has at work
constexpr size_t GRADIENT_FLOATS = 300 * 1024;  // of those and their gradients
constexpr int DEPTH = 300;
constexpr int WIDE = 64;
#endif

static inline int halved_up(int a) { return (a + 1) / 2; }

// Images of pixels with `width` floats, between zeros. The width is an odd number of vectors:
// pixels at equal distances do not all fall into the same few sets of a cache.
struct Sheet {
  int rows, columns, width;
  Sheet(int rows, int columns, int channels)
      : rows(rows), columns(columns), width((whole_lanes(channels) / LANES | 1) * LANES) {}
  int at(int row, int column) const { return (row * columns + column) * width; }
  int floats() const { return at(rows, 0); }
};

// The weights as matrices for products: one for each tap (flipped) and group of filters, with a row
// for each channel.
struct Taps {
  int channels, filters, taps, wide;
  Taps(const ConvShape& s) : channels(s.c), filters(s.f), taps(s.kh * s.kw), wide(std::min(WIDE, whole_lanes(s.f))) {}
  int groups() const { return (filters + wide - 1) / wide; }
  size_t group() const { return size_t(taps) * channels * wide; }
  size_t floats() const { return groups() * group(); }
  size_t at(int f, int tap, int channel) const {
    return f / wide * group() + (size_t(tap) * channels + channel) * wide + f % wide;
  }
  ptrdiff_t step() const { return -ptrdiff_t(channels) * wide; }  // from tap to tap of w
  int rows() const { return channels * taps; }

  void pack(const float* w, int f, float* to) const {
    const float* from = w + size_t(f) * rows();
    to_lanes(rows(), std::min(LANES, filters - f),
             [&](int lane, int p, int count) {
               return load_some(from + size_t(lane) * rows() + p, count);
             },
             to + at(f, taps - 1, 0), taps, wide, step());
  }
  void unpack(const float* from, int f, float* w) const {
    float* to = w + size_t(f) * rows();
    from_lanes(from + at(f, taps - 1, 0), taps, wide, rows(), std::min(LANES, filters - f),
               [&](int lane, int p, vec v, int count) {
                 store_some(to + size_t(lane) * rows() + p, v, count);
               },
               step());
  }
};

struct Layer {
  const ConvShape& s;
  const int height, width;  // of the outputs
  const int row_step;       // of x, from output to output
  const Sheet x;
  Images outputs() const { return {s.n, s.f, height, width}; }
  Images inputs() const { return {s.n, s.c, s.h, s.w}; }

  Layer(const ConvShape& s)
      : s(s), height(halved_up(s.out_h())), width(halved_up(s.out_w())),
        row_step(s.kh > 1 ? STRIDE : 1),
        x(s.kh > 1 ? s.padded_h() : halved_up(s.padded_h()), s.padded_w(), s.c) {}

  // With filters of a single row only the rows that they meet are read.
  void read(const float* values, int image, float* sheet) const {
    const Values source{values, inputs()};
    for (int c = 0; c < s.c; c += LANES)
      if (row_step == STRIDE)
        source.read(image, c, 0, s.h, sheet + x.at(s.pad, s.pad) + c, x.at(1, 0), x.width);
      else
        for (int row = s.pad % STRIDE; row < s.h; row += STRIDE)
          source.read(image, c, row, row + 1, sheet + x.at((row + s.pad) / STRIDE, s.pad) + c,
                      x.at(1, 0), x.width);
  }
};

// As facekp::conv_forward.
template <class Epilogue>
static void conv_forward(const ConvShape& s, const float* x, const float* w, const float* bias,
                         const Epilogue& epilogue, const float* z = nullptr,
                         float* stats = nullptr) {
  const Layer layer(s);
  const Taps taps(s);
  const int threads = omp_get_max_threads(), pixels = layer.height * layer.width;
  const Images out = layer.outputs();
  const int sheet = layer.x.floats();
  const int some = std::min<int>(std::max<size_t>(1, PIECE_FLOATS / sheet), (s.n + threads - 1) / threads);
  std::vector<int> starts;
  for (int ky = 0; ky < s.kh; ++ky)
    for (int kx = 0; kx < s.kw; ++kx) starts.push_back(layer.x.at(ky, kx));
  Workspace work(taps.floats(), size_t(some) * (sheet + pixels * taps.wide), threads);
  Statistics statistics(stats ? s.n : 0, s.f);

#pragma omp parallel num_threads(threads)
  {
    float *images = work.own(), *products = images + size_t(some) * sheet;
    std::fill(images, products, 0.0f);
#pragma omp for schedule(static)
    for (int f = 0; f < s.f; f += LANES) taps.pack(w, f, work.shared());
#pragma omp for schedule(static)
    for (int first = 0; first < s.n; first += some) {
      const int count = std::min(some, s.n - first);
      for (int i = 0; i < count; ++i) layer.read(x, first + i, images + size_t(i) * sheet);
      for (int f = 0; f < s.f; f += taps.wide) {
        const int columns = std::min(taps.wide, s.f - f);
        for (int i = 0; i < count; ++i)
          for (int row = 0; row < layer.height; ++row)
            multiply<false>(layer.width, columns,
                            {s.c, images + size_t(i) * sheet + layer.x.at(row * layer.row_step, 0),
                             STRIDE * layer.x.width, work.shared() + taps.at(f, 0, 0), taps.wide,
                             products + (size_t(i) * pixels + row * layer.width) * taps.wide,
                             taps.wide, false, taps.taps, starts.data()});
        for (int i = 0; i < count; ++i)
          for (int c = 0; c < columns; c += LANES) {
            const size_t index = out.at(first + i, f + c, 0);
            const int lanes = std::min(LANES, columns - c);
            from_lanes(products + size_t(i) * pixels * taps.wide + c, pixels, 0, pixels, lanes,
                       [&](int lane, int p, vec v, int count) {
                         const vec sums[1] = {bias ? v + splat(bias[f + c + lane]) : v};
                         epilogue(index + size_t(lane) * pixels + p, count, sums);
                       },
                       taps.wide);
            if (stats)
              for (int lane = 0; lane < lanes; ++lane)
                statistics.collect(first + i, f + c + lane, z + index + size_t(lane) * pixels,
                                   pixels);
          }
      }
    }
  }
  if (stats) statistics.combine(stats);
}

// gw and gb (or null).
template <class Gradient>
static void weight_gradient(const ConvShape& s, const float* x, const Gradient& gradient, float* gw,
                            float* gb) {
  const Layer layer(s);
  const Taps taps(s);
  const int threads = omp_get_max_threads(), pixels = layer.height * layer.width;
  const OutputGradients<Gradient> source{gradient, layer.outputs()};
  const int sheet = layer.x.floats(), wide = taps.wide, g_image = pixels * wide;
  const size_t sums_size = taps.floats() + taps.groups() * wide;
  const int parts = std::min(s.n, std::max(8, std::min(32, int(1024 * 1024 / sums_size))));
  const int part_images = (s.n + parts - 1) / parts;
  const int some = std::min<int>(part_images, std::max<size_t>(1, GRADIENT_FLOATS / (sheet + taps.groups() * g_image)));
  std::vector<int> starts;
  for (int i = 0; i < some; ++i)
    for (int row = 0; row < layer.height; ++row)
      starts.push_back(i * sheet + layer.x.at(row * layer.row_step, 0));
  const int stretches = std::max(1, DEPTH / layer.width);
  Workspace work(parts * sums_size, size_t(some) * (sheet + taps.groups() * g_image), threads);

#pragma omp parallel num_threads(threads)
  {
    float *images = work.own(), *g = images + size_t(some) * sheet;
    std::fill(images, g, 0.0f);
#pragma omp for schedule(static)
    for (int part = 0; part < parts; ++part) {
      float *sums = work.shared() + part * sums_size, *bias = sums + taps.floats();
      const int begin = int(int64_t(s.n) * part / parts);
      const int end = int(int64_t(s.n) * (part + 1) / parts);
      for (int first = begin; first < end; first += some) {
        const int count = std::min(some, end - first);
        for (int i = 0; i < count; ++i) {
          layer.read(x, first + i, images + size_t(i) * sheet);
          for (int f = 0; f < s.f; f += LANES)
            source.read(first + i, f, 0, layer.height,
                        g + size_t(f / wide * some + i) * g_image + f % wide, layer.width * wide,
                        wide);
        }
        for (int f = 0; f < s.f; f += wide) {
          const int columns = std::min(wide, s.f - f);
          for (int r = 0; r < count * layer.height; r += stretches)
            for (int tap = 0; tap < taps.taps; ++tap)
              multiply<true>(s.c, columns,
                             {layer.width, images + layer.x.at(tap / s.kw, tap % s.kw),
                              STRIDE * layer.x.width,
                              g + size_t(f / wide * some) * g_image + r * layer.width * wide, wide,
                              sums + taps.at(f, tap, 0), wide, first > begin || r > 0,
                              std::min(stretches, count * layer.height - r), &starts[r]});
          for (int c = 0; c < columns; c += LANES) {
            vec total = {};
            for (int p = 0; p < count * pixels; ++p)
              total += load(g + size_t(f / wide * some) * g_image + p * wide + c);
            store(bias + f + c, first > begin ? load(bias + f + c) + total : total);
          }
        }
      }
    }
#pragma omp for schedule(static)
    for (int i = 0; i < int(sums_size); i += LANES)
      for (int part = 1; part < parts; ++part) {
        float* to = work.shared() + i;
        store(to, load(to) + load(to + part * sums_size));
      }
#pragma omp for schedule(static)
    for (int f = 0; f < s.f; f += LANES) {
      taps.unpack(work.shared(), f, gw);
      if (gb)
        store_some(gb + f, load(work.shared() + taps.floats() + f), std::min(LANES, s.f - f));
    }
  }
}

template <class Gradient>
static void input_gradient(const ConvShape& s, const float* w, const Gradient& gradient,
                           float* gx) {
  const Layer layer(s);
  const Taps taps(s);
  const int threads = omp_get_max_threads();
  const OutputGradients<Gradient> source{gradient, layer.outputs()};
  const int above = halved_up(s.kh) - 1, left = halved_up(s.kw) - 1;
  const Sheet sheet(above + halved_up(s.padded_h()), left + halved_up(s.padded_w()), s.f);
  const Images in = layer.inputs();
  const int pixels = s.h * s.w, wide = std::min(WIDE, whole_lanes(s.c)), groups = (s.c + wide - 1) / wide;
  const int some = std::min<int>(std::max<size_t>(1, PIECE_FLOATS / (sheet.floats() + pixels * wide)), (s.n + threads - 1) / threads);
  std::vector<int> starts, order;
  int firsts[5] = {};
  for (int parity = 0; parity < 4; ++parity) {
    for (int ky = parity / 2; ky < s.kh; ky += STRIDE)
      for (int kx = parity % 2; kx < s.kw; kx += STRIDE) {
        starts.push_back(sheet.at(above - ky / STRIDE, left - kx / STRIDE));
        order.push_back(ky * s.kw + kx);
      }
    firsts[parity + 1] = int(order.size());
  }
  const size_t back_size = size_t(groups) * taps.taps * s.f * wide;
  const auto back = [&](int c, int k) { return (size_t(c / wide) * taps.taps + k) * s.f * wide + c % wide; };
  Workspace work(taps.floats() + back_size, size_t(some) * (sheet.floats() + pixels * wide), threads);

#pragma omp parallel num_threads(threads)
  {
    float *images = work.own(), *products = images + size_t(some) * sheet.floats();
    float* weights = work.shared() + taps.floats();
    std::fill(images, products + size_t(some) * pixels * wide, 0.0f);
#pragma omp for schedule(static)
    for (int f = 0; f < s.f; f += LANES) taps.pack(w, f, work.shared());
#pragma omp for schedule(static) collapse(2)
    for (int c = 0; c < s.c; c += LANES)
      for (int k = 0; k < taps.taps; ++k)
        for (int f = 0; f < s.f; f += taps.wide)
          to_lanes(std::min(taps.wide, s.f - f), std::min(LANES, s.c - c),
                   [&](int lane, int p, int) {
                     return load(work.shared() + taps.at(f + p, order[k], c + lane));
                   },
                   weights + back(c, k) + size_t(f) * wide, taps.wide, 0, wide);
#pragma omp for schedule(static)
    for (int first = 0; first < s.n; first += some) {
      const int count = std::min(some, s.n - first);
      for (int i = 0; i < count; ++i)
        for (int f = 0; f < s.f; f += LANES)
          source.read(first + i, f, 0, layer.height,
                      images + size_t(i) * sheet.floats() + sheet.at(above, left) + f,
                      sheet.at(1, 0), sheet.width);
      for (int c = 0; c < s.c; c += wide) {
        const int columns = std::min(wide, s.c - c);
        for (int i = 0; i < count; ++i)
          for (int y = 0; y < s.h; ++y)
            for (int px = 0; px < 2; ++px) {
              const int parity = (y + s.pad) % 2 * 2 + px, k = firsts[parity];
              const int column = (px + s.pad) % 2;
              if (firsts[parity + 1] == k || column >= s.w) continue;  // the zeros stay
              multiply<false>((s.w - column + 1) / 2, columns,
                              {s.f,
                               images + size_t(i) * sheet.floats() +
                                   sheet.at((y + s.pad) / 2, (column + s.pad) / 2),
                               sheet.width, weights + back(c, k), wide,
                               products + (size_t(i) * pixels + y * s.w + column) * wide,
                               STRIDE * wide, false, firsts[parity + 1] - k, &starts[k]});
            }
        for (int i = 0; i < count; ++i)
          for (int j = c; j < c + columns; j += LANES) {
            float* to = gx + in.at(first + i, j, 0);
            from_lanes(products + size_t(i) * pixels * wide + j - c, pixels, 0, pixels,
                       std::min(LANES, s.c - j),
                       [&](int lane, int p, vec v, int count) {
                         store_some(to + size_t(lane) * pixels + p, v, count);
                       },
                       wide);
          }
      }
    }
  }
}

static void conv_relu(const ConvShape& s, const float* x, const float* w, const float* bias,
                      float* y) {
  strided::conv_forward(s, x, w, bias, Relu{y});
}

static void conv_linear(const ConvShape& s, const float* x, const float* w, float* z,
                        float* stats) {
  strided::conv_forward(s, x, w, nullptr, Linear{z}, z, stats);
}

// gx may be null.
template <class Gradient>
static void conv_backward(const ConvShape& s, const float* x, const float* w,
                          const Gradient& gradient, float* gx, float* gw, float* gb) {
  strided::weight_gradient(s, x, gradient, gw, gb);
  if (gx) strided::input_gradient(s, w, gradient, gx);
}

}  // namespace strided
}  // namespace facekp
