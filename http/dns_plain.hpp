// Plaintext DNS: one name asked of one resolver by c-ares, and everything that is heard in reply.
//
// c-ares asks, repeats, and goes to TCP where an answer is cut short; it takes the first answer and drops the rest. But
// the rest is what gives a forger away, so c-ares works on sockets of ours: each datagram to one of our questions is
// noted with its time on its way in, and the socket is listened to for a moment more. Beside that one TCP connection to
// the resolver is made, refused or not, to learn how far away it is (names_policy.hpp); nothing is said on it.
//
// A name is asked as it stands: no search domains, no HOSTALIASES, since a name that failed would else be sent once
// more under another domain.
#pragma once

#include "http/names_policy.hpp"
#include "net/async.hpp"
#include "net/socket.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace landfall::http {

namespace asio = boost::asio;
using net::awaitable;

struct plain_question {
  std::string name;
  std::vector<record_type> types; ///< the last one decides when to stop listening
  std::string server;             ///< ADDRESS[:PORT], IPv6 in brackets
  net::socket_options socket;
  std::chrono::milliseconds timeout{4000};
};

/// After the last type's first answer this is how long a second one is waited for. Injected answers have been seen up
/// to 20 ms after the query, true ones within the resolver's round trip.
inline constexpr std::chrono::milliseconds listening{300};

/// Errors: timed_out (silence, or nothing to our question), unreachable (the resolver refuses), malformed (not a name),
/// dns_poisoned (more datagrams than anybody honest sends), cancelled (at once), local_error (socket options refused:
/// nothing was sent). Stage resolve; `where` is the resolver.
[[nodiscard]] awaitable<result<plain_evidence>> ask_plain(asio::any_io_executor executor, plain_question what);

/// What this machine knows by itself. Reads two files, each time, as they may change.
struct system_names {
  std::vector<asio::ip::address> hosts; ///< of the name, in /etc/hosts
  std::vector<std::string> servers;     ///< of /etc/resolv.conf
};
[[nodiscard]] system_names read_system(const std::string& name);

} // namespace landfall::http
