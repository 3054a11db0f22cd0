// A certificate authority made on the spot, and certificates of every wrong kind.
#pragma once

#include "base/encoding.hpp"

#include <doctest/doctest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::fakes {

namespace detail {
struct free_openssl {
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(X509_EXTENSION* p) const { X509_EXTENSION_free(p); }
  void operator()(BIO* p) const { BIO_free(p); }
};
template <class T> using owned = std::unique_ptr<T, free_openssl>;

inline std::string text_of(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}
inline std::string pem(X509* certificate) {
  const owned<BIO> out(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_X509(out.get(), certificate) == 1);
  return text_of(out.get());
}
inline std::string pem(EVP_PKEY* key) {
  const owned<BIO> out(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_of(out.get());
}
} // namespace detail

/// What a server needs, and what its client may pin.
struct identity {
  std::string certificate, key; ///< PEM
  std::string pin;              ///< sha256/<base64> of the SPKI
};

/// Seconds relative to now.
struct validity {
  std::int64_t from = -3600, to = 24 * 3600;
};

class test_ca {
public:
  explicit test_ca(std::string_view name = "Landfall test CA") : key_(EVP_EC_gen("P-256")) {
    certificate_ = make(key_.get(), name, "critical,CA:TRUE", NID_basic_constraints, {});
    pem_ = detail::pem(certificate_.get());
  }
  [[nodiscard]] const std::string& pem() const noexcept { return pem_; }

  /// `names` in OpenSSL's form: "DNS:localhost,IP:127.0.0.1".
  [[nodiscard]] identity issue(std::string_view names, validity when = {}) const {
    const detail::owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
    const auto made = make(key.get(), "server", std::string(names), NID_subject_alt_name, when);
    return {detail::pem(made.get()), detail::pem(key.get()), pin_of(made.get())};
  }

  /// The same for names that no text form can hold: bytes as they are. No name: no such extension.
  [[nodiscard]] identity issue_for(const std::vector<std::string>& names, std::string_view common_name) const {
    const detail::owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
    auto made = unsigned_for(key.get(), common_name, {});
    auto* const all = sk_GENERAL_NAME_new_null();
    for (const auto& name : names) {
      auto* const text = ASN1_IA5STRING_new();
      ASN1_STRING_set(text, name.data(), static_cast<int>(name.size()));
      auto* const one = GENERAL_NAME_new();
      GENERAL_NAME_set0_value(one, GEN_DNS, text);
      sk_GENERAL_NAME_push(all, one);
    }
    if (!names.empty()) REQUIRE(X509_add1_ext_i2d(made.get(), NID_subject_alt_name, all, 0, X509V3_ADD_DEFAULT) == 1);
    GENERAL_NAMES_free(all);
    REQUIRE(X509_sign(made.get(), key_.get(), EVP_sha256()) > 0);
    return {detail::pem(made.get()), detail::pem(key.get()), pin_of(made.get())};
  }

private:
  detail::owned<X509> unsigned_for(EVP_PKEY* key, std::string_view name, validity when) const {
    detail::owned<X509> out(X509_new());
    REQUIRE(X509_set_version(out.get(), X509_VERSION_3) == 1);
    std::uint64_t serial = 0;
    REQUIRE(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(out.get()), serial >> 1);
    const auto now = std::time(nullptr);
    ASN1_TIME_set(X509_getm_notBefore(out.get()), now + when.from);
    ASN1_TIME_set(X509_getm_notAfter(out.get()), now + when.to);
    auto* subject = X509_get_subject_name(out.get());
    const auto* bytes = reinterpret_cast<const unsigned char*>(name.data());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, bytes, static_cast<int>(name.size()), -1, 0);
    X509* issuer = certificate_ ? certificate_.get() : out.get();
    X509_set_issuer_name(out.get(), X509_get_subject_name(issuer));
    X509_set_pubkey(out.get(), key);
    return out;
  }
  detail::owned<X509> make(EVP_PKEY* key, std::string_view name, const std::string& extension, int nid,
                           validity when) const {
    auto out = unsigned_for(key, name, when);
    X509* issuer = certificate_ ? certificate_.get() : out.get();
    X509V3_CTX context{};
    X509V3_set_ctx(&context, issuer, out.get(), nullptr, nullptr, 0);
    const detail::owned<X509_EXTENSION> made(X509V3_EXT_conf_nid(nullptr, &context, nid, extension.c_str()));
    REQUIRE(made);
    X509_add_ext(out.get(), made.get(), -1);
    REQUIRE(X509_sign(out.get(), key_.get(), EVP_sha256()) > 0);
    return out;
  }
  static std::string pin_of(X509* certificate) {
    unsigned char* der = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    REQUIRE(size > 0);
    unsigned char digest[32];
    std::size_t digest_size = sizeof digest;
    EVP_Q_digest(nullptr, "SHA256", nullptr, der, static_cast<std::size_t>(size), digest, &digest_size);
    OPENSSL_free(der);
    return "sha256/" + base::to_base64({reinterpret_cast<const char*>(digest), digest_size});
  }

  detail::owned<EVP_PKEY> key_;
  detail::owned<X509> certificate_;
  std::string pem_;
};

} // namespace landfall::fakes
