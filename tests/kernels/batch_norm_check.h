// What the tests of batch normalization and of residual blocks share: numbers, and the comparison
// with a reference. Arrays end exactly where their memory ends, so that AddressSanitizer sees a read
// past them.
#pragma once
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "batch_norm.h"

using namespace facekp;
typedef std::vector<float> floats;
typedef std::vector<double> doubles;

static std::mt19937 generator(1);
static int failures = 0;

static floats numbers(size_t size, bool whole, float mean = 0, float deviation = 1) {
  std::uniform_int_distribution<int> small(-3, 3);
  std::normal_distribution<float> normal(mean, deviation);
  floats v(size);
  for (float& e : v) e = whole ? small(generator) : normal(generator);
  return v;
}

static void check(const char* what, const BatchNormShape& s, const floats& found,
                  const doubles& expected, double tolerance) {
  double scale = 1;
  for (double e : expected) scale = std::max(scale, std::fabs(e));
  for (size_t i = 0; i < expected.size(); ++i)
    if (!(std::fabs(found[i] - expected[i]) <= tolerance * scale)) {
      std::printf("%s of (%d, %d, %d, %d): element %d is %g, expected %g\n", what, s.n, s.f, s.h,
                  s.w, (int)i, found[i], expected[i]);
      ++failures;
      return;
    }
}
