// The convolutions by Winograd's algorithm against loops in double precision, outside of Theano;
// same bits for any number of threads; masks and dropout as in the direct convolution.
#include "conv_backward.h"
#include "conv_reference.h"
#include "winograd_backward.h"
#include "winograd_weights.h"

namespace {

// Multiples of what the matrix G divides by, twice, keep every step exact in float; with the eight
// points of a span of 8 where few numbers are not 0 (IMPULSES).
template <int TILE, int KERNEL, bool TOGETHER>
struct Winograd {
  typedef winograd::Scheme<TILE, KERNEL> S;
  typedef winograd::Scheme<TILE + TILE % 2, KERNEL> Pooled;  // a pool's windows lie within tiles
  static constexpr int DIVISOR = winograd::divisor<Pooled::SPAN>();
  static constexpr float SCALE = DIVISOR * DIVISOR;
  static constexpr bool IMPULSES = S::SPAN == 8;
  static constexpr double TOLERANCE = 3e-5;
  template <class... A> static void conv_relu_pool(A... a) {
    winograd::conv_relu_pool<Pooled>(a...);
  }
  template <class... A> static void conv_relu(A... a) { winograd::conv_relu<S>(a...); }
  template <class... A> static void conv_linear(A... a) { winograd::conv_linear<S>(a...); }
  template <class Gradient>
  static void conv_backward(const ConvShape& s, const float* x, const float* w, const Gradient& g,
                            float* gx, float* gw, float* gb) {
    if (TOGETHER) winograd::conv_backward_together<S>(s, x, w, g, gx, gw, gb);
    else winograd::conv_backward_apart<S>(s, x, w, g, gx, gw, gb);
  }
};

// All that the kernels compute with a pool and dropout, bit by bit: y and the mask, the gradients.
template <class Kernels>
std::vector<std::vector<float>> outputs(const ConvShape& s, bool integers, int threads,
                                        bool impulses = false) {
  omp_set_num_threads(threads);
  generator.seed(3);
  const size_t pooled = size_t(s.n) * s.f * (s.out_h() / 2) * (s.out_w() / 2);
  Floats x(size_t(s.n) * s.c * s.h * s.w), w(size_t(s.f) * s.taps()), bias(s.f), gy(pooled);
  if (integers && impulses)
    x.impulses(s.n, 1), w.impulses(s.f * s.c, 8100), bias.random(true, 8100),
        gy.impulses(s.n, 8100);
  else
    x.random(integers), w.random(integers, 576), bias.random(integers, 576),
        gy.random(integers, 576);
  std::vector<float> y(pooled), gx(x.size), gw(w.size), gb(s.f);
  std::vector<uint8_t> mask(pooled);
  const DropoutKey key = make_dropout_key(7, 3, 0.5f);
  Kernels::conv_relu_pool(s, x.data, w.data, bias.data, &key, y.data(), mask.data());
  Kernels::conv_backward(s, x.data, w.data,
                         PooledGradient{gy.data, mask.data(), pooled, key.scale}, gx.data(),
                         gw.data(), gb.data());
  return {y, std::vector<float>(mask.begin(), mask.end()), gx, gw, gb};
}

struct Direct {
  template <class... A> static void conv_relu_pool(A... a) { facekp::conv_relu_pool(a...); }
  template <class... A> static void conv_backward(A... a) { facekp::conv_backward(a...); }
};

void expect(bool ok, const char* what, const ConvShape& s) {
  if (ok) return;
  ++failures;
  std::printf("FAILED %s: x (%d, %d, %d, %d), w (%d, %d, %d), pad %d\n", what, s.n, s.c, s.h, s.w,
              s.f, s.kh, s.kw, s.pad);
}

template <int TILE, int KERNEL, bool TOGETHER>
void test_shapes() {
  typedef Winograd<TILE, KERNEL, TOGETHER> Kernels;
  // n, c, f, out_h, out_w: outputs below, at and above a tile, odd sides, partial vectors and
  // groups, filters > tiles and < tiles, one chunk of the weight gradient and many, several parts
  // and pieces of the common pass
  const int sizes[][5] = {{1, 1, 1, 1, 1},    {1, 3, 2, 2, 3},     {2, 5, 7, 4, 4},
                          {3, 17, 70, 6, 6},  {1, 16, 16, 5, 9},   {2, 33, 19, 7, 11},
                          {1, 32, 40, 12, 12}, {2, 20, 8, 13, 20}, {5, 4, 3, 24, 18},
                          {1, 70, 18, 7, 9}, {2, 2, 5, 67, 50}, {40, 3, 4, 8, 7}};
  for (const auto& i : sizes)
    for (int pad = 0; pad < std::min(KERNEL, 3); ++pad) {
      if (pad && i[0] * i[1] * i[2] > 60) continue;
      const int h = i[3] + KERNEL - 1 - 2 * pad, w = i[4] + KERNEL - 1 - 2 * pad;
      if (h < 1 || w < 1) continue;
      const ConvShape s = {i[0], i[1], h, w, i[2], KERNEL, KERNEL, pad};
      for (bool integers : {false, true}) {
        omp_set_num_threads(2);
        test<Kernels>(s, integers);
      }
      const auto two = outputs<Kernels>(s, false, 2);
      expect(two == outputs<Kernels>(s, false, 1), "one thread gives other bits than two", s);
      expect(two == outputs<Kernels>(s, false, 3), "three threads give other bits than two", s);
      auto ours = outputs<Kernels>(s, true, 2, Kernels::IMPULSES);
      auto direct = outputs<Direct>(s, true, 2, Kernels::IMPULSES);
      if (Kernels::IMPULSES) ours.resize(2), direct.resize(2);
      expect(ours == direct, "not as direct", s);
    }
}

void test_transpose() {
  vec v[LANES];
  for (int i = 0; i < LANES; ++i)
    for (int j = 0; j < LANES; ++j) v[i][j] = i * LANES + j;
  winograd::transpose(v);
  for (int i = 0; i < LANES; ++i)
    for (int j = 0; j < LANES; ++j)
      expect(v[i][j] == j * LANES + i, "transpose", {0, 0, LANES, LANES, 0, 0, 0, 0});
}

// As in test_conv.cpp: NaN in the memory kept from call to call must not reach a later result.
template <class Kernels>
void poison(int kernel) {
  omp_set_num_threads(3);
  const ConvShape s = {3, 40, 40, 40, 70, kernel, kernel, 0};
  const size_t outputs = size_t(s.n) * s.f * s.out_h() * s.out_w();
  Floats x(size_t(s.n) * s.c * s.h * s.w, NAN), w(size_t(s.f) * s.taps(), NAN), bias(s.f, NAN);
  Floats y(outputs), g(outputs, NAN), gx(x.size), gw(w.size), gb(s.f);
  Kernels::conv_relu(s, x.data, w.data, bias.data, y.data);
  Kernels::conv_backward(s, x.data, w.data, ReluGradient{g.data, g.data, outputs}, gx.data,
                         gw.data, gb.data);
  for (size_t i = 0; i < outputs; ++i) expect(std::isnan(y.data[i]), "NaN stays NaN", s);
}

}  // namespace

int main() {
  test_transpose();
  poison<Winograd<4, 2, true>>(2);
  test_shapes<4, 2, true>();
  poison<Winograd<4, 5, true>>(5);
  test_shapes<4, 5, true>();
  poison<Winograd<4, 5, false>>(5);
  test_shapes<4, 5, false>();
  poison<Winograd<4, 3, false>>(3);
  test_shapes<4, 3, false>();
  poison<Winograd<4, 3, true>>(3);
  test_shapes<4, 3, true>();
  poison<Winograd<3, 3, false>>(3);
  test_shapes<3, 3, false>();
  std::printf("winograd, %d lanes: %d failures\n", LANES, failures);
  return failures != 0;
}
