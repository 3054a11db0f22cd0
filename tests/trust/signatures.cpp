// Who may say something: thresholds, keys, roles. The rows are the bugs that others shipped and the tests that they
// run.
#include "base/json.hpp"
#include "tests/fakes/publisher.hpp"
#include "tests/trust/said.hpp"
#include "trust/envelope.hpp"
#include "trust/limits.hpp"

#include <doctest/doctest.h>

#include <functional>

using namespace landfall;
using fakes::key;
using fakes::keyid;
using tests::said;
using trust::document_type;

namespace {

const fakes::publisher publisher("testnet");

struct claim {
  std::string keyid, sig;
};

/// An envelope with exactly these signatures.
trust::unverified_document with_signatures(document_type type, const std::string& payload,
                                           const std::vector<claim>& claims, const std::string& extra = "") {
  std::string list;
  for (const auto& c : claims)
    list += (list.empty() ? "" : ",") + ("{\"keyid\":\"" + c.keyid + "\",\"sig\":\"" + base::to_base64(c.sig) + "\"}");
  return {"{\"payloadType\":\"" + std::string(trust::payload_type(type)) + "\",\"payload\":\"" +
          base::to_base64(payload) + "\"," + extra + "\"signatures\":[" + list + "]}"};
}

std::string signature(const std::string& name, document_type type, const std::string& payload) {
  return key(name).sign(trust::pae(type, payload), trust::context(type));
}
std::string list_signature(const std::string& name, const std::string& payload) {
  return signature(name, document_type::list, payload);
}

std::string flipped(std::string bytes, std::size_t at) {
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  return bytes;
}
std::string mldsa_half(const std::string& s) { return s.substr(0, crypto::mldsa_signature_size); }
std::string ed25519_half(const std::string& s) { return s.substr(crypto::mldsa_signature_size); }

} // namespace

TEST_CASE("A list needs valid signatures of two different keys of its role") {
  const auto anchor = publisher.anchor();
  const auto payload = fakes::text(publisher.list_payload());
  const auto other = fakes::text(publisher.list_payload({.version = 2}));
  const auto by = [&](const std::string& name) { return claim{keyid(name), list_signature(name, payload)}; };
  const auto good = list_signature("list b", payload), again = list_signature("list b", payload);
  const auto alien = list_signature("stranger", payload);
  const auto pae = trust::pae(document_type::list, payload);
  const auto b = [&](std::string sig) { return std::vector<claim>{by("list a"), {keyid("list b"), std::move(sig)}}; };
  const std::string noise(crypto::composite_signature_size, 'n');
  struct row {
    const char* name;
    std::vector<claim> claims;
    const char* expect = "below_threshold";
  };
  const row rows[] = {
      {"two of three", {by("list a"), by("list c")}, "accepted"},
      {"three of three", {by("list a"), by("list b"), by("list c")}, "accepted"},
      {"an unknown key's signature beside", {by("stranger"), by("list a"), by("list b")}, "accepted"},
      {"a bad signature beside", {{keyid("list c"), noise}, by("list a"), by("list b")}, "accepted"},
      {"a bad signature of a key before its good one",
       {{keyid("list a"), noise}, by("list a"), by("list b")},
       "accepted"},
      {"a short signature beside", {{keyid("list c"), "abc"}, by("list a"), by("list b")}, "accepted"},
      {"one key twice, and another", {by("list a"), by("list a"), by("list b")}, "accepted"},
      {"halves of two signatures of one key, recombined", b(mldsa_half(good) + ed25519_half(again)), "accepted"},
      {"unsigned", {}},
      {"one of two", {by("list a")}},
      {"the same signature twice", {by("list a"), by("list a")}},
      {"two signatures of one key", {{keyid("list b"), good}, {keyid("list b"), again}}},
      {"one key nine times, less one", std::vector<claim>(8, by("list a"))},
      {"one key's signature under a second id", {by("list a"), {keyid("list b"), by("list a").sig}}},
      {"one key's signature under an id of its own", {by("list a"), {std::string(64, '0'), by("list a").sig}}},
      {"an upper-case id", {by("list a"), {"LIST B", good}}},
      {"an unknown key", {by("list a"), by("stranger")}},
      {"an unknown key that claims a known id", b(alien)},
      {"keys of the root role", {by("root a"), by("root b")}},
      {"a key of the root role for the second", {by("list a"), by("root a")}},
      {"the ML-DSA half alone valid", b(mldsa_half(good) + ed25519_half(alien))},
      {"the Ed25519 half alone valid", b(mldsa_half(alien) + ed25519_half(good))},
      {"a bit of the ML-DSA half", b(flipped(good, 7))},
      {"a bit of the Ed25519 half", b(flipped(good, 3310))},
      {"the ML-DSA half stripped", b(ed25519_half(good))},
      {"the Ed25519 half stripped", b(mldsa_half(good))},
      {"a byte less", b(good.substr(0, good.size() - 1))},
      {"a byte more", b(good + "x")},
      {"nothing as signature", b("")},
      {"noise as signature", b(noise)},
      {"halves of two documents", b(mldsa_half(good) + ed25519_half(list_signature("list b", other)))},
      {"another document's signature", b(list_signature("list b", other))},
      {"the context of roots", b(key("list b").sign(pae, "landfall/root/v1"))},
      {"the context of live lists", b(key("list b").sign(pae, "landfall/live/v1"))},
      {"no context", b(key("list b").sign(pae, ""))},
      {"the payload without PAE", b(key("list b").sign(payload, "landfall/list/v1"))},
      {"the PAE of a root", b(key("list b").sign(trust::pae(document_type::root, payload), "landfall/list/v1"))},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto checked =
        trust::verify_list(anchor, with_signatures(document_type::list, payload, row.claims), "public-0", false);
    CHECK(said(checked) == row.expect);
    if (checked) CHECK(checked->id() == crypto::sha256(payload)); // whatever the signatures, the same document
  }
}

