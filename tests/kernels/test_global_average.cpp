// csrc/global_average.h against plain loops, arrays ending where their memory ends.
#include <cmath>
#include <cstdio>
#include <vector>

#include "global_average.h"

using namespace facekp;

int main() {
  int failures = 0;
  for (int size : {1, 5, 16, 36, 100, 2304})
    for (int threads : {1, 2, 5}) {
      const int planes = 7;
      std::vector<float> x(planes * size), y(planes), gx(planes * size);
      for (size_t i = 0; i < x.size(); ++i) x[i] = float(i * 7 % 11) - 4;
      global_average(planes, size, x.data(), y.data(), threads);
      global_average_gradient(planes, size, y.data(), gx.data(), threads);
      for (int p = 0; p < planes; ++p) {
        double total = 0;
        for (int i = 0; i < size; ++i) total += x[p * size + i];
        failures += y[p] != float(total) / float(size);  // whole numbers: the sum is exact
        for (int i = 0; i < size; ++i) failures += gx[p * size + i] != y[p] / float(size);
      }
    }
  std::printf("global average, %d lanes: %d failures\n", LANES, failures);
  return failures != 0;
}
