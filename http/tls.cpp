#include "http/tls.hpp"

#include "base/encoding.hpp"
#include "http/split_hello.hpp"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <string_view>

namespace landfall::http {

namespace {

// Browsers' order. The hybrid first: its key share goes into the first flight, so that no HelloRetryRequest gives us
// away.
constexpr const char* groups = "*X25519MLKEM768:*X25519:P-256:P-384";

/// Of one SSL_CTX, which libcurl makes per connection.
struct shared_by_context {
  const tls_rules* rules;
  tls_evidence* seen;
};

/// Of one verification.
struct verification_state {
  tls_evidence* seen;
  bool dates_wrong = false;
};

/// Where OpenSSL keeps our pointers. One index for the process: OpenSSL has a fixed, small number of them.
void free_shared(void*, void* of_context, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<shared_by_context*>(of_context);
}
int context_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_shared);
  return index;
}
int verification_index() {
  static const int index = X509_STORE_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

bool is_about_dates(int error) {
  return error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID;
}

/// Lets errors of dates pass for the moment, to see whether anything else is wrong; the first other error ends it.
int on_certificate(int good, X509_STORE_CTX* verification) {
  if (good) return 1;
  auto& state = *static_cast<verification_state*>(X509_STORE_CTX_get_ex_data(verification, verification_index()));
  const int error = X509_STORE_CTX_get_error(verification);
  if (is_about_dates(error)) {
    state.dates_wrong = true;
    return 1;
  }
  state.seen->why = X509_verify_cert_error_string(error);
  return 0;
}

bool pin_matches(const std::vector<std::string>& pins, X509* leaf) {
  if (pins.empty()) return true;
  unsigned char* der = nullptr;
  const int size = leaf ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der) : -1;
  if (size < 0) return false;
  std::array<unsigned char, 32> digest{};
  std::size_t digest_size = digest.size();
  const int hashed =
      EVP_Q_digest(nullptr, "SHA256", nullptr, der, static_cast<std::size_t>(size), digest.data(), &digest_size);
  OPENSSL_free(der);
  if (hashed != 1) return false;
  const auto pin = "sha256/" + base::to_base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
  return std::find(pins.begin(), pins.end(), pin) != pins.end();
}

int refuse(X509_STORE_CTX* verification, int error, tls_evidence& seen, certificate how, const char* why) {
  seen.certificate = how;
  if (why) seen.why = why;
  X509_STORE_CTX_set_error(verification, error);
  return 0;
}

/// In place of X509_verify_cert: 1 or 0, with the error that libcurl reads afterwards.
int judge(X509_STORE_CTX* verification, void* shared) {
  const auto& rules = *static_cast<shared_by_context*>(shared)->rules;
  auto& seen = *static_cast<shared_by_context*>(shared)->seen;
  verification_state state{&seen};
  X509_STORE_CTX_set_ex_data(verification, verification_index(), &state);
  X509_STORE_CTX_set_verify_cb(verification, &on_certificate);
  const bool chain_and_name = X509_verify_cert(verification) == 1;
  if (!chain_and_name) {
    return refuse(verification, X509_STORE_CTX_get_error(verification), seen, certificate::wrong, nullptr);
  }
  if (!pin_matches(rules.pins, X509_STORE_CTX_get0_cert(verification))) {
    return refuse(verification, X509_V_ERR_APPLICATION_VERIFICATION, seen, certificate::wrong,
                  "its key is none of the pinned ones");
  }
  if (state.dates_wrong && !rules.ignore_dates) {
    return refuse(verification, X509_V_ERR_CERT_HAS_EXPIRED, seen, certificate::dates_wrong,
                  "its dates alone are wrong");
  }
  seen.certificate = certificate::good;
  X509_STORE_CTX_set_error(verification, X509_V_OK);
  return 1;
}

/// Called by OpenSSL for every record, whose header comes before anything is made of it, and for every message.
void on_record(int writing, int, int type, const void* data, std::size_t size, SSL*, void* seen) {
  auto& out = *static_cast<tls_evidence*>(seen);
  const std::string_view header(static_cast<const char*>(data), size);
  if (writing == 1 && type == SSL3_RT_HANDSHAKE && header.starts_with('\x01') && out.hello.empty()) out.hello = header;
  if (writing != 0 || type != SSL3_RT_HEADER || size != SSL3_RT_HEADER_LENGTH) return;
  const auto byte = [&header](std::size_t at) { return static_cast<unsigned char>(header[at]); };
  out.before_last = out.arrived;
  out.arrived += size + (static_cast<std::uint64_t>(byte(3)) << 8 | byte(4));
  if (header == "HTTP/") out.plain_status = -1; // a suspicion as yet: see status_behind
}

