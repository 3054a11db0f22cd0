#include "wire/pt_line.hpp"

#include "base/cursor.hpp"
#include "base/log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace landfall::wire {

namespace {

using base::fail;
using base::outcome;
using base::result;

/// RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned char first = byte(i);
    const std::size_t size = first < 0x80   ? 1
                             : first < 0xc2 ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
    if (size == 0 || text.size() - i < size) return false;
    for (std::size_t k = 1; k < size; ++k)
      if ((byte(i + k) & 0xc0) != 0x80) return false;
    if (first == 0xe0 && byte(i + 1) < 0xa0) return false;
    if (first == 0xed && byte(i + 1) > 0x9f) return false;
    if (first == 0xf0 && byte(i + 1) < 0x90) return false;
    if (first == 0xf4 && byte(i + 1) > 0x8f) return false;
    i += size;
  }
  return true;
}

/// The next word and the space behind it.
std::string_view word(std::string_view& rest) {
  const auto end = std::min(rest.find(' '), rest.size());
  const auto out = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return out;
}

char unescaped(char c) {
  switch (c) {
  case 'n': return '\n';
  case 'r': return '\r';
  case 't': return '\t';
  default: return c;
  }
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

/// What stands between the quotes; `rest` begins behind the first one. nullopt: the other is missing.
std::optional<std::string> quoted(std::string_view& rest) {
  std::string out;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return out;
    }
    if (rest[i] != '\\') {
      out += rest[i];
      continue;
    }
    if (++i == rest.size()) return std::nullopt;
    if (!is_octal(rest[i])) {
      out += unescaped(rest[i]);
      continue;
    }
    unsigned value = 0;
    std::size_t digits = 0;
    while (digits < 3 && i + digits < rest.size() && is_octal(rest[i + digits]))
      value = value * 8 + static_cast<unsigned>(rest[i + digits++] - '0');
    out += static_cast<char>(value & 0xff);
    i += digits - 1;
  }
  return std::nullopt;
}

/// 'K=V K="V V"'.
std::optional<pt_pairs> pairs_of(std::string_view rest) {
  pt_pairs out;
  while (!rest.empty()) {
    const auto equals = rest.find_first_of("= ");
    if (equals == rest.npos || equals == 0 || rest[equals] != '=') return std::nullopt;
    std::string key(rest.substr(0, equals));
    rest.remove_prefix(equals + 1);
    if (!rest.starts_with('"')) {
      out.emplace_back(std::move(key), word(rest));
      continue;
    }
    rest.remove_prefix(1);
    auto value = quoted(rest);
    if (!value || (!rest.empty() && rest.front() != ' ')) return std::nullopt;
    rest.remove_prefix(std::min<std::size_t>(1, rest.size()));
    out.emplace_back(std::move(key), std::move(*value));
  }
  return out;
}

std::string take_value(pt_pairs& pairs, std::string_view key) {
  const auto at = std::find_if(pairs.begin(), pairs.end(), [key](const auto& pair) { return pair.first == key; });
  if (at == pairs.end()) return {};
  auto out = std::move(at->second);
  pairs.erase(at);
  return out;
}

base::failure malformed(std::string_view keyword) {
  return fail(outcome::malformed, fmt::format("a line {} that is none", keyword));
}

result<pt_line> cmethod(std::string_view rest) {
  pt_cmethod out;
  out.transport = word(rest);
  out.protocol = word(rest);
  const auto where = word(rest);
  const auto colon = where.rfind(':');
  if (!is_pt_name(out.transport) || out.protocol.empty() || colon == where.npos) return malformed("CMETHOD");
  auto host = where.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  base::cursor port(where.substr(colon + 1));
  out.port = static_cast<std::uint16_t>(port.take_decimal(65535));
  if (port.failed() || !port.at_end() || out.port == 0 || host.empty()) return malformed("CMETHOD");
  out.address = host;
  return out;
}

