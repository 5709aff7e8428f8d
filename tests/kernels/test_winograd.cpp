// Tests of csrc/winograd*.h outside Theano, against direct convolution in double: exact where the
// transforms are, else within 8e-6 (root mean square, relative); same bits for 1, 2 and 3 threads.
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "winograd.h"
#include "winograd_weights.h"

using namespace facekp;
using namespace facekp::winograd;

namespace {

int failures = 0;

void check(bool ok, const char* what, const Images& shape, int filters, double found,
           double limit) {
  if (ok) return;
  ++failures;
  std::printf("FAIL %s: n=%d C=%d F=%d %dx%d: %g, expected %g\n", what, shape.images,
              shape.channels, filters, shape.height, shape.width, found, limit);
}

// The pre-activation without bias, and the three gradients for a given gradient at it.
struct Reference {
  Images in, out;
  std::vector<double> z, gx, gw, gb;

  Reference(const Images& in, int filters, const std::vector<float>& x,
            const std::vector<float>& w)
      : in(in), out(in.with_channels(filters)), z(out.at(in.images, 0, 0)) {
    each_tap([&](size_t xi, size_t wi, size_t zi) { z[zi] += double(x[xi]) * w[wi]; });
  }
  void backward(const std::vector<float>& x, const std::vector<float>& w,
                const std::vector<double>& gz) {
    gx.assign(x.size(), 0);
    gw.assign(w.size(), 0);
    gb.assign(out.channels, 0);
    each_tap([&](size_t xi, size_t wi, size_t zi) {
      gx[xi] += gz[zi] * w[wi];
      gw[wi] += gz[zi] * x[xi];
    });
    for (size_t i = 0; i < gz.size(); ++i) gb[i / out.plane() % out.channels] += gz[i];
  }

 private:
  template <class Visit>
  void each_tap(const Visit& visit) const {
    for (int n = 0; n < in.images; ++n)
      for (int f = 0; f < out.channels; ++f)
        for (int c = 0; c < in.channels; ++c)
          for (int h = 0; h < in.height; ++h)
            for (int i = 0; i < 3; ++i) {
              const int row = h + 1 - i;  // a true convolution: taps run against pixels
              if (row < 0 || row >= in.height) continue;
              for (int v = 0; v < in.width; ++v)
                for (int j = 0; j < 3; ++j) {
                  const int column = v + 1 - j;
                  if (column < 0 || column >= in.width) continue;
                  visit(in.at(n, c, row) + column, (size_t(f) * in.channels + c) * 9 + i * 3 + j,
                        out.at(n, f, h) + v);
                }
            }
  }
};

// The root mean square of the error relative to that of the reference.
double error(const std::vector<float>& found, const std::vector<double>& expected) {
  double errors = 0, squares = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    errors += std::pow(found[i] - expected[i], 2);
    squares += std::pow(expected[i], 2);
  }
  return std::sqrt(squares ? errors / squares : errors);
}

// What the kernels compute: all outputs for one layer.
struct Layer {
  std::vector<float> y, gx, gw, gb;
  std::vector<uint8_t> mask;

  Layer(const Images& in, int filters, bool pool, const std::vector<float>& x,
        const std::vector<float>& w, const std::vector<float>& b, const std::vector<float>& gy,
        int threads) {
    const Images out = in.with_channels(filters);
    const Values input{x.data(), in};
    y.assign((pool ? out.halved() : out).at(in.images, 0, 0), NAN);
    gx.assign(x.size(), NAN);
    gw.assign(w.size(), NAN);
    gb.assign(filters, NAN);
    if (pool) {
      mask.assign(size_t(out.tiles()) * 4 * filters, 0);
      convolve(input, ForwardFilters{w.data(), filters, in.channels},
               BiasRectifyPool{b.data(), y.data(), mask.data(), out}, threads);
      backward(input, Unpooled{gy.data(), mask.data(), out}, w, threads);
    } else {
      convolve(input, ForwardFilters{w.data(), filters, in.channels},
               BiasRectify{b.data(), y.data(), out}, threads);
      backward(input, Rectified{gy.data(), y.data(), out}, w, threads);
    }
  }

 private:
  template <class Gradient>
  void backward(const Values& input, const Gradient& gradient, const std::vector<float>& w,
                int threads) {
    convolve(gradient, BackwardFilters{w.data(), gradient.shape.channels, input.shape.channels},
             Plain{gx.data(), input.shape}, threads);
    weight_gradient(input, gradient, gw.data(), gb.data(), threads);
  }
};

// Theano's rules: relu is 0.5 (z + |z|), half of the gradient at exactly 0; every element of a
// pool's window that equals its maximum receives the full gradient.
void rules(const Images& out, bool pool, const std::vector<double>& z, const std::vector<float>& gy,
           std::vector<double>* y, std::vector<double>* gz) {
  auto relu = [](double v) { return v > 0 ? v : 0; };
  auto slope = [](double v) { return v > 0 ? 1 : v == 0 ? 0.5 : 0; };
  gz->assign(z.size(), 0);
  if (!pool) {
    y->resize(z.size());
    for (size_t i = 0; i < z.size(); ++i) {
      (*y)[i] = relu(z[i]);
      (*gz)[i] = slope(z[i]) * gy[i];
    }
    return;
  }
  const Images half = out.halved();
  y->assign(half.at(out.images, 0, 0), 0);
  for (int p = 0; p < out.images * out.channels; ++p)
    for (int r = 0; r < half.height; ++r)
      for (int c = 0; c < half.width; ++c) {
        const size_t to = (size_t(p) * half.height + r) * half.width + c;
        size_t from[4];
        double largest = 0;
        for (int i = 0; i < 4; ++i) {
          from[i] = (size_t(p) * out.height + 2 * r + i / 2) * out.width + 2 * c + i % 2;
          largest = std::max(largest, relu(z[from[i]]));
        }
        (*y)[to] = largest;
        for (size_t i : from)
          if (relu(z[i]) == largest) (*gz)[i] = slope(z[i]) * gy[to];
      }
}

