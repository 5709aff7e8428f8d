// All gradients of the convolution with stride 2 (see conv_strided.h).
#pragma once
#include "conv_strided.h"

namespace facekp {
namespace strided {

// The weights' gradient, gw, and the bias's, gb (or null).
//
// The images are cut into parts with sums of their own, added up at the end. How many there are
// depends on the shapes alone.
template <class Gradient>
class WeightGradient {
 public:
  WeightGradient(const ConvShape& s, const float* x, const Gradient& gradient)
      : s_(s),
        x_(x),
        layer_(s),
        taps_(layer_.taps),
        gradient_{gradient, layer_.images()},
        threads_(omp_get_max_threads()),
        sheet_(layer_.x.floats()),
        g_size_(size_t(layer_.outputs()) * taps_.wide),
        sums_size_(taps_.floats() + taps_.groups() * taps_.wide),
        parts_(std::min(s.n, std::max(8, std::min(32, int(PARTS_FLOATS / sums_size_))))),
        some_(images_at_once((s.n + parts_ - 1) / parts_, sheet_ + taps_.groups() * g_size_,
                             PIECE_FLOATS)),
        work_(parts_ * sums_size_, some_ * (sheet_ + taps_.groups() * g_size_), threads_) {
    for (int i = 0; i < some_; ++i)
      for (int row = 0; row < layer_.height; ++row)
        starts_.push_back(int(i * sheet_) + layer_.at(row, 0));
  }

  void write(float* gw, float* gb) const {
#pragma omp parallel num_threads(threads_)
    {
      std::fill_n(work_.own(), some_ * sheet_, 0.0f);
#pragma omp for schedule(static)
      for (int part = 0; part < parts_; ++part) {
        const int first = int(int64_t(s_.n) * part / parts_);
        const int last = int(int64_t(s_.n) * (part + 1) / parts_);
        for (int image = first; image < last; image += some_)
          add(image, std::min(some_, last - image), work_.shared() + part * sums_size_,
              image > first);
      }
#pragma omp for schedule(static)
      for (int i = 0; i < int(sums_size_); i += LANES) {
        vec total = load(work_.shared() + i);
        for (int part = 1; part < parts_; ++part)
          total += load(work_.shared() + part * sums_size_ + i);
        store(work_.shared() + i, total);
      }
#pragma omp for schedule(static)
      for (int f = 0; f < s_.f; f += LANES) {
        taps_.unpack(work_.shared(), f, gw);
        if (gb)
          store_some(gb + f, load(work_.shared() + taps_.floats() + f), std::min(LANES, s_.f - f));
      }
    }
  }

 private:
  static constexpr size_t PARTS_FLOATS = 1024 * 1024;  // of all parts' sums
  static constexpr size_t PIECE_FLOATS = 220 * 1024;   // of images and gradients in L2: 880 KB
  static constexpr int DEPTH = 100;  // outputs in one sum: a longer one would lose digits

  // The sums over `count` images, and behind them those for the bias.
  void add(int first, int count, float* sums, bool accumulate) const {
    float *images = work_.own(), *g = images + some_ * sheet_;
    for (int i = 0; i < count; ++i) layer_.read(x_, first + i, images + i * sheet_);
    const int rows = count * layer_.height, height = std::max(1, DEPTH / layer_.width);
    for (int f = 0; f < s_.f; f += taps_.wide, g += some_ * g_size_) {
      const int columns = std::min(taps_.wide, s_.f - f);
      for (int i = 0; i < count; ++i)
        for (int c = 0; c < columns; c += LANES)
          gradient_.read(first + i, f + c, 0, layer_.height, g + i * g_size_ + c,
                         layer_.width * taps_.wide, taps_.wide);
      for (int row = 0; row < rows; row += height) {
        const int some = std::min(height, rows - row);
        const float* from = g + size_t(row) * layer_.width * taps_.wide;
        const bool add = accumulate || row > 0;
        for (int tap = 0; tap < taps_.taps; ++tap)
          multiply<true>(s_.c, columns,
                         {layer_.width, images + layer_.at(0, tap), STRIDE * layer_.x.width, from,
                          taps_.wide, sums + taps_.at(f, tap, 0), taps_.wide, add, some,
                          &starts_[row]});
        for (int c = 0; c < columns; c += LANES) {
          float* bias = sums + taps_.floats() + f + c;
          vec total = {};
          for (int i = 0; i < some * layer_.width; ++i) total += load(from + i * taps_.wide + c);
          store(bias, add ? load(bias) + total : total);
        }
      }
    }
  }

