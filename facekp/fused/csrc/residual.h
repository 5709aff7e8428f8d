// The end of a residual block in one pass, and its gradient in two:
//
//   y = relu(p + shortcut),  p = (z - mean) * scale + beta  (see batch_norm.h)
//
// The sign of a zero in y tells the gradient what was there (see Relu in conv_epilogues.h): y is
// kept anyway, as the next layer's input, and read in the place of z and shortcut.
//
//   backward 1  reads gy, y, z, writes the shortcut's gradient g (over gy), two sums
//   backward 2  reads z, g, writes gz (over z)
//
// y has often two readers, the next block's convolution and its shortcut, and then two gradients:
// they are added on the fly.
#pragma once
#include "batch_norm.h"

namespace facekp {

static FACEKP_INLINE vec signed_relu(vec a) {
  const ivec sign = ivec{} + INT32_MIN;
  return a < vec{} ? (vec)sign : (vec)((ivec)a & ~sign);  // NaN stays NaN
}
static FACEKP_INLINE vec signed_relu_gradient(vec y, vec g) {
  return (ivec)y > 0 ? g : (ivec)y == 0 ? 0.5f * g : vec{};
}

static void residual_forward(const BatchNormShape& s, const std::vector<Norm>& norms,
                             const float* z, const float* shortcut, float* y, int threads) {
  const int64_t size = s.plane_size();
  const Target target(y, s.planes(), size);
  parallel_ranges(s.planes(), threads, [&](int first, int last, int) {
    for (int plane = first; plane < last; ++plane) {
      const Norm norm = norms[plane % s.f];
      const int64_t at = plane * size;
      for_each_run(size, [&](auto all, int64_t i, int count) FACEKP_INLINED {
        const vec p = (load_run(all, z + at + i, count) - norm.mean) * norm.scale + norm.beta;
        target.put(at + i, signed_relu(p + load_run(all, shortcut + at + i, count)), count);
      });
    }
    drain();
  });
}

// g = relu'(y) * (gy + more) of a plane; sums[0] = sum(g), sums[1] = sum(g c). more may be null, g
// may be gy.
template <bool MORE>
static void residual_sums(int64_t size, float mean, const float* z, const float* y, const float* gy,
                          const float* more, float* g, double* sums) {
  vec g_sum = {}, gc_sum = {};
  for_each_run(size, [&](auto all, int64_t i, int count) FACEKP_INLINED {
    vec upstream = load_run(all, gy + i, count);
    if (MORE) upstream += load_run(all, more + i, count);
    const vec passed = signed_relu_gradient(load_run(all, y + i, count), upstream);
    store_run(all, g + i, passed, count);
    g_sum += passed;
    gc_sum += passed * (load_run(all, z + i, count) - mean);
  });
  sums[0] = sum(g_sum);
  sums[1] = sum(gc_sum);
}

// gshortcut may be gy, and gz may be z.
static void residual_backward(const BatchNormShape& s, const std::vector<Norm>& norms,
                              const float* z, const float* y, const float* gy, const float* more,
                              float* gshortcut, float* gz, float* ggamma, float* gbeta,
                              int threads) {
  const int64_t size = s.plane_size();
  std::vector<double> sums(2 * s.planes());
  parallel_ranges(s.planes(), threads, [&](int first, int last, int) {
    for (int i = first; i < last; ++i) {
      const int64_t at = i * size;
      (more ? residual_sums<true> : residual_sums<false>)(
          size, norms[i % s.f].mean, z + at, y + at, gy + at, more + (more ? at : 0),
          gshortcut + at, &sums[2 * i]);
    }
  });
  const std::vector<Slope> slopes = reduce_sums(s, norms, sums, ggamma, gbeta);
  parallel_ranges(s.planes(), threads, [&](int first, int last, int) {
    for (int i = first; i < last; ++i)
      gradient_plane<false, false>(s, norms[i % s.f], slopes[i % s.f], z + i * size,
                                   gshortcut + i * size, gz + i * size);
  });
}

}  // namespace facekp