/// Of an answer in plain HTTP. OpenSSL has read five bytes of it, "HTTP/"; the next are "1.1 302 ...". 0: it is none.
int status_behind(BIO* rest) {
  std::array<char, 16> text{};
  const int size = BIO_read(rest, text.data(), text.size());
  const std::string_view line(text.data(), static_cast<std::size_t>(std::max(size, 0)));
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (line.size() < 7 || !line.starts_with("1.") || line[3] != ' ') return 0;
  if (!std::all_of(line.begin() + 4, line.begin() + 7, is_digit)) return 0;
  return (line[4] - '0') * 100 + (line[5] - '0') * 10 + (line[6] - '0');
}

/// Before the first byte is written. libcurl has set the name by now.
void on_start(SSL* connection, const tls_rules& rules) {
  if (!rules.sni) SSL_ctrl(connection, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, nullptr);
  if (!rules.split_hello || !SSL_in_before(connection)) return;
  BIO* const below = SSL_get_wbio(connection);
  BIO_up_ref(below);
  BIO* const above = splitting_bio(below, rules.sni ? std::string_view(rules.host) : std::string_view());
  if (!above) BIO_free(below);
  SSL_set0_wbio(connection, above); // none when out of memory: what was to be cut must not go out in one piece
}

/// Called by OpenSSL at every step of a handshake, and whenever SSL_connect returns.
void on_step(const SSL* connection, int where, int value) {
  auto* context = SSL_get_SSL_CTX(connection);
  const auto& shared = *static_cast<shared_by_context*>(SSL_CTX_get_ex_data(context, context_index()));
  auto& seen = *shared.seen;
  if (seen.done) return;
  seen.started = true;
  if (where == SSL_CB_HANDSHAKE_START) on_start(const_cast<SSL*>(connection), *shared.rules);
  seen.sent = std::max<std::uint64_t>(seen.sent, BIO_number_written(SSL_get_wbio(connection)));
  seen.received = std::max<std::uint64_t>(seen.received, BIO_number_read(SSL_get_rbio(connection)));
  if (where == SSL_CB_READ_ALERT) {
    seen.broken = true;
    seen.why = std::string("TLS alert: ") + SSL_alert_desc_string_long(value);
  } else if (where == SSL_CB_CONNECT_EXIT && value <= 0 && !seen.broken) {
    const auto error = ERR_peek_last_error();
    const bool end_of_file = ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && !end_of_file && seen.certificate == certificate::unseen) {
      seen.broken = true;
      if (seen.plain_status != 0) seen.plain_status = status_behind(SSL_get_rbio(connection));
      const auto* reason = ERR_reason_error_string(error);
      seen.why = std::string("TLS: ") + (reason ? reason : "broken");
    }
  } else if (where == SSL_CB_HANDSHAKE_DONE) {
    seen.done = true;
    seen.version = SSL_get_version(connection);
    if (const char* group = SSL_get0_group_name(const_cast<SSL*>(connection))) seen.group = group;
  }
}

} // namespace

bool prepare(SSL_CTX* context, const tls_rules& rules, tls_evidence& seen) {
  auto shared = std::make_unique<shared_by_context>(shared_by_context{&rules, &seen});
  if (SSL_CTX_set_ex_data(context, context_index(), shared.get()) != 1) return false;
  auto* const kept = shared.release(); // free_shared deletes it with the context
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, &judge, kept);
  SSL_CTX_set_info_callback(context, &on_step);
  SSL_CTX_set_msg_callback(context, &on_record);
  SSL_CTX_set_msg_callback_arg(context, &seen);

  auto* const param = SSL_CTX_get0_param(context);
  // As browsers judge: the subject's common name counts for nothing, and "f*.example" is no wildcard.
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (rules.time) X509_VERIFY_PARAM_set_time(param, static_cast<std::time_t>(*rules.time));
  const bool is_address = X509_VERIFY_PARAM_set1_ip_asc(param, rules.host.c_str()) == 1;
  ERR_clear_error(); // of a host that is no address
  return (is_address || X509_VERIFY_PARAM_set1_host(param, rules.host.data(), rules.host.size()) == 1) &&
         SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 && SSL_CTX_set1_groups_list(context, groups) == 1;
}

} // namespace landfall::http
