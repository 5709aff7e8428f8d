// Batch normalization, ReLU and 2x2 max pooling in one pass, and their gradient in two.
//
//   c = z - mean    p = c * scale + beta, scale = gamma * inv_std    y = pool(relu(p))
//
// Ten operations per number are little beside its 4 bytes: all of this is bound by memory, and what
// counts is how often z passes. For the first layer of LeNet-5, z (128, 16, 92, 92) has
// 69 MB, more than the caches; y and its gradient have a quarter of that. In units of z:
//
//   statistics  reads z                       1      (0 where the convolution delivers them)
//   forward     reads z, writes y             1.25
//   backward 1  reads z, gy: two sums         1.25
//   backward 2  reads z, gy, writes gz        2.25   (gz overwrites z: no third stream)
//
// Nothing but y is kept for the gradient: which pixel won its window and whether ReLU let it pass
// is found again from z, which has to be read anyway, by the same arithmetic and hence with the
// same result.
//
// Gradient, with m = numbers per channel and g = dL/dp, which is not 0 at the windows' maxima only:
//
//   gbeta = sum(g)    ggamma = inv_std * sum(g c)
//   gz = scale * (g - gbeta / m - c * inv_std * ggamma / m)
//
// It is complete: mean and variance depend on z. Theano's rules hold for ties (every maximum of a
// window gets the whole gradient) and at p = 0 (ReLU passes half of it).
//
// Sums are taken per plane (one channel of one image), then over the images in order, in double:
// results do not depend on the number of threads.
#pragma once
#include <cmath>
#include <vector>

#include "batch_norm_stats.h"
#include "target.h"
#include "threads.h"
#include "windows.h"

