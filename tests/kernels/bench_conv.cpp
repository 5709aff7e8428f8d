// GFLOP/s of the direct convolution for the paper's layers at batch 128, best of several runs.
// Build with -O3 -march=native -fopenmp; OMP_NUM_THREADS chooses the threads. A layer's operations
// are counted as the mathematics has it (2 n f c kh kw h w, outputs that pooling drops included).
#include <chrono>
#include <cstdio>
#include <vector>

#include "conv_backward.h"

using namespace facekp;

template <class Work>
static double best_ms(Work work) {
  double best = 1e9;
  for (int i = 0; i < 15; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double, std::milli> t = std::chrono::steady_clock::now() - start;
    best = std::min(best, t.count());
  }
  return best;
}

static void bench(const char* name, const ConvShape& s) {
  const double gflop = 2e-9 * s.n * s.f * s.taps() * s.out_h() * s.out_w();
  const size_t outputs = size_t(s.n) * s.f * s.out_h() * s.out_w(), pooled = outputs / 4;
  std::vector<float> x(size_t(s.n) * s.c * s.h * s.w), w(s.f * s.taps()), bias(s.f), y(outputs),
      gx(x.size()), gw(w.size()), gb(s.f), gy(outputs), stats(2 * s.f);
  std::vector<uint8_t> mask(pooled);
  for (size_t i = 0; i < x.size(); ++i) x[i] = float(i % 97) / 48 - 1;
  for (size_t i = 0; i < w.size(); ++i) w[i] = float(i % 31) / 15 - 1;
  for (size_t i = 0; i < gy.size(); ++i) gy[i] = float(i % 19) / 9 - 1;
  const DropoutKey key = make_dropout_key(1, 2, 0.1f);
  const double ms[] = {
      best_ms([&] {
        conv_relu_pool(s, x.data(), w.data(), bias.data(), &key, y.data(), mask.data());
      }),
      best_ms([&] {
        weight_gradient(s, x.data(), PooledGradient{gy.data(), mask.data(), pooled, key.scale},
                        gw.data(), gb.data());
      }),
      s.c == 1 ? 0 : best_ms([&] {
        input_gradient(s, w.data(), PooledGradient{gy.data(), mask.data(), pooled, key.scale},
                       gx.data());
      }),
      best_ms([&] { conv_linear(s, x.data(), w.data(), y.data(), stats.data()); }),
      best_ms([&] {
        weight_gradient(s, x.data(), LinearGradient{gy.data(), outputs}, gw.data(), nullptr);
      }),
      s.c == 1 ? 0 : best_ms([&] {
        input_gradient(s, w.data(), LinearGradient{gy.data(), outputs}, gx.data());
      })};
  std::printf("%-12s %5.2f GFLOP |", name, gflop);
  for (double t : ms) std::printf(t ? " %6.2f ms %4.0f |" : "     -         |", t, gflop / t * 1e3);
  std::printf("\n");
}

int main() {
  std::printf("%d threads              | pool: forward  | gw             | gx             |"
              " linear: forw.  | gw             | gx             | (ms, GFLOP/s)\n", max_threads());
  bench("cnn14 conv1", {128, 1, 96, 96, 32, 3, 3, 0});
  bench("cnn14 conv2", {128, 32, 47, 47, 64, 2, 2, 0});
  bench("cnn14 conv3", {128, 64, 23, 23, 128, 2, 2, 0});
  bench("lenet conv1", {128, 1, 96, 96, 16, 5, 5, 0});
  bench("lenet conv2", {128, 16, 46, 46, 32, 5, 5, 0});
  bench("lenet conv3", {128, 32, 21, 21, 64, 5, 5, 0});
  bench("lenet conv4", {128, 64, 8, 8, 128, 3, 3, 0});
  return 0;
}
