// result<T>: a value, or a failure that says what, where and in words. Nothing of Landfall throws for what comes from
// the network, the disk or the user.
#pragma once

#include "base/outcome.hpp"
#include "base/place.hpp"

#include <boost/system/result.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace landfall::base {

/// Why there is no value. `detail` is for people and must hold nothing identifying (no address, no sensitive name):
/// wrap those in base::sensitive and format them.
struct [[nodiscard]] failure {
  outcome what = outcome::malformed;
  stage at = stage::none;
  int code = 0;                 ///< HTTP status for http_status and front_refused, else 0
  std::string detail;           ///< one clause, no full stop: "signature 2 of 3: unknown key"
  std::optional<place> where{}; ///< the last place tried, where it is known: what policy_of puts a penalty on

  friend bool operator==(const failure&, const failure&) = default;
};

/// Called by boost::system::result when value() is asked of a failure: a bug of ours, never input.
[[noreturn]] inline void throw_exception_from_error(const failure& f, const boost::source_location&) {
  throw std::logic_error("value() of a failure: " + std::string(name(f.what)) + ": " + f.detail);
}

template <class T> using result = boost::system::result<T, failure>;

/// `return fail(outcome::malformed, "member 'peers' is missing");`
[[nodiscard]] inline failure fail(outcome what, std::string detail = {}, stage at = stage::none, int code = 0) {
  return {what, at, code, std::move(detail), std::nullopt};
}

/// "verify: below_threshold: 1 of 2 signatures is valid"
[[nodiscard]] std::string to_string(const failure& f);

} // namespace landfall::base
