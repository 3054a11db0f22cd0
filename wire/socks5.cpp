#include "wire/socks5.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace landfall::wire {

namespace {

constexpr std::string_view no_password("\0", 1);

std::string_view bytes_of(const in_addr& address) { return {reinterpret_cast<const char*>(&address), 4}; }
std::string_view bytes_of(const in6_addr& address) { return {reinterpret_cast<const char*>(&address), 16}; }

bool is_of_names(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

base::outcome outcome_of(socks_reply refused) noexcept {
  using base::outcome;
  switch (refused) {
  case socks_reply::network_unreachable:
  case socks_reply::host_unreachable:
  case socks_reply::onion_not_found:
  case socks_reply::onion_intro_failed:
  case socks_reply::onion_rendezvous_failed: return outcome::unreachable; // the service is gone, not tor
  case socks_reply::refused: return outcome::refused;
  case socks_reply::ttl_expired:
  case socks_reply::onion_intro_timed_out: return outcome::timed_out;
  case socks_reply::succeeded:
  case socks_reply::general_failure:
  case socks_reply::not_allowed:
  case socks_reply::command_not_supported:
  case socks_reply::address_not_supported:
  case socks_reply::onion_invalid:
  case socks_reply::onion_auth_missing:
  case socks_reply::onion_auth_wrong:
  case socks_reply::onion_bad_address: return outcome::proxy_failed;
  }
  return outcome::proxy_failed; // a code of nobody's
}

} // namespace

base::result<socks_destination> socks_destination::parse(std::string_view host, std::uint16_t port) {
  const auto wrong = [](const char* why) { return base::fail(base::outcome::malformed, why, base::stage::proxy); };
  if (host.empty() || host.size() > max_socks_name) return wrong("a destination of 1 to 253 bytes is wanted");
  const std::string text(host); // inet_pton reads to a NUL; one inside is found below
  in_addr v4{};
  in6_addr v6{};
  const bool clean = text.find('\0') == text.npos;
  const auto sensitive = [](std::string_view bytes) { return base::sensitive(std::string(bytes)); };
  if (clean && ::inet_pton(AF_INET, text.c_str(), &v4) == 1)
    return socks_destination{socks_host::ipv4, sensitive(bytes_of(v4)), port};
  if (clean && ::inet_pton(AF_INET6, text.c_str(), &v6) == 1)
    return socks_destination{socks_host::ipv6, sensitive(bytes_of(v6)), port};
  if (!std::all_of(host.begin(), host.end(), is_of_names)) return wrong("neither an address nor a name");
  std::string name(host);
  std::transform(name.begin(), name.end(), name.begin(), lower);
  return socks_destination{socks_host::name, base::sensitive(std::move(name)), port};
}

std::string socks_destination::host_text() const {
  const auto& bytes = host.reveal();
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (kind == socks_host::ipv4 && bytes.size() == 4) ::inet_ntop(AF_INET, bytes.data(), text.data(), text.size());
  if (kind == socks_host::ipv6 && bytes.size() == 16) ::inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  return kind == socks_host::name ? bytes : std::string(text.data());
}

base::result<socks_credentials> credentials_of(std::string_view arguments) {
  if (arguments.size() > max_socks_arguments)
    return base::fail(base::outcome::too_large, "a transport's arguments are longer than 510 bytes",
                      base::stage::proxy);
  const auto first = arguments.substr(0, max_socks_field);
  const auto second = arguments.substr(first.size());
  return socks_credentials{base::sensitive(std::string(first)),
                           base::sensitive(std::string(second.empty() ? no_password : second))};
}

std::string arguments_of(const socks_credentials& said) {
  const auto& password = said.password.reveal();
  return password == no_password ? said.user.reveal() : said.user.reveal() + password;
}

base::failure failure_of(socks_reply refused) {
  return base::fail(outcome_of(refused), std::string(explain(refused)), base::stage::proxy);
}

} // namespace landfall::wire
