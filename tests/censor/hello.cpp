#include "tests/censor/hello.hpp"

#include "base/cursor.hpp"
#include "base/encoding.hpp"
#include "crypto/hash.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace landfall::censor {

namespace {

enum extension : std::uint16_t {
  server_name = 0,
  signature_algorithms = 13,
  alpn = 16,
  supported_versions = 43,
  encrypted_client_hello = 0xfe0d,
  encrypted_server_name = 0xffce
};

constexpr std::uint8_t handshake_record = 22, client_hello_message = 1;
constexpr std::uint16_t tls12 = 0x0303, tls13 = 0x0304;

struct fields {
  std::uint16_t version = 0;
  std::vector<std::uint16_t> ciphers, extensions, signatures;
  bool named = false;
  std::string first_alpn;
};

bool is_grease(unsigned value) { return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff); }

std::vector<std::uint16_t> take_values(std::string_view bytes) {
  std::vector<std::uint16_t> out;
  base::cursor in(bytes);
  while (in.left() >= 2) {
    const auto value = in.take_u16();
    if (!is_grease(value)) out.push_back(value);
  }
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

std::string name_in(std::string_view body) {
  base::cursor list(body);
  base::cursor in(list.take(list.take_u16()));
  const auto type = in.take_u8();
  const auto name = in.take(in.take_u16());
  return in.failed() || type != 0 ? std::string() : lower(name);
}

std::string listed(std::vector<std::uint16_t> values, bool sorted) {
  if (sorted) std::ranges::sort(values);
  return fmt::format("{:04x}", fmt::join(values, ","));
}

std::string short_hash(std::string_view text) { return crypto::sha256(text).hex().substr(0, 12); }

std::string_view version_letters(std::uint16_t version) {
  switch (version) {
  case tls13: return "13";
  case tls12: return "12";
  case 0x0302: return "11";
  case 0x0301: return "10";
  default: return "00";
  }
}

/// The first and the last character of the first protocol; of its hex where either is not alphanumeric.
std::string alpn_letters(std::string_view first) {
  const auto plain = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (first.empty()) return "00";
  const auto text = plain(first.front()) && plain(first.back()) ? std::string(first) : base::to_hex(first);
  return {text.front(), text.back()};
}

std::string ja4_of(const fields& from) {
  auto hashed = from.extensions;
  std::erase_if(hashed, [](std::uint16_t type) { return type == server_name || type == alpn; });
  auto text = listed(hashed, true);
  if (!from.signatures.empty()) text += "_" + listed(from.signatures, false);
  constexpr std::size_t most = 99; // two digits
  return fmt::format("t{}{}{:02}{:02}{}_{}_{}", version_letters(from.version), from.named ? 'd' : 'i',
                     std::min(from.ciphers.size(), most), std::min(from.extensions.size(), most),
                     alpn_letters(from.first_alpn),
                     from.ciphers.empty() ? "000000000000" : short_hash(listed(from.ciphers, true)),
                     from.extensions.empty() ? "000000000000" : short_hash(text));
}

void note_extension(std::uint16_t type, std::string_view body, fields& seen, client_hello& out) {
  base::cursor in(body);
  switch (type) {
  case server_name:
    seen.named = true;
    out.sni = name_in(body);
    break;
  case signature_algorithms: seen.signatures = take_values(in.take(in.take_u16())); break;
  case alpn:
    (void)in.take_u16();
    seen.first_alpn = in.take(in.take_u8());
    break;
  case supported_versions:
    for (const auto version : take_values(in.take(in.take_u8()))) seen.version = std::max(seen.version, version);
    break;
  case encrypted_client_hello: out.ech = true; break;
  case encrypted_server_name: out.esni = true; break;
  default: break;
  }
}

std::optional<client_hello> parse_body(std::string_view message) {
  base::cursor in(message);
  fields seen;
  client_hello out;
  seen.version = in.take_u16();
  (void)in.take(32);
  (void)in.take(in.take_u8());
  seen.ciphers = take_values(in.take(in.take_u16()));
  (void)in.take(in.take_u8());
  if (in.failed()) return std::nullopt;
  base::cursor extensions(in.at_end() ? std::string_view() : in.take(in.take_u16()));
  while (!extensions.at_end() && !extensions.failed()) {
    const auto type = extensions.take_u16();
    const auto body = extensions.take(extensions.take_u16());
    if (extensions.failed()) break;
    if (!is_grease(type)) seen.extensions.push_back(type);
    note_extension(type, body, seen, out);
  }
  if (in.failed() || extensions.failed()) return std::nullopt;
  out.tls13 = seen.version == tls13;
  out.ja4 = ja4_of(seen);
  return out;
}

void put16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}