namespace facekp {

struct Norm {  // of one channel
  float mean, inv_std, scale, beta;
};

// stats: mean[f], then biased variance[f].
static inline std::vector<Norm> norms(int f, const float* stats, const float* gamma,
                                      const float* beta, float epsilon) {
  std::vector<Norm> result(f);
  for (int c = 0; c < f; ++c) {
    const float inv_std = 1.0f / std::sqrt(stats[f + c] + epsilon);
    result[c] = {stats[c], inv_std, gamma[c] * inv_std, beta[c]};
  }
  return result;
}

template <bool RELU>
static FACEKP_INLINE vec activation(vec p) {
  return RELU ? (p < vec{} ? vec{} : p) : p;  // NaN stays NaN
}
template <bool RELU>
static FACEKP_INLINE vec activation_gradient(vec p, vec g) {
  return RELU ? (p > vec{} ? g : (p == vec{} ? 0.5f * g : vec{})) : g;
}

// z - mean of windows.
template <class All>
static FACEKP_INLINE Windows centered(All all, const float* top, int w, int count, float mean) {
  Windows c = load_windows(all, top, w, count);
  for (int i = 0; i < 4; ++i) c.v[i / 2][i % 2] -= mean;
  return c;
}

static FACEKP_INLINE Windows normalized(const Windows& c, const Norm& norm) {
  Windows p;
  for (int i = 0; i < 4; ++i) p.v[i / 2][i % 2] = c.v[i / 2][i % 2] * norm.scale + norm.beta;
  return p;
}

// dL/dp of windows with the outputs' gradient gy.
template <bool RELU>
static FACEKP_INLINE Windows windows_gradient(const Windows& p, vec gy) {
  const vec winner = p.max(), g = activation_gradient<RELU>(winner, gy);
  const vec winners[2] = {interleave<0>(winner, winner), interleave<1>(winner, winner)};
  const vec gs[2] = {interleave<0>(g, g), interleave<1>(g, g)};
  Windows result;
  for (int row = 0; row < 2; ++row)
    for (int half = 0; half < 2; ++half)
      result.v[row][half] = p.v[row][half] == winners[half] ? gs[half] : vec{};
  return result;
}

template <bool POOL, bool RELU>
static void forward_plane(const BatchNormShape& s, const Norm& norm, const float* z,
                          const Target& y, size_t at) {
  if (!POOL)
    return for_each_run(s.plane_size(), [&](auto all, int64_t i, int count) FACEKP_INLINED {
      const vec p = (load_run(all, z + i, count) - norm.mean) * norm.scale + norm.beta;
      y.put(at + i, activation<RELU>(p), count);
    });
  for (int r = 0; r < s.h / 2; ++r, z += 2 * s.w, at += s.w / 2)
    for_each_run(s.w / 2, [&](auto all, int64_t j, int count) FACEKP_INLINED {
      const Windows c = centered(all, z + 2 * j, s.w, count, norm.mean);
      y.put(at + j, activation<RELU>(normalized(c, norm).max()), count);
    });
}

// sums[0] = sum(g), sums[1] = sum(g c) of one plane.
template <bool POOL, bool RELU>
static void gradient_sums(const BatchNormShape& s, const Norm& norm, const float* z,
                          const float* gy, double* sums) {
  vec g_sum = {}, gc_sum = {};
  const auto add = [&](vec g, vec c) FACEKP_INLINED {
    g_sum += g;
    gc_sum += g * c;
  };
  if (POOL) {
    for (int r = 0; r < s.h / 2; ++r, z += 2 * s.w, gy += s.w / 2)
      for_each_run(s.w / 2, [&](auto all, int64_t j, int count) FACEKP_INLINED {
        const Windows c = centered(all, z + 2 * j, s.w, count, norm.mean);
        const Windows g = windows_gradient<RELU>(normalized(c, norm), load_run(all, gy + j, count));
        for (int k = 0; k < 4; ++k) add(g.v[k / 2][k % 2], c.v[k / 2][k % 2]);
      });
  } else {
    for_each_run(s.plane_size(), [&](auto all, int64_t i, int count) FACEKP_INLINED {
      const vec c = load_run(all, z + i, count) - norm.mean;
      add(activation_gradient<RELU>(c * norm.scale + norm.beta, load_run(all, gy + i, count)), c);
    });
  }
  sums[0] = sum(g_sum);
  sums[1] = sum(gc_sum);
}

struct Slope {  // gz = scale * g - offset - c * slope, of one channel
  float offset, slope;
};

// gz may be z: each number is read before it is written.
template <bool POOL, bool RELU>
static void gradient_plane(const BatchNormShape& s, const Norm& norm, const Slope& k,
                           const float* z, const float* gy, float* gz) {
  const auto gradient = [&](vec g, vec c) FACEKP_INLINED {
    return norm.scale * g - k.offset - c * k.slope;
  };
  const auto outside_of_windows = [&](int64_t begin, int64_t size) {
    for_each_run(size, [&](auto all, int64_t i, int count) FACEKP_INLINED {
      const vec c = load_run(all, z + begin + i, count) - norm.mean;
      store_run(all, gz + begin + i, gradient(vec{}, c), count);
    });
  };
  if (!POOL)
    return for_each_run(s.plane_size(), [&](auto all, int64_t i, int count) FACEKP_INLINED {
      const vec c = load_run(all, z + i, count) - norm.mean;
      const vec g = activation_gradient<RELU>(c * norm.scale + norm.beta,
                                              load_run(all, gy + i, count));
      store_run(all, gz + i, gradient(g, c), count);
    });
  for (int r = 0; r < s.h / 2; ++r, z += 2 * s.w, gz += 2 * s.w, gy += s.w / 2) {
    for_each_run(s.w / 2, [&](auto all, int64_t j, int count) FACEKP_INLINED {
      const Windows c = centered(all, z + 2 * j, s.w, count, norm.mean);
      const Windows g = windows_gradient<RELU>(normalized(c, norm), load_run(all, gy + j, count));
      Windows result;
      for (int k = 0; k < 4; ++k)
        result.v[k / 2][k % 2] = gradient(g.v[k / 2][k % 2], c.v[k / 2][k % 2]);
      store_windows(all, gz + 2 * j, s.w, result, count);
    });
    if (s.w % 2)
      for (int row = 0; row < 2; ++row) outside_of_windows(row * s.w + s.w - 1, 1);
  }
  if (s.h % 2) outside_of_windows(0, s.w);
}

template <bool POOL, bool RELU>
static void batch_norm_forward(const BatchNormShape& s, const std::vector<Norm>& norm,
                               const float* z, float* y, int threads) {
  const int64_t out_size = POOL ? int64_t(s.h / 2) * (s.w / 2) : s.plane_size();
  const Target target(y, s.planes(), out_size);
  parallel_ranges(s.planes(), threads, [&](int first, int last, int) {
    for (int i = first; i < last; ++i)
      forward_plane<POOL, RELU>(s, norm[i % s.f], z + i * s.plane_size(), target, i * out_size);
    drain();
  });
}

// The channels' totals over the images in order, of sums[image][channel][2].
static inline std::vector<Slope> reduce_sums(const BatchNormShape& s,
                                             const std::vector<Norm>& norm,
                                             const std::vector<double>& sums, float* ggamma,
                                             float* gbeta) {
  std::vector<Slope> slopes(s.f);
  for (int c = 0; c < s.f; ++c) {
    double g = 0, gc = 0;
    for (int i = c; i < s.planes(); i += s.f) {
      g += sums[2 * i];
      gc += sums[2 * i + 1];
    }
    gbeta[c] = (float)g;
    ggamma[c] = (float)(gc * norm[c].inv_std);
    const double scale = norm[c].scale, inv_std = norm[c].inv_std;
    slopes[c] = {float(scale * g / s.per_channel()),
                 float(scale * inv_std * inv_std * gc / s.per_channel())};
  }
  return slopes;
}

template <bool POOL, bool RELU>
static void batch_norm_backward(const BatchNormShape& s, const std::vector<Norm>& norm,
                                const float* z, const float* gy, float* gz, float* ggamma,
                                float* gbeta, int threads) {
  const int64_t size = s.plane_size(), out_size = POOL ? int64_t(s.h / 2) * (s.w / 2) : size;
  std::vector<double> sums(2 * s.planes());
  parallel_ranges(s.planes(), threads, [&](int first, int last, int) {
    for (int i = first; i < last; ++i)
      gradient_sums<POOL, RELU>(s, norm[i % s.f], z + i * size, gy + i * out_size, &sums[2 * i]);
  });
  const std::vector<Slope> slopes = reduce_sums(s, norm, sums, ggamma, gbeta);
  parallel_ranges(s.planes(), threads, [&](int first, int last, int) {
    // From first to last again: from last to first, where the caches still hold something, takes
    // twice the time, since the hardware's prefetching follows rising addresses.
    for (int i = first; i < last; ++i)
      gradient_plane<POOL, RELU>(s, norm[i % s.f], slopes[i % s.f], z + i * size,
                                 gy + i * out_size, gz + i * size);
  });
}

}  // namespace facekp
