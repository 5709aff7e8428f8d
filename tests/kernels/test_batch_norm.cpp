// csrc/batch_norm.h against loops in double precision, outside of Theano.
// Whole numbers: z holds -1 and 1 in equal parts and variance + epsilon is 4, so that ties and zeros
// are exact in float.
#include "batch_norm_check.h"

// All of the layer's formulas, with the statistics given.
struct Reference {
  doubles mean, var, y, gz, ggamma, gbeta;

  Reference(const BatchNormShape& s, const floats& z, const floats& gamma, const floats& beta,
            const floats& gy, double epsilon, bool pool, bool relu)
      : mean(s.f), var(s.f), y(gy.size(), -INFINITY), gz(z.size()), ggamma(s.f), gbeta(s.f) {
    const int size = s.h * s.w, step = pool ? 2 : 1, ph = s.h / step, pw = s.w / step;
    const auto channel = [&](size_t i) { return i / size % s.f; };
    const auto pooled = [&](size_t i) -> long {  // the output that z[i] takes part in, or -1
      const int row = i % size / s.w / step, column = i % s.w / step;
      return row < ph && column < pw ? long(i / size * ph * pw + row * pw + column) : -1;
    };
    const double m = s.per_channel();
    for (size_t i = 0; i < z.size(); ++i) mean[channel(i)] += z[i];
    for (double& e : mean) e /= m;
    for (size_t i = 0; i < z.size(); ++i) var[channel(i)] += std::pow(z[i] - mean[channel(i)], 2);
    for (double& e : var) e /= m;
    doubles x_hat(z.size()), r(z.size()), g(z.size());
    for (size_t i = 0; i < z.size(); ++i) {
      const int c = channel(i);
      x_hat[i] = (z[i] - mean[c]) / std::sqrt(var[c] + epsilon);
      r[i] = gamma[c] * x_hat[i] + beta[c];
      if (relu) r[i] = std::max(r[i], 0.0);
      if (pooled(i) >= 0) y[pooled(i)] = std::max(y[pooled(i)], r[i]);
    }
    for (size_t i = 0; i < z.size(); ++i) {
      const int c = channel(i);
      const double p = gamma[c] * x_hat[i] + beta[c];
      if (pooled(i) < 0 || r[i] != y[pooled(i)]) continue;
      g[i] = gy[pooled(i)] * (!relu || p > 0 ? 1 : p == 0 ? 0.5 : 0);
      ggamma[c] += g[i] * x_hat[i];
      gbeta[c] += g[i];
    }
    for (size_t i = 0; i < z.size(); ++i) {
      const int c = channel(i);
      gz[i] = gamma[c] / std::sqrt(var[c] + epsilon) *
              (g[i] - gbeta[c] / m - x_hat[i] * ggamma[c] / m);
    }
  }
};

template <bool POOL, bool RELU>
static void test(const BatchNormShape& s, bool whole, int threads) {
  const float epsilon = whole ? 3 : 1e-4f;
  const size_t size = s.n * s.f * s.h * s.w;
  const size_t out_size = POOL ? size_t(s.n) * s.f * (s.h / 2) * (s.w / 2) : size;
  const auto draw = [&](size_t count) { return numbers(count, whole, 2, 3); };
  floats z = draw(size), gamma = draw(s.f), beta = draw(s.f);
  const floats gy = draw(out_size);
  if (whole)  // every channel needs as many -1 as 1
    for (size_t i = 0; i < size; ++i) {
      const size_t column = i % s.w, row = i / s.w % s.h, image = i / (s.w * s.h * s.f);
      z[i] = (column + row + image) % 2 ? 1 : -1;
    }
  for (float& g : gamma) g = whole ? 2 * g : g;

  floats stats(2 * s.f), y(out_size), gz(size), ggamma(s.f), gbeta(s.f);
  channel_stats(s, z.data(), stats.data(), threads);
  const std::vector<Norm> norm = norms(s.f, stats.data(), gamma.data(), beta.data(), epsilon);
  batch_norm_forward<POOL, RELU>(s, norm, z.data(), y.data(), threads);
  batch_norm_backward<POOL, RELU>(s, norm, z.data(), gy.data(), gz.data(), ggamma.data(),
                                  gbeta.data(), threads);
  const Reference expected(s, z, gamma, beta, gy, epsilon, POOL, RELU);
  const double tolerance = whole ? 0 : 1e-5;
  check("mean", s, floats(stats.begin(), stats.begin() + s.f), expected.mean, tolerance);
  check("variance", s, floats(stats.begin() + s.f, stats.end()), expected.var, tolerance);
  check("y", s, y, expected.y, tolerance);
  check("ggamma", s, ggamma, expected.ggamma, tolerance);
  check("gbeta", s, gbeta, expected.gbeta, tolerance);
  check("gz", s, gz, expected.gz, 1e-5);  // divides by the numbers per channel

  floats in_place = z, ggamma2(s.f), gbeta2(s.f);
  batch_norm_backward<POOL, RELU>(s, norm, in_place.data(), gy.data(), in_place.data(),
                                  ggamma2.data(), gbeta2.data(), threads + 1);
  check("gz in place", s, in_place, doubles(gz.begin(), gz.end()), 0);
  check("ggamma by other threads", s, ggamma2, doubles(ggamma.begin(), ggamma.end()), 0);
}

static void test_running_averages() {
  const float stats[] = {1, 2, 4, 8}, mean[] = {0, 10}, var[] = {1, 0};
  float next_mean[2], next_var[2];
  running_averages({3, 2, 1, 1}, stats, 0.5f, mean, var, next_mean, next_var);
  const BatchNormShape s = {3, 2, 1, 1};  // 3 numbers per channel: unbiased is 1.5 times biased
  check("running mean", s, {next_mean, next_mean + 2}, {0.5, 6}, 0);
  check("running variance", s, {next_var, next_var + 2}, {3.5, 6}, 0);
  running_averages({1, 2, 1, 1}, stats, 0.5f, mean, var, next_mean, next_var);
  check("running variance of one number", s, {next_var, next_var + 2}, {2.5, 4}, 0);
}

int main() {
  test_running_averages();
  for (const BatchNormShape& s : std::vector<BatchNormShape>{
           {2, 1, 2, 2}, {2, 3, 3, 3}, {2, 3, 4, 32}, {4, 5, 7, 9}, {2, 2, 6, 37}, {2, 3, 5, 70},
           {6, 2, 17, 17}, {1, 7, 1, 128}, {1, 3, 1, 14}})
    for (int threads : {1, 3})
      for (bool whole : {true, false}) {
        if (s.h > 1) test<true, true>(s, whole, threads);
        if (s.h > 1) test<true, false>(s, whole, threads);
        test<false, true>(s, whole, threads);
        test<false, false>(s, whole, threads);
      }
  std::printf("test_batch_norm, %d lanes: %s\n", LANES, failures ? "FAILED" : "ok");
  return failures != 0;
}
