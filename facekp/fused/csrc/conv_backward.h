// Gradients of the convolution: with respect to the weights and bias, and to the input.
//
// Both start from the gradient of the pre-activation, which is never stored: where it is needed, a
// few thousand numbers of it are made in L1 or L2 from what the layer above passes (after pooling
// a quarter of the size) and the forward pass left (the mask bytes, or the signs of y).
#pragma once
#include "conv_forward.h"
#include "conv_gradients.h"

namespace facekp {

// One filter's part of a block (see gradient_block): `vectors` vectors for each of `images` images,
// whose gradients begin at `index` and lie image_stride apart; zeros if there is no such filter.
// Returns the sum of all.
template <class Gradient>
static vec fill_block(const Gradient& gradient, bool exists, size_t index, size_t image_stride,
                      int images, int vectors, int count, ptrdiff_t to_next_block, float* to) {
  constexpr int PHASES = Gradient::S * Gradient::S;
  vec total = {};
  for (int i = 0; i < images; ++i, index += image_stride)
    for (int v = 0; v < vectors; ++v) {
      vec g[PHASES] = {};
      if (exists) {
        gradient.prefetch(index + v * LANES + to_next_block);
        gradient(index + v * LANES, count - v * LANES, g);
      }
      vec window = {};
      for (int phase = 0; phase < PHASES; ++phase, to += GRAD_FILTERS * LANES) {
        store(to, g[phase]);
        window += g[phase];
      }
      total += window;
    }
  return total;
}

// gw (f, c, kh, kw) and gb (f) or null.
//
// A block of gradients, GRAD_FILTERS filters x as many pixels as half of L1 holds (pieces of one
// image, or several small images), meets all taps, GRAD_TAPS at a time, before the next is made.
// Each thread sums over its images; the threads' sums are added in their order.
template <class Gradient>
static void weight_gradient(const ConvShape& s, const float* x, const Gradient& gradient,
                            float* gw, float* gb) {
  constexpr int S = Gradient::S, BLOCK = gradient_block(S);
  constexpr int FITTING = 8 * 1024 / BLOCK;  // vectors of pixels in 32 KB
  const int threads = max_threads(), height = s.out_h() / S, width = s.out_w() / S;
  const int rows = band_rows(s.n, height, Columns<S>(s, height).floats_per_row(), threads);
  const int bands = (height + rows - 1) / rows, taps = s.taps();
  const Columns<S> layout(s, rows);
  const int vectors = round_up(rows * width, LANES) / LANES;
  const int pieces = (vectors + FITTING - 1) / FITTING;
  const int piece = pieces ? (vectors + pieces - 1) / pieces : 0;
  const size_t image_stride = layout.floats();
  const int group = bands > 1 ? 1 : std::max(1, std::min({FITTING / std::max(vectors, 1),
                                                          int(L2_FLOATS / image_stride),
                                                          s.n / threads}));
  const int groups = (s.n + group - 1) / group;

  const int padded_taps = round_up(taps, GRAD_TAPS), padded_f = round_up(s.f, GRAD_FILTERS);
  std::vector<int> offset(padded_taps * S);
  for (int k = 0; k < taps; ++k)
    for (int py = 0; py < S; ++py)
      offset[k * S + py] = layout.offset(k / (s.kh * s.kw), k / s.kw % s.kh, k % s.kw, py);

  const size_t gw_floats = size_t(padded_taps) * padded_f, gb_floats = size_t(padded_f) * LANES;
  const size_t block_floats = size_t(group) * piece * BLOCK;
  const size_t work_floats = round_up(int(gw_floats), LANES) + gb_floats + block_floats +
                             group * image_stride + round_up(int(layout.channel_floats()), LANES);
  static Scratch scratch;
  float* work = scratch.floats(threads * work_floats);
  const size_t gb_at = round_up(int(gw_floats), LANES);

  parallel_ranges(groups * bands, threads, [&](int first_item, int last_item, int thread) {
    float* gw_sums = work + thread * work_floats;  // [tap][filter]
    float* gb_sums = gw_sums + gb_at;              // [filter][lane]
    float* block = gb_sums + gb_floats;
    float* columns = block + block_floats;
    float* channel = columns + group * image_stride;
    std::fill(gw_sums, block, 0.0f);

    for (int item = first_item; item < last_item; ++item) {
      const int first_image = item / bands * group, row = item % bands * rows;
      const int images = std::min(group, s.n - first_image);
      const int some = std::min(rows, height - row), count = some * width;  // width may be 0
      for (int i = 0; i < images; ++i)
        layout.pack(x + size_t(first_image + i) * s.c * s.h * s.w,
                    x + size_t(s.n) * s.c * s.h * s.w, row, some, channel,
                    columns + i * image_stride);
      for (int q0 = 0; q0 < count; q0 += piece * LANES)
        for (int f0 = 0; f0 < s.f; f0 += GRAD_FILTERS) {
          const int block_vectors = std::min(piece, (count - q0 + LANES - 1) / LANES);
          const size_t plane = size_t(height) * width;
          const size_t index = (size_t(first_image) * s.f + f0) * plane + row * width + q0;
          const ptrdiff_t to_next_block = f0 + GRAD_FILTERS < s.f
                                              ? ptrdiff_t(GRAD_FILTERS * plane)
                                              : piece * LANES - ptrdiff_t(f0 * plane);
          for (int f = 0; f < GRAD_FILTERS; ++f) {
            const vec total = fill_block(gradient, f0 + f < s.f, index + f * plane, s.f * plane,
                                         images, block_vectors, count - q0, to_next_block,
                                         block + f * LANES);
            float* gb_sum = gb_sums + (f0 + f) * LANES;
            store(gb_sum, load(gb_sum) + total);
          }
          for (int k = 0; k < taps; k += GRAD_TAPS) {
            vec sums[GRAD_TAPS][GRAD_FILTERS] = {};
            sum_pixels<S>(columns + q0, image_stride, images, &offset[k * S],
                          layout.shift_stride(), block, block_vectors, sums);
            for (int j = 0; j < GRAD_TAPS; ++j) {
              const vec folded = Sums<GRAD_FILTERS>::of(sums[j]);
              float* to = gw_sums + size_t(k + j) * padded_f + f0;
              store_first(to, load_first(to, GRAD_FILTERS) + folded, GRAD_FILTERS);
            }
          }
        }
    }
  });

  const int area = s.kh * s.kw;
  for (int f = 0; f < s.f; ++f) {
    for (int k = 0; k < taps; ++k) {
      float total = 0;
      for (int t = 0; t < threads; ++t) total += work[t * work_floats + size_t(k) * padded_f + f];
      gw[size_t(f) * taps + k / area * area + area - 1 - k % area] = total;  // flipped
    }
    if (!gb) continue;
    gb[f] = 0;
    for (int t = 0; t < threads; ++t)
      gb[f] += sum(load(work + t * work_floats + gb_at + f * LANES));
  }
}

// gx (n, c, h, w): the forward kernel, applied to the gradients between zeros.
//
// kw - 1 zeros between two rows serve both as the halo right of one and left of the next. That
// makes the rows of the gradients as wide as those of (padded) x: flattened, tap (f, ky, kx) of
// pixel q is at f * plane + ky * w + kx + q. Rows of zeros above and below complete it, but their
// taps are skipped as far as a whole tile has them.
template <class Gradient>
static void input_gradient(const ConvShape& s, const float* w, const Gradient& gradient,
                           float* gx) {
  constexpr int S = Gradient::S;
  const int threads = max_threads(), height = s.out_h() / S, width = s.out_w() / S;
  const int x_height = s.padded_h(), x_width = s.padded_w(), taps = s.f * s.kh * s.kw;
  const int rows = band_rows(s.n, x_height, size_t(s.f) * x_width, threads);
  const int bands = (x_height + rows - 1) / rows;
  const int plane = plane_stride(s.kw - 1 + (rows + s.kh - 1) * x_width);
  const size_t band_floats = size_t(s.f) * plane + round_up(4 * LANES + s.kw, LANES);
  const size_t work_floats = band_floats + (s.pad ? size_t(s.c) * plane_stride(rows * x_width) : 0);

  static Scratch shared_scratch, thread_scratch;
  float* packed_w =
      shared_scratch.floats(size_t(FilterTiles(s.c).padded_filters()) * taps);
  pack_weights(s.c, taps, [&](int c, int k) {  // taps in the order ky, f, kx
    const int ky = k / (s.f * s.kw), f = k / s.kw % s.f, kx = k % s.kw;
    return w[((size_t(f) * s.c + c) * s.kh + ky) * s.kw + kx];
  }, packed_w);
  std::vector<int> offset;
  for (int ky = 0; ky < s.kh; ++ky)
    for (int f = 0; f < s.f; ++f)
      for (int kx = 0; kx < s.kw; ++kx) offset.push_back(f * plane + ky * x_width + kx);
  float* work = thread_scratch.floats(threads * work_floats);

  parallel_ranges(s.n * bands, threads, [&](int first_item, int last_item, int thread) {
    float* band = work + thread * work_floats;
    float* padded_gx = band + band_floats;
    std::fill(band, padded_gx, 0.0f);  // the zeros between rows: they stay
    for (int item = first_item; item < last_item; ++item) {
      const int image = item / bands, top = item % bands * rows;
      const int count = std::min(rows, x_height - top);
      const int first_row = top - s.kh + 1, last_row = top + count;  // of gradients in the band
      const int first_i = std::max(0, first_row / S);
      const int last_i = std::min(height, (last_row + S - 1) / S);
      for (int f = 0; f < s.f; ++f) {
        float* rows_of_f = band + size_t(f) * plane + s.kw - 1;
        float* const above = rows_of_f + (S * first_i - first_row) * x_width;
        float* const below = rows_of_f + (S * last_i - first_row) * x_width;
        std::fill(rows_of_f, std::max(rows_of_f, above), 0.0f);
        std::fill(below, std::max(below, rows_of_f + (last_row - first_row) * x_width), 0.0f);
        for (int i = first_i; i < last_i; ++i)
          for (int j = 0; j < width; j += LANES) {
            vec g[S * S];
            gradient(((size_t(image) * s.f + f) * height + i) * width + j, width - j, g);
            for (int py = 0; py < S; ++py) {
              const int row = S * i + py - first_row;
              if (row < 0 || row >= last_row - first_row) continue;
              float* to = rows_of_f + row * x_width + S * j;
              for (int v = 0; v < S; ++v) {
                const vec part = S == 1 ? g[0]
                                 : v == 0 ? interleave<0>(g[py * S], g[py * S + S - 1])
                                          : interleave<1>(g[py * S], g[py * S + S - 1]);
                store_first(to + v * LANES, part,
                            std::min(LANES, std::max(0, S * (width - j) - v * LANES)));
              }
            }
          }
      }

      float* out = s.pad ? padded_gx : gx + (size_t(image) * s.c * s.h + top) * s.w;
      const size_t out_plane = s.pad ? plane_stride(rows * x_width) : s.h * s.w;
      const int pixels = count * x_width, row_taps = s.f * s.kw;
      all_tiles<1>(s.c, pixels, band, packed_w, offset.data(), taps, 0, nullptr,
                   [&](int q) {
                     const int y0 = top + q / x_width;
                     const int y1 = top + (std::min(q + 4 * LANES, pixels) - 1) / x_width;
                     return TapRange{std::max(0, s.kh - 1 - y1) * row_taps,
                                     std::max(0, std::min(s.kh, s.kh - 1 + S * height - y0)) *
                                         row_taps};
                   },
                   [&](int c, int q, const vec (&sums)[4]) {
                     Linear{Target(out)}(c * out_plane + q, pixels - q, sums);
                   });
      if (!s.pad) continue;
      for (int c = 0; c < s.c; ++c)
        for (int r = std::max(top, s.pad); r < std::min(top + count, s.pad + s.h); ++r)
          memcpy(gx + ((size_t(image) * s.c + c) * s.h + r - s.pad) * s.w,
                 out + c * out_plane + (r - top) * x_width + s.pad, s.w * sizeof(float));
    }
  });
}

// gx may be null: the first layer's input has no gradient.
template <class Gradient>
static void conv_backward(const ConvShape& s, const float* x, const float* w,
                          const Gradient& gradient, float* gx, float* gw, float* gb) {
  weight_gradient(s, x, gradient, gw, gb);
  if (gx) input_gradient(s, w, gradient, gx);
}

}  // namespace facekp
