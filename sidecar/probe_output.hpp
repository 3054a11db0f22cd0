// What a probe found, for people and for programs. Pure.
#pragma once

#include "sidecar/probe.hpp"

#include <boost/json/object.hpp>

#include <string>
#include <vector>

namespace landfall::sidecar {

/// What kind of blocking a failure looks like, in a word or two; base::explain and base::hint say more. A guess from
/// one side of the wire: a server that is down and one that is blocked may look the same.
[[nodiscard]] std::string_view looks_like(base::outcome what, base::stage at) noexcept;

/// Two tables - how each route fared, what an observer sees of it - and what to do about each failure.
[[nodiscard]] std::vector<std::string> probe_lines(const probe_result& result);

/// {"network","exposure","verdict","kept","authentic","list":null|{"epoch","version","tier"},"routes":[{"route","kind",
/// "outcome","stage","ms","bytes","connections","looks_like","error","explain","hint","skipped","penalised_until",
/// "observer":{"ja4","sni","dns"}}],"warnings"}; what is not known is null.
[[nodiscard]] boost::json::object to_json(const probe_result& result);

} // namespace landfall::sidecar
