// A convolution and its gradients in plain loops and double precision, and the comparison of
// kernels with them. Inputs end exactly where their memory ends, so that a read past them is an
// error.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "conv_gradients.h"
#include "conv_shape.h"

using namespace facekp;
typedef std::vector<double> doubles;

static int stride = 1;
static int kept(int outputs) { return (outputs + stride - 1) / stride; }
static int out_h(const ConvShape& s) { return kept(s.out_h()); }
static int out_w(const ConvShape& s) { return kept(s.out_w()); }

static std::mt19937 generator(1);
static int failures = 0;

struct Floats {  // memory of exactly this size, at an address that is no multiple of 64
  explicit Floats(size_t size, float fill = 0) : size(size), data(new float[size]) {
    std::fill(data, data + size, fill);
  }
  ~Floats() { delete[] data; }
  void random(bool integers, float scale = 1) {
    std::uniform_int_distribution<int> whole(-2, 2);
    std::normal_distribution<float> normal;
    for (size_t i = 0; i < size; ++i)
      data[i] = integers ? whole(generator) * scale : normal(generator);
  }
  // Zeros but for one number in each of so many equal parts.
  void impulses(int parts, float scale) {
    std::fill(data, data + size, 0.0f);
    if (size < size_t(parts)) return;
    std::uniform_int_distribution<size_t> place(0, size / parts - 1);
    for (int i = 0; i < parts; ++i)
      data[i * (size / parts) + place(generator)] = generator() % 2 ? scale : -scale;
  }
  size_t size;
  float* data;
};

// Within `tolerance` of the largest number that is expected, or of `scale` if it is larger.
static void check(const char* what, const ConvShape& s, const float* found, const doubles& expected,
                  double tolerance, double scale = 0) {
  double worst = 0;
  for (double e : expected) scale = std::max(scale, std::fabs(e));
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = std::fabs(found[i] - expected[i]);
    worst = error <= worst ? worst : error;  // NaN becomes the worst
  }
  if (worst <= tolerance * scale) return;
  ++failures;
  std::printf("FAILED %s: x (%d, %d, %d, %d), w (%d, %d, %d), pad %d, stride %d: ", what, s.n, s.c,
              s.h, s.w, s.f, s.kh, s.kw, s.pad, stride);
  std::printf("error %g of %g\n", worst, scale);
}

// ------------------------------------------------------------------ the reference, in plain loops

// Calls visit(index in z, index in x, index in w) for all products of the convolution.
template <class Visit>
static void products(const ConvShape& s, Visit visit) {
  size_t z = 0;
  for (int n = 0; n < s.n; ++n)
    for (int f = 0; f < s.f; ++f)
      for (int i = 0; i < out_h(s); ++i)
        for (int j = 0; j < out_w(s); ++j, ++z)
          for (int c = 0; c < s.c; ++c)
            for (int ky = 0; ky < s.kh; ++ky)
              for (int kx = 0; kx < s.kw; ++kx) {
                const int r = i * stride + s.kh - 1 - ky - s.pad;
                const int q = j * stride + s.kw - 1 - kx - s.pad;
                if (r < 0 || r >= s.h || q < 0 || q >= s.w) continue;
                visit(z, ((size_t(n) * s.c + c) * s.h + r) * s.w + q,
                      ((size_t(f) * s.c + c) * s.kh + ky) * s.kw + kx);
              }
}

static doubles convolve(const ConvShape& s, const Floats& x, const Floats& w, const float* bias) {
  const size_t area = size_t(out_h(s)) * out_w(s);
  doubles z(s.n * s.f * area);
  for (size_t i = 0; i < z.size(); ++i) z[i] = bias ? bias[i / area % s.f] : 0;
  products(s, [&](size_t iz, size_t ix, size_t iw) { z[iz] += double(x.data[ix]) * w.data[iw]; });
  return z;
}

// Stock Theano's formulas for max(0.5 * (z + |z|)) over windows, and its gradient.
static doubles relu_pool(const ConvShape& s, const doubles& z, int pool, const doubles* gy,
                         doubles* gz) {
  const int h = out_h(s), w = out_w(s), ph = h / pool, pw = w / pool;
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
    const size_t area = size_t(out_h(s)) * out_w(s);
    for (size_t i = 0; i < gz.size(); ++i) gb[i / area % s.f] += gz[i];
    products(s, [&](size_t iz, size_t ix, size_t iw) {
      gx[ix] += gz[iz] * w.data[iw];
      gw[iw] += gz[iz] * x.data[ix];
    });
  }
};

// --------------------------------------------------------------------------------------- the tests

// `gradient` reads `gy`, with which gz was made.
template <class Kernels, class Gradient>
static void check_gradients(const char* what, const ConvShape& s, const Floats& x, const Floats& w,
                            const Floats& gy, const Gradient& gradient, doubles gz,
                            double tolerance) {
  Floats gx(x.size, NAN), gw(w.size, NAN), gb(s.f, NAN);
  const auto check_one = [&](const char* name, const Floats& found, const doubles& expected,
                             double tolerance, double scale = 0) {
    check((std::string(what) + name).c_str(), s, found.data, expected, tolerance, scale);
  };
  const auto backward = [&] {
    Kernels::conv_backward(s, x.data, w.data, gradient, gx.data, gw.data, gb.data);
    return Gradients(s, x, w, gz);
  };
  Gradients expected = backward();
  // The last transform of gw takes a few digits more than float has: close to a product of two
  // impulses, also where none meet.
  double product = 0;
  for (double g : gz) product = std::max(product, std::fabs(g));
  if (Kernels::IMPULSES && tolerance == 0) check_one(" gw", gw, expected.gw, 1e-6, product);
  else check_one(" gw", gw, expected.gw, tolerance);
  check_one(" gb", gb, expected.gb, tolerance);
  if (Kernels::IMPULSES && tolerance == 0) {  // SCALE twice would take more digits than float has
    for (size_t i = 0; i < gy.size; ++i) gy.data[i] /= Kernels::SCALE;
    for (double& g : gz) g /= Kernels::SCALE;
    expected = backward();
  }
  check_one(" gx", gx, expected.gx, tolerance);
}

