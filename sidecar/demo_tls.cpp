#include "sidecar/demo_tls.hpp"

#include "base/file.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>
#include <string>

namespace landfall::sidecar {

namespace {

constexpr long a_day = 24 * 3600;

template <auto Free> struct freed {
  template <class T> void operator()(T* object) const { Free(object); }
};
using key_ptr = std::unique_ptr<EVP_PKEY, freed<EVP_PKEY_free>>;
using certificate_ptr = std::unique_ptr<X509, freed<X509_free>>;
using bio_ptr = std::unique_ptr<BIO, freed<BIO_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, freed<X509_EXTENSION_free>>;

bool add_extension(X509* to, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  const extension_ptr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(to, extension.get(), -1) == 1;
}

/// A certificate for `key`, not signed yet. `issuer` null: by itself.
certificate_ptr make_certificate(EVP_PKEY* key, const char* name, long serial, X509* issuer, base::unix_time now) {
  certificate_ptr made(X509_new());
  if (!made) return nullptr;
  auto* certificate = made.get();
  auto at = static_cast<std::time_t>(now);
  const bool good = X509_set_version(certificate, X509_VERSION_3) == 1 &&
                    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial) == 1 &&
                    X509_time_adj_ex(X509_getm_notBefore(certificate), 0, -a_day, &at) != nullptr &&
                    X509_time_adj_ex(X509_getm_notAfter(certificate), 0, a_day, &at) != nullptr &&
                    X509_set_pubkey(certificate, key) == 1 &&
                    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0) == 1 &&
                    X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate)) == 1;
  return good ? std::move(made) : nullptr;
}

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  const bio_ptr memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(memory.get(), certificate);
  return text_of(memory.get());
}

std::string pem_of(EVP_PKEY* key) {
  const bio_ptr memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(memory.get());
}

/// `named` as openssl writes it: "DNS:a.example,IP:127.0.0.1".
certificate_ptr make_leaf(EVP_PKEY* key, const char* name, const char* named, long serial, X509* ca, EVP_PKEY* ca_key,
                          base::unix_time now) {
  auto leaf = make_certificate(key, name, serial, ca, now);
  const bool good = leaf && add_extension(leaf.get(), ca, NID_basic_constraints, "critical,CA:FALSE") &&
                    add_extension(leaf.get(), ca, NID_ext_key_usage, "serverAuth") &&
                    add_extension(leaf.get(), ca, NID_subject_alt_name, named) &&
                    add_extension(leaf.get(), ca, NID_authority_key_identifier, "keyid") &&
                    X509_sign(leaf.get(), ca_key, EVP_sha256()) > 0;
  return good ? std::move(leaf) : nullptr;
}

} // namespace

base::result<void> make_demo_certificates(const std::filesystem::path& folder, base::unix_time now) {
  const key_ptr ca_key(EVP_EC_gen("P-256")), server_key(EVP_EC_gen("P-256")), front_key(EVP_EC_gen("P-256"));
  const auto ca = make_certificate(ca_key.get(), "Landfall demo CA", 1, nullptr, now);
  const bool good = ca && add_extension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE") &&
                    add_extension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign") &&
                    add_extension(ca.get(), ca.get(), NID_subject_key_identifier, "hash") &&
                    X509_sign(ca.get(), ca_key.get(), EVP_sha256()) > 0;
  constexpr const char* of_server = "IP:127.0.0.1,IP:127.0.0.2,IP:127.0.0.3,DNS:bootstrap.localhost";
  certificate_ptr server, front;
  if (good) {
    server = make_leaf(server_key.get(), "Landfall demo", of_server, 2, ca.get(), ca_key.get(), now);
    front = make_leaf(front_key.get(), "Landfall demo front", "DNS:cdn.example", 3, ca.get(), ca_key.get(), now);
  }
  if (!server || !front) return base::fail(base::outcome::local_error, "OpenSSL cannot make the demo's certificates");
  const std::pair<const char*, std::string> files[] = {{"ca.pem", pem_of(ca.get())},
                                                       {"server.pem", pem_of(server.get())},
                                                       {"server.key", pem_of(server_key.get())},
                                                       {"front.pem", pem_of(front.get())},
                                                       {"front.key", pem_of(front_key.get())}};
  for (const auto& [name, content] : files)
    if (auto written = base::write_file(folder / name, content); !written) return written;
  return {};
}

} // namespace landfall::sidecar
