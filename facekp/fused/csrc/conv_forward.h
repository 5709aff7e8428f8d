// Convolution forward, one pass: columns of an image in L2, register tiles, and the epilogue (bias,
// ReLU, 2x2 max, dropout; or batch statistics) while the sums are still in registers.
#pragma once
#include <vector>

#include "conv_tile.h"
#include "dropout.h"
#include "scratch.h"
#include "threads.h"

namespace facekp {

// A mask byte for every pooled pixel: bits 0 .. 3 are the window's elements that equal its maximum,
// in the order (0, 0) (0, 1) (1, 0) (1, 1), where the maximum is >= 0 and not dropped; all of them
// receive the gradient (Theano's rule for ties). HALF says that the maximum is exactly 0, where
// 0.5 * (x + |x|) has the derivative 1/2.
constexpr int HALF = 16;

// What happens to a tile's sums for filter f at pixel q: max(., 0), pooling, dropout.
struct ReluPool {
  static constexpr int S = 2;
  float* y;       // (n, f, h / 2, w / 2)
  uint8_t* mask;  // the same shape, or null in evaluation
  const DropoutKey* dropout;  // or null

  FACEKP_INLINE void operator()(size_t index, int count, const vec (&a)[4]) const {
    const vec largest = max(max(a[0], a[1]), max(a[2], a[3]));
    vec result = max(vec{}, largest);  // in this order NaN stays NaN
    ivec bits = ((a[0] == largest) & 1) | ((a[1] == largest) & 2) | ((a[2] == largest) & 4) |
                ((a[3] == largest) & 8) | ((largest == vec{}) & HALF);
    bits &= largest >= vec{};
    if (dropout) {
      const ivec keep = (ivec)(dropout_bits(*dropout, uint32_t(index)) >=
                               uvec{} + dropout->threshold);
      result = (vec)((ivec)(result * splat(dropout->scale)) & keep);
      bits &= keep;
    }
    if (count >= LANES) {
      store(y + index, result);
      if (mask) store_bytes(mask + index, bits, LANES);
    } else {
      store_first(y + index, result, count);
      if (mask) store_bytes(mask + index, bits, count);
    }
  }
};

// ReLU alone. The sign of a zero tells the gradient what was there: +0 was exactly 0 (derivative
// 1/2), -0 was negative (0). No mask is needed.
struct Relu {
  static constexpr int S = 1;
  float* y;
  template <int VECS>
  FACEKP_INLINE void operator()(size_t index, int count, const vec (&a)[VECS]) const {
    const ivec sign = ivec{} + INT32_MIN;
    for (int v = 0; v < VECS; ++v) {
      const vec y_v = a[v] < vec{} ? (vec)sign : (vec)((ivec)a[v] & ~sign);
      if (count - v * LANES >= LANES) store(y + index + v * LANES, y_v);
      else if (count > v * LANES) store_first(y + index + v * LANES, y_v, count - v * LANES);
    }
  }
};

struct Linear {
  static constexpr int S = 1;
  float* z;
  template <int VECS>
  FACEKP_INLINE void operator()(size_t index, int count, const vec (&a)[VECS]) const {
    for (int v = 0; v < VECS; ++v)
      if (count - v * LANES >= LANES) store(z + index + v * LANES, a[v]);
      else if (count > v * LANES) store_first(z + index + v * LANES, a[v], count - v * LANES);
  }
};

// Mean and variance of every filter's outputs, from sums that each (image, band) leaves behind: a
// result that does not depend on the number of threads as long as it does not exceed the images'.
class Statistics {
 public:
  Statistics(int items, int f) : f_(f), moments_(size_t(items) * f) {}

  // Sums relative to the first element: a mean that is large beside the deviation costs no digits.
  void collect(int item, int filter, const float* z, int count) {
    const vec pivot = splat(z[0]);
    vec total = {}, squares = {};
    for (int q = 0; q < count; q += LANES) {
      vec d = (count - q < LANES ? load_first(z + q, count - q) : load(z + q)) - pivot;
      if (count - q < LANES) d = lane_index() < count - q ? d : vec{};
      total += d;
      squares += d * d;
    }
    const double shift = double(sum(total)) / count;
    moments_[size_t(item) * f_ + filter] = {double(count), z[0] + shift,
                                            sum(squares) - shift * shift * count};
  }

  // Chan et al.'s formula for the moments of a union. stats is (2, f): mean, biased variance.
  void combine(float* stats) const {
    for (int i = 0; i < f_; ++i) {
      Moments all = {0, 0, 0};
      for (size_t j = i; j < moments_.size(); j += f_) {
        const Moments& part = moments_[j];
        const double count = all.count + part.count, delta = part.mean - all.mean;
        if (count == 0) continue;
        all.mean += delta * part.count / count;
        all.squares += part.squares + delta * delta * all.count * part.count / count;
        all.count = count;
      }
      stats[i] = float(all.mean);
      stats[f_ + i] = float(std::max(0.0, all.squares / all.count));
    }
  }

