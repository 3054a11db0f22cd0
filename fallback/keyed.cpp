#include "fallback/keyed.hpp"

#include "base/encoding.hpp"
#include "crypto/hash.hpp"

#include <algorithm>

namespace landfall::fallback {

namespace {

/// Unambiguous: every part with its length before it, so that no two lists of parts are one text.
void append(std::string& to, std::string_view part) {
  to += std::to_string(part.size());
  to += ':';
  to += part;
}

std::string text_of(std::string_view what, const network_id& where) {
  std::string out;
  append(out, what);
  append(out, {reinterpret_cast<const char*>(where.bytes.data()), where.bytes.size()});
  return out;
}

void append(std::string& to, const route& what) {
  append(to, what.name);
  append(to, what.kind);
  append(to, what.group);
  for (const auto& place : what.places) {
    append(to, place.address);
    append(to, std::to_string(place.port));
    append(to, place.front);
  }
}

} // namespace

std::string memory_key::hex() const {
  return base::to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::optional<memory_key> memory_key::from_hex(std::string_view text) {
  const auto raw = base::from_hex(text);
  memory_key out;
  if (!raw || raw->size() != out.bytes.size()) return std::nullopt;
  std::copy(raw->begin(), raw->end(), out.bytes.begin());
  return out;
}

memory_key keyer::hash(std::string text) const {
  const auto whole = crypto::hmac_sha256(key_.reveal(), text);
  memory_key out;
  std::copy_n(whole.bytes.begin(), out.bytes.size(), out.bytes.begin());
  return out;
}

network_id keyer::network(std::string_view identity) const {
  std::string text;
  append(text, std::string_view("network"));
  append(text, identity);
  return hash(std::move(text));
}

memory_key keyer::route(const network_id& where, const fallback::route& what) const {
  auto text = text_of("route", where);
  append(text, what);
  return hash(std::move(text));
}

memory_key keyer::route_everywhere(const fallback::route& what) const {
  auto text = text_of("route everywhere", {});
  append(text, what);
  return hash(std::move(text));
}

memory_key keyer::address(const network_id& where, const base::place& what) const {
  auto text = text_of("address", where);
  append(text, what.address);
  return hash(std::move(text));
}

memory_key keyer::address_and_port(const network_id& where, const base::place& what) const {
  auto text = text_of("port", where);
  append(text, what.address);
  append(text, std::to_string(what.port));
  return hash(std::move(text));
}

memory_key keyer::front(const network_id& where, const base::place& what) const {
  auto text = text_of("front", where);
  append(text, what.front);
  return hash(std::move(text));
}

} // namespace landfall::fallback
