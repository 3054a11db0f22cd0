#include "crypto/composite.hpp"

#include "crypto/hash.hpp"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

namespace landfall::crypto {

namespace {

using namespace std::string_view_literals;

constexpr auto prefix = "CompositeAlgorithmSignatures2025"sv;
constexpr auto label = "COMPSIG-MLDSA65-Ed25519-SHA512"sv;
constexpr auto keyid_prefix = "landfall-keyid-v1\0mldsa65-ed25519\0"sv;
constexpr std::size_t seed_size = 32, max_context = 255;

template <auto Free> struct freed_by {
  template <class T> void operator()(T* p) const noexcept { Free(p); }
};
using key_handle = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using digest_handle = std::unique_ptr<EVP_MD_CTX, freed_by<EVP_MD_CTX_free>>;
using pkey_context = std::unique_ptr<EVP_PKEY_CTX, freed_by<EVP_PKEY_CTX_free>>;
using bio_handle = std::unique_ptr<BIO, freed_by<BIO_free_all>>;
using plain_key = std::unique_ptr<PKCS8_PRIV_KEY_INFO, freed_by<PKCS8_PRIV_KEY_INFO_free>>;
using sealed_key = std::unique_ptr<X509_SIG, freed_by<X509_SIG_free>>;

const unsigned char* octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

/// For what fails only when the machine or its OpenSSL is unfit: out of memory, or older than 3.5.
void must(bool ok, const char* what) {
  if (ok) return;
  ERR_clear_error();
  throw std::runtime_error(std::string("OpenSSL (>= 3.5 is needed) cannot ") + what);
}

int size_as_int(std::string_view text) {
  must(text.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()), "take more than 2 GiB");
  return static_cast<int>(text.size());
}

/// The parameters that bind the ML-DSA half to this combination: without them it would also be a plain ML-DSA
/// signature.
std::array<OSSL_PARAM, 2> mldsa_parameters() {
  return {OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_CONTEXT_STRING, const_cast<char*>(label.data()),
                                            label.size()),
          OSSL_PARAM_construct_end()};
}

bool half_verifies(EVP_PKEY* key, const OSSL_PARAM* parameters, std::string_view message, std::string_view signature) {
  const digest_handle ctx(EVP_MD_CTX_new());
  return ctx && EVP_DigestVerifyInit_ex(ctx.get(), nullptr, nullptr, nullptr, nullptr, key, parameters) == 1 &&
         EVP_DigestVerify(ctx.get(), octets(signature), signature.size(), octets(message), message.size()) == 1;
}

std::string half_signature(EVP_PKEY* key, const OSSL_PARAM* parameters, std::string_view message, std::size_t size) {
  const digest_handle ctx(EVP_MD_CTX_new());
  std::string out(size, '\0');
  must(ctx && EVP_DigestSignInit_ex(ctx.get(), nullptr, nullptr, nullptr, nullptr, key, parameters) == 1 &&
           EVP_DigestSign(ctx.get(), octets(out), &size, octets(message), message.size()) == 1 && size == out.size(),
       "sign");
  return out;
}

/// y in canonical form (below p = 2^255 - 19), and none of the eight points whose order divides 8: for those, a
/// signature can be made that holds for many messages, and OpenSSL's variants do not agree on refusing them.
bool good_ed25519(std::string_view half) {
  std::array<unsigned char, ed25519_public_size> y{};
  std::copy(half.begin(), half.end(), y.begin());
  y[31] &= 0x7f; // the sign of x
  const bool below_p =
      y[31] != 0x7f || y[0] < 0xed || std::any_of(y.begin() + 1, y.end() - 1, [](auto b) { return b != 0xff; });
  // clang-format off
    static constexpr std::array<std::array<unsigned char, 32>, 5> low_order{{
        {},  // y = 0: order 4
        {1}, // the neutral element
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // y = -1: order 2
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, // order 8
         0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, // order 8
         0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    }};
  // clang-format on
  return below_p && std::find(low_order.begin(), low_order.end(), y) == low_order.end();
}

