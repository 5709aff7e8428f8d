// The gradients of a convolution with ReLU and 2x2 max pooling, from the few outputs that have one.
//
// Of the four outputs under a window of the pool only the largest gets a gradient, and none if it
// is negative or dropped. So a direct sum over these entries takes at most a quarter of the direct
// sum's multiply-adds: one for each output, channel and filter with 2x2 filters, 2.25 with 3x3,
// 6.25 with 5x5, where Winograd's F(4x4, r x r) takes 1.6, 2.25 and 4 and transforms besides. Half
// of the windows have none at first, and more in a trained net.
//
// An entry is a gradient g and the place of its window in x. Images are laid out with the channels
// of a pixel side by side (blocks of them, see Block), between their padding's zeros, and so are
// the gradients dx. For a filter and a block of channels, the filter's weights and the sums for
// their gradient are in registers while all entries of a strip of rows pass:
//
//     dw[tap] += g x[window + tap],     dx[window + tap] += g w[tap],
//
// and x and dx of a strip stay in the first-level cache until all filters are done. Small images
// pass in groups, so that the filters are read less often. Neighbouring windows are listed apart,
// so that no entry waits for the dx that the one before is still writing.
//
// The images are cut into parts with sums of their own for the filters' gradient, which are added
// up at the end. How many there are depends on the shapes alone, so that any number of threads
// gives the same bits.
#pragma once
#include <omp.h>

#include "conv_gradients.h"
#include "conv_shape.h"
#include "scratch.h"
#include "winograd_pixels.h"

namespace facekp {
namespace pooled {

// Rows of taps and vectors of channels that are in registers together, as weights and as sums.
template <int KERNEL>
struct Block {
  static constexpr int MOST = LANES == 16 ? 12 : 6;  // vectors of each
  static constexpr int VECS = 2 * KERNEL * KERNEL <= MOST ? 2 : 1;
  static constexpr int ROWS = KERNEL * KERNEL * VECS <= MOST ? KERNEL
                              : 2 * KERNEL * VECS <= MOST    ? 2
                                                             : 1;
};

// What the passes of one strip share.
struct Strip {
  const float* x;
  float* dx;
  ptrdiff_t pitch;  // floats from a row of pixels to the next
};

// All entries of one filter, for ROWS rows of taps from `row` on. w and dw are [tap][channel].
template <int KERNEL, int ROWS, int VECS, bool INPUT>
static __attribute__((noinline)) void add_entries(const Strip& strip, int row, const float* g,
                                                  const int32_t* at, int entries, const float* w,
                                                  float* dw) {
  constexpr int STEP = VECS * LANES;
  const ptrdiff_t pitch = strip.pitch;
  const float* x = strip.x + row * pitch;
  float* dx = strip.dx + row * pitch;
  w += row * KERNEL * STEP;
  dw += row * KERNEL * STEP;
  vec weights[ROWS * KERNEL * VECS], sums[ROWS * KERNEL * VECS];
#pragma GCC unroll 12
  for (int i = 0; i < ROWS * KERNEL * VECS; ++i) {
    if (INPUT) weights[i] = load(w + i * LANES);
    sums[i] = load(dw + i * LANES);
  }
#pragma GCC unroll 1
  for (int e = 0; e < entries; ++e) {
    const vec value = in_register(splat(g[e]));
    const float* from = x + at[e];
    float* to = dx + at[e];
#pragma GCC unroll 5
    for (int r = 0; r < ROWS; ++r, from += pitch, to += pitch)
#pragma GCC unroll 10
      for (int i = 0; i < KERNEL * VECS; ++i) {
        const int k = r * KERNEL * VECS + i;
        sums[k] += value * load(from + i * LANES);
        if (INPUT) store(to + i * LANES, load(to + i * LANES) + value * weights[k]);
      }
  }
#pragma GCC unroll 12
  for (int i = 0; i < ROWS * KERNEL * VECS; ++i) store(dw + i * LANES, sums[i]);
}

template <int KERNEL, bool INPUT>
class Backward {
 public:
  // gb may be null, and gx where INPUT is false.
  Backward(const ConvShape& s, const float* x, const float* w, const PooledGradient& gradient,
           float* gx, float* gw, float* gb)
      : s_(s),
        x_(x),
        w_(w),
        gradient_(gradient),
        gx_(gx),
        gw_(gw),
        gb_(gb),
        height_(s.out_h() / 2),
        width_(s.out_w() / 2),
        blocks_((s.c + STEP - 1) / STEP),
        pitch_(ptrdiff_t(s.padded_w()) * STEP),
        rows_(int(PIECE_FLOATS / (2 * pitch_))),
        strip_rows_(std::max(1, std::min(height_, (rows_ - KERNEL + 1) / 2))),
        filter_size_(size_t(blocks_) * TAPS * STEP),
        parts_(std::min(s.n, std::max(8, std::min(32, int(PARTS_FLOATS / (s.f * filter_size_)))))),
        group_(std::max(1, std::min(rows_ / s.padded_h(), s.n / parts_))),
        block_size_(ptrdiff_t(group_) * s.padded_h() * pitch_),
        images_size_(blocks_ * block_size_),
        list_size_(lines(group_ * strip_rows_ * width_ * 4 + LANES)),
        threads_(omp_get_max_threads()) {}

