#include "crypto/composite.hpp"

#include "vectors.hpp"

using namespace landfall;
using namespace std::string_literals;
using tests::unbase64;
using tests::unhex;

namespace {

crypto::composite_secret_key key_of(char fill) {
  return crypto::composite_secret_key::from_seeds(std::string(32, fill), std::string(32, static_cast<char>(fill + 1)))
      .value();
}

std::string mldsa_half(const std::string& signature) { return signature.substr(0, crypto::mldsa_signature_size); }
std::string ed25519_half(const std::string& signature) { return signature.substr(crypto::mldsa_signature_size); }
std::string flipped(std::string bytes, std::size_t at) {
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  return bytes;
}

} // namespace

TEST_CASE("Keys and signatures agree with the draft's own vectors") {
  auto vector = tests::read_vector("lamps-mldsa65-ed25519.txt");
  const auto message = unbase64(vector["message"]), context = unbase64(vector["context"]);
  const auto secret =
      crypto::composite_secret_key::from_seeds(unhex(vector["mldsa-seed"]), unhex(vector["ed25519-seed"]));
  REQUIRE(secret);
  CHECK(secret->public_key().bytes() == unbase64(vector["public-key"])); // FIPS 204 keygen from xi among it
  const auto key = crypto::composite_public_key::from_bytes(unbase64(vector["public-key"]));
  REQUIRE(key);
  const auto signature = unbase64(vector["signature"]), with_context = unbase64(vector["signature-with-context"]);
  CHECK(key->verify({message, ""}, signature));
  CHECK(key->verify({message, context}, with_context));
  CHECK_FALSE(key->verify({message, context}, signature));
  CHECK_FALSE(key->verify({message, ""}, with_context));
  // Ed25519 is deterministic, so our own half must be the draft's, byte for byte; ML-DSA is hedged.
  CHECK(ed25519_half(secret->sign(message, context)) == ed25519_half(with_context));
  CHECK(mldsa_half(secret->sign(message, context)) != mldsa_half(with_context));
}

TEST_CASE("A signature holds for its message, context and key alone") {
  const auto secret = key_of('a'), other = key_of('x');
  const auto key = secret.public_key();
  const auto signature = secret.sign("message", "landfall/list/v1");
  CHECK(signature.size() == crypto::composite_signature_size);
  CHECK(key.verify({"message", "landfall/list/v1"}, signature));
  CHECK_FALSE(key.verify({"messagE", "landfall/list/v1"}, signature));
  CHECK_FALSE(key.verify({"message", "landfall/root/v1"}, signature));
  CHECK_FALSE(key.verify({"message", ""}, signature));
  CHECK_FALSE(other.public_key().verify({"message", "landfall/list/v1"}, signature));
  CHECK_FALSE(key.verify({"message", "landfall/list/v1"}, ""));
  CHECK_FALSE(key.verify({"message", "landfall/list/v1"}, signature + "x"));
  CHECK_FALSE(key.verify({"message", "landfall/list/v1"}, signature.substr(1)));
  CHECK_FALSE(key.verify({"message", std::string(256, 'c')}, signature));
  CHECK(key.verify({"", std::string(255, 'c')}, secret.sign("", std::string(255, 'c'))));
  CHECK_THROWS((void)secret.sign("message", std::string(256, 'c')));
  for (const std::size_t at : {0U, 1000U, 3308U, 3309U, 3340U, 3372U}) {
    CAPTURE(at);
    CHECK_FALSE(key.verify({"message", "landfall/list/v1"}, flipped(signature, at)));
  }
}

TEST_CASE("Both halves must hold") {
  const auto secret = key_of('a'), other = key_of('x');
  const auto key = secret.public_key();
  const auto good = secret.sign("message", "c"), foreign = other.sign("message", "c");
  CHECK_FALSE(key.verify({"message", "c"}, mldsa_half(good) + ed25519_half(foreign)));
  CHECK_FALSE(key.verify({"message", "c"}, mldsa_half(foreign) + ed25519_half(good)));
  CHECK_FALSE(key.verify({"message", "c"}, mldsa_half(good) + std::string(64, '\0')));
  CHECK_FALSE(key.verify({"message", "c"}, std::string(3309, '\0') + ed25519_half(good)));
  // A mixed public key is another key: it takes a signature whose halves its halves made, and nothing else.
  const auto theirs = other.public_key().bytes();
  const auto mixed = crypto::composite_public_key::from_bytes(key.bytes().substr(0, 1952) + theirs.substr(1952));
  REQUIRE(mixed);
  CHECK(mixed->id() != key.id());
  CHECK_FALSE(mixed->verify({"message", "c"}, good));
  CHECK_FALSE(mixed->verify({"message", "c"}, foreign));
}

