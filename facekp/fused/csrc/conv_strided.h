// Convolutions with stride 2, as residual nets have them: forward, and all gradients.
//
// Forward and weight gradient are those of conv_forward.h and conv_backward.h on the column copies
// of a stride (see conv_shape.h). The input gradient falls into four convolutions with stride 1,
// one for each parity of row and column of the (padded) input: the pixel (2 a + py, 2 b + px) meets
// the taps (2 my + py, 2 mx + px) and the output gradients (a - my, b - mx), so that no product
// with one of a stride's gaps is computed.
#pragma once
#include "conv_backward.h"

namespace facekp {
namespace strided {

constexpr int STRIDE = 2;

static inline int halved_up(int a) { return (a + 1) / 2; }

// The output gradients of a band of input rows, between zeros, and where the taps of each parity
// find them: rows as wide as those of one parity of the input, with mw - 1 zeros before each that
// also serve as the halo right of the row before.
struct Band {
  const ConvShape& s;
  int height, width;    // of the output gradients
  int x_height, x_width;  // of one parity of the padded input
  int mh, mw;           // taps of parity 0, which has the most
  int rows, plane;      // of x_height at a time; floats of one filter

  Band(const ConvShape& s, int threads)
      : s(s), height(Layout<1, STRIDE>::kept(s.out_h())), width(Layout<1, STRIDE>::kept(s.out_w())),
        x_height(halved_up(s.padded_h())), x_width(halved_up(s.padded_w())),
        mh(halved_up(s.kh)), mw(halved_up(s.kw)),
        rows(band_rows(s.n, x_height, size_t(s.f) * x_width, threads)),
        plane(plane_stride(mw - 1 + (rows + mh - 1) * x_width)) {}

  size_t floats() const { return size_t(s.f) * plane + round_up(4 * LANES + mw, LANES); }

  // The gradients that the input rows of one parity from `top` on need; what lies between rows of
  // gradients is zero already.
  template <class Gradient>
  void fill(const Gradient& gradient, int image, int top, int count, float* band) const {
    const int first = top - mh + 1;
    for (int f = 0; f < s.f; ++f)
      for (int i = first; i < top + count; ++i) {
        float* to = band + size_t(f) * plane + mw - 1 + (i - first) * x_width;
        if (i < 0 || i >= height) {
          std::fill(to, to + width, 0.0f);
          continue;
        }
        for (int j = 0; j < width; j += LANES) {
          vec g[1];
          gradient(((size_t(image) * s.f + f) * height + i) * width + j, width - j, g);
          store_first(to + j, g[0], std::min(LANES, width - j));
        }
      }
  }
};

// The taps of one parity: packed weights, and offsets into a band.
struct ParityTaps {
  int taps;
  std::vector<float> weights;
  std::vector<int> offset;

  ParityTaps(const Band& band, const float* w, int py, int px) {
    const ConvShape& s = band.s;
    const int across = (s.kw - px + 1) / 2, down = (s.kh - py + 1) / 2;
    taps = s.f * down * across;
    weights.resize(size_t(FilterTiles(s.c).padded_filters()) * taps);
    pack_weights(s.c, taps, [&](int c, int k) {
      const int f = k / (down * across);
      const int ky = 2 * (k / across % down) + py, kx = 2 * (k % across) + px;
      return w[((size_t(f) * s.c + c) * s.kh + s.kh - 1 - ky) * s.kw + s.kw - 1 - kx];
    }, weights.data());
    for (int f = 0; f < s.f; ++f)
      for (int my = 0; my < down; ++my)
        for (int mx = 0; mx < across; ++mx)
          offset.push_back(f * band.plane + (band.mh - 1 - my) * band.x_width + band.mw - 1 - mx);
  }
};

// Two rows of one parity each as one row of `count` numbers, from the number `skip` on.
static inline void join_parities(const float* even, const float* odd, int skip, int count,
                                 float* room, float* to) {
  for (int b = 0; 2 * b < skip + count; b += LANES) {
    const vec e = load(even + b), o = load(odd + b);
    store(room + 2 * b, interleave<0>(e, o));
    store(room + 2 * b + LANES, interleave<1>(e, o));
  }
  memcpy(to, room + skip, count * sizeof(float));
}

template <class Gradient>
static void gradient_by_parity(const ConvShape& s, const float* w, const Gradient& gradient,
                               float* gx) {
  static_assert(Gradient::S == 1, "no pooling behind a stride");
  const int threads = max_threads();
  const Band layout(s, threads);
  const int x_width = layout.x_width, rows = layout.rows;
  const int bands = (layout.x_height + rows - 1) / rows;
  std::vector<ParityTaps> parities;
  for (int py = 0; py < 2; ++py)
    for (int px = 0; px < 2; ++px) parities.emplace_back(layout, w, py, px);

  const size_t out_plane = plane_stride(rows * x_width);
  const size_t out_floats = s.c * out_plane + LANES;  // of one parity; rows are read as vectors
  const size_t room_floats = round_up(2 * x_width, LANES) + 2 * LANES;
  const size_t band_floats = round_up(int(layout.floats()), LANES);
  const size_t work_floats = band_floats + 4 * out_floats + room_floats;
  static Scratch scratch;
  float* work = scratch.floats(threads * work_floats);

  parallel_ranges(s.n * bands, threads, [&](int first_item, int last_item, int thread) {
    float* band = work + thread * work_floats;
    float* out = band + band_floats;
    float* room = out + 4 * out_floats;
    std::fill(band, room, 0.0f);  // the zeros between rows, and pixels that no tap meets: they stay
    for (int item = first_item; item < last_item; ++item) {
      const int image = item / bands, top = item % bands * rows;
      const int count = std::min(rows, layout.x_height - top), pixels = count * x_width;
      layout.fill(gradient, image, top, count, band);
      for (int parity = 0; parity < 4; ++parity) {
        const ParityTaps& p = parities[parity];
        float* to = out + parity * out_floats;
        if (p.taps)  // else the zeros stay
          all_tiles<1>(s.c, pixels, band, p.weights.data(), p.offset.data(), p.taps, 0, nullptr,
                       [&](int) { return TapRange{0, p.taps}; },
                       [&](int c, int q, const vec (&sums)[4]) {
                         Linear{to}(c * out_plane + q, pixels - q, sums);
                       });
      }
      for (int c = 0; c < s.c; ++c)
        for (int row = std::max(0, 2 * top - s.pad);
             row < std::min(s.h, 2 * (top + count) - s.pad); ++row) {
          const float* even = out + (row + s.pad) % 2 * 2 * out_floats + c * out_plane +
                              ((row + s.pad) / 2 - top) * x_width;
          join_parities(even, even + out_floats, s.pad, s.w, room,
                        gx + ((size_t(image) * s.c + c) * s.h + row) * s.w);
        }
    }
  });
}

static void conv_relu(const ConvShape& s, const float* x, const float* w, const float* bias,
                      float* y) {
  conv_forward<STRIDE>(s, x, w, bias, Relu{y});
}

static void conv_linear(const ConvShape& s, const float* x, const float* w, float* z,
                        float* stats) {
  conv_forward<STRIDE>(s, x, w, nullptr, Linear{z}, z, stats);
}

// gx may be null.
template <class Gradient>
static void conv_backward(const ConvShape& s, const float* x, const float* w,
                          const Gradient& gradient, float* gx, float* gw, float* gb) {
  weight_gradient<STRIDE>(s, x, gradient, gw, gb);
  if (gx) gradient_by_parity(s, w, gradient, gx);
}

}  // namespace strided
}  // namespace facekp
