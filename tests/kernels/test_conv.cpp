// The direct convolution against loops in double precision, outside of Theano.
//
// Built with AddressSanitizer and UBSan for each vector width. Inputs end exactly where their
// memory ends, so that a read past them is an error. Integer-valued data must agree exactly (sums
// are exact in float, and pooling has ties); random data to a few rounding errors.
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "conv_backward.h"

using namespace facekp;
typedef std::vector<double> doubles;

static std::mt19937 generator(1);
static int failures = 0;

struct Floats {  // memory of exactly this size, at an address that is no multiple of 64
  explicit Floats(size_t size, float fill = 0) : size(size), data(new float[size]) {
    std::fill(data, data + size, fill);
  }
  ~Floats() { delete[] data; }
  void random(bool integers) {
    std::uniform_int_distribution<int> whole(-2, 2);
    std::normal_distribution<float> normal;
    for (size_t i = 0; i < size; ++i) data[i] = integers ? whole(generator) : normal(generator);
  }
  size_t size;
  float* data;
};

static void check(const char* what, const ConvShape& s, const float* found, const doubles& expected,
                  double tolerance) {
  double scale = 0, worst = 0;
  for (double e : expected) scale = std::max(scale, std::fabs(e));
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = std::fabs(found[i] - expected[i]);
    worst = error <= worst ? worst : error;  // NaN becomes the worst
  }
  if (worst <= tolerance * scale) return;
  ++failures;
  std::printf("FAILED %s: x (%d, %d, %d, %d), w (%d, %d, %d), pad %d: error %g of %g\n", what, s.n,
              s.c, s.h, s.w, s.f, s.kh, s.kw, s.pad, worst, scale);
}

// ------------------------------------------------------------------ the reference, in plain loops

// Calls visit(index in z, index in x, index in w) for all products of the convolution.
template <class Visit>
static void products(const ConvShape& s, Visit visit) {
  size_t z = 0;
  for (int n = 0; n < s.n; ++n)
    for (int f = 0; f < s.f; ++f)
      for (int i = 0; i < s.out_h(); ++i)
        for (int j = 0; j < s.out_w(); ++j, ++z)
          for (int c = 0; c < s.c; ++c)
            for (int ky = 0; ky < s.kh; ++ky)
              for (int kx = 0; kx < s.kw; ++kx) {
                const int r = i + s.kh - 1 - ky - s.pad, q = j + s.kw - 1 - kx - s.pad;
                if (r < 0 || r >= s.h || q < 0 || q >= s.w) continue;
                visit(z, ((size_t(n) * s.c + c) * s.h + r) * s.w + q,
                      ((size_t(f) * s.c + c) * s.kh + ky) * s.kw + kx);
              }
}

static doubles convolve(const ConvShape& s, const Floats& x, const Floats& w, const float* bias) {
  const size_t area = size_t(s.out_h()) * s.out_w();
  doubles z(s.n * s.f * area);
  for (size_t i = 0; i < z.size(); ++i) z[i] = bias ? bias[i / area % s.f] : 0;
  products(s, [&](size_t iz, size_t ix, size_t iw) { z[iz] += double(x.data[ix]) * w.data[iw]; });
  return z;
}

// Stock Theano's formulas for max(0.5 * (z + |z|)) over windows, and its gradient.
static doubles relu_pool(const ConvShape& s, const doubles& z, int pool, const doubles* gy,
                         doubles* gz) {
  const int h = s.out_h(), w = s.out_w(), ph = h / pool, pw = w / pool;
  doubles y;
  if (gz) gz->assign(z.size(), 0);
  for (int plane = 0; plane < s.n * s.f; ++plane)
    for (int i = 0; i < ph; ++i)
      for (int j = 0; j < pw; ++j) {
        double best = -1;
        for (int pass = 0; pass < 2; ++pass)
          for (int a = 0; a < pool; ++a)
            for (int b = 0; b < pool; ++b) {
              const size_t at = (size_t(plane) * h + i * pool + a) * w + j * pool + b;
              const double relu = 0.5 * (z[at] + std::fabs(z[at]));
              if (pass == 0) best = std::max(best, relu);
              else if (gz && relu == best)
                (*gz)[at] = (*gy)[y.size()] * 0.5 * (1 + (z[at] > 0) - (z[at] < 0));
            }
        y.push_back(best);
      }
  return y;
}

