#include "wire/http_head.hpp"

#include "base/cursor.hpp"

#include <algorithm>

namespace landfall::wire {

namespace {

constexpr std::string_view end_of_head = "\r\n\r\n", end_of_line = "\r\n";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// RFC 9110 §5.6.2.
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

/// Visible, space, tab, and bytes above ASCII (obs-text).
bool is_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f); });
}

std::string_view line(std::string_view& rest) {
  const auto out = rest.substr(0, rest.find(end_of_line));
  rest.remove_prefix(std::min(out.size() + end_of_line.size(), rest.size()));
  return out;
}

} // namespace

bool http_head::has(std::string_view name, std::string_view token) const {
  for (const auto& [key, value] : headers) {
    if (key != name) continue;
    for (std::string_view rest = value; !rest.empty();) {
      const auto word = rest.substr(0, rest.find(','));
      if (same(trimmed(word), token)) return true;
      rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    }
  }
  return false;
}

bool http_head_reader::parse(std::string_view text) {
  base::cursor first(line(text));
  if (!first.skip("HTTP/1.1 ") && !first.skip("HTTP/1.0 ")) return false;
  base::cursor status(first.rest().substr(0, 3));
  head_.status = static_cast<int>(status.take_decimal(599));
  const auto reason = first.rest().substr(std::min<std::size_t>(3, first.left()));
  if (status.failed() || !status.at_end() || head_.status < 100 || !is_text(reason)) return false;
  if (!reason.empty() && reason.front() != ' ') return false;
  while (!text.empty()) {
    const auto header = line(text);
    const auto colon = std::min(header.find(':'), header.size());
    const auto name = header.substr(0, colon);
    if (colon == header.size() || !is_token(name) || !is_text(header.substr(colon))) return false;
    std::string key(name);
    std::transform(key.begin(), key.end(), key.begin(), lower);
    head_.headers.emplace_back(std::move(key), trimmed(header.substr(colon + 1)));
  }
  return true;
}

base::result<bool> http_head_reader::take(std::string_view bytes) {
  // The end may lie across two pieces: its first bytes are looked at again.
  const auto from = in_.size() < end_of_head.size() ? 0 : in_.size() - end_of_head.size() + 1;
  in_ += bytes;
  const auto end = in_.find(end_of_head, from);
  if (std::min(end, in_.size()) > max_head)
    return base::fail(base::outcome::too_large, "the head of the answer has no end", base::stage::handshake);
  constexpr std::string_view begins = "HTTP/1.";
  // Seen at once, not after 8 KiB of something else.
  const auto seen = std::min(in_.size(), begins.size());
  if (std::string_view(in_).substr(0, seen) != begins.substr(0, seen) ||
      (end != in_.npos && !parse(std::string_view(in_).substr(0, end))))
    return base::fail(base::outcome::malformed, "the answer is not HTTP/1.1", base::stage::handshake);
  if (end == in_.npos) return false;
  in_.erase(0, end + end_of_head.size());
  return true;
}

} // namespace landfall::wire