// Kernels has the functions of the direct convolution as static ones, and SCALE and TOLERANCE:
// integers must agree exactly if weights, bias and gradients are multiples of SCALE (sums are exact
// in float, and pooling has ties), other numbers within TOLERANCE of the largest one. With IMPULSES,
// where the sums would take more digits than float has, the integers are one pixel of each image,
// one tap of each filter and channel, and one gradient of each image: a map that is linear in both
// factors is the convolution if it is so for pairs of those, at all places.
template <class Kernels>
static void fill(Floats& values, bool integers, int parts, float scale) {
  if (integers && Kernels::IMPULSES) values.impulses(parts, scale);
  else values.random(integers, scale);
}

// ReLU, pooling, dropout.
template <class Kernels>
static void test_pool(const ConvShape& s, const Floats& x, const Floats& w, const Floats& bias,
                      const doubles& biased, bool integers) {
  const double tolerance = integers ? 0 : Kernels::TOLERANCE;
  for (int drop = 0; drop < 2; ++drop) {
    const size_t pooled = size_t(s.n) * s.f * (out_h(s) / 2) * (out_w(s) / 2);
    const DropoutKey key = make_dropout_key(7, 3, 0.5f);
    Floats y(pooled, NAN), y_eval(pooled, NAN), gy(pooled);
    std::vector<uint8_t> mask(pooled, 255);
    Kernels::conv_relu_pool(s, x.data, w.data, bias.data, drop ? &key : nullptr, y.data,
                            mask.data());
    Kernels::conv_relu_pool(s, x.data, w.data, bias.data, nullptr, y_eval.data, nullptr);
    fill<Kernels>(gy, integers, s.n, Kernels::SCALE);
    doubles factors(pooled), upstream(pooled), gz;
    for (size_t i = 0; i < pooled; ++i) {
      factors[i] = drop ? dropout_factor(key, uint32_t(i)) : 1;
      upstream[i] = gy.data[i] * factors[i];
    }
    doubles expected = relu_pool(s, biased, 2, &upstream, &gz);
    check("pool, evaluation", s, y_eval.data, expected, tolerance);
    for (size_t i = 0; i < pooled; ++i) expected[i] *= factors[i];
    check(drop ? "pool, dropout" : "pool", s, y.data, expected, tolerance);
    check_gradients<Kernels>(drop ? "pool, dropout" : "pool", s, x, w, gy,
                             PooledGradient{gy.data, mask.data(), pooled, drop ? key.scale : 1.0f},
                             gz, tolerance);
  }
}

template <class Kernels>
static void test(const ConvShape& s, bool integers) {
  const double tolerance = integers ? 0 : Kernels::TOLERANCE;
  const float scale = Kernels::SCALE;
  Floats x(size_t(s.n) * s.c * s.h * s.w), w(size_t(s.f) * s.taps()), bias(s.f);
  fill<Kernels>(x, integers, s.n, 1), fill<Kernels>(w, integers, s.f * s.c, scale);
  bias.random(integers, scale);
  const size_t outputs = size_t(s.n) * s.f * out_h(s) * out_w(s);
  const doubles linear = convolve(s, x, w, nullptr), biased = convolve(s, x, w, bias.data);

  {  // linear, with statistics
    Floats z(outputs, NAN), stats(2 * s.f), gz(outputs);
    Kernels::conv_linear(s, x.data, w.data, z.data, stats.data);
    check("linear", s, z.data, linear, tolerance);
    doubles moments(2 * s.f);
    const size_t area = size_t(out_h(s)) * out_w(s);
    for (size_t i = 0; i < outputs; ++i) moments[i / area % s.f] += linear[i] / (s.n * area);
    for (size_t i = 0; i < outputs; ++i) {
      const int f = i / area % s.f;
      moments[s.f + f] += std::pow(linear[i] - moments[f], 2) / (s.n * area);
    }
    check("statistics", s, stats.data, moments, Kernels::TOLERANCE);
    fill<Kernels>(gz, integers, s.n, scale);
    check_gradients<Kernels>("linear", s, x, w, gz, LinearGradient{gz.data, gz.size},
                             doubles(gz.data, gz.data + gz.size), tolerance);
  }
  {  // ReLU
    Floats y(outputs, NAN), gy(outputs);
    Kernels::conv_relu(s, x.data, w.data, bias.data, y.data);
    fill<Kernels>(gy, integers, s.n, scale);
    doubles gz;
    const doubles upstream(gy.data, gy.data + gy.size);
    check("relu", s, y.data, relu_pool(s, biased, 1, &upstream, &gz), tolerance);
    check_gradients<Kernels>("relu", s, x, w, gy, ReluGradient{gy.data, y.data, y.size}, gz,
                             tolerance);
  }
  if (out_h(s) < 2 || out_w(s) < 2 || stride > 1) return;  // no pooling behind a stride
  test_pool<Kernels>(s, x, w, bias, biased, integers);
}