struct Gradients {
  doubles gx, gw, gb;
  Gradients(const ConvShape& s, const Floats& x, const Floats& w, const doubles& gz)
      : gx(x.size), gw(w.size), gb(s.f) {
    const size_t area = size_t(s.out_h()) * s.out_w();
    for (size_t i = 0; i < gz.size(); ++i) gb[i / area % s.f] += gz[i];
    products(s, [&](size_t iz, size_t ix, size_t iw) {
      gx[ix] += gz[iz] * w.data[iw];
      gw[iw] += gz[iz] * x.data[ix];
    });
  }
};

// --------------------------------------------------------------------------------------- the tests

template <class Gradient>
static void check_gradients(const char* what, const ConvShape& s, const Floats& x, const Floats& w,
                            const Gradient& gradient, const doubles& gz, double tolerance) {
  const Gradients expected(s, x, w, gz);
  Floats gx(x.size, NAN), gw(w.size, NAN), gb(s.f, NAN);
  conv_backward(s, x.data, w.data, gradient, gx.data, gw.data, gb.data);
  check((std::string(what) + " gx").c_str(), s, gx.data, expected.gx, tolerance);
  check((std::string(what) + " gw").c_str(), s, gw.data, expected.gw, tolerance);
  check((std::string(what) + " gb").c_str(), s, gb.data, expected.gb, tolerance);
}

static void test(const ConvShape& s, bool integers) {
  const double tolerance = integers ? 0 : 2e-6;
  Floats x(size_t(s.n) * s.c * s.h * s.w), w(size_t(s.f) * s.taps()), bias(s.f);
  x.random(integers), w.random(integers), bias.random(integers);
  const size_t outputs = size_t(s.n) * s.f * s.out_h() * s.out_w();
  const doubles linear = convolve(s, x, w, nullptr), biased = convolve(s, x, w, bias.data);

  {  // linear, with statistics
    Floats z(outputs, NAN), stats(2 * s.f), gz(outputs);
    conv_linear(s, x.data, w.data, z.data, stats.data);
    check("linear", s, z.data, linear, tolerance);
    doubles moments(2 * s.f);
    const size_t area = size_t(s.out_h()) * s.out_w();
    for (size_t i = 0; i < outputs; ++i) moments[i / area % s.f] += linear[i] / (s.n * area);
    for (size_t i = 0; i < outputs; ++i) {
      const int f = i / area % s.f;
      moments[s.f + f] += std::pow(linear[i] - moments[f], 2) / (s.n * area);
    }
    check("statistics", s, stats.data, moments, 2e-6);
    gz.random(integers);
    check_gradients("linear", s, x, w, LinearGradient{gz.data, gz.size},
                    doubles(gz.data, gz.data + gz.size), tolerance);
  }
  {  // ReLU
    Floats y(outputs, NAN), gy(outputs);
    conv_relu(s, x.data, w.data, bias.data, y.data);
    gy.random(integers);
    doubles gz;
    const doubles upstream(gy.data, gy.data + gy.size);
    check("relu", s, y.data, relu_pool(s, biased, 1, &upstream, &gz), tolerance);
    check_gradients("relu", s, x, w, ReluGradient{gy.data, y.data, y.size}, gz, tolerance);
  }
  if (s.out_h() < 2 || s.out_w() < 2) return;
  for (int drop = 0; drop < 2; ++drop) {  // ReLU, pooling, dropout
    const size_t pooled = size_t(s.n) * s.f * (s.out_h() / 2) * (s.out_w() / 2);
    const DropoutKey key = make_dropout_key(7, 3, 0.5f);
    Floats y(pooled, NAN), y_eval(pooled, NAN), gy(pooled);
    std::vector<uint8_t> mask(pooled, 255);
    conv_relu_pool(s, x.data, w.data, bias.data, drop ? &key : nullptr, y.data, mask.data());
    conv_relu_pool(s, x.data, w.data, bias.data, nullptr, y_eval.data, nullptr);
    gy.random(integers);
    doubles factors(pooled), upstream(pooled), gz;
    for (size_t i = 0; i < pooled; ++i) {
      factors[i] = drop ? dropout_factor(key, uint32_t(i)) : 1;
      upstream[i] = gy.data[i] * factors[i];
    }
    doubles expected = relu_pool(s, biased, 2, &upstream, &gz);
    check("pool, evaluation", s, y_eval.data, expected, tolerance);
    for (size_t i = 0; i < pooled; ++i) expected[i] *= factors[i];
    check(drop ? "pool, dropout" : "pool", s, y.data, expected, tolerance);
    check_gradients(drop ? "pool, dropout" : "pool", s, x, w,
                    PooledGradient{gy.data, mask.data(), pooled, drop ? key.scale : 1.0f}, gz,
                    tolerance);
  }
}

