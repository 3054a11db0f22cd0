#include "wire/socks_reply.hpp"

namespace landfall::wire {

std::string_view explain(socks_reply code) noexcept {
  switch (code) {
  case socks_reply::succeeded: return "succeeded";
  case socks_reply::general_failure: return "the proxy failed";
  case socks_reply::not_allowed: return "the proxy does not allow this destination";
  case socks_reply::network_unreachable: return "the network is unreachable from the proxy";
  case socks_reply::host_unreachable: return "the host is unreachable from the proxy";
  case socks_reply::refused: return "the host refused the proxy's connection";
  case socks_reply::ttl_expired: return "the proxy's connection timed out";
  case socks_reply::command_not_supported: return "the proxy does not know this command";
  case socks_reply::address_not_supported: return "the proxy does not take this kind of address";
  case socks_reply::onion_not_found: return "the onion service's descriptor was not found";
  case socks_reply::onion_invalid: return "the onion service's descriptor is invalid";
  case socks_reply::onion_intro_failed: return "the onion service could not be introduced to";
  case socks_reply::onion_rendezvous_failed: return "no rendezvous with the onion service";
  case socks_reply::onion_auth_missing: return "the onion service wants a client authorisation key";
  case socks_reply::onion_auth_wrong: return "the onion service refuses this client authorisation key";
  case socks_reply::onion_bad_address: return "the onion address is wrong";
  case socks_reply::onion_intro_timed_out: return "the introduction to the onion service timed out";
  }
  return "an unknown reply";
}

socks_reply reply_for(base::outcome failure) noexcept {
  switch (failure) {
  case base::outcome::refused:
  case base::outcome::reset_before_hello:
  case base::outcome::reset_after_hello: return socks_reply::refused;
  case base::outcome::unreachable: return socks_reply::host_unreachable;
  case base::outcome::offline: return socks_reply::network_unreachable;
  case base::outcome::timed_out: return socks_reply::ttl_expired;
  default:
    return socks_reply::general_failure; // RFC 1928 has no word for the rest, and a client nothing to do about it
  }
}

} // namespace landfall::wire