TEST_CASE("Those who signed are told once each, sorted") {
  const auto list = trust::verify_list(
      publisher.anchor(), publisher.list({.signers = {"list c", "list a", "stranger"}}), "public-0", false);
  REQUIRE(list.has_value());
  std::vector<std::string> expect{keyid("list a"), keyid("list c")};
  std::sort(expect.begin(), expect.end());
  CHECK(list->signers() == expect);
}

TEST_CASE("Eight signatures are read, nine are too many") {
  const auto anchor = publisher.anchor();
  const auto payload = fakes::text(publisher.list_payload());
  std::vector<claim> claims;
  for (const auto* const name : {"list a", "list b"}) claims.push_back({keyid(name), list_signature(name, payload)});
  while (claims.size() < 8) claims.insert(claims.begin(), {std::string(64, 'f'), "x"});
  CHECK(said(trust::verify_list(anchor, with_signatures(document_type::list, payload, claims), "public-0", false)) ==
        "accepted");
  claims.insert(claims.begin(), {std::string(64, 'f'), "x"});
  CHECK(said(trust::verify_list(anchor, with_signatures(document_type::list, payload, claims), "public-0", false)) ==
        "too_large");
}

TEST_CASE("A document of one type cannot pass as another") {
  const auto anchor = publisher.anchor();
  // The list keys sign something that says it is a root, or the other way round: bytes and context both tell.
  const auto list = publisher.list(), root = publisher.root();
  CHECK(said(trust::verify_list(anchor, root, "public-0", false)) == "malformed");
  CHECK(said(trust::verify_anchor(list, "testnet")) == "malformed");
  CHECK(said(trust::verify_next_root(anchor, list)) == "malformed");
  const auto as_list = fakes::text(publisher.root_payload());
  const auto swapped = with_signatures(document_type::list, as_list,
                                       {{keyid("root a"), signature("root a", document_type::root, as_list)},
                                        {keyid("root b"), signature("root b", document_type::root, as_list)}});
  CHECK(said(trust::verify_list(anchor, swapped, "public-0", false)) == "below_threshold");
  // The right keys, type and context around a payload of another type.
  CHECK(said(trust::verify_list(anchor, fakes::sign(document_type::list, as_list, {"list a", "list b"}), "public-0",
                                false)) == "malformed");
  // One key in both roles: still no list becomes a root.
  const auto shared = publisher.anchor({.root_keys = {"list a", "list b"}, .signers = {"list a", "list b"}});
  const auto retyped = fakes::sign(document_type::list, publisher.root_payload({.version = 2}), {"list a", "list b"});
  auto bytes = retyped.bytes;
  bytes.replace(bytes.find("peerlist"), 8, "root");
  CHECK(said(trust::verify_next_root(shared, {bytes})) == "bad_root");
}

TEST_CASE("A mixed public key is not the key that a root names") {
  auto payload = publisher.root_payload();
  const auto mixed = fakes::public_key("list a").bytes().substr(0, crypto::mldsa_public_size) +
                     fakes::public_key("list b").bytes().substr(crypto::mldsa_public_size);
  payload["keys"].as_object()[keyid("list a")].as_object()["pk"] = base::to_base64(mixed);
  CHECK(said(trust::verify_anchor(fakes::sign(document_type::root, payload, {"root a", "root b"}), "testnet")) ==
        "bad_root");
}

