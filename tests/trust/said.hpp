// What a check said, as the word that the command line and the design use: "accepted", or the outcome's name.
#pragma once

#include "base/result.hpp"
#include "trust/state.hpp"

#include <algorithm>
#include <string>

namespace landfall::tests {

template <class T> std::string said(const base::result<T>& checked) {
  return checked ? "accepted" : std::string(base::name(checked.error().what));
}

inline std::string said(const trust::verdict& v) { return std::string(base::name(v.what)); }
inline std::string tier_of(const trust::verdict& v) { return v.tier ? std::string(trust::name(*v.tier)) : "none"; }

/// "rollback clock_behind": the names of events, in order.
inline std::string names_of(const std::vector<trust::event>& events) {
  std::string out;
  for (const auto& e : events) out += (out.empty() ? "" : " ") + e.name;
  return out;
}

} // namespace landfall::tests
