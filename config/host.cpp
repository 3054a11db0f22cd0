#include "config/host.hpp"

#include "base/encoding.hpp"
#include "config/endpoint.hpp"
#include "crypto/sha3.hpp"

#include <boost/url.hpp>

#include <algorithm>

namespace landfall::config {

namespace {

using base::fail;
using base::outcome;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return c >= 'a' && c <= 'z'; }

bool is_label(std::string_view label) noexcept {
  if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
  return std::all_of(label.begin(), label.end(), [](char c) { return is_letter(c) || is_digit(c) || c == '-'; });
}

bool is_number(std::string_view label) noexcept {
  if (label.starts_with("0x")) return true;
  return std::all_of(label.begin(), label.end(), is_digit);
}

} // namespace

bool is_host_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > 253) return false;
  for (;;) {
    const auto dot = text.find('.');
    const auto label = text.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == text.npos) return !is_number(label);
    text.remove_prefix(dot + 1);
  }
}

bool is_localhost(std::string_view name) noexcept { return name == "localhost" || name.ends_with(".localhost"); }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::optional<std::string> host_of_url(std::string_view url) {
  // Without an authority there is no host; and Boost.URL 1.81 has an assertion that "h:?" does not meet.
  if (const auto colon = url.find(':'); colon == url.npos || url.substr(colon, 3) != "://") return std::nullopt;
  const auto from = boost::urls::parse_uri(url);
  if (!from) return std::nullopt;
  switch (from->host_type()) {
  case boost::urls::host_type::ipv4:
  case boost::urls::host_type::ipv6: {
    const auto address = ip_address::parse(from->host_address());
    if (!address) return std::nullopt;
    return address->to_string();
  }
  case boost::urls::host_type::name: {
    // The encoded text: a name with an escape in it is not a host name.
    auto name = lower(std::string_view(from->encoded_host_name().data(), from->encoded_host_name().size()));
    if (!is_host_name(name)) return std::nullopt;
    return name;
  }
  case boost::urls::host_type::none:
  case boost::urls::host_type::ipvfuture: break;
  }
  return std::nullopt;
}

base::result<void> check_onion(std::string_view host) {
  constexpr std::string_view suffix = ".onion";
  constexpr std::size_t label_size = 56;
  if (!host.ends_with(suffix)) return fail(outcome::malformed, "not an onion address");
  const auto label = host.substr(0, host.size() - suffix.size());
  if (label.size() != label_size) return fail(outcome::malformed, "a v3 onion address has 56 characters before .onion");
  const auto bytes = base::from_base32(label);
  if (!bytes) return fail(outcome::malformed, "an onion address has the characters a-z and 2-7 only");
  const std::string_view all = *bytes; // public key 32, checksum 2, version 1
  if (all[34] != 3) return fail(outcome::malformed, "not an onion address of version 3");
  std::string hashed = ".onion checksum";
  hashed += all.substr(0, 32);
  hashed += all[34];
  if (crypto::sha3_256(hashed).substr(0, 2) != all.substr(32, 2))
    return fail(outcome::malformed, "the onion address is mistyped: its checksum is wrong");
  return {};
}

} // namespace landfall::config
