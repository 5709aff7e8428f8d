// From filters W (F, C, 3, 3) to panels, as the forward and the input gradient use them.
//
// Lanes are what the columns of the product are: filters in the forward, the input's channels in
// the backward. The true convolution's flip is a walk through the taps from the last to the first.
#pragma once
#include "winograd_multiply.h"
#include "winograd_pixels.h"

namespace facekp {
namespace winograd {

struct ForwardFilters {
  const float* w;  // (filters, channels, 3, 3)
  int filters, channels;
  int outputs() const { return filters; }
  int depth() const { return channels; }

  // Transforms LANES filters from f on into the columns from `column` on of all rows of `panel`.
  void transform_to(const Panel& panel, int f, int column) const {
    constexpr int BLOCK = LANES;
    float taps[BLOCK * TAPS * LANES];
    for (int c0 = 0; c0 < channels; c0 += BLOCK) {
      const int count = std::min(BLOCK, channels - c0);
      const float* from = w + (size_t(f) * channels + c0) * TAPS;
      to_lanes(count * TAPS, std::min(LANES, filters - f),
               [&](int lane, int p, int some) {
                 return load_some(from + size_t(lane) * channels * TAPS + p, some);
               },
               taps, count * TAPS, 0);
      for (int c = 0; c < count; ++c)
        transform<FilterPoints>(taps + (c * TAPS + TAPS - 1) * LANES, -3 * LANES, -LANES,
                                panel.at(0, c0 + c, column), SPAN * panel.point, panel.point);
    }
  }
};

// The transpose of the forward: the gradient of y is correlated with taps that are not flipped.
struct BackwardFilters {
  const float* w;
  int filters, channels;
  int outputs() const { return channels; }
  int depth() const { return filters; }

  void transform_to(const Panel& panel, int c, int column) const {
    const int lanes = std::min(LANES, channels - c);
    // Copied first, the rows of 9 taps can be read as whole vectors: 5 times as fast as parts.
    constexpr int READ = LANES > TAPS ? LANES : TAPS;
    float packed[LANES * TAPS + LANES] = {}, taps[READ * LANES];
    for (int f = 0; f < filters; ++f) {
      const float* from = w + (size_t(f) * channels + c) * TAPS;
      if (lanes == LANES)
        std::memcpy(packed, from, LANES * TAPS * sizeof(float));
      else
        std::memcpy(packed, from, lanes * TAPS * sizeof(float));
      to_lanes(READ, lanes,
               [&](int lane, int p, int some) { return load_some(packed + lane * TAPS + p, some); },
               taps, READ, 0);
      transform<FilterPoints>(taps, 3 * LANES, LANES, panel.at(0, f, column), SPAN * panel.point,
                              panel.point);
    }
  }
};

}  // namespace winograd
}  // namespace facekp
