#include "server/tls.hpp"

#include "base/log.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string_view>
#include <utility>

namespace landfall::server {

namespace {
using base::fail;
using base::outcome;

std::string last_error() {
  const auto code = ERR_get_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "not in PEM, or not readable";
}

/// HTTP/1.1 is all that we speak; a client that offers other protocols only is refused, as RFC 7301 §3.2 asks.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  static constexpr unsigned char ours[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, size, ours, sizeof ours, offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

/// A server must not stop to ask on a terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

base::result<ssl_context> make_context(const std::filesystem::path& certificate, const std::filesystem::path& key) {
  ERR_clear_error();
  ssl_context context(SSL_CTX_new(TLS_server_method()));
  if (!context) return fail(outcome::local_error, "OpenSSL cannot make a TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // An idle connection gives its 34 KB of record buffers back.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context.get(), &choose_protocol, nullptr);
  SSL_CTX_set_default_passwd_cb(context.get(), &no_passphrase);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1)
    return fail(outcome::local_error,
                fmt::format("cannot use the certificate {}: {}", certificate.string(), last_error()));
  if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1)
    return fail(outcome::local_error, fmt::format("cannot use the key {}: {}", key.string(), last_error()));
  return context;
}

std::filesystem::file_time_type time_of(const std::filesystem::path& path) {
  std::error_code missing;
  return std::filesystem::last_write_time(path, missing);
}
} // namespace

void ssl_context_deleter::operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }

base::result<tls> tls::load(std::filesystem::path certificate, std::filesystem::path key) {
  tls out;
  out.certificate_time_ = time_of(certificate);
  out.key_time_ = time_of(key);
  auto context = make_context(certificate, key);
  if (!context) return context.error();
  out.context_ = std::move(*context);
  out.certificate_ = std::move(certificate);
  out.key_ = std::move(key);
  return out;
}

void tls::refresh(bool always) {
  if (!always && time_of(certificate_) == certificate_time_ && time_of(key_) == key_time_) return;
  // Remembered even when it fails: a bad file is said once.
  certificate_time_ = time_of(certificate_);
  key_time_ = time_of(key_);
  auto context = make_context(certificate_, key_);
  if (!context) {
    base::log(base::level::warning, "TLS: {}; the old certificate stays in service", context.error().detail);
    return;
  }
  context_ = std::move(*context);
  base::log(base::level::info, "TLS: the certificate was loaded again");
}

} // namespace landfall::server
