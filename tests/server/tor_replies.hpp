// What tor answers on its control port, and the key of the tests' onion service.
#pragma once

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "server/onion_key.hpp"

#include <string>
#include <string_view>

namespace landfall::server::samples {

inline const std::string cookie(32, 'c'), nonce(32, 'n'), server_nonce(32, 's');
inline const std::string accepted = "250 OK\r\n";

inline onion_key service_key() {
  crypto::key_bytes seed{};
  seed[0] = 7;
  return onion_key_of(crypto::expanded_ed25519::of_seed(crypto::secret_key(seed)));
}

inline std::string protocol_info(std::string_view methods, std::string_view cookie_file = "") {
  std::string file = cookie_file.empty() ? "" : " COOKIEFILE=\"" + std::string(cookie_file) + "\"";
  return "250-PROTOCOLINFO 1\r\n250-AUTH METHODS=" + std::string(methods) + file +
         "\r\n250-VERSION Tor=\"0.4.9.11\"\r\n250 OK\r\n";
}

inline std::string proof(std::string_view whose, std::string_view secret = cookie) {
  const auto label = "Tor safe cookie authentication " + std::string(whose) + " hash";
  return crypto::hmac_sha256(label, std::string(secret) + nonce + server_nonce).hex();
}

/// By a tor that knows `secret`, for our nonce.
inline std::string challenge(std::string_view secret = cookie) {
  return "250 AUTHCHALLENGE SERVERHASH=" + proof("server-to-controller", secret) +
         " SERVERNONCE=" + base::to_hex(server_nonce) + "\r\n";
}

inline std::string service_added(std::string_view address) {
  return "250-ServiceID=" + std::string(address) + "\r\n250 OK\r\n";
}

} // namespace landfall::server::samples