std::string with_length16(std::string_view body) {
  std::string out;
  put16(out, body.size());
  return out.append(body);
}

std::string values(const std::vector<std::uint16_t>& list) {
  std::string out;
  for (const auto value : list) put16(out, value);
  return with_length16(out);
}

void put_extension(std::string& out, std::uint16_t type, std::string_view body) {
  put16(out, type);
  out += with_length16(body);
}

std::string extensions_of(const hello_plan& plan) {
  std::string out, protocols;
  if (!plan.sni.empty()) put_extension(out, server_name, with_length16(std::string(1, '\0') + with_length16(plan.sni)));
  for (const auto& one : plan.alpn) protocols += static_cast<char>(one.size()) + one;
  if (!plan.alpn.empty()) put_extension(out, alpn, with_length16(protocols));
  put_extension(out, signature_algorithms, values(plan.signatures));
  put_extension(out, supported_versions, "\x02\x03\x04");
  for (const auto type : plan.more_extensions) put_extension(out, type, {});
  return out;
}

} // namespace

hello_reading read_hello(std::string_view stream, bool across_records) {
  std::string message;
  base::cursor in(stream.substr(0, max_hello));
  for (bool first = true; !in.at_end(); first = false) {
    // The first byte alone tells most other protocols apart, so that they are not waited for.
    if (in.take_u8() != handshake_record) return {reading::no, {}};
    const auto version = in.take_u16();
    const auto size = in.take_u16();
    if (in.failed()) return {reading::more, {}};
    if (version >> 8 != 3 || size == 0 || (!first && !across_records)) return {reading::no, {}};
    const bool whole = in.left() >= size;
    message += in.take(std::min<std::size_t>(size, in.left()));
    base::cursor body(message);
    if (body.left() < 4) {
      if (whole) continue;
      return {reading::more, {}};
    }
    if (body.take_u8() != client_hello_message) return {reading::no, {}};
    const std::size_t length = std::size_t{body.take_u8()} << 16 | body.take_u16();
    if (length > max_hello) return {reading::no, {}};
    if (body.left() >= length) {
      auto parsed = parse_body(body.take(length));
      return parsed ? hello_reading{reading::yes, std::move(*parsed)} : hello_reading{};
    }
    if (!whole) break;
  }
  return {stream.size() < max_hello ? reading::more : reading::no, {}};
}

std::string build_hello(const hello_plan& plan) {
  std::string body;
  put16(body, tls12);
  body.append(32, 'r');
  body += '\x20' + std::string(32, 's');
  body += values(plan.ciphers);
  body.append("\x01\x00", 2);
  body += with_length16(extensions_of(plan));
  std::string message("\x01\x00", 2);
  message += with_length16(body);
  return std::string("\x16\x03\x01", 3) + with_length16(message);
}

std::string split_records(std::string_view record, std::size_t size) {
  std::string out;
  for (auto body = record.substr(5); !body.empty(); body.remove_prefix(std::min(size, body.size())))
    out += std::string(record.substr(0, 3)) + with_length16(body.substr(0, size));
  return out;
}

} // namespace landfall::censor
