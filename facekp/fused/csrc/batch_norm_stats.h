// Mean and variance of each channel, and their running averages.
#pragma once
#include <algorithm>
#include <vector>

#include "threads.h"
#include "windows.h"

namespace facekp {

struct BatchNormShape {
  int n, f, h, w;
  int planes() const { return n * f; }
  int64_t plane_size() const { return (int64_t)h * w; }
  double per_channel() const { return (double)n * h * w; }  // m
};

// moments[0] = mean, moments[1] = sum of squared distances from it, of the plane z.
static inline void plane_moments(const float* z, int64_t size, double* moments) {
  // Of numbers counted from one of their own, not from 0, the squares do not drown the variance.
  float origin[LANES];
  std::fill(origin, origin + LANES, z[size / 2]);
  vec total = {}, squares = {};
  for_each_run(size, [&](auto all, int64_t i, int count) FACEKP_INLINED {
    const vec c = load_run(all, z + i, count) - load_run(all, origin, count);
    total += c;
    squares += c * c;
  });
  const double t = sum(total);
  moments[0] = origin[0] + t / size;
  moments[1] = sum(squares) - t * t / size;
}

// stats: mean[f], then biased variance[f].
static inline void channel_stats(const BatchNormShape& s, const float* z, float* stats,
                                 int threads) {
  std::vector<double> moments(2 * s.planes());
  parallel_ranges(s.planes(), threads, [&](int first, int last, int) {
    for (int i = first; i < last; ++i)
      plane_moments(z + i * s.plane_size(), s.plane_size(), &moments[2 * i]);
  });
  for (int c = 0; c < s.f; ++c) {
    double mean = 0, squares = 0;
    for (int i = c; i < s.planes(); i += s.f) mean += moments[2 * i] / s.n;
    for (int i = c; i < s.planes(); i += s.f) {
      const double distance = moments[2 * i] - mean;
      squares += moments[2 * i + 1] + s.plane_size() * distance * distance;
    }
    stats[c] = (float)mean;
    stats[s.f + c] = (float)(squares / s.per_channel());
  }
}

// The averages' next values: a share alpha of the batch's statistics, the variance unbiased.
static inline void running_averages(const BatchNormShape& s, const float* stats, float alpha,
                                    const float* mean, const float* var, float* next_mean,
                                    float* next_var) {
  const double m = s.per_channel(), unbiased = m > 1 ? m / (m - 1) : 1;
  for (int c = 0; c < s.f; ++c) {
    next_mean[c] = (1 - alpha) * mean[c] + alpha * stats[c];
    next_var[c] = (1 - alpha) * var[c] + alpha * (float)(stats[s.f + c] * unbiased);
  }
}

}  // namespace facekp
