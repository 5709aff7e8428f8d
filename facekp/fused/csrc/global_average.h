// The mean of each channel of each image, and its gradient.
#pragma once
#include "threads.h"
#include "windows.h"

namespace facekp {

static inline void global_average(int planes, int64_t size, const float* x, float* y, int threads) {
  parallel_ranges(planes, threads, [&](int first, int last, int) {
    for (int i = first; i < last; ++i) {
      vec total = {};
      for_each_run(size, [&](auto all, int64_t j, int count) FACEKP_INLINED {
        total += load_run(all, x + i * size + j, count);
      });
      y[i] = sum(total) / float(size);
    }
  });
}

static inline void global_average_gradient(int planes, int64_t size, const float* gy, float* gx,
                                           int threads) {
  parallel_ranges(planes, threads, [&](int first, int last, int) {
    for (int i = first; i < last; ++i)
      std::fill(gx + i * size, gx + (i + 1) * size, gy[i] / float(size));
  });
}

}  // namespace facekp
