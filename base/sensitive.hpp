// Redaction by type: what is secret or identifies somebody has a type that does not print.
//
// `fmt::format("{}", sensitive(x))` gives "[scrubbed]" until `unsafe_logging(true)` (the flag --unsafe-logging). The
// only way to the value is `reveal()`, which a reviewer can search for.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

namespace landfall::base {

[[nodiscard]] bool unsafe_logging() noexcept;
void unsafe_logging(bool on) noexcept;

/// An address, a sensitive name, a bridge argument.
template <class T> class sensitive {
public:
  sensitive() = default;
  explicit sensitive(T value) : value_(std::move(value)) {}
  [[nodiscard]] const T& reveal() const noexcept { return value_; }
  friend bool operator==(const sensitive&, const sensitive&) = default;

private:
  T value_{};
};

/// Overwrites memory in a way that the compiler keeps.
void wipe(void* data, std::size_t size) noexcept;

/// A passphrase or key. Never printed, not even with --unsafe-logging; wiped when it goes. Move only.
class secret {
public:
  secret() = default;
  explicit secret(std::string value) : value_(std::move(value)) {}
  // Copied, then wiped: a moved-from small string would keep its bytes.
  secret(secret&& other) noexcept { *this = std::move(other); }
  secret& operator=(secret&& other) noexcept {
    if (this != &other) {
      clear();
      value_ = other.value_;
      other.clear();
    }
    return *this;
  }
  ~secret() { clear(); }
  [[nodiscard]] const std::string& reveal() const noexcept { return value_; }

private:
  void clear() noexcept {
    wipe(value_.data(), value_.size());
    value_.clear();
  }
  std::string value_;
};

} // namespace landfall::base

template <class T> struct fmt::formatter<landfall::base::sensitive<T>> : fmt::formatter<fmt::string_view> {
  template <class Context> auto format(const landfall::base::sensitive<T>& s, Context& ctx) const {
    if (landfall::base::unsafe_logging()) return fmt::format_to(ctx.out(), "{}", s.reveal());
    return fmt::format_to(ctx.out(), "[scrubbed]");
  }
};
