// The client's side of SOCKS5 as a state machine: bytes of the proxy in, what to send out. No I/O, no clock.
//
//   auto step = client.start();               step.send goes to the proxy
//   while (!step.connected) step = client.take(bytes read)
//
// Any split of the bytes will do. `wanted()` says how many the state at least needs: who never reads more has nothing
// of the stream behind the reply in hand; who does finds it in `rest()`. A proxy that says more than it was asked
// before the reply is none (malformed).
#pragma once

#include "wire/socks5.hpp"

#include <optional>

namespace landfall::wire {

/// Whether a proxy that wants no password may be used although there is one to say.
enum class socks_offer : std::uint8_t {
  must_be_heard, ///< arguments and isolation tokens: without them it would be another connection
  if_asked,      ///< a password for a proxy that may or may not want it
};

class socks5_client {
public:
  struct step {
    std::string send{}; ///< to the proxy; may be empty
    bool connected = false;
  };

  /// No credentials: method 00 is offered alone. User and password of at most 255 bytes each, else `start` fails.
  explicit socks5_client(socks_destination to, std::optional<socks_credentials> with = {},
                         socks_offer offer = socks_offer::must_be_heard);

  /// The greeting. Errors: too_large (name, user or password beyond one length byte), malformed (an empty name).
  [[nodiscard]] base::result<step> start();
  /// The next bytes of the proxy. Errors: as failure_of(socks_reply); proxy_failed (it takes none of our methods, or
  /// not this password); malformed (no SOCKS5). After a failure, nothing but the end.
  [[nodiscard]] base::result<step> take(std::string_view bytes);

  /// How many bytes more are needed before anything can happen; 0 when connected.
  [[nodiscard]] std::size_t wanted() const noexcept;
  /// What the proxy sent behind its reply.
  [[nodiscard]] std::string rest() &&;

private:
  enum class state : std::uint8_t { fresh, method, password, reply, connected };

  [[nodiscard]] std::size_t message_size() const noexcept;
  [[nodiscard]] base::result<step> on_method();
  [[nodiscard]] base::result<step> on_password();
  [[nodiscard]] base::result<step> on_reply();
  [[nodiscard]] std::string request() const;

  socks_destination to_;
  std::optional<socks_credentials> with_;
  socks_offer offer_;
  state state_ = state::fresh;
  std::string in_; ///< the message under way; once connected, what came behind it
};

} // namespace landfall::wire
