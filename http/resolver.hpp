// Names to addresses: c-ares driven by Asio. The system's resolvers and /etc/hosts, or the resolvers configured.
//
// A look-up asks for the name as it stands: no search domains, no HOSTALIASES, since a name that failed would else be
// sent once more under another domain. Answers are not cached: the lists are.
#pragma once

#include "net/async.hpp"
#include "net/socket.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>

#include <string>
#include <vector>

namespace landfall::http {

namespace asio = boost::asio;
using net::awaitable;
using net::result;

struct resolver_options {
  std::vector<std::string> servers; ///< ADDRESS[:PORT], IPv6 in brackets; empty: the system's
  net::socket_options socket;
  std::chrono::milliseconds timeout{4000};
};

/// Each look-up has a c-ares channel of its own: c-ares can cancel only a whole channel, and a new one reads a changed
/// resolv.conf. So this holds no more than the options, and looks nothing up before it is asked.
class resolver {
public:
  resolver(asio::any_io_executor executor, resolver_options options);

  /// A and AAAA, at most 16 addresses, IPv6 first; an address literal is returned without a query.
  /// Errors: unreachable (no such name, no address, no name server that answers sensibly), malformed (not a host name),
  /// timed_out, cancelled (the query is cancelled too, at once), local_error (socket options refused: nothing was
  /// sent). Stage resolve.
  [[nodiscard]] awaitable<result<std::vector<asio::ip::address>>> resolve(std::string name);

private:
  asio::any_io_executor executor_;
  resolver_options options_;
};

} // namespace landfall::http
