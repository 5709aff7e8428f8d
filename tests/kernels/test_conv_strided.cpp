// The convolution with stride 2 against loops in double precision, and its bits for any number of
// threads, outside of Theano, built with AddressSanitizer and UBSan for each vector width.
#include "conv_strided_backward.h"
#include "conv_reference.h"

namespace {

struct Strided {
  static constexpr float SCALE = 1;
  static constexpr bool IMPULSES = false;
  static constexpr double TOLERANCE = 2e-6;
  template <class... A> static void conv_relu_pool(A...) {}  // no pooling behind a stride
  static void conv_backward(ConvShape, float*, float*, PooledGradient, float*, float*, float*) {}
  template <class... A> static void conv_relu(A... a) { strided::conv_relu(a...); }
  template <class... A> static void conv_linear(A... a) { strided::conv_linear(a...); }
  template <class... A> static void conv_backward(A... a) { strided::conv_backward(a...); }
};

}  // namespace

// Leaves NaN wherever the kernels keep memory from call to call: none may reach a later result.
static void poison() {
  omp_set_num_threads(5);
  const ConvShape s = {5, 40, 40, 40, 16, 3, 3, 1};
  const size_t outputs = size_t(s.n) * s.f * out_h(s) * out_w(s);
  Floats x(size_t(s.n) * s.c * s.h * s.w, NAN), w(size_t(s.f) * s.taps(), NAN), bias(s.f, NAN);
  Floats y(outputs), g(outputs, NAN), gx(x.size), gw(w.size), gb(s.f);
  strided::conv_relu(s, x.data, w.data, bias.data, y.data);
  strided::conv_backward(s, x.data, w.data, LinearGradient{g.data, outputs}, gx.data, gw.data,
                         gb.data);
  strided::conv_backward(s, x.data, w.data, ReluGradient{g.data, g.data, outputs}, gx.data,
                         gw.data, gb.data);
}

// All that is computed, bit by bit.
static std::vector<std::vector<float>> outputs(const ConvShape& s, int threads) {
  omp_set_num_threads(threads);
  generator.seed(3);
  const size_t outputs = size_t(s.n) * s.f * out_h(s) * out_w(s);
  Floats x(size_t(s.n) * s.c * s.h * s.w), w(size_t(s.f) * s.taps()), g(outputs);
  x.random(false), w.random(false), g.random(false);
  std::vector<float> z(outputs), stats(2 * s.f), gx(x.size), gw(w.size), gb(s.f);
  strided::conv_linear(s, x.data, w.data, z.data(), stats.data());
  strided::conv_backward(s, x.data, w.data, LinearGradient{g.data, outputs}, gx.data(), gw.data(),
                         gb.data());
  return {z, stats, gx, gw, gb};
}

int main() {
  stride = 2;
  poison();
  const ConvShape shapes[] = {
      {1, 1, 1, 1, 1, 1, 1, 0},    {1, 1, 3, 3, 1, 3, 3, 0},     {1, 1, 4, 4, 1, 1, 1, 0},
      {3, 2, 5, 4, 5, 2, 3, 0},    {2, 3, 9, 11, 7, 3, 1, 0},    {4, 1, 13, 12, 10, 3, 3, 1},
      {2, 5, 7, 7, 33, 5, 5, 1},   {1, 2, 12, 13, 3, 11, 11, 0}, {17, 6, 8, 8, 16, 3, 3, 1},
      {3, 4, 21, 21, 9, 5, 5, 2},  {2, 8, 23, 23, 18, 2, 2, 0},  {2, 3, 48, 48, 6, 3, 3, 1},
      {2, 3, 48, 48, 6, 1, 1, 0},  {1, 1, 50, 60, 4, 7, 7, 3},   {1, 3, 6, 70, 11, 3, 3, 1},
      {1, 40, 80, 80, 3, 3, 3, 1}, {40, 2, 3, 3, 6, 2, 2, 1},    {1, 12, 12, 12, 12, 1, 1, 0},
      {2, 3, 9, 9, 4, 1, 1, 2},    {33, 16, 4, 4, 1, 1, 1, 60},  {3, 70, 7, 6, 130, 3, 3, 1},
      {40, 2, 30, 31, 3, 3, 3, 1}, {5, 9, 6, 7, 20, 1, 3, 1},
  };
  for (int threads : {1, 2, 5}) {  // 5: more than some shapes have images
    omp_set_num_threads(threads);
    for (const ConvShape& s : shapes) test<Strided>(s, threads != 2);
  }
  for (const ConvShape& s : shapes) {
    const auto one = outputs(s, 1);
    for (int threads : {2, 5})
      if (outputs(s, threads) != one) {
        ++failures;
        std::printf("FAILED: %d threads give other bits than one: x (%d, %d, %d, %d)\n", threads,
                    s.n, s.c, s.h, s.w);
      }
  }
  std::printf("conv with stride 2, %d lanes: %d failures\n", LANES, failures);
  return failures != 0;
}
