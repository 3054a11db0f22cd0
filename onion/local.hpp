// Where a tor of this machine listens, and a stream to it.
#pragma once

#include "net/stream.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <filesystem>
#include <variant>

namespace landfall::onion {

namespace asio = boost::asio;
using net::awaitable;
using net::result;

using local_place = std::variant<asio::ip::tcp::endpoint, std::filesystem::path>; ///< TCP, or a Unix socket

/// Neither fwmark nor interface has a meaning there. Errors: refused, unreachable, local_error (also a path that is too
/// long for a socket), cancelled.
[[nodiscard]] awaitable<result<net::stream_ptr>> connect_local(local_place where);

} // namespace landfall::onion