  void run() const {
    static Scratch memory;
    const size_t sums_size = s_.f * (filter_size_ + LANES);
    const size_t lists_size = s_.f * list_size_, cells_size = lines(strip_rows_ * width_ + LANES);
    const size_t own_size = 2 * images_size_ + 2 * lists_size + cells_size + lines(s_.f);
    float* weights = memory.floats(s_.f * filter_size_ + parts_ * sums_size + threads_ * own_size);
    float* all_sums = weights + s_.f * filter_size_;
#pragma omp parallel num_threads(threads_)
    {
#pragma omp for schedule(static)
      for (int f = 0; f < s_.f; ++f) pack_filter(f, weights + f * filter_size_);
      float* own = all_sums + parts_ * sums_size + omp_get_thread_num() * own_size;
      const Work work = {own, own + images_size_, own + 2 * images_size_,
                         (int32_t*)(own + 2 * images_size_ + lists_size),
                         (int32_t*)(own + 2 * images_size_ + 2 * lists_size),
                         (int32_t*)(own + 2 * images_size_ + 2 * lists_size + cells_size)};
      std::fill(work.x, work.x + images_size_, 0.0f);  // the padding stays
      for (int q = 0; q < strip_rows_ * width_; ++q)
        work.cells[q] = int32_t(q / width_ * 2 * pitch_ + q % width_ * 2 * STEP);
      for (size_t q = 0; q < cells_size; q += LANES)
        store((float*)work.cells + q, apart(load((float*)work.cells + q)));
#pragma omp for schedule(static)
      for (int part = 0; part < parts_; ++part) {
        float* sums = all_sums + part * sums_size;
        std::fill(sums, sums + sums_size, 0.0f);
        const int first = int(int64_t(s_.n) * part / parts_);
        const int last = int(int64_t(s_.n) * (part + 1) / parts_);
        for (int image = first; image < last; image += group_)
          add_images(image, std::min(group_, last - image), weights, work, sums);
      }
#pragma omp for schedule(static)
      for (int f = 0; f < s_.f; ++f) write_filter(f, all_sums, sums_size);
    }
  }

 private:
  static constexpr int TAPS = KERNEL * KERNEL;
  // Floats: LANES planes are more streams than the hardware foresees.
  static constexpr int AHEAD = 4 * LANES;
  static constexpr size_t PIECE_FLOATS = 12 * 1024;    // of a strip of x and dx: 48 KB
  static constexpr size_t PARTS_FLOATS = 1024 * 1024;  // of all parts' sums
  static constexpr int VECS = Block<KERNEL>::VECS, ROWS = Block<KERNEL>::ROWS;
  static constexpr int STEP = VECS * LANES;  // channels of a block

  struct Work {
    float *x, *dx;     // [block][image][row][column][channel of the block]
    float* values;     // of the entries, [filter][entry]
    int32_t* places;   // theirs in a strip
    int32_t* cells;    // the place of every window of a strip
    int32_t* entries;  // how many, by the filter
  };

  static size_t lines(size_t floats) { return (floats + 15) / 16 * 16; }
  // Filter f as [block][tap][channel]; taps in the order of the window's pixels: flipped.
  void pack_filter(int f, float* packed) const {
    const float* from = w_ + size_t(f) * s_.taps();
    for (int c = 0; c < blocks_ * STEP; ++c)
      for (int k = 0; k < TAPS; ++k)
        packed[(size_t(c / STEP) * TAPS + k) * STEP + c % STEP] =
            c < s_.c ? from[c * TAPS + TAPS - 1 - k] : 0.0f;
  }

