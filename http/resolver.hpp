// Names to addresses: c-ares driven by Asio. For the present the system's resolvers, or those configured.
#pragma once

#include "net/async.hpp"
#include "net/socket.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>

#include <memory>
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

/// Owns the c-ares channel and its sockets; the channel is made at the first look-up (exec to ready stays short).
class resolver {
  public:
    resolver(asio::any_io_executor executor, resolver_options options);
    ~resolver(); ///< every look-up must have ended

    /// A and AAAA, at most 16 addresses, IPv6 first; an address literal is returned without a query.
    /// Errors: unreachable (no such name, no address), timed_out, cancelled (the query is cancelled too), local_error. Stage resolve.
    [[nodiscard]] awaitable<result<std::vector<asio::ip::address>>> resolve(std::string name);

  private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

} // namespace landfall::http
