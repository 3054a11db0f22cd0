// What the race knows of a route: its place in the ranking, and one closure that fetches. Neither curl nor tor is
// visible here; sidecar/ builds these from config::route and the folders of layer 4.
#pragma once

#include "net/race.hpp"
#include "trust/document.hpp"

#include <functional>
#include <optional>
#include <string>

namespace landfall::fallback {

using net::awaitable;
using net::result;

/// What to fetch: the list of our network and channel, or root N.
struct document_request {
    trust::document_type type = trust::document_type::list;
    std::int64_t root_version = 0;
    std::optional<crypto::digest> unless; ///< polls only: If-None-Match our list's id; then not_modified
    base::unix_time now = 0;              ///< known time: TLS validity is judged by it
};

using fetch_fn = std::function<awaitable<result<trust::unverified_document>>(document_request, net::progress_fn)>;

struct route {
    std::string name;
    std::string kind;
    std::string group;
    int tier = 1;
    fetch_fn fetch;
};

} // namespace landfall::fallback
