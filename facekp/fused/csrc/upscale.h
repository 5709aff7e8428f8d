// Channels of twice the height and width, each pixel four times, before the channels of a larger
// image; and the gradient.
#pragma once
#include <algorithm>

#include "target.h"
#include "threads.h"
#include "windows.h"

namespace facekp {

// x (n, deep, h, w), skip (n, flat, 2h, 2w) -> y (n, deep + flat, 2h, 2w)
static void upscale_concat(int n, int deep, int flat, int h, int w, const float* x,
                           const float* skip, float* y, int threads) {
  const int64_t size = int64_t(h) * w;
  const Target target(y, size_t(n) * (deep + flat), 4 * size);
  parallel_ranges(n * (deep + flat), threads, [&](int first, int last, int) {
    for (int i = first; i < last; ++i) {
      const int image = i / (deep + flat), channel = i % (deep + flat);
      size_t to = size_t(i) * 4 * size;
      if (channel >= deep) {
        const float* from = skip + (int64_t(image) * flat + channel - deep) * 4 * size;
        for_each_run(4 * size, [&](auto all, int64_t j, int count) FACEKP_INLINED {
          target.put(to + j, load_run(all, from + j, count), count);
        });
        continue;
      }
      const float* from = x + (int64_t(image) * deep + channel) * size;
      for (int r = 0; r < h; ++r, from += w, to += 4 * w)
        for_each_run(w, [&](auto all, int64_t j, int count) FACEKP_INLINED {
          const vec v = load_run(all, from + j, count);
          for (int half = 0; half < 2 && 2 * count > half * LANES; ++half)
            for (int row = 0; row < 2; ++row)
              target.put(to + row * 2 * w + 2 * j + half * LANES,
                         half ? interleave<1>(v, v) : interleave<0>(v, v),
                         2 * count - half * LANES);
        });
    }
    drain();
  });
}

static void upscale_concat_gradient(int n, int deep, int flat, int h, int w, const float* gy,
                                    float* gx, float* gskip, int threads) {
  const int64_t size = int64_t(h) * w;
  parallel_ranges(n * (deep + flat), threads, [&](int first, int last, int) {
    for (int i = first; i < last; ++i) {
      const int image = i / (deep + flat), channel = i % (deep + flat);
      const float* from = gy + i * 4 * size;
      if (channel >= deep) {
        std::copy(from, from + 4 * size,
                  gskip + (int64_t(image) * flat + channel - deep) * 4 * size);
        continue;
      }
      float* to = gx + (int64_t(image) * deep + channel) * size;
      for (int r = 0; r < h; ++r, from += 4 * w, to += w)
        for (int c = 0; c < w; ++c)
          to[c] = (from[2 * c] + from[2 * c + 1]) + (from[2 * w + 2 * c] + from[2 * w + 2 * c + 1]);
    }
  });
}

}  // namespace facekp
