// From filters W (F, C, r, r) to panels, as the forward and the input gradient use them.
//
// Lanes are what the columns of the product are: filters in the forward, the input's channels in
// the backward. The true convolution's flip is a walk through the taps from the last to the first.
#pragma once
#include "winograd_multiply.h"
#include "winograd_pixels.h"

namespace facekp {
namespace winograd {

template <class S>
struct ForwardFilters {
  static constexpr int TAPS = S::TAPS;
  const float* w;  // (filters, channels, KERNEL, KERNEL)
  int filters, channels;
  int outputs() const { return filters; }
  int depth() const { return channels; }

  // Transforms LANES filters from f on into the columns from `column` on of all rows of `panel`.
  void transform_to(const Panel<S>& panel, int f, int column) const {
    constexpr int BLOCK = LANES;
    float taps[BLOCK * TAPS * LANES];
    for (int c0 = 0; c0 < channels; c0 += BLOCK) {
      const int count = std::min(BLOCK, channels - c0);
      const float* from = w + (size_t(f) * channels + c0) * TAPS;
      to_lanes(count * TAPS, std::min(LANES, filters - f),
               [&](int lane, int p, int some) {
                 return load_some(from + size_t(lane) * channels * TAPS + p, some);
               },
               taps, count * TAPS, size_t(count) * TAPS * LANES);
      for (int c = 0; c < count; ++c)
        transform<FilterPoints<S>>(taps + (c * TAPS + TAPS - 1) * LANES, -S::KERNEL * LANES, -LANES,
                                   panel.at(0, c0 + c, column), S::SPAN * panel.point, panel.point);
    }
  }
};

// The transpose of the forward: rows are filters, columns the input's channels. With FLIP the taps
// are those of the forward, which meet A dy A'; without it the gradient of y is correlated with
// taps that are not flipped.
template <class S, bool FLIP>
struct BackwardFilters {
  static constexpr int TAPS = S::TAPS;
  const float* w;
  int filters, channels;
  int outputs() const { return channels; }
  int depth() const { return filters; }

  void transform_to(const Panel<S>& panel, int c, int column) const {
    const int lanes = std::min(LANES, channels - c);
    // Copied first, the rows of taps can be read as whole vectors: 5 times as fast as parts.
    constexpr int READ = (TAPS + LANES - 1) / LANES * LANES;
    constexpr int START = (FLIP ? TAPS - 1 : 0) * LANES, STEP = FLIP ? -LANES : LANES;
    float packed[LANES * TAPS + LANES] = {}, taps[READ * LANES];
    for (int f = 0; f < filters; ++f) {
      const float* from = w + (size_t(f) * channels + c) * TAPS;
      if (lanes == LANES)
        std::memcpy(packed, from, LANES * TAPS * sizeof(float));
      else
        std::memcpy(packed, from, lanes * TAPS * sizeof(float));
      to_lanes(READ, lanes,
               [&](int lane, int p, int some) { return load_some(packed + lane * TAPS + p, some); },
               taps, READ, READ * LANES);
      transform<FilterPoints<S>>(taps + START, S::KERNEL * STEP, STEP, panel.at(0, f, column),
                                 S::SPAN * panel.point, panel.point);
    }
  }
};

}  // namespace winograd
}  // namespace facekp
