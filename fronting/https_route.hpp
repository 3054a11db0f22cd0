// HTTPS routes, direct and fronted: a document from <url>v1/<network>/<channel>/list and <url>v1/<network>/root/<N>.
//
//   https    connect to the URL's host       SNI = Host = certificate = the URL's host
//   fronted  connect to a front              SNI = certificate = the front, Host = the URL's host, which nobody on the
//                                            way sees; the path is inside of TLS as well
//
// One fetch for both. A body that stops in the middle is fetched on by ranges (ranges.hpp). A front that fails or
// refuses is followed by the next (fronts.hpp), within the one deadline.
#pragma once

#include "config/route.hpp"
#include "config/settings.hpp"
#include "fronting/fronts.hpp"
#include "http/client.hpp"
#include "trust/document.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace landfall::fronting {

using net::awaitable;
using net::result;

struct https_fetch {
  config::url url;
  std::vector<config::front> fronts; ///< empty: kind https
  config::https_options tls;
  std::string network, channel;
  trust::document_type type = trust::document_type::list;
  std::int64_t root_version = 0;
  std::optional<crypto::digest>
      unless;              ///< If-None-Match: "<hex>", computed by ourselves, never a tag that a server chose
  base::unix_time now = 0; ///< known time, for TLS validity
  bool ignore_dates = false;
  config::lane_deadlines deadlines;
  std::function<void(base::stage)> progress;
  std::function<void(std::string_view hello, std::uint64_t received)> seen; ///< as http::request::seen
  http::via via = http::direct{};
  avoid_fn avoid; ///< asked before every look-up of a front and every connection; empty: nothing is avoided
  std::function<void(const base::failure&)> gave_up; ///< told of each front that failed before the next one was tried
  /// Where the rotation of fronts stands, shared by the fetches of a route: at the front that answered last, past the
  /// one that failed. So a lane's list and roots come through one front. nullptr: at the first.
  std::shared_ptr<std::size_t> front_at;
};

/// Pure: what is asked of `front`, or of the URL's own host where there is none. Exposed for tests.
[[nodiscard]] http::request request_of(const https_fetch& what, const config::front* front);

/// Errors: as http::client::get; front_refused; stalled_after_hello when resumed connections bring nothing; local_error
/// for what the target asks for and this version lacks (profile); cancelled also when `avoid` leaves nothing to try.
/// When several fronts were tried, the last one's failure. `where` names the front also where a proxy connects.
/// clock_suspect is not repeated here: the caller repeats it once per race, with `ignore_dates`.
[[nodiscard]] awaitable<result<trust::unverified_document>> fetch(http::client& client, https_fetch what);

} // namespace landfall::fronting
