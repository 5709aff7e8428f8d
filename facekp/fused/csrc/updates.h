// One step of the five optimizers, each in one pass over memory.
//
// An update does a handful of operations per number and is bound by memory: Adagrad reads gradient,
// accumulator and parameter and writes two of them back, 20 bytes per parameter; for the 8 million
// parameters of the 14-layer CNN that is 160 MB a step. Stock Theano computes the square, the
// accumulator and the parameter in passes of their own, 44 bytes per parameter.
//
// Each rule below is the arithmetic of lasagne.updates for one number, in Lasagne's order. The
// loops are plain: without aliasing and errno, GCC and Clang make vectors of them, square root
// included.
// A number's result depends on nothing but its own inputs, so that threads may split a tensor
// anywhere.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "threads.h"

namespace facekp {

struct Tensor {  // one parameter, its gradient and what the rule remembers of it
  int64_t size;
  const float* grad;
  float* param;
  float* state[2];
};

struct Sgd {
  float learning_rate;

  void step(float g, float& p, float&, float&) const { p -= learning_rate * g; }
};

struct NesterovMomentum {
  float learning_rate, momentum;

  void step(float g, float& p, float& velocity, float&) const {
    const float plain = learning_rate * g;
    velocity = momentum * velocity - plain;
    p = momentum * velocity + (p - plain);
  }
};

struct Adagrad {
  float learning_rate, epsilon;

  void step(float g, float& p, float& accu, float&) const {
    accu += g * g;
    p -= learning_rate * g / std::sqrt(accu + epsilon);
  }
};

struct RmsProp {
  float learning_rate, epsilon, rho, one_minus_rho;

  void step(float g, float& p, float& accu, float&) const {
    accu = rho * accu + one_minus_rho * (g * g);
    p -= learning_rate * g / std::sqrt(accu + epsilon);
  }
};

struct Adam {
  float step_size;  // learning rate times both bias corrections
  float epsilon, beta1, one_minus_beta1, beta2, one_minus_beta2;

  void step(float g, float& p, float& m, float& v) const {
    m = beta1 * m + one_minus_beta1 * g;
    v = beta2 * v + one_minus_beta2 * (g * g);
    p -= step_size * m / (std::sqrt(v) + epsilon);
  }
};

template <int STATES, typename Rule>
static void update_range(const Rule& rule, const Tensor& t, int64_t begin, int64_t end) {
  const float* __restrict grad = t.grad;
  float* __restrict param = t.param;
  float* __restrict state0 = t.state[0];
  float* __restrict state1 = t.state[1];
  for (int64_t i = begin; i < end; ++i) {
    float p = param[i], unused = 0;
    // `if`s on a template parameter: a rule without a state must not touch its null pointer
    float s0 = STATES > 0 ? state0[i] : unused;
    float s1 = STATES > 1 ? state1[i] : unused;
    rule.step(grad[i], p, s0, s1);
    param[i] = p;
    if (STATES > 0) state0[i] = s0;
    if (STATES > 1) state1[i] = s1;
  }
}

// Every thread takes the same share, in whole cache lines of 16 floats, so that no two write one.
template <int STATES, typename Rule>
static void update_tensor(const Rule& rule, const Tensor& t, int threads) {
  const int64_t lines = (t.size + 15) / 16;
  parallel_ranges((int)lines, threads, [&](int first, int last, int) {
    update_range<STATES>(rule, t, int64_t(first) * 16, std::min<int64_t>(last * 16ll, t.size));
  });
}

}  // namespace facekp
