// Names to addresses, telling nobody what they need not know.
//
//   a literal                        nothing is asked
//   a name in /etc/hosts             nothing is asked; what the user wrote there holds, private addresses too
//   localhost and below              loopback; never leaves the machine (RFC 6761)
//   an onion name                    refused
//   with an upstream proxy           refused: the proxy looks names up
//   sensitive                        DNS over HTTPS alone; where none is configured or none answers: a failure
//   a front                          DNS over HTTPS and plaintext at once; what of plaintext is believed:
//   names_policy.hpp
//
// Answers are not cached: the lists are. Look-ups over HTTPS share a connection to each resolver, from the first that
// asks it until `close_connections`: a connection for each question is what an observer sees and waits for three round
// trips. What one of them learns holds for all: a resolver that failed is left alone for 10 s.
#pragma once

#include "http/names_policy.hpp"
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
  std::vector<std::string> servers; ///< plaintext: ADDRESS[:PORT], IPv6 in brackets; empty: the system's
  net::socket_options socket;
  std::chrono::milliseconds timeout{8000}; ///< of a look-up, whoever is asked; one resolver has half of it
  std::vector<std::string> doh = {};       ///< https://NAME/PATH@ADDRESS[:PORT], in the order to ask
  std::string doh_ca = {};                 ///< PEM for those; empty: the system's
  bool lab = false;                        ///< answers may be private addresses
  bool behind_proxy = false;               ///< nothing may be asked
};

/// Holds no more than the options until it is asked. Each plaintext question has a c-ares channel of its own, as c-ares
/// can cancel only a whole one.
class resolver {
public:
  resolver(asio::any_io_executor executor, resolver_options options);
  ~resolver(); ///< every look-up must have ended
  resolver(const resolver&) = delete;
  resolver& operator=(const resolver&) = delete;

  /// A and AAAA, asked at once, at most 16 addresses, in the order to try (happy.hpp). Once there is an A the AAAA is
  /// waited for 50 ms (RFC 8305 §3), but not the other way round: what comes later cannot be added to a request, and
  /// more networks lack IPv6.
  /// Errors: unreachable (no such name, no address, no resolver that answers sensibly), malformed (not a host name),
  /// dns_poisoned (all that was heard is doubted; `where` is the resolver), timed_out, cancelled (the queries too, at
  /// once), local_error (socket options refused: nothing was sent; or nobody may be asked). Stage resolve.
  [[nodiscard]] awaitable<result<std::vector<asio::ip::address>>> resolve(std::string name,
                                                                          name_kind kind = name_kind::sensitive);

  /// Records of one type, /etc/hosts aside. `exists` false: no such name. Errors: as above.
  [[nodiscard]] awaitable<result<dns_answer>> ask(std::string name, record_type type,
                                                  name_kind kind = name_kind::sensitive);

  /// Closes the connections to resolvers over HTTPS, those in use with their last look-up, and forgets which resolvers
  /// failed. To be called when a race or a poll is over, since what stays open is seen, and on another network, since a
  /// connection that moved along would link the two.
  void close_connections() noexcept;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace landfall::http
