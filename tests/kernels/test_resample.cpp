// csrc/resample.h against plain loops in double precision, outside of Theano: sizes that are no
// multiple of a vector, images that end where memory ends, blurs wider than the image, and the
// same bits for all threads.
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "resample.h"

using namespace facekp;
typedef std::vector<float> floats;
typedef std::vector<double> doubles;

static int failures = 0;

static int clamp(int i, int size) { return std::min(std::max(i, 0), size - 1); }

// One image: the definitions of resample.py, in double.
static doubles expected_image(const Resampling& r, int i) {
  const int h = r.height, w = r.width;
  const float* old = r.old + r.rows[i] * h * w;
  const int64_t* m = r.whole + 7 * i;
  const float *tone = r.tone + 3 * i, *weights = r.weights + i * (r.radius + 1);
  doubles a(h * w), b(h * w);
  double mean = 0;
  for (int k = 0; k < h * w; ++k) mean += old[k] / double(h * w);
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x) {
      double at[2];
      for (int axis = 0; axis < 2; ++axis) {
        const int64_t* c = m + 3 * axis;
        const double place = double(c[0] * (x - MIDDLE) + c[1] * (y - MIDDLE) + c[2]) / UNIT;
        at[axis] = std::min(std::max(place, 0.0), (axis ? h : w) - 1.0);
      }
      const int x0 = int(at[0]), y0 = int(at[1]);
      double total = 0;
      for (int dy = 0; dy < 2; ++dy)
        for (int dx = 0; dx < 2; ++dx)
          total += old[clamp(y0 + dy, h) * w + clamp(x0 + dx, w)]
                   * (1 - std::fabs(at[0] - x0 - dx)) * (1 - std::fabs(at[1] - y0 - dy));
      a[y * w + x] = total;
    }
  for (int axis = 0; axis < 2; ++axis, std::swap(a, b))
    for (int y = 0; y < h; ++y)
      for (int x = 0; x < w; ++x) {
        double total = weights[0] * a[y * w + x];
        for (int k = 1; k <= r.radius; ++k)
          for (int side : {-k, k})
            total += weights[k] * a[axis ? clamp(y + side, h) * w + x : y * w + clamp(x + side, w)];
        b[y * w + x] = total;
      }
  for (int k = 0; k < h * w; ++k) {
    double level = tone[0] * (a[k] - mean) + mean + tone[1];
    uint32_t hash = uint32_t(k) * 0x9E3779B9u + uint32_t(m[6]);
    hash = (hash ^ hash >> 16) * 0x7FEB352Du;
    hash = (hash ^ hash >> 15) * 0x846CA68Bu;
    hash ^= hash >> 16;
    for (int byte = 0; byte < 4; ++byte) level += tone[2] * ((hash >> 8 * byte & 255) - 127.5);
    a[k] = std::min(std::max(level, 0.0), 1.0);
  }
  return a;
}

static void test(int images, int height, int width, int radius, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> part(0, 1);
  const int count = height * width;
  floats old(images * count), tone, weights, one(old.size()), seven(old.size());
  std::vector<int64_t> rows, whole;
  for (float& v : old) v = part(generator);
  for (int i = 0; i < images; ++i) {
    rows.push_back(images - 1 - i);
    const double angle = 6.3 * part(generator), size = 0.4 + part(generator);
    const double cos = size * std::cos(angle), sin = size * std::sin(angle);
    const double right = width * part(generator), down = height * part(generator);
    for (double v : {cos, -sin, right, sin, cos, down})
      whole.push_back(std::llrint(v * UNIT));
    whole.push_back(generator());
    for (float v : {0.5f + part(generator), part(generator) - 0.5f, i % 2 * 0.001f})
      tone.push_back(v);
    for (int k = 0; k <= radius; ++k) weights.push_back(1.0f / (2 * radius + 1));
  }
  Resampling r = {height, width, radius, old.data(), rows.data(), whole.data(), tone.data(),
                  weights.data(), one.data()};
  resample(r, images, 1);
  r.out = seven.data();
  resample(r, images, 7);
  for (int i = 0; i < images; ++i) {
    const doubles wanted = expected_image(r, i);
    for (int k = 0; k < count; ++k)
      if (!(std::fabs(one[i * count + k] - wanted[k]) < 3e-6) ||
          one[i * count + k] != seven[i * count + k]) {
        std::printf("%d x %d, radius %d, image %d, pixel %d: %g, with 7 threads %g, expected %g\n",
                    height, width, radius, i, k, one[i * count + k], seven[i * count + k],
                    wanted[k]);
        ++failures;
        break;
      }
  }
}

int main() {
  unsigned seed = 0;
  for (int width : {2, 3, 15, 16, 17, 31, 33, 96})
    for (int height : {2, 5, 96})
      for (int radius : {0, 1, 3, 20}) test(3, height, width, radius, ++seed);
  test(0, 96, 96, 2, 0);
  const int64_t far[] = {UNIT, 0, int64_t(UNIT) * 1100, 0, UNIT, 0};
  const int64_t near[] = {UNIT, 0, int64_t(UNIT) * 900, 0, UNIT, 0};
  const Resampling size = {96, 96, 0, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};
  if (fits(size, far) || !fits(size, near)) {
    std::printf("fits: what leads 1100 px away does not, what leads 900 px away does\n");
    ++failures;
  }
  std::printf("test_resample: %s\n", failures ? "FAILED" : "ok");
  return failures != 0;
}
