// csrc/normal.h: the numbers and the state of the same method one number after the other, with the
// standard library's generator.
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "normal.h"

using namespace facekp;

static int failures = 0;

static void check(bool ok, const char* what) {
  if (!ok) std::printf("%s\n", what);
  failures += !ok;
}

struct OneByOne {
  std::mt19937 words{5489};
  bool kept = false;
  double other = 0.0;

  double uniform() {
    const uint32_t high = words() >> 5, low = words() >> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
  }

  double normal() {
    if (kept) {
      kept = false;
      return other;
    }
    double x1, x2, square;
    do {
      x1 = 2.0 * uniform() - 1.0;
      x2 = 2.0 * uniform() - 1.0;
      square = x1 * x1 + x2 * x2;
    } while (square >= 1.0 || square == 0.0);
    const double factor = std::sqrt(-2.0 * std::log(square) / square);
    kept = true, other = factor * x1;
    return factor * x2;
  }
};

static Normal seeded(uint32_t seed) {
  Normal normal{};
  normal.twister.key[0] = seed;
  for (uint32_t i = 1; i < Twister::N; ++i) {
    const uint32_t last = normal.twister.key[i - 1];
    normal.twister.key[i] = 1812433253u * (last ^ (last >> 30)) + i;
  }
  normal.twister.next = Twister::N;
  return normal;
}

int main() {
  for (int threads : {1, 3}) {
    omp_set_num_threads(threads);
    Normal normal = seeded(5489);
    OneByOne expected;
    for (int64_t size : {0, 1, 2, 5, 624, 200001, 3}) {  // one goes on where the last one ended
      std::vector<float> found(size);
      normal.draw(found.data(), size, 0.25, 1.5);
      int64_t wrong = 0;
      for (int64_t i = 0; i < size; ++i)
        wrong += !(std::fabs(found[i] - (0.25 + 1.5 * expected.normal())) < 1e-6);
      check(!wrong, "numbers differ");
      check(normal.kept == expected.kept, "a number is kept that should not be, or not kept");
      check(!normal.kept || std::fabs(normal.other - expected.other) < 1e-12,
            "the kept number differs");
    }
    uint32_t next;
    normal.twister.words(&next, 1);
    check(next == expected.words(), "the state differs");
  }
  std::printf("test_normal: %s\n", failures ? "FAILED" : "ok");
  return failures != 0;
}
