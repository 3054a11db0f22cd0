// Where CONNECT may lead: the peers that the served lists name, and nothing else. So a bridge is no open proxy, and
// reaches neither its own machine nor the network around it. Pure.
#pragma once

#include "config/endpoint.hpp"
#include "server/index.hpp"

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace landfall::server {

/// "tcp://ADDRESS:PORT", each in its one form.
using relay_targets = std::set<std::string, std::less<>>;

/// The TCP endpoints of every `v1/…/list`. Signatures are not checked: who can write into the folder of documents
/// decides. A list with private or loopback addresses counts where `lab` allows it, and else not at all.
[[nodiscard]] relay_targets relay_targets_of(const catalogue& documents, bool lab);

/// What a CONNECT asks for, "192.0.2.7:443" or "[2001:db8::7]:443", if that is one of them. Names never are: whoever
/// answers for a name could make it lead anywhere.
[[nodiscard]] std::optional<config::endpoint> find_target(const relay_targets& among, std::string_view authority);

} // namespace landfall::server
