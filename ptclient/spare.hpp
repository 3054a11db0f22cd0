// Large objects that many streams need for a moment each: a few are kept for the next one, so that a busy stream does
// not ask the system for the same pages again and again, and an idle one holds none.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace landfall::ptclient {

/// One list for each thread; contents are whatever the last user left.
template <class T> class spare {
public:
  [[nodiscard]] static std::unique_ptr<T> take() {
    auto& free = list();
    if (free.empty()) return std::unique_ptr<T>(new T); // not make_unique: it would clear what is overwritten anyway
    auto out = std::move(free.back());
    free.pop_back();
    return out;
  }
  static void give(std::unique_ptr<T> one) {
    if (one && list().size() < kept) list().push_back(std::move(one));
  }

private:
  static constexpr std::size_t kept = 16;
  static std::vector<std::unique_ptr<T>>& list() {
    thread_local std::vector<std::unique_ptr<T>> free;
    return free;
  }
};

} // namespace landfall::ptclient
