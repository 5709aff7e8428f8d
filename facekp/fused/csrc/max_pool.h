// 2x2 max pooling (stride 2, an odd last row or column dropped) where no other kernel does it in
// passing: the unpooled image has a second reader. Every maximum of a window gets the whole
// gradient, as in Theano.
#pragma once
#include <cstring>

#include "threads.h"
#include "windows.h"

namespace facekp {

static void max_pool(int planes, int h, int w, const float* x, float* y, int threads) {
  const int64_t size = int64_t(h) * w, out_size = int64_t(h / 2) * (w / 2);
  parallel_ranges(planes, threads, [&](int first, int last, int) {
    for (int i = first; i < last; ++i)
      for (int r = 0; r < h / 2; ++r) {
        const float* top = x + i * size + 2 * r * w;
        float* row = y + i * out_size + r * (w / 2);
        for_each_run(w / 2, [&](auto all, int64_t j, int count) FACEKP_INLINED {
          store_run(all, row + j, load_windows(all, top + 2 * j, w, count).max(), count);
        });
      }
  });
}

static void max_pool_gradient(int planes, int h, int w, const float* x, const float* gy, float* gx,
                              int threads) {
  const int64_t size = int64_t(h) * w, out_size = int64_t(h / 2) * (w / 2);
  parallel_ranges(planes, threads, [&](int first, int last, int) {
    for (int i = first; i < last; ++i) {
      if (h % 2 || w % 2) std::memset(gx + i * size, 0, size * sizeof(float));
      for (int r = 0; r < h / 2; ++r) {
        const int64_t top = i * size + 2 * r * w;
        const float* row = gy + i * out_size + r * (w / 2);
        for_each_run(w / 2, [&](auto all, int64_t j, int count) FACEKP_INLINED {
          Windows v = load_windows(all, x + top + 2 * j, w, count);
          const vec winner = v.max(), g = load_run(all, row + j, count);
          const vec winners[2] = {interleave<0>(winner, winner), interleave<1>(winner, winner)};
          const vec gs[2] = {interleave<0>(g, g), interleave<1>(g, g)};
          for (int k = 0; k < 4; ++k)
            v.v[k / 2][k % 2] = v.v[k / 2][k % 2] == winners[k % 2] ? gs[k % 2] : vec{};
          store_windows(all, gx + top + 2 * j, w, v, count);
        });
      }
    }
  });
}

}  // namespace facekp
