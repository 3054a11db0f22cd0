// The server's side of SOCKS5 as a state machine: bytes of the client in, what to answer out. No I/O, no clock.
//
// Any split of the bytes will do, messages in one piece too. What is not CONNECT gets code 07, what is no SOCKS5 gets
// nothing. Memory is bounded by what is handed in: no length of the client's is allocated, the longest message is 513
// bytes, and after the request nothing is taken any more.
#pragma once

#include "wire/socks5.hpp"

#include <optional>

namespace landfall::wire {

/// Whom a server lets in, and what user and password are to it. 02 is chosen over 00 where both are offered.
struct socks_policy {
  enum class auth : std::uint8_t {
    required,  ///< 02 alone, any user, and `password`: the user is the isolation token
    accepted,  ///< 02 or 00, any password
    arguments, ///< the same: they are a transport's arguments, and data is never wrong
  };
  auth how = auth::required;
  base::sensitive<std::string> password{}; ///< of `required`: compared in constant time, and the empty one is nobody's
};

class socks5_server {
public:
  enum class now : std::uint8_t {
    more,      ///< read on
    requested, ///< see request(); answer with reply()
    over,      ///< send what is to be sent, then close
  };
  struct step {
    std::string send{}; ///< to the client; may be empty
    now what = now::more;
  };
  struct asked {
    socks_destination to;
    std::optional<socks_credentials> said; ///< nullopt: method 00
  };

  /// `policy` outlives it.
  explicit socks5_server(const socks_policy& policy) : policy_(policy) {}

  /// The next bytes of the client.
  [[nodiscard]] step take(std::string_view bytes);
  /// After `requested`.
  [[nodiscard]] const asked& request() const noexcept { return asked_; }
  /// What the client sent behind its request: the first bytes of its stream, if it did not wait.
  [[nodiscard]] std::string rest() &&;
  /// After `over`: why, for the metrics of who runs it. proxy_failed: a wrong password.
  [[nodiscard]] const base::failure& refused() const noexcept { return refused_; }

  /// The answer to a request: code, and 0.0.0.0:0, since nobody has a use for an address of ours.
  [[nodiscard]] static std::string reply(socks_reply code);

private:
  enum class state : std::uint8_t { greeting, password, request, done };

  /// True when a whole message was taken: there may be another one behind it.
  [[nodiscard]] bool advance(step& out);
  [[nodiscard]] bool on_greeting(step& out);
  [[nodiscard]] bool on_password(step& out);
  [[nodiscard]] bool on_request(step& out);
  bool refuse(step& out, std::string answer, const char* why, base::outcome what = base::outcome::malformed);

  const socks_policy& policy_;
  state state_ = state::greeting;
  asked asked_;
  base::failure refused_;
  std::string in_;
};

} // namespace landfall::wire
