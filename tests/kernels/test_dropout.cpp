// csrc/dropout.h: known bits, the same for vectors and single elements, and the right share kept.
#include <cmath>
#include <cstdio>
#include <vector>

#include "dropout.h"

using namespace facekp;

static int failures = 0;

static void check(bool ok, const char* what) {
  if (!ok) std::printf("%s\n", what);
  failures += !ok;
}

int main() {
  // computed by tests/dropout_reference.py: dropout_bits(7, 3, 4)
  const uint32_t known[] = {0x98bb0be6u, 0xf1e1c319u, 0xb65739ffu, 0x9cf5b5b7u};
  const DropoutKey key = make_dropout_key(7, 3, 0.25f);
  for (uint32_t i = 0; i < 4; ++i) check(dropout_hash(key, i) == known[i], "not the known bits");

  for (uint32_t first : {0u, 5u, 4294967290u}) {  // the last wraps around
    const uvec bits = dropout_bits(key, first);
    const vec factors = dropout_factors(key, first);
    for (int i = 0; i < LANES; ++i) {
      check(bits[i] == dropout_hash(key, first + (uint32_t)i), "bits differ from lane to element");
      check(factors[i] == dropout_factor(key, first + (uint32_t)i), "factors differ");
    }
  }

  for (int64_t size : {0, 1, 15, 16, 17, 70001}) {
    const std::vector<float> x(size, 3.0f);
    std::vector<float> y(size);
    apply_dropout(key, x.data(), y.data(), size);
    int64_t kept = 0;
    for (int64_t i = 0; i < size; ++i) {
      check(y[i] == 3.0f * dropout_factor(key, (uint32_t)i), "apply_dropout");
      kept += y[i] != 0;
    }
    if (size > 1000)
      check(std::fabs(kept - 0.75 * size) < 4 * std::sqrt(0.75 * 0.25 * size), "share of kept");
  }
  std::printf("test_dropout, %d lanes: %s\n", LANES, failures ? "FAILED" : "ok");
  return failures != 0;
}
