// Times of the Winograd kernels for VGG-16's layers on 96x96 images, best of several runs.
// Build with -O3 -march=native -fopenmp; arguments: batch size (16); OMP_NUM_THREADS chooses the
// threads. GFLOP/s count the operations of the direct algorithm, 4 times those of F(4x4, 3x3).
#include <chrono>
#include <cstdio>
#include <vector>

#include "winograd.h"
#include "winograd_weights.h"

using namespace facekp::winograd;

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

static void bench(int batch, int channels, int filters, int size) {
  const Images in{batch, channels, size, size}, out = in.with_channels(filters);
  const auto x = values(in.at(batch, 0, 0)), w = values(size_t(filters) * channels * TAPS),
             b = values(filters), gy = values(out.at(batch, 0, 0));
  std::vector<float> y(gy.size()), gx(x.size()), gw(w.size()), gb(filters);
  std::vector<uint8_t> mask(size_t(out.tiles()) * 4 * filters);
  const int threads = omp_get_max_threads();
  const Values input{x.data(), in};
  const ForwardFilters forward{w.data(), filters, channels};
  const BackwardFilters backward{w.data(), filters, channels};
  const Plain to_gx{gx.data(), in};
  const BiasRectify relu{b.data(), y.data(), out};
  const BiasRectifyPool pool{b.data(), y.data(), mask.data(), out};
  const Rectified g{gy.data(), y.data(), out};
  const Unpooled pooled{gy.data(), mask.data(), out};
  const double ms[] = {
      best_ms([&] { convolve(input, forward, relu, threads); }),
      best_ms([&] { convolve(g, backward, to_gx, threads); }),
      best_ms([&] { weight_gradient(input, g, gw.data(), gb.data(), threads); }),
      best_ms([&] { convolve(input, forward, pool, threads); }),
      best_ms([&] { convolve(pooled, backward, to_gx, threads); }),
      best_ms([&] { weight_gradient(input, pooled, gw.data(), gb.data(), threads); })};
  std::printf("%3d -> %3d @%2d |", channels, filters, size);
  const double gflop = 2e-9 * batch * filters * channels * TAPS * size * size;
  for (const double* t : {ms, ms + 3})
    std::printf(" %6.2f %6.2f %6.2f  %6.2f ms %5.0f GFLOP/s |", t[0], t[1], t[2],
                t[0] + t[1] + t[2], 3 * gflop / (t[0] + t[1] + t[2]) * 1e3);
  std::printf("\n");
}

int main(int argc, char** argv) {
  const int batch = argc > 1 ? std::atoi(argv[1]) : 16;
  std::printf("batch %d, %d threads; y, gx, gW and their sum; without a pool, with it\n", batch,
              omp_get_max_threads());
  const int layers[][3] = {{64, 64, 96},   {64, 128, 48},  {128, 128, 48}, {128, 256, 24},
                           {256, 256, 24}, {256, 512, 12}, {512, 512, 12}, {512, 512, 6}};
  for (const auto& l : layers) bench(batch, l[0], l[1], l[2]);
}
