// tor's control protocol, version 1 (control-spec.txt): replies, events, quoted strings, and the proofs of SAFECOOKIE.
// Without I/O.
//
//   250-first line CRLF              a reply is lines of one status: mid lines ('-'), data lines ('+', followed by
//   lines 250+key= CRLF  data CRLF . CRLF  up to a single dot, of which a leading dot was doubled), one end line (' ')
//   250 OK CRLF
//   650 NAME … CRLF                  events have status 6xx; they come between replies, never inside of one
//
// Whoever answers on a control port need not be tor, so every length is bounded before it is believed, and nothing that
// comes is repeated in an error.
#pragma once

#include "base/result.hpp"
#include "base/sensitive.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace landfall::wire {

using base::result;

inline constexpr std::size_t max_control_line =
    100'000; ///< GETINFO config-text is the longest known; it is half of that
inline constexpr std::size_t max_control_reply = 1024 * 1024;

struct control_line {
  std::string text;                ///< what follows the status and its separator
  std::optional<std::string> data; ///< of a '+' line: its lines, LF between them, dots undoubled
};

struct control_reply {
  int status = 0;
  std::vector<control_line> lines; ///< at least one

  [[nodiscard]] bool ok() const noexcept { return status / 100 == 2; }
  [[nodiscard]] bool is_event() const noexcept { return status / 100 == 6; }
  /// GETINFO's answer: the value after "key=", or the data of that line. nullopt: there is none.
  [[nodiscard]] std::optional<std::string> value(std::string_view key) const;
};

/// Bytes in, in any pieces; replies and events out, in their order.
class control_parser {
public:
  void take(std::string_view bytes);
  /// The next whole reply; nullopt: more bytes are needed. Errors: too_large, malformed; then nothing follows any more.
  [[nodiscard]] result<std::optional<control_reply>> next();

private:
  result<bool> line(std::string_view text);
  result<bool> data_line(std::string_view text);

  std::string buffer_;
  std::size_t at_ = 0, searched_ = 0; ///< in buffer_: where the next line begins; up to where no line end was found
  std::size_t size_ = 0;              ///< of the reply so far
  control_reply reply_;
  bool in_data_ = false;
  std::optional<base::failure> dead_;
};

/// Words of a line: "BOOTSTRAP PROGRESS=10 TAG=conn SUMMARY=\"Connecting\"": a quoted value is unquoted.
struct control_words {
  std::vector<std::string> plain;                                               ///< without '='
  std::vector<std::pair<std::string, std::string>> arguments;                   ///< KEY=VALUE
  [[nodiscard]] std::string_view argument(std::string_view key) const noexcept; ///< the first; empty: none
  /// Errors: malformed (a quote that does not end).
  [[nodiscard]] static result<control_words> parse(std::string_view text);
};

/// A QuotedString of the specification. Errors: malformed for CR, LF and NUL, which would end the command.
[[nodiscard]] result<std::string> control_quoted(std::string_view text);

/// What PROTOCOLINFO tells before anybody has proved anything.
struct protocol_info {
  bool null = false, password = false, cookie = false, safecookie = false;
  std::string cookie_file; ///< as that program says: a path to be distrusted
  std::string version;     ///< "0.4.9.11"
  [[nodiscard]] static result<protocol_info> parse(const control_reply& reply);
};

/// SAFECOOKIE (control-spec §3.24): both sides prove that they know the cookie, so that it never crosses.
inline constexpr std::size_t control_cookie_size = 32, control_nonce_size = 32;
/// Checks what AUTHCHALLENGE was answered with; gives the hex that AUTHENTICATE takes. Errors: malformed; proxy_failed
/// when the other side does not know the cookie: it is not the tor that wrote the file.
[[nodiscard]] result<std::string> safecookie_answer(const control_reply& reply, const base::secret& cookie,
                                                    std::string_view client_nonce);

/// How far tor has come: GETINFO status/bootstrap-phase, and the STATUS_CLIENT event.
struct bootstrap_phase {
  int progress = 0; ///< 0 … 100
  std::string tag;  ///< "conn_pt", "done": a word of tor's, letters and '_' only
  std::string warning, reason;
  friend bool operator==(const bootstrap_phase&, const bootstrap_phase&) = default;
  /// nullopt: another status event.
  [[nodiscard]] static result<std::optional<bootstrap_phase>> parse(std::string_view text);
};

} // namespace landfall::wire
