// csrc/updates.h against the rules in double precision, outside of Theano: sizes that are no
// multiple of a vector or a cache line, more threads than there is work, and the same bits for all
// threads.
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "updates.h"

using namespace facekp;
typedef std::vector<float> floats;

static int failures = 0;

struct Memory {  // one parameter with its gradient and states
  floats grad, param, state0, state1;

  Memory(int64_t size, unsigned seed) : grad(size), param(size), state0(size), state1(size) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal;
    for (floats* v : {&grad, &param}) for (float& e : *v) e = normal(generator);
    for (floats* v : {&state0, &state1}) for (float& e : *v) e = std::fabs(normal(generator));
  }
  Tensor tensor(int states) {
    return {(int64_t)grad.size(), grad.data(), param.data(),
            {states > 0 ? state0.data() : nullptr, states > 1 ? state1.data() : nullptr}};
  }
};

static void check(const char* what, const floats& found, const floats& expected, double tolerance) {
  for (size_t i = 0; i < expected.size(); ++i)
    if (!(std::fabs(found[i] - expected[i]) <= tolerance)) {
      std::printf("%s: element %d of %d is %g, expected %g\n", what, (int)i, (int)expected.size(),
                  found[i], expected[i]);
      ++failures;
      return;
    }
}

// expected(g, p, s0, s1) is the rule in double.
template <int STATES, class Rule, class Expected>
static void test(const char* name, const Rule& rule, Expected expected) {
  const std::vector<int64_t> sizes = {0, 1, 15, 16, 17, 33, 1000, 70001};
  std::vector<Memory> one, seven, wanted;
  for (std::vector<Memory>* v : {&one, &seven, &wanted})
    for (size_t i = 0; i < sizes.size(); ++i) v->emplace_back(sizes[i], i);
  for (std::vector<Memory>* v : {&one, &seven})
    for (Memory& m : *v) update_tensor<STATES>(rule, m.tensor(STATES), v == &one ? 1 : 7);
  for (size_t i = 0; i < sizes.size(); ++i) {
    Memory& m = wanted[i];
    for (int64_t k = 0; k < sizes[i]; ++k) {
      double p = m.param[k], s0 = m.state0[k], s1 = m.state1[k];
      expected(m.grad[k], p, s0, s1);
      m.param[k] = p, m.state0[k] = s0, m.state1[k] = s1;
    }
    check(name, one[i].param, m.param, 2e-6);
    check(name, one[i].state0, m.state0, 2e-6);
    check(name, one[i].state1, m.state1, 2e-6);
    check("7 threads", seven[i].param, one[i].param, 0);
    check("7 threads", seven[i].state0, one[i].state0, 0);
    check("7 threads", seven[i].state1, one[i].state1, 0);
  }
}

int main() {
  typedef double& D;
  test<0>("sgd", Sgd{0.1f}, [](double g, D p, D, D) { p -= 0.1 * g; });
  test<1>("nesterov_momentum", NesterovMomentum{0.1f, 0.9f}, [](double g, D p, D v, D) {
    v = 0.9 * v - 0.1 * g;
    p += 0.9 * v - 0.1 * g;
  });
  test<1>("adagrad", Adagrad{0.1f, 0.5f}, [](double g, D p, D a, D) {
    a += g * g;
    p -= 0.1 * g / std::sqrt(a + 0.5);
  });
  test<1>("rmsprop", RmsProp{0.1f, 0.5f, 0.9f, 0.1f}, [](double g, D p, D a, D) {
    a = 0.9 * a + 0.1 * g * g;
    p -= 0.1 * g / std::sqrt(a + 0.5);
  });
  test<2>("adam", Adam{0.1f, 0.5f, 0.9f, 0.1f, 0.8f, 0.2f}, [](double g, D p, D m, D v) {
    m = 0.9 * m + 0.1 * g;
    v = 0.8 * v + 0.2 * g * g;
    p -= 0.1 * m / (std::sqrt(v) + 0.5);
  });
  std::printf("test_updates: %s\n", failures ? "FAILED" : "ok");
  return failures != 0;
}
