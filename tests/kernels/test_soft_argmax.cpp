// csrc/soft_argmax.h against double, arrays ending where their memory ends.
#include "soft_argmax.h"

#include <cstdio>
#include <vector>

using namespace facekp;

static int failures = 0;

static void expect(double found, double wanted, double tolerance, const char* what) {
  if (std::fabs(found - wanted) <= tolerance) return;
  if (failures++ < 10) std::printf("%s: %.9g, expected %.9g\n", what, found, wanted);
}

static void test_exp_and_log() {
  for (double x = -86.9; x <= 0; x += 0.0137) {
    const float rounded = float(x);
    expect(exp_of(splat(rounded))[LANES - 1] / std::exp(double(rounded)), 1, 2.4e-7, "exp");
  }
  for (double x = -87; x <= 80; x += 0.0137) {
    const float rounded = float(std::exp(x));
    const double wanted = std::log(double(rounded));
    expect(log_of(splat(rounded))[0], wanted, 1.2e-7 * std::max(1.0, std::fabs(wanted)), "log");
  }
  expect(exp_of(vec{})[0], 1, 0, "exp(0)");
  expect(log_of(splat(1.0f))[0], 0, 0, "log(1)");
  expect(exp_of(splat(-1e30f))[0], 0, 2e-38, "exp(-1e30)");
  failures += !std::isnan(exp_of(splat(NAN))[0]);
}

static void test_maps(int h, int w, int threads) {
  const int planes = 5, size = h * w;
  std::vector<float> x(planes * size), places(2 * size), profile_x(planes * w),
      profile_y(planes * h), g(2 * planes), means(2 * planes), js(planes), gx(planes * size),
      gjs(planes * size);
  for (size_t i = 0; i < x.size(); ++i) x[i] = float(i * 7 % 11) / 2 - 3;
  for (size_t i = 0; i < places.size(); ++i) places[i] = float(i * 5 % 7) - 3;
  for (size_t i = 0; i < profile_x.size(); ++i) profile_x[i] = float(i % 3 + 1) / (2 * w);
  for (size_t i = 0; i < profile_y.size(); ++i) profile_y[i] = float(i % 2 + 1) / (2 * h);
  for (size_t i = 0; i < g.size(); ++i) g[i] = float(i % 3) - 1.5f;
  soft_argmax(planes, size, x.data(), places.data(), means.data(), threads);
  soft_argmax_gradient(planes, size, x.data(), places.data(), g.data(), gx.data(), threads);
  divergence(planes, h, w, x.data(), profile_x.data(), profile_y.data(), nullptr, js.data(),
             nullptr, threads);
  divergence(planes, h, w, x.data(), profile_x.data(), profile_y.data(), g.data(), nullptr,
             gjs.data(), threads);
  for (int k = 0; k < planes; ++k) {
    const float* from = x.data() + k * size;
    std::vector<double> p(size), slope(size);
    double total = 0, mean[2] = {0, 0}, apart = 0, mean_slope = 0;
    for (int i = 0; i < size; ++i) total += p[i] = std::exp(double(from[i]));
    for (int i = 0; i < size; ++i) {
      p[i] /= total;
      const double gauss = double(profile_y[k * h + i / w]) * profile_x[k * w + i % w];
      const double middle = std::log((p[i] + gauss) / 2 + 1e-12);
      slope[i] = (std::log(p[i]) - middle) / 2;
      mean_slope += p[i] * slope[i];
      apart += p[i] * slope[i] + gauss * (std::log(gauss + 1e-12) - middle) / 2;
      for (int axis = 0; axis < 2; ++axis) mean[axis] += p[i] * places[axis * size + i];
    }
    expect(js[k], apart, 2e-6, "divergence");
    for (int axis = 0; axis < 2; ++axis) expect(means[2 * k + axis], mean[axis], 3e-6, "mean");
    for (int i = 0; i < size; ++i) {
      double along = 0;
      for (int axis = 0; axis < 2; ++axis)
        along += g[2 * k + axis] * (places[axis * size + i] - mean[axis]);
      expect(gx[k * size + i], p[i] * along, 3e-6, "gradient of the means");
      expect(gjs[k * size + i], g[k] * p[i] * (slope[i] - mean_slope), 2e-6,
             "gradient of the divergence");
    }
  }
}

int main() {
  test_exp_and_log();
  for (int threads : {1, 2, 7})
    for (int w : {1, 3, 4, 16, 33})
      for (int h : {1, 5, 16}) test_maps(h, w, threads);
  std::printf("soft-argmax, %d lanes: %d failures\n", LANES, failures);
  return failures != 0;
}