std::mt19937 generator(1);

std::vector<float> uniform(size_t n, float scale) {
  std::uniform_real_distribution<float> draw(-scale, scale);
  std::vector<float> values(n);
  for (float& v : values) v = draw(generator);
  return values;
}

// Small integers times `scale`. With taps and gradients that are multiples of 24 * 24 (what the
// matrix G divides by) every step of the algorithm is exact in float, ties and zeros included.
std::vector<float> integers(size_t n, int largest, float scale) {
  std::uniform_int_distribution<int> draw(-largest, largest);
  std::vector<float> values(n);
  for (float& v : values) v = draw(generator) * scale;
  return values;
}

void test(const Images& in, int filters, bool pool, bool exact) {
  const Images out = in.with_channels(filters);
  const size_t ys = (pool ? out.halved() : out).at(in.images, 0, 0);
  const size_t xs = in.at(in.images, 0, 0), ws = size_t(filters) * in.channels * 9;
  const auto x = exact ? integers(xs, 1, 1) : uniform(xs, 1);
  const auto w = exact ? integers(ws, 1, 576) : uniform(ws, 1);
  const auto b = exact ? integers(filters, 1, 576) : uniform(filters, 1);
  const auto gy = exact ? integers(ys, 1, 576) : uniform(ys, 1);

  Reference reference(in, filters, x, w);
  for (size_t i = 0; i < reference.z.size(); ++i)
    reference.z[i] += b[i / out.plane() % filters];
  std::vector<double> y, gz;
  const Layer layer(in, filters, pool, x, w, b, gy, 2);
  rules(out, pool, reference.z, gy, &y, &gz);
  reference.backward(x, w, gz);

  const double limit = exact ? 0 : 8e-6;
  const char* kind = pool ? (exact ? "pool exact" : "pool") : (exact ? "exact" : "random");
  auto compare = [&](const char* name, const std::vector<float>& found,
                     const std::vector<double>& expected) {
    const double e = error(found, expected);
    char what[64];
    std::snprintf(what, sizeof what, "%s %s", kind, name);
    check(e <= limit, what, in, filters, e, limit);
  };
  compare("y", layer.y, y);
  compare("gx", layer.gx, reference.gx);
  compare("gw", layer.gw, reference.gw);
  compare("gb", layer.gb, reference.gb);

  const Layer alone(in, filters, pool, x, w, b, gy, 1), three(in, filters, pool, x, w, b, gy, 3);
  check(alone.y == layer.y && alone.gx == layer.gx && alone.gw == layer.gw &&
            alone.gb == layer.gb && alone.mask == layer.mask,
        "one thread gives other bits than two", in, filters, 1, 0);
  check(three.gx == layer.gx && three.gw == layer.gw && three.gb == layer.gb,
        "three threads give other bits than two", in, filters, 1, 0);
}

void test_transpose() {
  alignas(64) float in[LANES * LANES], out[LANES * LANES];
  for (int i = 0; i < LANES * LANES; ++i) in[i] = i;
  vec v[LANES];
  for (int i = 0; i < LANES; ++i) v[i] = load(in + i * LANES);
  transpose(v);
  for (int i = 0; i < LANES; ++i) store(out + i * LANES, v[i]);
  int wrong = 0;
  for (int i = 0; i < LANES; ++i)
    for (int j = 0; j < LANES; ++j) wrong += out[i * LANES + j] != in[j * LANES + i];
  check(!wrong, "transpose", {0, 0, LANES, LANES}, 0, wrong, 0);
}

}  // namespace

int main() {
  test_transpose();
  // sizes below, at and above a tile, odd sides, partial vectors and groups, filters > tiles and
  // filters < tiles, one chunk of the weight gradient and many
  const struct {
    Images in;
    int filters;
  } cases[] = {{{1, 1, 1, 1}, 1},    {{1, 3, 2, 3}, 2},     {{2, 5, 4, 4}, 7},
               {{3, 17, 6, 6}, 70},  {{1, 16, 5, 9}, 16},   {{2, 33, 7, 11}, 19},
               {{1, 64, 12, 12}, 64}, {{2, 20, 13, 30}, 8}, {{5, 4, 24, 18}, 3},
               {{1, 70, 10, 10}, 130}, {{2, 2, 97, 50}, 5}, {{40, 3, 24, 24}, 4}};
  for (const auto& c : cases)
    for (bool pool : {false, true})
      for (bool exact : {false, true}) test(c.in, c.filters, pool, exact);
  std::printf("winograd, %d lanes: %s\n", LANES, failures ? "FAILED" : "ok");
  return failures != 0;
}
