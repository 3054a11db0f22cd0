// /v1/status for people: pure, from its JSON to lines.
#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <vector>

namespace landfall::sidecar {

[[nodiscard]] std::vector<std::string> status_lines(const boost::json::object& status);

} // namespace landfall::sidecar