key_handle mldsa_from_seed(std::string_view seed) {
  const pkey_context ctx(EVP_PKEY_CTX_new_from_name(nullptr, "ML-DSA-65", nullptr));
  std::array<OSSL_PARAM, 2> parameters{
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ML_DSA_SEED, const_cast<char*>(seed.data()), seed.size()),
      OSSL_PARAM_construct_end()};
  EVP_PKEY* key = nullptr;
  must(ctx && EVP_PKEY_fromdata_init(ctx.get()) == 1 &&
           EVP_PKEY_fromdata(ctx.get(), &key, EVP_PKEY_KEYPAIR, parameters.data()) == 1,
       "make an ML-DSA-65 key");
  return key_handle(key);
}

/// RFC 7914 cost: 16 MiB (OpenSSL's PKCS#8 reader allows less than 32), five times over.
constexpr std::uint64_t scrypt_n = 1U << 14U, scrypt_r = 8, scrypt_p = 5;

void append_sealed(BIO* out, EVP_PKEY* key, std::string_view passphrase) {
  const plain_key plain(EVP_PKEY2PKCS8(key));
  std::string salt = random_bytes(16);
  X509_ALGOR* const cipher =
      PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), octets(salt), size_as_int(salt), nullptr, scrypt_n, scrypt_r, scrypt_p);
  must(plain && cipher != nullptr, "encrypt a key");
  const sealed_key sealed(PKCS8_set0_pbe(passphrase.data(), size_as_int(passphrase), plain.get(), cipher));
  if (!sealed) X509_ALGOR_free(cipher); // else `sealed` owns it
  must(sealed && PEM_write_bio_PKCS8(out, sealed.get()) == 1, "write a key");
}

/// Only encrypted blocks are taken: a key that lies about in the clear is to be noticed, not used.
key_handle take_sealed(BIO* in, const char* kind, std::string_view passphrase) {
  const sealed_key sealed(PEM_read_bio_PKCS8(in, nullptr, nullptr, nullptr));
  const plain_key plain(sealed ? PKCS8_decrypt(sealed.get(), passphrase.data(), size_as_int(passphrase)) : nullptr);
  key_handle key(plain ? EVP_PKCS82PKEY(plain.get()) : nullptr);
  ERR_clear_error();
  if (key && EVP_PKEY_is_a(key.get(), kind) != 1) key.reset();
  return key;
}

void append_raw_public(std::string& out, EVP_PKEY* key, std::size_t size) {
  std::string half(size, '\0');
  must(EVP_PKEY_get_raw_public_key(key, octets(half), &size) == 1 && size == half.size(), "tell a public key");
  out += half;
}

} // namespace

composite_message::composite_message(std::string_view message, std::string_view context) {
  if (context.size() > max_context) return;
  bytes_ = prefix;
  bytes_ += label;
  bytes_ += static_cast<char>(context.size());
  bytes_ += context;
  std::array<unsigned char, 64> hash{};
  must(EVP_Digest(message.data(), message.size(), hash.data(), nullptr, EVP_sha512(), nullptr) == 1, "hash");
  bytes_.append(reinterpret_cast<const char*>(hash.data()), hash.size());
}

struct composite_public_key::handles {
  key_handle mldsa, ed25519;
};

std::optional<composite_public_key> composite_public_key::from_bytes(std::string_view bytes) {
  if (bytes.size() != composite_public_size) return std::nullopt;
  const auto mldsa = bytes.substr(0, mldsa_public_size), ed25519 = bytes.substr(mldsa_public_size);
  if (!good_ed25519(ed25519)) return std::nullopt;
  auto parsed = std::make_shared<handles>();
  parsed->mldsa.reset(EVP_PKEY_new_raw_public_key_ex(nullptr, "ML-DSA-65", nullptr, octets(mldsa), mldsa.size()));
  parsed->ed25519.reset(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, octets(ed25519), ed25519.size()));
  must(parsed->mldsa && parsed->ed25519, "read a public key"); // every encoding of the right size is a key
  composite_public_key out;
  out.bytes_ = bytes;
  out.id_ = sha256(std::string(keyid_prefix).append(bytes)).hex();
  out.handles_ = std::move(parsed);
  return out;
}

