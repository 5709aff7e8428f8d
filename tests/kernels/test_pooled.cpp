// The gradients of pooled layers from the windows' largest outputs, against loops in double
// precision, outside of Theano; same bits for any number of threads.
#include "conv_forward.h"
#include "conv_reference.h"
#include "pooled_backward.h"

namespace {

template <int KERNEL>
struct Pooled {
  static constexpr float SCALE = 1;
  static constexpr bool IMPULSES = false;
  static constexpr double TOLERANCE = 2e-6;
  template <class... A> static void conv_relu_pool(A... a) { facekp::conv_relu_pool(a...); }
  template <class... A> static void conv_backward(A... a) { pooled::conv_backward<KERNEL>(a...); }
};

typedef std::vector<std::vector<float>> Outputs;

void expect(bool ok, const char* what, const ConvShape& s) {
  if (ok) return;
  ++failures;
  std::printf("FAILED %s: x (%d, %d, %d, %d), w (%d, %d, %d), pad %d\n", what, s.n, s.c, s.h, s.w,
              s.f, s.kh, s.kw, s.pad);
}

template <int KERNEL>
void test_gradients(const ConvShape& s, bool integers) {
  omp_set_num_threads(2);
  Floats x(size_t(s.n) * s.c * s.h * s.w), w(size_t(s.f) * s.taps()), bias(s.f);
  x.random(integers), w.random(integers), bias.random(integers);
  test_pool<Pooled<KERNEL>>(s, x, w, bias, convolve(s, x, w, bias.data), integers);
}

// Outputs too few for a window: all gradients are 0.
void test_no_windows() {
  const ConvShape s = {2, 3, 2, 6, 4, 2, 2, 0};
  const Floats x(36 * 2, 1), w(48, 1);
  std::vector<float> gx(x.size, NAN), gw(w.size, NAN), gb(4, NAN);
  pooled::conv_backward<2>(s, x.data, w.data, PooledGradient{nullptr, nullptr, 0, 1}, gx.data(),
                           gw.data(), gb.data());
  for (const auto* found : {&gx, &gw, &gb})
    for (float number : *found) expect(number == 0, "no windows", s);
}

// gw, gb and gx of random numbers, or without gx; NaN in x in the call before.
template <int KERNEL>
Outputs outputs(const ConvShape& s, int threads, bool input) {
  omp_set_num_threads(threads);
  generator.seed(3);
  const size_t pooled = size_t(s.n) * s.f * (s.out_h() / 2) * (s.out_w() / 2);
  Floats x(size_t(s.n) * s.c * s.h * s.w), w(size_t(s.f) * s.taps()), gy(pooled);
  x.random(false), w.random(false), gy.random(false);
  std::vector<uint8_t> mask(pooled);
  for (uint8_t& bits : mask) bits = generator() % 2 ? 1 << generator() % 4 : generator() % 32;
  const PooledGradient gradient{gy.data, mask.data(), pooled, 2};
  std::vector<float> gx(x.size), gw(w.size), gb(s.f);
  const Floats nothing(x.size, NAN);
  pooled::conv_backward<KERNEL>(s, nothing.data, w.data, gradient, gx.data(), gw.data(), gb.data());
  pooled::conv_backward<KERNEL>(s, x.data, w.data, gradient, input ? gx.data() : nullptr,
                                gw.data(), gb.data());
  return input ? Outputs{gw, gb, gx} : Outputs{gw, gb};
}

template <int KERNEL>
void test_shapes() {
  // n, c, f, out_h, out_w: a window, odd sides, partial vectors of channels and of windows, several
  // blocks, several strips, groups of small images, more images than parts
  const int sizes[][5] = {{1, 1, 1, 2, 2},    {1, 3, 2, 2, 3},    {2, 5, 7, 4, 4},
                          {3, 17, 12, 6, 6},  {1, 16, 16, 5, 9},  {2, 33, 19, 7, 11},
                          {1, 70, 9, 12, 12}, {2, 20, 8, 13, 20}, {5, 4, 3, 24, 18},
                          {1, 32, 2, 67, 90}, {70, 3, 4, 5, 7},   {9, 40, 130, 2, 4}};
  for (const auto& i : sizes)
    for (int pad = 0; pad < KERNEL; pad += KERNEL - 1) {
      const int h = i[3] + KERNEL - 1 - 2 * pad, w = i[4] + KERNEL - 1 - 2 * pad;
      if (h < 1 || w < 1) continue;
      const ConvShape s = {i[0], i[1], h, w, i[2], KERNEL, KERNEL, pad};
      for (bool integers : {false, true}) test_gradients<KERNEL>(s, integers);
      const Outputs one = outputs<KERNEL>(s, 1, true);
      expect(one == outputs<KERNEL>(s, 3, true), "three threads give other bits than one", s);
      expect(Outputs(one.begin(), one.begin() + 2) == outputs<KERNEL>(s, 2, false),
             "without the input's gradient the others are not the same", s);
    }
}

}  // namespace

int main() {
  test_no_windows();
  test_shapes<2>();
  test_shapes<3>();
  test_shapes<5>();
  std::printf("pooled, %d lanes: %d failures\n", LANES, failures);
  return failures != 0;
}
