// Times of the Winograd kernels, best of several runs: VGG-16's layers on 96x96 images at batch 16,
// LeNet-5's and the 14-layer CNN's at batch 128, these beside the direct kernels; and of those with
// stride 2, ResNet's at batch 64.
// Build with -O3 -march=native -fopenmp; OMP_NUM_THREADS chooses the threads. GFLOP/s count the
// operations of the direct algorithm. An argument other than 0 leaves VGG out.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "conv_backward.h"
#include "conv_strided_backward.h"
#include "pooled_backward.h"
#include "winograd_backward.h"
#include "winograd_weights.h"

using namespace facekp;

template <class Work>
static double best_ms(Work work) {
  double best = 1e9;
  for (int i = 0; i < 10; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double, std::milli> t = std::chrono::steady_clock::now() - start;
    best = std::min(best, t.count());
  }
  return best;
}

static std::vector<float> values(size_t n) {
  std::vector<float> v(n);
  for (size_t i = 0; i < n; ++i) v[i] = float(i % 97) / 48 - 1;
  return v;
}

struct Arrays {
  std::vector<float> x, w, b, y, gy, gx, gw, gb, stats;
  std::vector<uint8_t> mask;
  size_t outputs, pooled;
  explicit Arrays(const ConvShape& s)
      : x(values(size_t(s.n) * s.c * s.h * s.w)),
        w(values(size_t(s.f) * s.taps())),
        b(values(s.f)),
        gx(x.size()),
        gw(w.size()),
        gb(s.f),
        stats(2 * s.f),
        outputs(size_t(s.n) * s.f * s.out_h() * s.out_w()),
        pooled(size_t(s.n) * s.f * (s.out_h() / 2) * (s.out_w() / 2)) {
    gy = values(outputs);
    y.resize(outputs);
    mask.resize(pooled);
  }
  ReluGradient relu() const { return {gy.data(), y.data(), outputs}; }
  LinearGradient linear() const { return {gy.data(), outputs}; }
  PooledGradient pool() const { return {gy.data(), mask.data(), pooled, 1}; }
};

static void bench_deep(int batch, int channels, int filters, int size) {
  typedef winograd::Scheme<4, 3> S;
  const ConvShape s = {batch, channels, size, size, filters, 3, 3, 1};
  Arrays a(s);
  const double ms[] = {
      best_ms([&] {
        winograd::conv_relu<S>(s, a.x.data(), a.w.data(), a.b.data(), a.y.data());
      }),
      best_ms([&] { winograd::input_gradient<S>(s, a.w.data(), a.relu(), a.gx.data()); }),
      best_ms([&] {
        winograd::weight_gradient<S>(s, a.x.data(), a.relu(), a.gw.data(), a.gb.data());
      }),
      best_ms([&] {
        winograd::conv_relu_pool<S>(s, a.x.data(), a.w.data(), a.b.data(), nullptr, a.y.data(),
                                    a.mask.data());
      }),
      best_ms([&] { winograd::input_gradient<S>(s, a.w.data(), a.pool(), a.gx.data()); }),
      best_ms([&] {
        winograd::weight_gradient<S>(s, a.x.data(), a.pool(), a.gw.data(), a.gb.data());
      })};
  std::printf("%3d -> %3d @%2d |", channels, filters, size);
  const double gflop = 2e-9 * batch * filters * s.taps() * size * size;
  for (const double* t : {ms, ms + 3})
    std::printf(" %6.2f %6.2f %6.2f  %6.2f ms %5.0f GFLOP/s |", t[0], t[1], t[2],
                t[0] + t[1] + t[2], 3 * gflop / (t[0] + t[1] + t[2]) * 1e3);
  std::printf("\n");
}

template <class Direct, class Winograd>
static void beside(Direct direct, Winograd winograd) {
  const double a = best_ms(direct), b = best_ms(winograd);
  std::printf(" %6.2f %6.2f x%4.2f |", a, b, a / b);
}

