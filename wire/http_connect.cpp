#include "wire/http_connect.hpp"

#include "base/encoding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace landfall::wire {

namespace {

constexpr std::string_view line_end = "\r\n", head_end = "\r\n\r\n";

base::failure malformed(const char* why) { return base::fail(base::outcome::malformed, why, base::stage::proxy); }

bool is_digit(char c) { return c >= '0' && c <= '9'; }
/// tchar of RFC 9110 §5.6.2.
bool is_token(char c) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || marks.find(c) != marks.npos;
}
/// Visible, space, tab, or of some other charset (obs-text).
bool is_of_values(char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f); }

bool is_header(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == line.npos || colon == 0) return false;
  const auto name = line.substr(0, colon), value = line.substr(colon + 1);
  return std::all_of(name.begin(), name.end(), is_token) && std::all_of(value.begin(), value.end(), is_of_values);
}

/// HTTP/1.x SP 3DIGIT [SP reason]; 0 for anything else.
int status_of(std::string_view line) {
  if (line.size() < 12 || (!line.starts_with("HTTP/1.1 ") && !line.starts_with("HTTP/1.0 "))) return 0;
  const auto digits = line.substr(9, 3), reason = line.substr(12);
  if (!std::all_of(digits.begin(), digits.end(), is_digit) || digits[0] == '0') return 0;
  if (!reason.empty() && reason.front() != ' ') return 0;
  if (!std::all_of(reason.begin(), reason.end(), is_of_values)) return 0;
  return (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
}

} // namespace

http_connect::http_connect(socks_destination to, std::optional<socks_credentials> with)
    : to_(std::move(to)), with_(std::move(with)) {}

base::result<std::string> http_connect::request() const {
  const auto host = to_.host_text();
  // Whatever made the destination: nothing that ends a line may come into the request.
  if (auto again = socks_destination::parse(host, to_.port); !again) return std::move(again).error();
  const auto authority = fmt::format("{}:{}", to_.kind == socks_host::ipv6 ? "[" + host + "]" : host, to_.port);
  auto out = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", authority);
  if (with_) {
    const auto& user = with_->user.reveal();
    if (user.find(':') != user.npos) return malformed("a user name with a colon cannot be told over HTTP");
    out += "Proxy-Authorization: Basic " + base::to_base64(user + ":" + with_->password.reveal()) + "\r\n";
  }
  return out + "\r\n";
}

base::result<bool> http_connect::take(std::string_view bytes) {
  in_ += bytes;
  if (open_) return true;
  constexpr std::string_view begin = "HTTP/1.";
  if (std::string_view(in_).substr(0, begin.size()) != begin.substr(0, in_.size()))
    return malformed("it does not answer in HTTP/1.x");
  const auto end = std::string_view(in_).substr(0, max_connect_answer).find(head_end);
  if (end != in_.npos) return judge(std::string_view(in_).substr(0, end + line_end.size()));
  if (in_.size() >= max_connect_answer)
    return base::fail(base::outcome::too_large, "an answer to CONNECT of more than 8 KiB", base::stage::proxy);
  return false;
}

base::result<bool> http_connect::judge(std::string_view head) {
  const auto size = head.size() + line_end.size();
  const auto take_line = [&head] {
    const auto end = head.find(line_end);
    const auto line = head.substr(0, end);
    head.remove_prefix(end + line_end.size());
    return line;
  };
  const int status = status_of(take_line());
  if (status == 0) return malformed("its status line is none");
  while (!head.empty())
    if (!is_header(take_line())) return malformed("a header line that is none");
  if (status == 407)
    return base::fail(base::outcome::proxy_failed, "it wants another user and password", base::stage::proxy, status);
  if (status / 100 != 2)
    return base::fail(base::outcome::proxy_failed, fmt::format("it answered {} to CONNECT", status), base::stage::proxy,
                      status);
  in_.erase(0, size);
  open_ = true;
  return true;
}

std::string http_connect::rest() && { return std::exchange(in_, std::string()); }

} // namespace landfall::wire
