// The head of an HTTP/1.1 answer, where bytes of another kind follow it: an upgrade, a CONNECT. Bytes in, head out;
// what came behind the head is kept for whoever reads on (webtunnel's own client loses it). Pure.
//
// Strict, since what is not exactly an answer to such a request means that something else answers: lines end in CR LF,
// no line is folded (RFC 9112 §5.2), no control characters, a name in front of every colon.
#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace landfall::wire {

struct http_head {
  int status = 0;                                           ///< 100 to 599
  std::vector<std::pair<std::string, std::string>> headers; ///< names in lower case, values without spaces around

  /// One of the comma-separated words of the headers of that name, in any case of letters: "Connection: keep-alive,
  /// Upgrade" has "upgrade".
  [[nodiscard]] bool has(std::string_view name, std::string_view token) const;
};

class http_head_reader {
public:
  static constexpr std::size_t max_head = 8 * 1024; ///< what nginx and CDNs send is below 2 KiB

  /// Any split of the bytes will do. True: the head is complete, and nothing more is to be given. Errors: malformed,
  /// too_large; final.
  [[nodiscard]] base::result<bool> take(std::string_view bytes);
  [[nodiscard]] const http_head& head() const noexcept { return head_; }
  /// What came behind it.
  [[nodiscard]] std::string rest() && { return std::move(in_); }

private:
  [[nodiscard]] bool parse(std::string_view text);
  std::string in_;
  http_head head_;
};

} // namespace landfall::wire