result<pt_line> cmethod_error(std::string_view rest) {
  pt_cmethod_error out;
  out.transport = word(rest);
  out.message = rest;
  if (!is_pt_name(out.transport)) return malformed("CMETHOD-ERROR");
  return out;
}

result<pt_line> log(std::string_view rest) {
  static constexpr std::array<std::string_view, 5> severities{"error", "warning", "notice", "info", "debug"};
  auto pairs = pairs_of(rest);
  if (!pairs) return malformed("LOG");
  pt_log out;
  out.severity = take_value(*pairs, "SEVERITY");
  if (std::find(severities.begin(), severities.end(), out.severity) == severities.end()) out.severity.clear();
  out.message = base::sensitive(take_value(*pairs, "MESSAGE"));
  return out;
}

result<pt_line> status(std::string_view rest) {
  auto pairs = pairs_of(rest);
  if (!pairs) return malformed("STATUS");
  pt_status out;
  out.transport = take_value(*pairs, "TRANSPORT");
  if (!out.transport.empty() && !is_pt_name(out.transport)) return malformed("STATUS");
  out.pairs = base::sensitive(std::move(*pairs));
  return out;
}

/// One "k=v" of parse_pt_arguments, up to an unescaped ';'.
result<std::pair<std::string, std::string>> take_argument(std::string_view& rest) {
  std::pair<std::string, std::string> out;
  std::string* to = &out.first;
  std::size_t i = 0;
  for (; i < rest.size() && rest[i] != ';'; ++i) {
    if (rest[i] == '=' && to == &out.first) {
      to = &out.second;
      continue;
    }
    if (rest[i] == '\\') ++i;
    if (i == rest.size()) return fail(outcome::malformed, "arguments: a '\\' at the end");
    *to += rest[i];
  }
  if (to == &out.first) return fail(outcome::malformed, "arguments: a key without '='");
  if (out.first.empty()) return fail(outcome::malformed, "arguments: an empty key");
  if (i + 1 == rest.size()) return fail(outcome::malformed, "arguments: a ';' at the end");
  rest.remove_prefix(std::min(i + 1, rest.size()));
  return out;
}

} // namespace

bool is_pt_name(std::string_view text) noexcept {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && text.size() <= 64 && letter(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || digit(c); });
}

result<pt_line> parse_pt_line(std::string_view line) {
  if (line.size() > max_pt_line) return fail(outcome::too_large, "a line without an end");
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!is_utf8(line)) return fail(outcome::malformed, "a line that is not UTF-8");
  auto rest = line;
  const auto keyword = word(rest);
  const auto said = [&rest] { return std::string(rest); };
  if (keyword == "VERSION") return pt_line(pt_version{said()});
  if (keyword == "VERSION-ERROR") return pt_line(pt_version_error{said()});
  if (keyword == "ENV-ERROR") return pt_line(pt_env_error{said()});
  if (keyword == "PROXY-ERROR") return pt_line(pt_proxy_error{said()});
  if (keyword == "PROXY" && rest == "DONE") return pt_line(pt_proxy_done{});
  if (keyword == "CMETHOD") return cmethod(rest);
  if (keyword == "CMETHOD-ERROR") return cmethod_error(rest);
  if (keyword == "CMETHODS" && rest == "DONE") return pt_line(pt_cmethods_done{});
  if (keyword == "LOG") return log(rest);
  if (keyword == "STATUS") return status(rest);
  return pt_line(pt_other{});
}

result<pt_pairs> parse_pt_arguments(std::string_view text) {
  pt_pairs out;
  while (!text.empty()) {
    auto one = take_argument(text);
    if (!one) return one.error();
    out.push_back(std::move(*one));
  }
  return out;
}

std::string pt_log_line(std::string_view severity, std::string_view message) {
  std::string text;
  for (const char c : base::printable(message, 400)) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return fmt::format("LOG SEVERITY={} MESSAGE=\"{}\"", severity, text);
}

} // namespace landfall::wire
