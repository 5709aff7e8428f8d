// csrc/residual.h against loops in double precision, outside of Theano.
#include "residual.h"

#include "batch_norm_check.h"

// Whole numbers: z holds -1 and 1 in equal parts and variance + epsilon is 4, so that zeros before
// the ReLU are exact in float.
static void test(const BatchNormShape& s, bool whole, bool two_readers, int threads) {
  const float epsilon = whole ? 3 : 1e-4f;
  const size_t area = s.h * s.w, size = s.n * s.f * area;
  floats z = numbers(size, whole), gamma = numbers(s.f, whole), beta = numbers(s.f, whole);
  const floats shortcut = numbers(size, whole), gy = numbers(size, whole),
               more = numbers(size, whole);
  if (whole) {
    for (size_t i = 0; i < size; ++i)
      z[i] = (i % s.w + i / s.w % s.h + i / (area * s.f)) % 2 ? 1 : -1;
    for (float& g : gamma) g *= 2;
  }
  floats stats(2 * s.f), y(size), gshortcut(size), gz(size), ggamma(s.f), gbeta(s.f);
  channel_stats(s, z.data(), stats.data(), threads);
  const std::vector<Norm> norm = norms(s.f, stats.data(), gamma.data(), beta.data(), epsilon);
  residual_forward(s, norm, z.data(), shortcut.data(), y.data(), threads);
  const float* second = two_readers ? more.data() : nullptr;
  residual_backward(s, norm, z.data(), y.data(), gy.data(), second, gshortcut.data(), gz.data(),
                    ggamma.data(), gbeta.data(), threads);

  doubles mean(s.f), var(s.f), y2(size), g(size), gz2(size), ggamma2(s.f), gbeta2(s.f);
  const auto channel = [&](size_t i) { return i / area % s.f; };
  const double m = s.per_channel();
  for (size_t i = 0; i < size; ++i) mean[channel(i)] += z[i];
  for (double& e : mean) e /= m;  // at the end: exact for whole numbers
  for (size_t i = 0; i < size; ++i) var[channel(i)] += std::pow(z[i] - mean[channel(i)], 2);
  for (double& e : var) e /= m;
  const auto x_hat = [&](size_t i) {
    return (z[i] - mean[channel(i)]) / std::sqrt(var[channel(i)] + epsilon);
  };
  for (size_t i = 0; i < size; ++i) {
    const double a = gamma[channel(i)] * x_hat(i) + beta[channel(i)] + shortcut[i];
    y2[i] = std::max(a, 0.0);
    g[i] = (gy[i] + (two_readers ? more[i] : 0.0)) * (a > 0 ? 1 : a == 0 ? 0.5 : 0);
    gbeta2[channel(i)] += g[i];
    ggamma2[channel(i)] += g[i] * x_hat(i);
  }
  for (size_t i = 0; i < size; ++i) {
    const int c = channel(i);
    gz2[i] = gamma[c] / std::sqrt(var[c] + epsilon) *
             (g[i] - gbeta2[c] / m - x_hat(i) * ggamma2[c] / m);
  }
  const double tolerance = whole ? 0 : 1e-5;
  check("y", s, y, y2, tolerance);
  check("gshortcut", s, gshortcut, g, tolerance);
  check("ggamma", s, ggamma, ggamma2, tolerance);
  check("gbeta", s, gbeta, gbeta2, tolerance);
  check("gz", s, gz, gz2, 1e-5);  // divides by the numbers per channel

  floats over_z = z, over_gy = gy, ggamma3(s.f), gbeta3(s.f);
  residual_backward(s, norm, over_z.data(), y.data(), over_gy.data(), second, over_gy.data(),
                    over_z.data(), ggamma3.data(), gbeta3.data(), threads + 1);
  check("gz in place", s, over_z, doubles(gz.begin(), gz.end()), 0);
  check("gshortcut in place", s, over_gy, doubles(gshortcut.begin(), gshortcut.end()), 0);
  check("ggamma by other threads", s, ggamma3, doubles(ggamma.begin(), ggamma.end()), 0);
}

int main() {
  for (const BatchNormShape& s : std::vector<BatchNormShape>{
           {2, 1, 2, 2}, {2, 3, 3, 3}, {4, 5, 7, 9}, {2, 2, 6, 37}, {2, 3, 5, 70}, {6, 2, 17, 17},
           {1, 7, 1, 128}, {1, 3, 1, 14}})
    for (int threads : {1, 3})
      for (bool whole : {true, false})
        for (bool two_readers : {false, true}) test(s, whole, two_readers, threads);
  std::printf("test_residual, %d lanes: %s\n", LANES, failures ? "FAILED" : "ok");
  return failures != 0;
}
