// The size of a convolution, and how its images are laid out for the kernels.
//
// A convolution has stride 1 and a window S of 1 (every output is kept) or 2 (2x2 max pooling of
// the outputs, an odd last row or column dropped, so that it need not be computed at all). Outputs
// that are kept form S * S phases: phase (py, px) holds the outputs (S i + py, S j + px), one for
// each pooled pixel (i, j). Flattened, q = i * width + j runs over all pooled pixels without a gap.
//
// Kernel tap (c, ky, kx) of phase (py, px) wants the pixels x[c][S i + py + ky][S j + px + kx]. If
// for every column shift d = px + kx there is a copy of the image with the columns S j + d, and of
// it one plane for each parity (py + ky) % S of the rows, then these pixels, too, are a contiguous
// run over q, at a fixed place. So every tap's operand is `columns + offset[tap] + q`; no vector
// ever spans a row's unused end, whatever the width. (With rows left at their own width,
// (KW - 1) / w of the work would be lost: 19 % for 5x5 kernels on 21 columns.)
//
// The copies cost (KW + S - 1) / S times the image, in L2, made once and read by all filters:
// 2 to 5 % of the time of a layer with 32 filters. They carry the zero padding, too.
#pragma once
#include <algorithm>

#include "simd.h"

namespace facekp {

struct ConvShape {
  int n, c, h, w;  // images (n, c, h, w)
  int f, kh, kw;   // weights (f, c, kh, kw)
  int pad;         // zeros on all four sides
  int padded_h() const { return h + 2 * pad; }
  int padded_w() const { return w + 2 * pad; }
  int out_h() const { return padded_h() - kh + 1; }
  int out_w() const { return padded_w() - kw + 1; }
  int taps() const { return c * kh * kw; }
};

static inline int round_up(int a, int multiple) { return (a + multiple - 1) / multiple * multiple; }

// A multiple of LANES >= a that is not a multiple of 1 KB, so that equal places of many planes do
// not all fall into the same few sets of a cache.
static inline int plane_stride(int a) {
  const int stride = round_up(a, LANES);
  return stride % 256 ? stride : stride + LANES;
}

constexpr size_t L2_FLOATS = 160 * 1024;  // 640 KB: what one thread may keep in its L2 cache

// Images are cut into bands of rows if their working set is larger than the L2 cache, or if there
// are too few images to occupy all threads.
static inline int band_rows(int n, int rows, size_t floats_per_row, int threads) {
  const int fitting = int(std::max(size_t(1), L2_FLOATS / (floats_per_row + 1)));
  const int bands = std::max((rows + fitting - 1) / fitting, (threads + n - 1) / std::max(n, 1));
  return std::max(1, (rows + bands - 1) / bands);
}

// The column copies of `rows` rows of pooled pixels of one image.
template <int S>
struct Columns {
  ConvShape s;
  int rows, width;  // of pooled pixels
  int plane;        // floats of one (channel, column shift, row parity)

  Columns(const ConvShape& s, int rows) : s(s), rows(rows), width(s.out_w() / S) {
    plane = plane_stride(plane_rows() * width);
  }
  int plane_rows() const { return rows + (s.kh + S - 2) / S; }
  int shifts() const { return s.kw + S - 1; }
  size_t floats_per_row() const { return size_t(s.c) * shifts() * S * width; }
  int shift_stride() const { return S * plane; }
  // Tiles read whole vectors, up to four of them past the last pixel.
  size_t floats() const { return size_t(s.c) * shifts() * shift_stride() + 4 * LANES; }

  // Where tap (c, ky, kx) of the phases (py, 0) begins; px adds shift_stride().
  int offset(int c, int ky, int kx, int py) const {
    return (c * shifts() + kx) * shift_stride() + (ky + py) % S * plane + (ky + py) / S * width;
  }

  // Room for one channel with its padding, for pack().
  size_t channel_floats() const { return size_t(s.padded_h() + 1) * s.padded_w() + 4 * LANES; }

  // Copies `count` <= rows pooled rows from first_row on, of the image x (c, h, w) in an array that
  // ends at `end`. Nothing is left undefined: what lies past a plane's last row is multiplied by
  // zeros later, which takes finite numbers.
  void pack(const float* x, const float* end, int first_row, int count, float* channel,
            float* columns) const {
    const int used_rows = count ? S * count + s.kh - 1 : 0;
    float* to = columns;
    for (int c = 0; c < s.c; ++c, x += s.h * s.w) {
      const bool reads_past_end = end - x < s.h * s.w + 3 * LANES;
      if (s.pad || reads_past_end) pad_channel(x, channel);
      const float* top = (s.pad || reads_past_end ? channel : x) + S * first_row * s.padded_w();
      for (int d = 0; d < shifts(); ++d)
        for (int parity = 0; parity < S; ++parity, to += plane) {
          int i = 0;  // a row's last store overruns its end: the next row overwrites that
          for (; S * i + parity < used_rows; ++i)
            copy_row(top + (S * i + parity) * s.padded_w() + d, to + i * width);
          std::fill(to + i * width, to + plane, 0.0f);
        }
    }
    std::fill(to, to + 4 * LANES, 0.0f);
  }

 private:
  void copy_row(const float* from, float* to) const {
    for (int j = 0; j < width; j += LANES) {
      const float* p = from + S * j;
      store(to + j, S == 1 ? load(p) : half_blocks<2, 0>(load(p), load(p + LANES)));
    }
  }
  void pad_channel(const float* x, float* channel) const {
    std::fill(channel, channel + channel_floats(), 0.0f);
    for (int r = 0; r < s.h; ++r)
      memcpy(channel + (r + s.pad) * s.padded_w() + s.pad, x + r * s.w, s.w * sizeof(float));
  }
};

}  // namespace facekp
