// What is said to tor's control port until our onion service is in its hands (control-spec.txt). Pure: bytes in,
// commands out; no socket, no clock, no random source.
//
//   PROTOCOLINFO 1                    which proof it takes
//   AUTHCHALLENGE SAFECOOKIE …        where it takes that one
//   AUTHENTICATE …
//   ADD_ONION ED25519-V3:… PoWDefensesEnabled=1 Port=80,…      again without the defence where tor does not know it
//   (512)
//
// Nothing is detached: tor withdraws the service when this connection ends, so that none is left behind when we die.
// Whoever answers need not be tor. It never learns the key before it has proved, or been told, that it knows the cookie
// or the password, unless it asks for nothing; what it says is never repeated; a reply that nothing asked for, or more
// events than max_events, end the session.
#pragma once

#include "base/sensitive.hpp"
#include "server/onion_key.hpp"
#include "wire/control.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace landfall::server {

class onion_session {
public:
  static constexpr std::size_t max_events = 256; ///< none is asked for

  using cookie_reader = std::function<base::result<base::secret>(const std::filesystem::path&)>;
  struct settings {
    const onion_key& key;         ///< it and the password must outlive the session
    const base::secret& password; ///< empty: not tried
    std::string target;           ///< where tor finds us: "127.0.0.1:8080", "unix:/run/landfall/onion.sock"
    std::string nonce;            ///< 32 random bytes
    cookie_reader read_cookie;    ///< base::read_foreign_secret
  };
  explicit onion_session(settings how) : how_(std::move(how)) {}

  /// What to send first.
  [[nodiscard]] static base::secret begin() { return base::secret("PROTOCOLINFO 1\r\n"); }
  /// The next bytes of tor; what to send then, if anything. Errors end the session: malformed and too_large (no control
  /// port), local_error (the cookie), proxy_failed (tor refuses, or is not the tor that wrote the cookie). Their text
  /// says what to do.
  [[nodiscard]] base::result<base::secret> take(std::string_view bytes);

  /// tor has taken the service, under the address that we computed.
  [[nodiscard]] bool published() const noexcept { return at_ == step::published; }
  /// With tor's own defence against floods, by proof of work.
  [[nodiscard]] bool defended() const noexcept { return defended_; }

private:
  enum class step : std::uint8_t { info, challenge, proof, service, published };

  [[nodiscard]] base::result<base::secret> answer(const wire::control_reply& reply);
  [[nodiscard]] base::result<base::secret> prove(const wire::control_reply& reply);
  [[nodiscard]] base::result<base::secret> prove_knowledge(const wire::control_reply& reply);
  [[nodiscard]] base::result<base::secret> added(const wire::control_reply& reply);
  [[nodiscard]] base::secret authenticate(std::string_view with);
  [[nodiscard]] base::secret add();

  settings how_;
  wire::control_parser parser_;
  step at_ = step::info;
  base::secret cookie_; ///< from the challenge to its answer
  bool defended_ = true;
  std::size_t events_ = 0;
};

} // namespace landfall::server