TEST_CASE("Halves of two signatures recombine, so a signature is nobody's identity") {
  const auto secret = key_of('a');
  const auto first = secret.sign("message", "c"), second = secret.sign("message", "c");
  CHECK(first != second);
  CHECK(secret.public_key().verify({"message", "c"}, mldsa_half(first) + ed25519_half(second)));
}

TEST_CASE("The key's identity is recomputed from its bytes") {
  const auto key = key_of('a').public_key();
  CHECK(key.id().size() == 64);
  CHECK(key.id() == crypto::composite_public_key::from_bytes(key.bytes())->id());
  CHECK(key.id() == "bc01f69d1cd86a677cfd90062eb1eb751789a40fe23aab5515c9916c7cea8f82"); // by another implementation
  CHECK(key_of('x').public_key().id() != key.id());
}

TEST_CASE("Public keys are refused when OpenSSL's variants may differ on them") {
  const auto sound = key_of('a').public_key().bytes();
  const auto mldsa = sound.substr(0, crypto::mldsa_public_size);
  struct row {
    const char *name, *hex;
    bool good;
  };
  const row rows[] = {
      {"the key itself", nullptr, true},
      {"y = 0", "0000000000000000000000000000000000000000000000000000000000000000", false},
      {"y = 0, sign set", "0000000000000000000000000000000000000000000000000000000000000080", false},
      {"the neutral element", "0100000000000000000000000000000000000000000000000000000000000000", false},
      {"the neutral element, sign set", "0100000000000000000000000000000000000000000000000000000000000080", false},
      {"y = -1", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false},
      {"y = -1, sign set", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false},
      {"order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", false},
      {"order 8, sign set", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", false},
      {"order 8, the other", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", false},
      {"order 8, the other, sign set", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa", false},
      {"y = p, which is 0", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false},
      {"y = p + 1, which is 1", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false},
      {"y = p + 3, not canonical", "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false},
      {"y = 2^255 - 1", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false},
      {"the base point", "5866666666666666666666666666666666666666666666666666666666666666", true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto bytes = row.hex == nullptr ? sound : mldsa + unhex(row.hex);
    CHECK(crypto::composite_public_key::from_bytes(bytes).has_value() == row.good);
  }
  CHECK_FALSE(crypto::composite_public_key::from_bytes(""));
  CHECK_FALSE(crypto::composite_public_key::from_bytes(sound.substr(1)));
  CHECK_FALSE(crypto::composite_public_key::from_bytes(sound + "x"));
}

TEST_CASE("A secret key survives its encrypted file, and only with its passphrase") {
  const auto secret = crypto::composite_secret_key::generate();
  const auto pem = secret.to_encrypted_pem("correct horse");
  CHECK(pem.find("PRIVATE KEY-----") != std::string::npos);
  CHECK(pem.find("BEGIN ENCRYPTED PRIVATE KEY") != std::string::npos);
  CHECK(pem.find("BEGIN PRIVATE KEY") == std::string::npos);
  const auto back = crypto::composite_secret_key::from_encrypted_pem(pem, "correct horse");
  REQUIRE(back);
  CHECK(back->public_key() == secret.public_key());
  CHECK(secret.public_key().verify({"m", "c"}, back->sign("m", "c")));
  CHECK_FALSE(crypto::composite_secret_key::from_encrypted_pem(pem, "wrong horse"));
  CHECK_FALSE(crypto::composite_secret_key::from_encrypted_pem(pem, ""));
  CHECK_FALSE(crypto::composite_secret_key::from_encrypted_pem(pem.substr(0, pem.size() / 2), "correct horse"));
  CHECK_FALSE(crypto::composite_secret_key::from_encrypted_pem("", "correct horse"));
  CHECK_FALSE(crypto::composite_secret_key::from_encrypted_pem("no key at all", "correct horse"));
  const auto second = pem.find("-----BEGIN", 1);
  CHECK_FALSE(
      crypto::composite_secret_key::from_encrypted_pem(pem.substr(second) + pem.substr(0, second), "correct horse"));
}

TEST_CASE("Secret keys come from seeds of the right size only") {
  CHECK(crypto::composite_secret_key::from_seeds(std::string(32, 'a'), std::string(32, 'b')));
  CHECK_FALSE(crypto::composite_secret_key::from_seeds(std::string(31, 'a'), std::string(32, 'b')));
  CHECK_FALSE(crypto::composite_secret_key::from_seeds(std::string(32, 'a'), ""));
}
