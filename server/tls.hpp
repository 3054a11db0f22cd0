// The server's side of TLS: certificate and key, and their renewal while serving. Reads files; OpenSSL's objects.
#pragma once

#include "base/result.hpp"

#include <openssl/types.h>

#include <filesystem>
#include <memory>

namespace landfall::server {

struct ssl_context_deleter {
  void operator()(SSL_CTX* context) const noexcept;
};
using ssl_context = std::unique_ptr<SSL_CTX, ssl_context_deleter>;

/// TLS 1.2 and 1.3 with OpenSSL's own choice of groups (X25519MLKEM768 among them), ALPN "http/1.1".
class tls {
public:
  /// PEM: the certificate with its chain, and its key, without a passphrase. Errors: local_error, saying which file.
  [[nodiscard]] static base::result<tls> load(std::filesystem::path certificate, std::filesystem::path key);

  /// The context for new connections. Those that stand keep theirs.
  [[nodiscard]] SSL_CTX* now() const noexcept { return context_.get(); }

  /// Loads again when a file has changed, or always. What cannot be loaded is said on stderr and the old stays:
  /// renewing tools write certificate and key one after the other.
  void refresh(bool always);

private:
  tls() = default;
  std::filesystem::path certificate_, key_;
  std::filesystem::file_time_type certificate_time_, key_time_;
  ssl_context context_;
};

} // namespace landfall::server
