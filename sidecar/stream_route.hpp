// Documents over a stream that somebody else opens: a bridge whose far end is a landfall server, an onion service.
//
// There the way in is the secret, so v1/… lies at the top, and HTTP is plain: what is around it is encrypted already.
#pragma once

#include "fallback/route.hpp"
#include "http/client.hpp"
#include "net/stream.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace landfall::sidecar {

/// What a failure of such a stream means, where its carrier knows better.
using judge_fn = std::function<net::awaitable<base::failure>(base::failure)>;

/// A new stream to the carrier; tells the stages that it passes.
using open_carrier_fn = std::function<net::awaitable<net::result<net::stream_ptr>>(net::progress_fn)>;

struct stream_route {
  open_carrier_fn open;
  std::string base;                   ///< "http://landfall/": what Host says; nobody looks it up
  std::string network, channel;       ///< of the documents
  std::filesystem::path folder;       ///< ours, 0700: where libcurl and the stream meet
  std::optional<base::place> where{}; ///< what a penalty is put on, where it is we who connect there
  judge_fn judge{};                   ///< empty: it is what it looks like
};

/// Borrows the client. One stream for each document. Errors: as `open`, then as http::client::get; cancelled when the
/// place is under a penalty.
[[nodiscard]] fallback::fetch_fn over_streams(http::client& client, stream_route route);

} // namespace landfall::sidecar