bool composite_public_key::verify(const composite_message& message, std::string_view signature) const {
  if (signature.size() != composite_signature_size || message.bytes().empty()) return false;
  const auto parameters = mldsa_parameters();
  // The cheaper half first: noise in place of a signature costs a third as much.
  const bool both =
      half_verifies(handles_->ed25519.get(), nullptr, message.bytes(), signature.substr(mldsa_signature_size)) &&
      half_verifies(handles_->mldsa.get(), parameters.data(), message.bytes(),
                    signature.substr(0, mldsa_signature_size));
  ERR_clear_error();
  return both;
}

struct composite_secret_key::handles {
  key_handle mldsa, ed25519;
};

composite_secret_key::composite_secret_key() : handles_(std::make_unique<handles>()) {}
composite_secret_key::composite_secret_key(composite_secret_key&&) noexcept = default;
composite_secret_key& composite_secret_key::operator=(composite_secret_key&&) noexcept = default;
composite_secret_key::~composite_secret_key() = default;

composite_secret_key composite_secret_key::generate() {
  composite_secret_key out;
  out.handles_->mldsa.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ML-DSA-65"));
  out.handles_->ed25519.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  must(out.handles_->mldsa && out.handles_->ed25519, "make a key");
  return out;
}

std::optional<composite_secret_key> composite_secret_key::from_seeds(std::string_view mldsa_seed,
                                                                     std::string_view ed25519_seed) {
  if (mldsa_seed.size() != seed_size || ed25519_seed.size() != seed_size) return std::nullopt;
  composite_secret_key out;
  out.handles_->mldsa = mldsa_from_seed(mldsa_seed);
  out.handles_->ed25519.reset(
      EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr, octets(ed25519_seed), ed25519_seed.size()));
  must(out.handles_->mldsa && out.handles_->ed25519, "make a key");
  return out;
}

std::string composite_secret_key::to_encrypted_pem(std::string_view passphrase) const {
  const bio_handle out(BIO_new(BIO_s_mem()));
  must(out != nullptr, "write a key");
  append_sealed(out.get(), handles_->mldsa.get(), passphrase);
  append_sealed(out.get(), handles_->ed25519.get(), passphrase);
  char* start = nullptr;
  const long size = BIO_get_mem_data(out.get(), &start);
  return {start, static_cast<std::size_t>(size)};
}

std::optional<composite_secret_key> composite_secret_key::from_encrypted_pem(std::string_view pem,
                                                                             std::string_view passphrase) {
  const bio_handle in(BIO_new_mem_buf(pem.data(), size_as_int(pem)));
  must(in != nullptr, "read a key");
  composite_secret_key out;
  out.handles_->mldsa = take_sealed(in.get(), "ML-DSA-65", passphrase);
  if (!out.handles_->mldsa) return std::nullopt;
  out.handles_->ed25519 = take_sealed(in.get(), "ED25519", passphrase);
  if (!out.handles_->ed25519) return std::nullopt;
  return out;
}

composite_public_key composite_secret_key::public_key() const {
  std::string bytes;
  append_raw_public(bytes, handles_->mldsa.get(), mldsa_public_size);
  append_raw_public(bytes, handles_->ed25519.get(), ed25519_public_size);
  auto out = composite_public_key::from_bytes(bytes);
  must(out.has_value(), "make a sound public key");
  return *std::move(out);
}

std::string composite_secret_key::sign(std::string_view message, std::string_view context) const {
  const composite_message to_sign(message, context);
  if (to_sign.bytes().empty()) throw std::invalid_argument("a signature's context is at most 255 bytes");
  const auto parameters = mldsa_parameters();
  return half_signature(handles_->mldsa.get(), parameters.data(), to_sign.bytes(), mldsa_signature_size) +
         half_signature(handles_->ed25519.get(), nullptr, to_sign.bytes(), ed25519_signature_size);
}

} // namespace landfall::crypto
