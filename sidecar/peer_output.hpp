// /v1/peers for people: pure, from the answer's JSON to text, so that a sidecar's answer and one of our own look the
// same.
#pragma once

#include <boost/json/object.hpp>

#include <string>

namespace landfall::sidecar {

/// One peer a line: id, endpoints (comma between), tier, source; a head line when `head`.
[[nodiscard]] std::string peers_text(const boost::json::object& answer, bool head);
/// What is worth knowing about them: fewer than asked for, not fresh, not spread. Empty when all is well.
[[nodiscard]] std::string remarks_text(const boost::json::object& answer);
/// The explained failure: a line for each route.
[[nodiscard]] std::string failure_text(const boost::json::object& answer);
/// Exit status without peers: 3 when a route brought what no publisher of ours signed, or an old list; else 1.
[[nodiscard]] int status_of_failure(const boost::json::object& answer);

} // namespace landfall::sidecar