TEST_CASE("A live list is believed as far as our list names its server") {
  const auto anchor = publisher.anchor();
  const auto list = trust::verify_list(
      anchor, publisher.list({.revoked = {fakes::peer_id(1)}, .servers = {"server", "second"}}), "public-0", false);
  REQUIRE(list.has_value());
  const auto live = trust::verify_live(*list, publisher.live(), false);
  REQUIRE(live.has_value());
  CHECK((*live)->peers.size() == 1); // the other one is revoked
  CHECK((*live)->server == keyid("server"));
  CHECK(live->signers() == std::vector<std::string>{keyid("server")});
  CHECK(said(trust::verify_live(*list, publisher.live({.server = "second"}), false)) == "accepted");
  CHECK(said(trust::verify_live(*list, publisher.live({.server = "stranger"}), false)) == "below_threshold");

  const auto payload = fakes::text(publisher.live_payload());
  const auto pk = [](const std::string& name) {
    return "\"pk\":\"" + base::to_base64(fakes::public_key(name).bytes()) + "\",";
  };
  const auto by = [&](const std::string& name) {
    return claim{keyid(name), signature(name, document_type::live, payload)};
  };
  struct row {
    const char* name;
    trust::unverified_document document;
    const char* expect;
  };
  const auto make = [&](const std::vector<claim>& claims, const std::string& extra) {
    return with_signatures(document_type::live, payload, claims, extra);
  };
  const row rows[] = {
      {"as it should be", make({by("server")}, pk("server")), "accepted"},
      {"a stranger's signature beside", make({by("stranger"), by("server")}, pk("server")), "accepted"},
      {"without pk", make({by("server")}, ""), "malformed"},
      {"a pk that is too short", make({by("server")}, "\"pk\":\"AAAA\","), "malformed"},
      {"a pk of low order",
       make({by("server")},
            "\"pk\":\"" + base::to_base64(fakes::public_key("server").bytes().substr(0, 1952) + std::string(32, '\0')) +
                "\","),
       "below_threshold"},
      {"unsigned", make({}, pk("server")), "below_threshold"},
      {"signed by another", make({by("second")}, pk("server")), "below_threshold"},
      {"one server speaks for another", make({by("second")}, pk("second")), "below_threshold"},
      {"signed by the list's keys", make({by("list a"), by("list b")}, pk("list a")), "below_threshold"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(said(trust::verify_live(*list, row.document, false)) == row.expect);
  }
  const fakes::publisher elsewhere("othernet");
  CHECK(said(trust::verify_live(*list, elsewhere.live(), false)) == "wrong_network");
}

TEST_CASE("Signatures are added one at a time, and each key's once") {
  const auto payload = fakes::text(publisher.list_payload());
  auto envelope = trust::make_envelope(document_type::list, payload);
  envelope = trust::add_signature(envelope, key("list a")).value();
  envelope = trust::add_signature(envelope, key("list a")).value(); // again: replaces
  envelope = trust::add_signature(envelope, key("list b")).value();
  const auto peeked = trust::dangerously_peek(envelope);
  REQUIRE(peeked.has_value());
  CHECK(peeked->type == document_type::list);
  CHECK(peeked->payload == payload);
  CHECK(peeked->claimed_signers == std::vector<std::string>{keyid("list a"), keyid("list b")});
  CHECK(said(trust::verify_list(publisher.anchor(), {envelope}, "public-0", false)) == "accepted");
  for (int i = 0; i < 6; ++i) envelope = trust::add_signature(envelope, key("stranger " + std::to_string(i))).value();
  CHECK(said(trust::add_signature(envelope, key("the ninth"))) == "too_large");
  CHECK(said(trust::add_signature(envelope, key("list b"))) == "accepted");
  CHECK(said(trust::add_signature("{}", key("list a"))) == "malformed");
  CHECK(said(trust::dangerously_peek("{}")) == "malformed");
  // A live list has one signer, whose key it carries: the last.
  auto live = trust::make_envelope(document_type::live, fakes::text(publisher.live_payload()));
  for (const auto* const name : {"second", "server"}) live = trust::add_signature(live, key(name)).value();
  CHECK(trust::dangerously_peek(live)->claimed_signers == std::vector<std::string>{keyid("server")});
  const auto naming =
      trust::verify_list(publisher.anchor(), publisher.list({.servers = {"server"}}), "public-0", false);
  CHECK(said(trust::verify_live(*naming, {live}, false)) == "accepted");
  // Members that we do not know are another program's: they stay.
  auto noted = base::parse_json(envelope, 6).value();
  noted.as_object()["note"] = "kept";
  auto fewer = noted.as_object();
  fewer["signatures"] = boost::json::array{};
  CHECK(trust::add_signature(fakes::text(fewer), key("list a")).value().find("\"note\":\"kept\"") != std::string::npos);
}
