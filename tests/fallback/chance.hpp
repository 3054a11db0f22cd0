// Dice for tests of properties: the same seed throws the same.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>

namespace landfall::simulation {

class chance {
public:
  explicit chance(std::uint64_t seed) : random_(seed) {}
  int upto(int most) { return static_cast<int>(random_() % static_cast<unsigned>(most + 1)); }
  bool in(int n) { return upto(n - 1) == 0; }
  template <class T> T of(std::initializer_list<T> what) {
    return what.begin()[upto(static_cast<int>(what.size()) - 1)];
  }

private:
  std::mt19937_64 random_;
};

} // namespace landfall::simulation
