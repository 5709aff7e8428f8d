// Where maps are large, the mean of places under a map's softmax p, and how far p is from a Gaussian
// g (Nibali et al. 2018, arXiv 1801.07372), with the gradients with respect to the maps x:
//
//   m = sum(p place)                                      dx = p (gm . (place - m))
//   JS = (sum p log(p / q) + sum g log(g / q)) / 2        dx = gJS p (l - sum(p l))
//
// where q = (p + g) / 2, l = log(p / q) / 2, and gm and gJS are the gradients of m and JS. A map, 9 KB
// with 48x48 cells, is read into L1 once; exponentials and logarithms, of which Theano computes one
// after the other, are polynomials for a whole vector.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "threads.h"
#include "windows.h"

namespace facekp {

// exp(x) for x <= 0, to 2 units in the last place; 0 below -87, where the normal numbers end. The
// polynomials are those of the Cephes library (Moshier, netlib.org/cephes; may be used freely).
static FACEKP_INLINE vec exp_of(vec given) {
  const vec x = given < splat(-87.0f) ? splat(-87.0f) : given;
  const vec shifted = x * 1.44269504f + SHIFT;
  const vec n = shifted - SHIFT, r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  vec p = 1.9875691500e-4f * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  p = (vec)((ivec)p + (((ivec)shifted - SHIFT_BITS) << 23));
  return given < splat(-87.0f) ? vec{} : given == given ? p : given;  // NaN stays NaN
}

// log(x) for normal numbers x > 0, and nothing else.
static FACEKP_INLINE vec log_of(vec x) {
  const ivec bits = (ivec)x - 0x3f3504f3;  // the bits of sqrt(1 / 2): m is from there to sqrt(2)
  const vec e = to_float(bits >> 23);
  const vec m = (vec)((bits & 0x7fffff) + 0x3f3504f3) - 1.0f, square = m * m;
  vec p = 7.0376836292e-2f * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  p = p * m * square + e * -2.12194440e-4f - 0.5f * square;
  return p + m + e * 0.693359375f;
}

template <class All>
static FACEKP_INLINE vec only(All, vec v, int count) {  // 0 behind the end
  return All::value ? v : lane_index() < count ? v : vec{};
}

// The softmax of one map, p[i] = e[i] / total; e has room for it.
class Shares {
 public:
  Shares(float* e, int64_t size) : e(e), size_(size) {}

  void read(const float* x) {
    vec most = splat(x[0]);
    int64_t i = 0;
    for (; i + LANES <= size_; i += LANES) most = max(most, load(x + i));
    largest = x[0];
    for (int lane = 0; lane < LANES; ++lane) largest = std::max(largest, most[lane]);
    for (; i < size_; ++i) largest = std::max(largest, x[i]);
    vec sums = {};
    for_each_run(size_, [&](auto all, int64_t j, int count) FACEKP_INLINED {
      const vec v = exp_of(load_run(all, x + j, count) - largest);
      store_run(all, e + j, v, count);
      sums += only(all, v, count);
    });
    total = sum(sums);
  }

  // The sum of p times what term(all, i, count) gives.
  template <class Term>
  FACEKP_INLINE float mean(Term term) const {
    vec sums = {};
    for_each_run(size_, [&](auto all, int64_t i, int count) FACEKP_INLINED {
      sums += only(all, load_run(all, e + i, count) * term(all, i, count), count);
    });
    return sum(sums) / total;
  }

  float* const e;
  float largest = 0, total = 0;