 private:
  struct Moments {
    double count, mean, squares;  // squares of the deviations from the mean
  };
  int f_;
  std::vector<Moments> moments_;
};

struct TapRange {
  int first, last;
};

// Calls emit(filter, first pixel, sums) for all tiles of f filters x `pixels` flattened pixels,
// each the sum over taps(first pixel). Filters are the outer loop: a tile's weights stay in L1, x
// streams from L2 at a quarter of its bandwidth.
template <int S, class Taps, class Emit>
static void all_tiles(int f, int pixels, const float* x, const float* w, const int* offset,
                      int all_taps, ptrdiff_t shift_stride, const float* bias, Taps taps,
                      Emit emit) {
  constexpr int VECS = 4, RUN = VECS / (S * S) * LANES;
  const FilterTiles tiles(f);
  for (int tile = 0; tile < tiles.count(); ++tile) {
    const int first = tiles.first_filter(tile);
    const float* tile_w = w + size_t(first) * all_taps;
    const float* tile_bias = bias ? bias + first : nullptr;
    for (int q = 0; q < pixels; q += RUN) {
      const TapRange k = taps(q);
      const int* tile_offset = offset + k.first * S;
      const auto emit_row = [=](int i, const vec (&sums)[VECS]) {
        if (first + i < f) emit(first + i, q, sums);
      };
      if (tile < tiles.wide)
        tap_tile<WIDE_TILE, VECS, S>(x + q, tile_w + k.first * WIDE_TILE, tile_offset,
                                     k.last - k.first, shift_stride, tile_bias, emit_row);
      else
        tap_tile<NARROW_TILE, VECS, S>(x + q, tile_w + k.first * NARROW_TILE, tile_offset,
                                       k.last - k.first, shift_stride, tile_bias, emit_row);
    }
  }
}

// x (n, c, h, w), w (f, c, kh, kw) flipped as in a true convolution, bias (f) or null. The epilogue
// receives the flat index of a pooled pixel in the output (n, f, out_h / S, out_w / S), how many
// pixels of the row of pixels are left, and the sums. stats (2, f) or null is computed from z.
template <class Epilogue>
static void conv_forward(const ConvShape& s, const float* x, const float* w, const float* bias,
                         const Epilogue& epilogue, const float* z = nullptr,
                         float* stats = nullptr) {
  constexpr int S = Epilogue::S;
  const int threads = max_threads(), height = s.out_h() / S, width = s.out_w() / S;
  const int rows = band_rows(s.n, height, Columns<S>(s, height).floats_per_row(), threads);
  const int bands = (height + rows - 1) / rows, items = s.n * bands, taps = s.taps();
  const Columns<S> layout(s, rows);

  const int f_padded = FilterTiles(s.f).padded_filters();
  static Scratch shared_scratch, thread_scratch;
  float* packed_w = shared_scratch.floats(size_t(f_padded) * (taps + 1));
  float* packed_bias = packed_w + size_t(f_padded) * taps;
  pack_weights(s.f, taps, [&](int f, int k) {  // the last tap of a channel first: flipped
    const int area = s.kh * s.kw;
    return w[size_t(f) * taps + k / area * area + area - 1 - k % area];
  }, packed_w);
  for (int f = 0; f < f_padded; ++f) packed_bias[f] = bias && f < s.f ? bias[f] : 0.0f;

  std::vector<int> offset;
  for (int c = 0; c < s.c; ++c)
    for (int ky = 0; ky < s.kh; ++ky)
      for (int kx = 0; kx < s.kw; ++kx)
        for (int py = 0; py < S; ++py) offset.push_back(layout.offset(c, ky, kx, py));

  const size_t columns_floats = layout.floats();
  const size_t work_floats = columns_floats + layout.channel_floats();
  float* work = thread_scratch.floats(threads * work_floats);
  Statistics statistics(stats ? items : 0, s.f);

  parallel_ranges(items, threads, [&](int first, int last, int thread) {
    float* columns = work + thread * work_floats;
    for (int item = first; item < last; ++item) {
      const int image = item / bands, row = item % bands * rows;
      const int count = std::min(rows, height - row) * width;
      layout.pack(x + size_t(image) * s.c * s.h * s.w, x + size_t(s.n) * s.c * s.h * s.w, row,
                  count / width, columns + columns_floats, columns);
      const size_t plane = size_t(height) * width;
      const size_t first_index = size_t(image) * s.f * plane + size_t(row) * width;
      all_tiles<S>(s.f, count, columns, packed_w, offset.data(), taps, layout.shift_stride(),
                   packed_bias, [&](int) { return TapRange{0, taps}; },
                   [=](int f, int q, const vec (&sums)[4]) {
                     epilogue(first_index + f * plane + q, count - q, sums);
                   });
      if (stats)
        for (int f = 0; f < s.f; ++f)
          statistics.collect(item, f, z + first_index + f * plane, count);
    }
  });
  if (stats) statistics.combine(stats);
}

static void conv_relu_pool(const ConvShape& s, const float* x, const float* w, const float* bias,
                           const DropoutKey* dropout, float* y, uint8_t* mask) {
  conv_forward(s, x, w, bias, ReluPool{y, mask, dropout});
}

static void conv_relu(const ConvShape& s, const float* x, const float* w, const float* bias,
                      float* y) {
  conv_forward(s, x, w, bias, Relu{y});
}

static void conv_linear(const ConvShape& s, const float* x, const float* w, float* z,
                        float* stats) {
  conv_forward(s, x, w, nullptr, Linear{z}, z, stats);
}

}  // namespace facekp
