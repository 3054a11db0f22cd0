// The extended OR port (ext-orport-spec, torspec proposals 196 and 217): how a server transport tells tor who connects,
// and by which transport. The transport's side as a state machine: bytes in, bytes out; no I/O.
//
//   tor                                transport
//   AUTHTYPE … 00               ─▶
//                               ◀─     01  CLIENT_NONCE*32                              01: SAFE_COOKIE
//   SERVER_HASH*32 SERVER_NONCE*32 ─▶                                                   checked: it knows the cookie
//                               ◀─     CLIENT_HASH*32
//   STATUS                      ─▶                                                      01: good
//                               ◀─     USERADDR, TRANSPORT, DONE                        2 bytes command, 2 length, body
//   OKAY | DENY                 ─▶     and from here on bytes both ways
#pragma once

#include "base/result.hpp"
#include "base/sensitive.hpp"

#include <string>
#include <string_view>

namespace landfall::wire {

inline constexpr std::size_t ext_or_cookie_size = 32;

/// The cookie in TOR_PT_AUTH_COOKIE_FILE's content. Errors: malformed.
[[nodiscard]] base::result<base::secret> read_ext_or_cookie(std::string_view content);
inline constexpr std::size_t max_ext_or_cookie_file = 1024;

class ext_or_client {
public:
  struct step {
    std::string send{};
    bool accepted = false;
  };

  /// `nonce` is 32 random bytes, `user` is ADDRESS:PORT (IPv6 in brackets); an empty one is not told.
  ext_or_client(base::secret cookie, std::string nonce, std::string user, std::string transport);

  /// Exactly `wanted()` bytes, or fewer. Errors: malformed; proxy_failed (no SAFE_COOKIE, another cookie, denied).
  [[nodiscard]] base::result<step> take(std::string_view bytes);
  /// How many bytes the state needs; who never reads more has nothing of the stream in hand. 0 once accepted.
  [[nodiscard]] std::size_t wanted() const noexcept { return wanted_; }

private:
  enum class state : std::uint8_t { types, challenge, status, header, body, accepted };
  static constexpr std::size_t max_types = 256, max_body = 1024; ///< of a reply; nothing that we read is longer

  [[nodiscard]] base::result<step> advance();
  [[nodiscard]] base::result<step> on_type();
  [[nodiscard]] base::result<step> on_challenge();
  [[nodiscard]] base::result<step> on_status();
  [[nodiscard]] base::result<step> on_header();
  void expect(state next, std::size_t size);
  [[nodiscard]] std::string hash(std::string_view label, std::string_view server_nonce) const;
  [[nodiscard]] std::string describe() const;

  base::secret cookie_;
  std::string nonce_, user_, transport_, in_;
  state state_ = state::types;
  std::size_t wanted_ = 1, types_ = 0;
  bool safe_cookie_ = false;
};

} // namespace landfall::wire
