// Composite ML-DSA-65 + Ed25519 signatures: one key, two halves, valid only when both halves verify.
//
//   M'  = "CompositeAlgorithmSignatures2025" || "COMPSIG-MLDSA65-Ed25519-SHA512" || len(ctx), one byte || ctx ||
//   SHA-512(message) sig = ML-DSA-65.Sign(M', context = "COMPSIG-MLDSA65-Ed25519-SHA512") || Ed25519.Sign(M')
//
// Source: draft-ietf-lamps-pq-composite-sigs, id-MLDSA65-Ed25519-SHA512 (OID 1.3.6.1.5.5.7.6.48); FIPS 204; RFC 8032.
// Why both: ML-DSA code is young, Ed25519 falls to a quantum computer; a forger must break both.
// Composite is EUF-CMA, not SUF-CMA: halves of two signatures on one message recombine into a third valid one. So the
// identity of a document is the SHA-256 of its payload, never of its signature or envelope.
// All functions are pure but for keygen and sign, which draw random bytes. Primitives are OpenSSL's (>= 3.5).
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace landfall::crypto {

inline constexpr std::size_t mldsa_public_size = 1952, ed25519_public_size = 32;
inline constexpr std::size_t mldsa_signature_size = 3309, ed25519_signature_size = 64;
inline constexpr std::size_t composite_public_size = mldsa_public_size + ed25519_public_size;          // 1984
inline constexpr std::size_t composite_signature_size = mldsa_signature_size + ed25519_signature_size; // 3373

/// Lower-case hex SHA-256("landfall-keyid-v1\0mldsa65-ed25519\0" || pk). Always recomputed, never taken from a
/// document.
using key_id = std::string;

/// M' of one message and context: hashed once, however many keys and signatures are tried on it.
class composite_message {
public:
  /// `message` is what was signed (the PAE). A `context` of more than 255 bytes makes one that no signature fits.
  composite_message(std::string_view message, std::string_view context);
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; } ///< empty: no such message

private:
  std::string bytes_;
};

/// A public key that was checked: right size, ML-DSA half decodes, Ed25519 half canonical and not of low
/// order (refused here, because OpenSSL's variants differ). Parsed once, cheap to copy.
class composite_public_key {
public:
  /// nullopt for anything but a good key of 1984 bytes.
  [[nodiscard]] static std::optional<composite_public_key> from_bytes(std::string_view bytes);
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
  [[nodiscard]] const key_id& id() const noexcept { return id_; }
  /// True when both halves hold.
  [[nodiscard]] bool verify(const composite_message& message, std::string_view signature) const;

  friend bool operator==(const composite_public_key& a, const composite_public_key& b) { return a.bytes_ == b.bytes_; }

private:
  struct handles; // the two EVP_PKEYs
  std::string bytes_;
  key_id id_;
  std::shared_ptr<const handles> handles_;
};

/// A secret key, both halves. Move only; wiped by OpenSSL when it goes.
class composite_secret_key {
public:
  [[nodiscard]] static composite_secret_key generate();
  /// Two PKCS#8 PEM blocks (ML-DSA-65, ED25519), each encrypted with scrypt and AES-256-CBC under `passphrase`.
  [[nodiscard]] std::string to_encrypted_pem(std::string_view passphrase) const;
  /// nullopt: wrong passphrase, or not such a file.
  [[nodiscard]] static std::optional<composite_secret_key> from_encrypted_pem(std::string_view pem,
                                                                              std::string_view passphrase);
  /// From the two 32-byte seeds (FIPS 204 xi, RFC 8032 secret key): for the demo root, whose keys are public, and
  /// tests.
  [[nodiscard]] static std::optional<composite_secret_key> from_seeds(std::string_view mldsa_seed,
                                                                      std::string_view ed25519_seed);
  [[nodiscard]] composite_public_key public_key() const;
  /// 3373 bytes. ML-DSA hedged.
  [[nodiscard]] std::string sign(std::string_view message, std::string_view context) const;

  composite_secret_key(composite_secret_key&&) noexcept;
  composite_secret_key& operator=(composite_secret_key&&) noexcept;
  ~composite_secret_key();

private:
  composite_secret_key();
  struct handles;
  std::unique_ptr<handles> handles_;
};

} // namespace landfall::crypto