 private:
  int64_t size_;
};

// Maps x (planes, size) and the places of their cells, (2, size). means is (planes, 2).
static void soft_argmax(int planes, int64_t size, const float* x, const float* places,
                        float* means, int threads) {
  std::vector<float> memory(threads * size);
  parallel_ranges(planes, threads, [&](int first, int last, int thread) {
    Shares shares(&memory[thread * size], size);
    for (int plane = first; plane < last; ++plane) {
      shares.read(x + plane * size);
      for (int axis = 0; axis < 2; ++axis)
        means[2 * plane + axis] = shares.mean([&](auto all, int64_t i, int count) FACEKP_INLINED {
          return load_run(all, places + axis * size + i, count);
        });
    }
  });
}

static void soft_argmax_gradient(int planes, int64_t size, const float* x, const float* places,
                                 const float* gmeans, float* gx, int threads) {
  std::vector<float> memory(threads * size);
  parallel_ranges(planes, threads, [&](int first, int last, int thread) {
    Shares shares(&memory[thread * size], size);
    for (int plane = first; plane < last; ++plane) {
      const float g0 = gmeans[2 * plane], g1 = gmeans[2 * plane + 1];
      const auto along = [&](auto all, int64_t i, int count) FACEKP_INLINED {
        return g0 * load_run(all, places + i, count) + g1 * load_run(all, places + size + i, count);
      };
      shares.read(x + plane * size);
      const float mean = shares.mean(along), scale = 1.0f / shares.total;
      float* to = gx + plane * size;
      for_each_run(size, [&](auto all, int64_t i, int count) FACEKP_INLINED {
        const vec p = load_run(all, shares.e + i, count) * scale;
        store_run(all, to + i, p * (along(all, i, count) - mean), count);
      });
    }
  });
}

// The Gaussian of a map (h, w) is the product of its profiles gx (planes, w) and gy (planes, h). g
// has room for one.
class Gaussians {
 public:
  Gaussians(float* g, int h, int w, const float* gx, const float* gy)
      : g(g), h_(h), w_(w), gx_(gx), gy_(gy) {}

  void read(int plane) {
    for (int row = 0; row < h_; ++row)
      for (int column = 0; column < w_; ++column)
        g[int64_t(row) * w_ + column] =
            gy_[int64_t(plane) * h_ + row] * gx_[int64_t(plane) * w_ + column];
  }

  float* const g;

 private:
  int h_, w_;
  const float *gx_, *gy_;
};

constexpr float LEAST = 1e-12f;  // of what a logarithm is taken

// The divergences JS (planes) of maps x (planes, h, w), or with gjs (planes) their gradient, gx.
static void divergence(int planes, int h, int w, const float* x, const float* profile_x,
                       const float* profile_y, const float* gjs, float* js, float* gx,
                       int threads) {
  const int64_t size = int64_t(h) * w;
  std::vector<float> memory(2 * threads * size);
  parallel_ranges(planes, threads, [&](int first, int last, int thread) {
    Shares shares(&memory[2 * thread * size], size);
    Gaussians gaussians(shares.e + size, h, w, profile_x, profile_y);
    for (int plane = first; plane < last; ++plane) {
      const float* from = x + plane * size;
      shares.read(from);
      gaussians.read(plane);
      const float scale = 1.0f / shares.total, shift = shares.largest + std::log(shares.total);
      const auto log_middle = [&](auto all, int64_t i, int count) FACEKP_INLINED {
        const vec p = load_run(all, shares.e + i, count) * scale;
        return log_of((p + load_run(all, gaussians.g + i, count)) * 0.5f + LEAST);
      };
      const auto half_log = [&](auto all, int64_t i, int count) FACEKP_INLINED {
        const vec log_p = load_run(all, from + i, count) - shift;
        return 0.5f * (log_p - log_middle(all, i, count));
      };
      const float mean = shares.mean(half_log);
      if (gjs) {
        float* to = gx + plane * size;
        for_each_run(size, [&](auto all, int64_t i, int count) FACEKP_INLINED {
          const vec p = load_run(all, shares.e + i, count) * scale;
          store_run(all, to + i, gjs[plane] * p * (half_log(all, i, count) - mean), count);
        });
      } else {
        vec sums = {};
        for_each_run(size, [&](auto all, int64_t i, int count) FACEKP_INLINED {
          const vec g = load_run(all, gaussians.g + i, count);
          sums += only(all, g * (log_of(g + LEAST) - log_middle(all, i, count)), count);
        });
        js[plane] = mean + 0.5f * sum(sums);
      }
    }
  });
}

}  // namespace facekp