// Leaves NaN wherever the kernels keep memory from call to call: none may reach a later result.
static void poison() {
  omp_set_num_threads(5);
  const ConvShape s = {5, 40, 40, 40, 16, 3, 3, 0};
  const size_t outputs = size_t(s.n) * s.f * s.out_h() * s.out_w();
  Floats x(size_t(s.n) * s.c * s.h * s.w, NAN), w(size_t(s.f) * s.taps(), NAN), bias(s.f, NAN);
  Floats y(outputs), g(outputs, NAN), gx(x.size), gw(w.size), gb(s.f);
  std::vector<uint8_t> mask(outputs / 4, 15);
  conv_relu_pool(s, x.data, w.data, bias.data, nullptr, y.data, mask.data());
  conv_relu(s, x.data, w.data, bias.data, y.data);
  conv_backward(s, x.data, w.data, PooledGradient{g.data, mask.data(), outputs / 4, 1}, gx.data,
                gw.data, gb.data);
  conv_backward(s, x.data, w.data, ReluGradient{g.data, g.data, outputs}, gx.data, gw.data,
                gb.data);
  conv_backward(s, x.data, w.data, LinearGradient{g.data, outputs}, gx.data, gw.data, gb.data);
}

int main() {
  poison();
  const ConvShape shapes[] = {
      {1, 1, 1, 1, 1, 1, 1, 0},    {1, 1, 3, 3, 1, 3, 3, 0},     {1, 1, 4, 4, 1, 1, 1, 0},
      {3, 2, 5, 4, 5, 2, 3, 0},    {2, 3, 9, 11, 7, 3, 1, 0},    {4, 1, 13, 12, 10, 3, 3, 1},
      {2, 5, 7, 7, 33, 5, 5, 1},   {1, 2, 12, 13, 3, 11, 11, 0}, {17, 6, 8, 8, 16, 3, 3, 0},
      {3, 4, 21, 21, 9, 5, 5, 0},  {2, 8, 23, 23, 18, 2, 2, 0},  {2, 3, 47, 47, 6, 2, 2, 0},
      {2, 1, 96, 96, 4, 3, 3, 0},  {1, 1, 50, 60, 4, 5, 5, 0},   {1, 3, 6, 70, 11, 3, 3, 1},
      {1, 40, 80, 80, 3, 3, 3, 0}, {40, 2, 3, 3, 6, 2, 2, 1},    {1, 12, 16, 16, 12, 9, 9, 0},
  };
  for (int threads : {1, 2, 5}) {  // 5: more than some shapes have images
    omp_set_num_threads(threads);
    for (const ConvShape& s : shapes) test(s, threads != 2);
  }
  std::printf("conv, %d lanes: %d failures\n", LANES, failures);
  return failures != 0;
}
