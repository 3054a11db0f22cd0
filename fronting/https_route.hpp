// HTTPS routes: a document from <url>v1/<network>/<channel>/list and <url>v1/<network>/root/<N>.
#pragma once

#include "config/route.hpp"
#include "config/settings.hpp"
#include "http/client.hpp"
#include "trust/document.hpp"

#include <functional>
#include <optional>

namespace landfall::fronting {

using net::awaitable;
using net::result;

struct https_fetch {
  config::https_target target;
  std::string network, channel;
  trust::document_type type = trust::document_type::list;
  std::int64_t root_version = 0;
  std::optional<crypto::digest>
      unless;              ///< If-None-Match: "<hex>", computed by ourselves, never a tag that a server chose
  base::unix_time now = 0; ///< known time, for TLS validity
  bool ignore_dates = false;
  config::lane_deadlines deadlines;
  std::function<void(base::stage)> progress;
};

/// Pure: the URL of a document. Exposed for tests.
[[nodiscard]] std::string document_url(const config::url& base, std::string_view network, std::string_view channel,
                                       trust::document_type type, std::int64_t root_version);

/// Errors: as http::client::get; local_error for what the target asks for and this version lacks (split_hello,
/// profile). clock_suspect is not repeated here: the caller repeats it once per race, with `ignore_dates`.
[[nodiscard]] awaitable<result<trust::unverified_document>> fetch(http::client& client, https_fetch what);

} // namespace landfall::fronting
