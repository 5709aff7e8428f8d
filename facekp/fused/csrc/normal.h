// The normally distributed numbers of numpy.random.RandomState, bit for bit, on all threads.
//
// MT19937 makes one 32-bit word after the other, which is quick. Marsaglia's polar method makes two
// normal numbers of four words, with a logarithm, a root and a division, or refuses them: that is
// done by all threads for a block of candidates at a time. As numpy's legacy_gauss, which the
// generator's seed is tied to, it gives the second number first and keeps the other one.
#pragma once
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace facekp {

constexpr int64_t CANDIDATES = 1 << 16;  // at a time: 1 MB of words

struct Twister {
  static const int N = 624, M = 397;
  uint32_t key[N];
  int64_t next;  // N: all words are used

  void words(uint32_t* out, int64_t n) {
    while (n > 0) {
      if (next == N) twist();
      const int64_t part = std::min(n, N - next);
      for (int64_t i = 0; i < part; ++i) out[i] = tempered(key[next + i]);
      next += part, out += part, n -= part;
    }
  }

 private:
  static uint32_t tempered(uint32_t y) {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
  }

  static uint32_t mixed(uint32_t high, uint32_t low, uint32_t far) {
    const uint32_t y = (high & 0x80000000u) | (low & 0x7fffffffu);
    return far ^ (y >> 1) ^ (-(y & 1u) & 0x9908b0dfu);
  }

  void twist() {
    int i = 0;
    for (; i < N - M; ++i) key[i] = mixed(key[i], key[i + 1], key[i + M]);
    for (; i < N - 1; ++i) key[i] = mixed(key[i], key[i + 1], key[i + M - N]);
    key[N - 1] = mixed(key[N - 1], key[0], key[M - 1]);
    next = 0;
  }
};

struct Pair {
  double x1, x2, square;
  int64_t candidate;
};

struct Normal {
  Twister twister;
  bool kept;  // whether there is a number of the last pair left
  double other;

  // n numbers of this mean and standard deviation, rounded to float32.
  void draw(float* out, int64_t n, double mean, double deviation) {
    int64_t done = 0;
    if (kept && n > 0) {
      out[done++] = (float)(mean + deviation * other);
      kept = false, other = 0.0;
    }
    std::vector<uint32_t> words;
    while (done < n) {
      const int64_t wanted = (n - done + 1) / 2;  // pairs; 4 of pi candidates are refused
      const int64_t candidates = std::min<int64_t>(CANDIDATES, wanted + wanted / 2 + 16);
      words.resize(4 * candidates);
      const Twister before = twister;
      twister.words(words.data(), 4 * candidates);
      const int parts = (int)std::min<int64_t>(omp_get_max_threads(), candidates);
      std::vector<std::vector<Pair>> accepted(parts);
#pragma omp parallel for schedule(static, 1) num_threads(parts)
      for (int part = 0; part < parts; ++part)
        accept(words.data(), candidates * part / parts, candidates * (part + 1) / parts,
               accepted[part]);
      std::vector<int64_t> begin(parts + 1, 0);
      for (int part = 0; part < parts; ++part)
        begin[part + 1] = begin[part] + (int64_t)accepted[part].size();
#pragma omp parallel for schedule(static, 1) num_threads(parts)
      for (int part = 0; part < parts; ++part) {
        const int64_t some = std::min(wanted - begin[part], (int64_t)accepted[part].size());
        for (int64_t i = 0; i < some; ++i) {
          const Pair& pair = accepted[part][i];
          const double factor = std::sqrt(-2.0 * std::log(pair.square) / pair.square);
          const int64_t place = done + 2 * (begin[part] + i);
          out[place] = (float)(mean + deviation * (factor * pair.x2));
          if (place + 1 < n) {
            out[place + 1] = (float)(mean + deviation * (factor * pair.x1));
          } else {  // the last one of all
            kept = true, other = factor * pair.x1;
          }
        }
      }
      if (begin[parts] < wanted) {
        done += 2 * begin[parts];
        continue;
      }
      int last = 0;  // the part with the last pair that is wanted: what comes later was not drawn
      while (begin[last + 1] < wanted) ++last;
      const int64_t used = accepted[last][wanted - 1 - begin[last]].candidate + 1;
      twister = before;
      twister.words(words.data(), 4 * used);
      done = n;
    }
  }

 private:
  static double uniform(const uint32_t* words) {  // in [0, 1), of 53 bits
    return ((words[0] >> 5) * 67108864.0 + (words[1] >> 6)) / 9007199254740992.0;
  }

  static void accept(const uint32_t* words, int64_t begin, int64_t end, std::vector<Pair>& found) {
    found.reserve(end - begin);
    for (int64_t i = begin; i < end; ++i) {
      const double x1 = 2.0 * uniform(words + 4 * i) - 1.0;
      const double x2 = 2.0 * uniform(words + 4 * i + 2) - 1.0;
      const double square = x1 * x1 + x2 * x2;
      if (square < 1.0 && square != 0.0) found.push_back({x1, x2, square, i});
    }
  }
};

}  // namespace facekp