  void add_images(int first, int count, const float* weights, const Work& work,
                  float* sums) const {
    for (int i = 0; i < count; ++i) read_image(first + i, pixels(work.x, i));
    if (INPUT) std::fill(work.dx, work.dx + images_size_, 0.0f);
    for (int row = 0; row < height_; row += strip_rows_) {
      const int rows = std::min(strip_rows_, height_ - row);
      for (int f = 0; f < s_.f; ++f) {
        float* const bias_sums = sums + s_.f * filter_size_ + f * LANES;
        work.entries[f] = 0;
        for (int i = 0; i < count; ++i)
          list_entries(first + i, i, f, row, rows, work, bias_sums);
      }
      for (int b = 0; b < blocks_; ++b) {
        const ptrdiff_t top = b * block_size_ + 2 * row * pitch_;
        const Strip strip = {work.x + top, work.dx + top, pitch_};
        for (int f = 0; f < s_.f; ++f)
          add_filter(strip, work.values + f * list_size_, work.places + f * list_size_,
                     work.entries[f], weights + f * filter_size_ + b * TAPS * STEP,
                     sums + f * filter_size_ + b * TAPS * STEP);
      }
    }
    if (INPUT)
      for (int i = 0; i < count; ++i) write_image(pixels(work.dx, i), first + i);
  }

  static FACEKP_INLINE void add_filter(const Strip& strip, const float* values,
                                       const int32_t* places, int entries, const float* weights,
                                       float* sums) {
    if (!entries) return;
    int row = 0;
    for (; row + ROWS <= KERNEL; row += ROWS)
      add_entries<KERNEL, ROWS, VECS, INPUT>(strip, row, values, places, entries, weights, sums);
    if (KERNEL % ROWS)
      add_entries<KERNEL, KERNEL % ROWS ? KERNEL % ROWS : 1, VECS, INPUT>(
          strip, row, values, places, entries, weights, sums);
  }

  // Lists the entries of filter f in `rows` rows of windows of image i of a group, and adds them to
  // the bias's gradient.
  void list_entries(int image, int i, int f, int row, int rows, const Work& work,
                    float* bias_sums) const {
    float* values = work.values + f * list_size_;
    int32_t* places = work.places + f * list_size_;
    int entries = work.entries[f];
    const int top = int(i * s_.padded_h() * pitch_);
    const size_t index = ((size_t(image) * s_.f + f) * height_ + row) * width_;
    const int windows = rows * width_;
    const int to_right = STEP, below = int(pitch_);
    vec total = {};
    for (int q = 0; q < windows; q += LANES) {
      const int count = std::min(LANES, windows - q);
      gradient_.prefetch(index + q + size_t(rows) * width_ + 2 * LANES);  // the next strip's
      ivec bits;
      const vec g = apart(gradient_.of_windows(index + q, count, &bits));
      bits = (ivec)apart((vec)bits);
      const ivec cells = (ivec)load((const float*)work.cells + q) + top;
      if (!any(bits & (bits - 1))) {  // one place in every window
        const ivec place = cells + (((bits & 10) != 0) & to_right) + (((bits & 12) != 0) & below);
        total += g;
        entries += compress(g, place, values + entries, places + entries);
        continue;
      }
      for (int phase = 0; phase < 4; ++phase) {
        const vec some = (bits & (1 << phase)) != 0 ? g : vec{};
        total += some;
        entries += compress(some, cells + (phase & 1 ? to_right : 0) + (phase & 2 ? below : 0),
                            values + entries, places + entries);
      }
    }
    store(bias_sums, load(bias_sums) + total);
    work.entries[f] = entries;
  }

  // Neighbours moved apart: lanes 0 4 8 12 1 5 9 13 ..., or 0 4 1 5 ... of 8.
  template <int... I>
  static FACEKP_INLINE vec apart(vec v, std::integer_sequence<int, I...>) {
    constexpr int RUN = LANES == 16 ? 4 : 2;
    return FACEKP_SHUFFLE(v, v, (I % RUN * (LANES / RUN) + I / RUN)...);
  }
  static FACEKP_INLINE vec apart(vec v) {
    return apart(v, std::make_integer_sequence<int, LANES>());
  }