  const ConvShape& s_;
  const float* const x_;
  const Layer layer_;
  const Taps& taps_;
  const OutputGradients<Gradient> gradient_;
  const int threads_;
  const size_t sheet_, g_size_, sums_size_;  // of an image, its gradients in a group; of a part
  const int parts_, some_;                   // images at once
  const Workspace work_;
  std::vector<int> starts_;  // of the rows of outputs
};

// The input's gradient.
template <class Gradient>
class InputGradient {
 public:
  InputGradient(const ConvShape& s, const float* w, const Gradient& gradient)
      : s_(s),
        w_(w),
        layer_(s),
        gradient_{gradient, layer_.images()},
        threads_(omp_get_max_threads()),
        above_(halved_up(s.kh) - 1),
        left_(halved_up(s.kw) - 1),
        g_(above_ + halved_up(s.padded_h()), left_ + halved_up(s.padded_w()), s.f),
        taps_(s.f, s.c, s.kh * s.kw),
        pixels_(s.h * s.w),
        products_(size_t(pixels_) * taps_.wide),
        some_(images_at_once((s.n + threads_ - 1) / threads_, g_.floats() + products_,
                             FORWARD_FLOATS)),
        work_(layer_.taps.floats() + taps_.floats(), some_ * (g_.floats() + products_), threads_),
        weights_(work_.shared() + layer_.taps.floats()) {
    for (int parity = 0; parity < 4; ++parity) {
      first_[parity] = int(tap_.size());
      for (int ky = parity / 2; ky < s.kh; ky += STRIDE)
        for (int kx = parity % 2; kx < s.kw; kx += STRIDE) {
          tap_.push_back(ky * s.kw + kx);
          starts_.push_back(g_.at(above_ - ky / STRIDE, left_ - kx / STRIDE));
        }
    }
    first_[4] = int(tap_.size());
  }

  void write(float* gx) const {
    const Target target(gx, size_t(s_.n) * s_.c, size_t(pixels_));
#pragma omp parallel num_threads(threads_)
    {
      float *images = work_.own(), *products = images + size_t(some_) * g_.floats();
      std::fill_n(images, some_ * (g_.floats() + products_), 0.0f);
      pack();
#pragma omp for schedule(static)
      for (int first = 0; first < s_.n; first += some_) {
        const int count = std::min(some_, s_.n - first);
        for (int i = 0; i < count; ++i)
          for (int f = 0; f < s_.f; f += LANES)
            gradient_.read(first + i, f, 0, layer_.height,
                           images + size_t(i) * g_.floats() + g_.at(above_, left_) + f, g_.at(1, 0),
                           g_.width);
        for (int c = 0; c < s_.c; c += taps_.wide)
          for (int i = 0; i < count; ++i) {
            multiply_image(images + size_t(i) * g_.floats(), c, products + i * products_);
            write_image(products + i * products_, first + i, c, target);
          }
      }
      drain();
    }
  }

 private:
  // The weights' transposes in the order of parities; divided over the threads that call this.
  void pack() const {
    const Taps& forward = layer_.taps;
#pragma omp for schedule(static)
    for (int f = 0; f < s_.f; f += LANES) forward.pack(w_, f, work_.shared());
#pragma omp for schedule(static)
    for (int c = 0; c < s_.c; c += LANES)
      for (int k = 0; k < taps_.taps; ++k)
        for (int f = 0; f < s_.f; f += LANES)
          to_lanes(std::min(LANES, s_.f - f), std::min(LANES, s_.c - c),
                   [&](int lane, int, int) {
                     return load(work_.shared() + forward.at(f, tap_[k], c + lane));
                   },
                   weights_ + taps_.at(c, k, f), LANES, 0, taps_.wide);
  }

  // A group of channels from c on. Where no tap meets a parity, the zeros of the beginning stay.
  void multiply_image(const float* g, int c, float* products) const {
    const int columns = std::min(taps_.wide, s_.c - c);
    for (int y = 0; y < s_.h; ++y)
      for (int x = 0; x < std::min(STRIDE, s_.w); ++x) {
        const int parity = (y + s_.pad) % 2 * 2 + (x + s_.pad) % 2, k = first_[parity];
        if (first_[parity + 1] > k)
          multiply<false>(halved_up(s_.w - x), columns,
                          {s_.f, g + g_.at((y + s_.pad) / 2, (x + s_.pad) / 2), g_.width,
                           weights_ + taps_.at(c, k, 0), taps_.wide,
                           products + (size_t(y) * s_.w + x) * taps_.wide, STRIDE * taps_.wide,
                           false, first_[parity + 1] - k, &starts_[k]});
      }
  }

  void write_image(const float* products, int image, int c, const Target& gx) const {
    for (int i = 0; i < taps_.wide && c + i < s_.c; i += LANES) {
      const size_t to = (size_t(image) * s_.c + c + i) * pixels_;
      from_lanes(products + i, pixels_, 0, pixels_, std::min(LANES, s_.c - c - i),
                 [&](int lane, int p, vec v, int count) {
                   gx.prefetch(to + size_t(lane + LANES) * pixels_ + p);
                   gx.put(to + size_t(lane) * pixels_ + p, v, count);
                 },
                 taps_.wide);
    }
  }

  const ConvShape& s_;
  const float* const w_;
  const Layer layer_;
  const OutputGradients<Gradient> gradient_;
  const int threads_;
  const int above_, left_;  // zeros before the gradients
  const Sheet g_;
  const Taps taps_;         // filters x channels, in the order of parities
  const int pixels_;
  const size_t products_;
  const int some_;          // images at once
  const Workspace work_;
  float* const weights_;
  int first_[5];            // taps of the parities (0, 0) (0, 1) (1, 0) (1, 1)
  std::vector<int> tap_, starts_;
};

// As facekp::conv_backward.
template <class Gradient>
static void conv_backward(const ConvShape& s, const float* x, const float* w,
                          const Gradient& gradient, float* gx, float* gw, float* gb) {
  static_assert(Gradient::S == 1, "no pooling behind a stride");
  WeightGradient<Gradient>(s, x, gradient).write(gw, gb);
  if (gx) InputGradient<Gradient>(s, w, gradient).write(gx);
}

}  // namespace strided
}  // namespace facekp
