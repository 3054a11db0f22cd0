// A map of bounded size that forgets what was used longest ago: a censor's memory is finite, and so is a test's.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <utility>

namespace landfall::censor {

template <class Key, class Value> class lru_map {
public:
  explicit lru_map(std::size_t most) : most_(most) {}

  /// The entry, made where there was none, now the youngest. The reference holds until the entry is forgotten.
  Value& touch(const Key& at) {
    if (const auto found = index_.find(at); found != index_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return found->second->second;
    }
    if (index_.size() == most_) {
      index_.erase(order_.back().first);
      order_.pop_back();
    }
    order_.emplace_front(at, Value());
    index_[at] = order_.begin();
    return order_.front().second;
  }
  [[nodiscard]] Value* find(const Key& at) {
    const auto found = index_.find(at);
    return found == index_.end() ? nullptr : &found->second->second;
  }
  void forget(const Key& at) {
    const auto found = index_.find(at);
    if (found == index_.end()) return;
    order_.erase(found->second);
    index_.erase(found);
  }
  [[nodiscard]] std::size_t size() const noexcept { return index_.size(); }
  /// Youngest first.
  [[nodiscard]] auto begin() const noexcept { return order_.begin(); }
  [[nodiscard]] auto end() const noexcept { return order_.end(); }

private:
  using entries = std::list<std::pair<Key, Value>>;
  std::size_t most_;
  entries order_;
  std::map<Key, typename entries::iterator> index_;
};

} // namespace landfall::censor
