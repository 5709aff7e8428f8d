// csrc/dense.h against loops in double precision, outside of Theano.
//
// Arrays end exactly where their memory ends, so that AddressSanitizer sees a read past them. Whole
// numbers must agree exactly, random ones to a few rounding errors; dropout's mask is the hash's.
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "dense.h"

using namespace facekp;
typedef std::vector<float> floats;

static std::mt19937 generator(1);
static int failures = 0;

static floats numbers(int64_t size, bool whole) {
  std::uniform_int_distribution<int> small(-2, 2);
  std::normal_distribution<float> normal;
  floats v(size);
  for (float& e : v) e = whole ? small(generator) : normal(generator);
  return v;
}

static void check(const char* what, const floats& found, const std::vector<double>& expected,
                  double tolerance, int64_t n, int64_t inputs, int64_t units) {
  for (size_t i = 0; i < expected.size(); ++i)
    if (!(std::fabs(found[i] - expected[i]) <= tolerance)) {
      std::printf("%s of %d x %d x %d: element %d is %g, expected %g\n", what, (int)n, (int)inputs,
                  (int)units, (int)i, found[i], expected[i]);
      ++failures;
      return;
    }
}

static void test(int64_t n, int64_t inputs, int64_t units, bool whole, bool drop, int threads) {
  const floats x = numbers(n * inputs, whole), W = numbers(inputs * units, whole);
  const floats b = numbers(units, whole), gy = numbers(n * units, whole);
  const DropoutKey made = make_dropout_key(3, 4, 0.5f), *key = drop ? &made : nullptr;
  floats y(n * units), gx(n * inputs), gW(inputs * units), gb(units);
  dense_forward(RECTIFY, x.data(), W.data(), b.data(), key, y.data(), n, inputs, units, threads);
  dense_gradients(RECTIFY, x.data(), W.data(), y.data(), gy.data(), key, gx.data(), gW.data(),
                  gb.data(), n, inputs, units, threads);
  std::vector<double> ey(y.size()), ex(gx.size()), eW(gW.size()), eb(gb.size());
  for (int64_t m = 0; m < n; ++m)
    for (int64_t j = 0; j < units; ++j) {
      double a = b[j];
      for (int64_t k = 0; k < inputs; ++k) a += (double)x[m * inputs + k] * W[k * units + j];
      const double factor = drop ? dropout_factor(made, (uint32_t)(m * units + j)) : 1;
      ey[m * units + j] = factor * std::max(a, 0.0);
      // near 0 the sign of a float sum is a matter of rounding: take the one that was found
      const double half = whole && a == 0 ? 0.5 : y[m * units + j] > 0 ? 1 : 0;
      const double g = gy[m * units + j] * factor * half;
      eb[j] += g;
      for (int64_t k = 0; k < inputs; ++k) {
        ex[m * inputs + k] += g * W[k * units + j];
        eW[k * units + j] += g * x[m * inputs + k];
      }
    }
  const double tolerance = whole ? 0 : 2e-6 * std::sqrt((double)(n + inputs + units)) * 4;
  check("y", y, ey, tolerance, n, inputs, units);
  check("gx", gx, ex, tolerance, n, inputs, units);
  check("gW", gW, eW, tolerance, n, inputs, units);
  check("gb", gb, eb, tolerance, n, inputs, units);
}

int main() {
  const int64_t shapes[][3] = {{1, 1, 1},   {1, 300, 48},  {1, 303, 31}, {2, 17, 5},
                               {7, 70, 49}, {8, 63, 47},
                               {9, 521, 30}, {128, 65, 9}, {129, 40, 96}, {260, 7, 3}};
  for (const auto& s : shapes)
    for (int whole = 0; whole < 2; ++whole)
      for (int drop = 0; drop < 2; ++drop)
        for (int threads = 1; threads < 4; threads += 2)
          test(s[0], s[1], s[2], whole, drop, threads);
  std::printf("test_dense, %d lanes: %s\n", LANES, failures ? "FAILED" : "ok");
  return failures != 0;
}