  // Writes the lanes of g that are not 0, and those of `place`, one after the other.
  static FACEKP_INLINE int compress(vec g, ivec place, float* values, int32_t* places) {
#if FACEKP_LANES == 16
    const __mmask16 kept = _mm512_cmp_ps_mask((__m512)g, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    _mm512_storeu_ps(values, _mm512_maskz_compress_ps(kept, (__m512)g));
    _mm512_storeu_si512(places, _mm512_maskz_compress_epi32(kept, (__m512i)place));
    return __builtin_popcount(kept);
#else
    int n = 0;
    for (int i = 0; i < LANES; ++i) {
      values[n] = g[i];
      places[n] = place[i];
      n += g[i] != 0.0f;
    }
    return n;
#endif
  }

  // Between the array's image and that which begins with pixel (0, 0) at `to` or `from`.
  void read_image(int image, float* to) const {
    const size_t plane = size_t(s_.h) * s_.w;
    for (int c = 0; c < s_.c; c += LANES) {
      const float* from = x_ + (size_t(image) * s_.c + c) * plane;
      winograd::to_lanes(
          int(plane), std::min(LANES, s_.c - c),
          [&](int lane, int p, int count) {
            __builtin_prefetch(from + lane * plane + p + AHEAD, 0, 2);
            return winograd::load_some(from + lane * plane + p, count);
          },
          to + channel(c), s_.w, pitch_, STEP);
    }
  }

  void write_image(const float* from, int image) const {
    const size_t plane = size_t(s_.h) * s_.w;
    for (int c = 0; c < s_.c; c += LANES) {
      float* to = gx_ + (size_t(image) * s_.c + c) * plane;
      winograd::from_lanes(
          from + channel(c), s_.w, pitch_, int(plane), std::min(LANES, s_.c - c),
          [&](int lane, int p, vec v, int n) {
            __builtin_prefetch(to + lane * plane + p + AHEAD, 1, 2);
            winograd::store_some(to + lane * plane + p, v, n);
          },
          STEP);
    }
  }

  // The first pixel of image i in a group, and how far from it channel c begins.
  float* pixels(float* images, int i) const {
    return images + (ptrdiff_t(i) * s_.padded_h() + s_.pad) * pitch_ + s_.pad * STEP;
  }
  ptrdiff_t channel(int c) const { return c / STEP * block_size_ + c % STEP; }

  // Adds up the parts' sums for filter f.
  void write_filter(int f, float* all_sums, size_t sums_size) const {
    float* sums = all_sums + f * filter_size_;
    float* bias = all_sums + s_.f * filter_size_ + f * LANES;
    for (int part = 1; part < parts_; ++part) {
      const float* more = sums + part * sums_size;
      for (size_t i = 0; i < filter_size_; i += LANES)
        store(sums + i, load(sums + i) + load(more + i));
      store(bias, load(bias) + load(bias + part * sums_size));
    }
    float* to = gw_ + size_t(f) * s_.taps();
    for (int c = 0; c < s_.c; ++c)
      for (int k = 0; k < TAPS; ++k)
        to[c * TAPS + TAPS - 1 - k] = sums[(size_t(c / STEP) * TAPS + k) * STEP + c % STEP];
    if (gb_) gb_[f] = sum(load(bias));
  }

  const ConvShape s_;
  const float *const x_, *const w_;
  const PooledGradient gradient_;
  float *const gx_, *const gw_, *const gb_;
  const int height_, width_, blocks_;  // of the pooled outputs; blocks of channels
  const ptrdiff_t pitch_;
  const int rows_, strip_rows_;  // of pixels in a piece, of windows in a strip
  const size_t filter_size_;
  const int parts_, group_;  // images that pass together
  const ptrdiff_t block_size_;
  const size_t images_size_, list_size_;
  const int threads_;
};

// As facekp::conv_backward.
template <int KERNEL>
static void conv_backward(const ConvShape& s, const float* x, const float* w,
                          const PooledGradient& gradient, float* gx, float* gw, float* gb) {
  if (gx)
    Backward<KERNEL, true>(s, x, w, gradient, gx, gw, gb).run();
  else
    Backward<KERNEL, false>(s, x, w, gradient, gx, gw, gb).run();
}

}  // namespace pooled
}  // namespace facekp