template <class S, class Backward>
static void bench_beside(const char* name, const ConvShape& s, Backward backward) {
  Arrays a(s);
  const DropoutKey key = make_dropout_key(1, 2, 0.1f);
  std::printf("%-11s |", name);
  beside([&] { conv_relu_pool(s, a.x.data(), a.w.data(), a.b.data(), &key, a.y.data(),
                              a.mask.data()); },
         [&] { winograd::conv_relu_pool<S>(s, a.x.data(), a.w.data(), a.b.data(), &key, a.y.data(),
                                           a.mask.data()); });
  beside([&] { conv_backward(s, a.x.data(), a.w.data(), a.pool(), a.gx.data(), a.gw.data(),
                             a.gb.data()); },
         [&] { backward(s, a, a.pool(), a.gb.data()); });
  std::printf(" %6.2f |", best_ms([&] {
    pooled::conv_backward<S::KERNEL>(s, a.x.data(), a.w.data(), a.pool(), a.gx.data(), a.gw.data(),
                                     a.gb.data());
  }));
  beside([&] { conv_linear(s, a.x.data(), a.w.data(), a.y.data(), a.stats.data()); },
         [&] { winograd::conv_linear<S>(s, a.x.data(), a.w.data(), a.y.data(), a.stats.data()); });
  beside([&] { conv_backward(s, a.x.data(), a.w.data(), a.linear(), a.gx.data(), a.gw.data(),
                             nullptr); },
         [&] { backward(s, a, a.linear(), nullptr); });
  std::printf("\n");
}

template <int TILE, int KERNEL>
static void bench_together(const char* name, const ConvShape& s) {
  typedef winograd::Scheme<TILE, KERNEL> S;
  bench_beside<S>(name, s, [](const ConvShape& s, Arrays& a, auto gradient, float* gb) {
    winograd::conv_backward_together<S>(s, a.x.data(), a.w.data(), gradient, a.gx.data(),
                                        a.gw.data(), gb);
  });
}

template <int TILE, int KERNEL>
static void bench_apart(const char* name, const ConvShape& s) {
  typedef winograd::Scheme<TILE, KERNEL> S;
  bench_beside<S>(name, s, [](const ConvShape& s, Arrays& a, auto gradient, float* gb) {
    winograd::conv_backward_apart<S>(s, a.x.data(), a.w.data(), gradient, a.gx.data(), a.gw.data(),
                                     gb);
  });
}

static void bench_strided(int channels, int filters, int size, int kernel) {
  const ConvShape s = {64, channels, size, size, filters, kernel, kernel, kernel / 2};
  Arrays a(s);
  const LinearGradient g = {a.gy.data(), size_t(s.n) * s.f * (size / 2) * (size / 2)};
  std::printf("%3d -> %3d @%2d, %dx%d | %6.2f %6.2f %6.2f ms\n", channels, filters, size, kernel,
              kernel,
              best_ms([&] {
                strided::conv_linear(s, a.x.data(), a.w.data(), a.y.data(), a.stats.data());
              }),
              best_ms([&] {
                strided::InputGradient<LinearGradient>(s, a.w.data(), g).write(a.gx.data());
              }),
              best_ms([&] {
                strided::WeightGradient<LinearGradient>(s, a.x.data(), g).write(a.gw.data(),
                                                                               nullptr);
              }));
}

int main(int argc, char** argv) {
  const bool vgg = argc < 2 || std::atoi(argv[1]) == 0;
  const int layers[][3] = {{64, 64, 96},   {64, 128, 48},  {128, 128, 48}, {128, 256, 24},
                           {256, 256, 24}, {256, 512, 12}, {512, 512, 12}, {512, 512, 6}};
  std::printf("%d threads; y, gx, gW and their sum; without a pool, with it\n", max_threads());
  if (vgg)
    for (const auto& l : layers) bench_deep(16, l[0], l[1], l[2]);
  std::printf("direct and Winograd (ms), quotient: with pool and dropout forward, gradients "
              "(and from the pool's outputs alone); linear forward, gradients\n");
  bench_together<4, 2>("cnn14 conv2", {128, 32, 47, 47, 64, 2, 2, 0});
  bench_together<4, 2>("cnn14 conv3", {128, 64, 23, 23, 128, 2, 2, 0});
  bench_together<4, 5>("lenet conv2", {128, 16, 46, 46, 32, 5, 5, 0});
  bench_together<4, 5>("lenet conv3", {128, 32, 21, 21, 64, 5, 5, 0});
  bench_apart<4, 3>("lenet conv4", {128, 64, 8, 8, 128, 3, 3, 0});
  std::printf("stride 2: y, gx, gW\n");
  for (int kernel : {3, 1})
    for (int i = 0; i < 3; ++i) bench_strided(32 << i, 64 << i, 48 >> i, kernel);
  return 0;
}
