#include "tests/censor/detect.hpp"

#include "base/cursor.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <span>

namespace landfall::censor {

namespace {

constexpr std::array<std::string_view, 9> methods{"GET ",   "PUT ",     "POST ",    "HEAD ", "DELETE ",
                                                  "PATCH ", "OPTIONS ", "CONNECT ", "TRACE "};

constexpr bool printable(char c) noexcept { return c >= 0x20 && c <= 0x7e; }

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool equal_without_case(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower, lower); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

std::string host_of(std::string_view value) {
  std::string out(trimmed(value));
  std::ranges::transform(out, out.begin(), lower);
  if (const auto colon = out.rfind(':'); colon != std::string::npos && out.back() != ']') out.resize(colon);
  return out;
}

/// A name without pointers, as queries have it.
std::optional<std::string> take_plain_name(base::cursor& in) {
  constexpr std::size_t longest = 255, longest_label = 63;
  std::string out;
  for (std::size_t size = in.take_u8(); size != 0 && !in.failed(); size = in.take_u8()) {
    if (size > longest_label || out.size() + size > longest) return std::nullopt;
    if (!out.empty()) out += '.';
    for (const char c : in.take(size)) out += lower(c);
  }
  if (in.failed()) return std::nullopt;
  return out;
}

/// Answers' names are passed over: labels up to the end or to a pointer.
void skip_name(base::cursor& in) {
  for (std::size_t size = in.take_u8(); size != 0 && !in.failed(); size = in.take_u8()) {
    if (size >= 0xc0) {
      (void)in.take_u8();
      return;
    }
    (void)in.take(size);
  }
}

void put16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}

} // namespace

host_reading read_http_host(std::string_view stream) {
  const auto begins = [stream](std::string_view method) {
    const auto common = std::min(stream.size(), method.size());
    return stream.substr(0, common) == method.substr(0, common);
  };
  if (!std::ranges::any_of(methods, begins)) return {};
  auto head = stream.substr(0, max_http_head);
  for (auto end = head.find('\n'); end != std::string_view::npos; end = head.find('\n')) {
    const auto line = trimmed(head.substr(0, end));
    head.remove_prefix(end + 1);
    if (line.empty()) return {}; // the head has ended without one
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && equal_without_case(line.substr(0, colon), "host"))
      return {reading::yes, host_of(line.substr(colon + 1))};
  }
  return {stream.size() < max_http_head ? reading::more : reading::no, {}};
}

bool looks_fully_encrypted(std::string_view first) noexcept {
  constexpr std::size_t prefix = 6, longest_run = 20;
  if (first.empty()) return false;
  std::size_t bits = 0, printed = 0, run = 0, longest = 0;
  for (const char c : first) {
    bits += static_cast<std::size_t>(std::popcount(static_cast<unsigned char>(c)));
    printed += printable(c) ? 1 : 0;
    run = printable(c) ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const double per_byte = static_cast<double>(bits) / static_cast<double>(first.size());
  if (per_byte <= 3.4 || per_byte >= 4.6) return false;
  if (first.size() >= prefix && std::ranges::all_of(first.substr(0, prefix), printable)) return false;
  if (printed * 2 > first.size() || longest > longest_run) return false;
  const bool tls =
      first.size() >= 3 && (first[0] == 0x16 || first[0] == 0x17) && first[1] == 3 && first[2] >= 0 && first[2] <= 9;
  const auto named = std::span(methods).first(4);
  return !tls && !std::ranges::any_of(named, [first](std::string_view m) { return first.starts_with(m); });
}

protocol protocol_of(std::string_view first) noexcept {
  constexpr std::size_t shortest_http = 8, dns_header = 12;
  if (first.size() >= 5 && first[0] == 0x16 && first[1] == 3 && first[2] >= 0 && first[2] <= 4) return protocol::tls;
  const auto named = [first](std::string_view m) { return first.starts_with(m); };
  if (first.size() >= shortest_http && std::ranges::any_of(methods, named)) return protocol::http;
  base::cursor in(first);
  const std::size_t size = in.take_u16();
  (void)in.take_u16();
  const auto flags = in.take_u16();
  const auto questions = in.take_u16();
  constexpr unsigned answer_or_unusual = 0xf800; // QR and opcode
  if (!in.failed() && size >= dns_header && size <= 512 && (flags & answer_or_unusual) == 0 && questions == 1)
    return protocol::dns;
  return protocol::other;
}

bool is_quic_initial(std::string_view datagram) noexcept {
  base::cursor in(datagram);
  const auto first = in.take_u8();
  const auto version = in.take_u32();
  return !in.failed() && (first & 0xf0) == 0xc0 && version == 1;
}

std::optional<dns_question> read_dns_query(std::string_view message) {
  base::cursor in(message);
  dns_question out;
  out.id = in.take_u16();
  const auto flags = in.take_u16();
  const auto questions = in.take_u16();
  (void)in.take(6);
  if (in.failed() || (flags & 0xf800) != 0 || questions != 1) return std::nullopt;
  auto name = take_plain_name(in);
  out.type = in.take_u16();
  (void)in.take_u16();
  if (!name || in.failed()) return std::nullopt;
  out.name = std::move(*name);
  out.question_end = message.size() - in.left();
  return out;
}

std::vector<address> read_dns_answers(std::string_view message) {
  constexpr unsigned most = 64; // real answers have a handful; a counter of 65535 must not cost time
  base::cursor in(message);
  (void)in.take_u16();
  const auto flags = in.take_u16();
  const auto questions = in.take_u16();
  const auto answers = std::min<unsigned>(in.take_u16(), most);
  (void)in.take_u32();
  if (in.failed() || (flags & 0x8000) == 0 || questions > 1) return {};
  for (unsigned at = 0; at < questions; ++at) {
    skip_name(in);
    (void)in.take_u32();
  }
  std::vector<address> out;
  for (unsigned at = 0; at < answers && !in.failed(); ++at) {
    skip_name(in);
    const auto type = in.take_u16();
    (void)in.take(6);
    const auto data = in.take(in.take_u16());
    if (type == dns_a && data.size() == 4) out.push_back(address::from_v4(data));
    if (type != dns_aaaa || data.size() != 16) continue;
    std::ranges::copy(data, out.emplace_back().bytes.begin());
  }
  return out;
}

std::string forge_answer(std::string_view query, const dns_question& asked, const forgery& with) {
  const bool fits = asked.type == (with.answer.is_v4() ? dns_a : dns_aaaa);
  std::string out(query.substr(0, 2));
  put16(out, with.authoritative ? 0x8580 : 0x8180);
  put16(out, 1);
  put16(out, fits ? 1 : 0);
  out.append(4, '\0');
  out += query.substr(12, asked.question_end - 12);
  if (!fits) return out;
  put16(out, 0xc00c);
  put16(out, asked.type);
  put16(out, 1);
  put16(out, with.ttl >> 16);
  put16(out, with.ttl & 0xffff);
  put16(out, with.answer.wire().size());
  return out.append(with.answer.wire());
}

std::string build_dns_query(std::uint16_t id, std::string_view name, std::uint16_t type) {
  std::string out;
  put16(out, id);
  put16(out, 0x0100);
  put16(out, 1);
  out.append(6, '\0');
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    out += static_cast<char>(label.size());
    out += label;
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  out += '\0';
  put16(out, type);
  put16(out, 1);
  return out;
}

} // namespace landfall::censor
