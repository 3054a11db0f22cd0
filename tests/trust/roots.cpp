// The chain of roots: what may be an anchor, and what may follow it.
#include "tests/fakes/publisher.hpp"
#include "tests/trust/said.hpp"

#include <doctest/doctest.h>

#include <functional>

using namespace landfall;
using fakes::keyid;
using tests::said;
using trust::document_type;
namespace json = boost::json;

namespace {

const fakes::publisher publisher("testnet");
const fakes::names old_signers{"root a", "root b"}, new_keys{"root x", "root y", "root z"};
const fakes::names both{"root a", "root b", "root x", "root y"};

trust::unverified_document spoiled(const std::function<void(json::object&)>& spoil) {
  auto payload = publisher.root_payload();
  spoil(payload);
  return fakes::sign(document_type::root, payload, old_signers);
}

json::object& role(json::object& payload, const char* name) { return payload["roles"].as_object()[name].as_object(); }
json::object& keys(json::object& payload) { return payload["keys"].as_object(); }

/// Puts `bytes` in place of list key a, under the id that these bytes have.
void replace_key(json::object& payload, const std::string& bytes) {
  const std::string prefix("landfall-keyid-v1\0mldsa65-ed25519\0", 34);
  const auto id = crypto::sha256(prefix + bytes).hex();
  keys(payload).erase(keyid("list a"));
  keys(payload)[id] = {{"alg", "mldsa65-ed25519"}, {"pk", base::to_base64(bytes)}};
  role(payload, "list")["keyids"].as_array()[0] = id;
}

std::string low_order() {
  return fakes::public_key("list a").bytes().substr(0, crypto::mldsa_public_size) + std::string(1, '\1') +
         std::string(31, '\0');
}

} // namespace

TEST_CASE("The anchor must be sound and meet its own threshold") {
  struct row {
    const char* name;
    std::function<void(json::object&)> spoil;
    const char* expect;
  };
  const row rows[] = {
      {"as it should be", [](json::object&) {}, "accepted"},
      {"root threshold 0", [](json::object& p) { role(p, "root")["threshold"] = 0; }, "bad_root"},
      {"list threshold 0", [](json::object& p) { role(p, "list")["threshold"] = 0; }, "bad_root"},
      {"threshold -1", [](json::object& p) { role(p, "list")["threshold"] = -1; }, "bad_root"},
      {"root threshold over n", [](json::object& p) { role(p, "root")["threshold"] = 4; }, "bad_root"},
      {"list threshold over n", [](json::object& p) { role(p, "list")["threshold"] = 4; }, "bad_root"},
      {"a threshold that wraps to 1", [](json::object& p) { role(p, "list")["threshold"] = (1LL << 32) + 1; },
       "bad_root"},
      {"no keys in a role", [](json::object& p) { role(p, "list")["keyids"] = json::array{}; }, "bad_root"},
      {"threshold as text", [](json::object& p) { role(p, "list")["threshold"] = "2"; }, "malformed"},
      {"no threshold", [](json::object& p) { role(p, "list").erase("threshold"); }, "malformed"},
      {"no epoch", [](json::object& p) { role(p, "list").erase("epoch"); }, "malformed"},
      {"an epoch that the DHT's seq cannot hold", [](json::object& p) { role(p, "list")["epoch"] = 1 << 22; },
       "malformed"},
      {"no role of lists", [](json::object& p) { p["roles"].as_object().erase("list"); }, "malformed"},
      {"a role of later releases",
       [](json::object& p) { p["roles"].as_object()["mirror"] = {{"keyids", json::array{}}}; }, "accepted"},
      {"a keyid twice in a role", [](json::object& p) { role(p, "list")["keyids"].as_array()[1] = keyid("list a"); },
       "bad_root"},
      {"one key under two ids",
       [](json::object& p) {
         keys(p)[std::string(64, '0')] = keys(p)[keyid("list a")];
         role(p, "list")["keyids"].as_array()[1] = std::string(64, '0');
       },
       "bad_root"},
      {"a key under an upper-case id",
       [](json::object& p) {
         keys(p)["A" + keyid("list a").substr(1)] = keys(p)[keyid("list a")];
         keys(p).erase(keyid("list a"));
       },
       "bad_root"},
      {"two ids that changed places",
       [](json::object& p) { std::swap(keys(p)[keyid("list a")], keys(p)[keyid("list b")]); }, "bad_root"},
      {"a role names a key that is not there", [](json::object& p) { keys(p).erase(keyid("list c")); }, "bad_root"},
      {"a key that no role names",
       [](json::object& p) {
         keys(p)[keyid("stranger")] = {{"alg", "mldsa65-ed25519"},
                                       {"pk", base::to_base64(fakes::public_key("stranger").bytes())}};
       },
       "accepted"},
      {"a low-order Ed25519 half", [](json::object& p) { replace_key(p, low_order()); }, "bad_root"},
      {"an Ed25519 half that is not canonical",
       [](json::object& p) {
         replace_key(p, low_order().substr(0, crypto::mldsa_public_size) + std::string(32, '\xff'));
       },
       "bad_root"},
      {"a key too short", [](json::object& p) { replace_key(p, std::string(1983, 'k')); }, "malformed"},
      {"half a key", [](json::object& p) { replace_key(p, std::string(32, 'k')); }, "malformed"},
      {"an unknown algorithm", [](json::object& p) { keys(p)[keyid("list a")].as_object()["alg"] = "ed25519"; },
       "malformed"},
      {"keys as array", [](json::object& p) { p["keys"] = json::array{}; }, "malformed"},
      {"another network", [](json::object& p) { p["network"] = "other"; }, "wrong_network"},
      {"another network and a bad threshold",
       [](json::object& p) {
         p["network"] = "other";
         role(p, "list")["threshold"] = 0;
       },
       "wrong_network"},
      {"another type", [](json::object& p) { p["type"] = "peerlist"; }, "malformed"},
      {"spec 2", [](json::object& p) { p["spec"] = 2; }, "malformed"},
      {"version 0", [](json::object& p) { p["version"] = 0; }, "malformed"},
      {"issued after it expires", [](json::object& p) { p["issued"] = p["expires"].as_int64() + 1; }, "malformed"},
      {"issued when it expires", [](json::object& p) { p["issued"] = p["expires"]; }, "malformed"},
      {"unknown members", [](json::object& p) { p["future"] = json::array{1, nullptr}; }, "accepted"},
      {"a DHT key", [](json::object& p) { p["dht"] = {{"k", std::string(64, '0')}, {"salt", "landfall1"}}; },
       "accepted"},
      {"a DHT key in capitals",
       [](json::object& p) { p["dht"] = {{"k", std::string(64, 'A')}, {"salt", "landfall1"}}; }, "malformed"},
      {"a DHT key without salt", [](json::object& p) { p["dht"] = {{"k", std::string(64, '0')}}; }, "malformed"},
      {"a salt too long",
       [](json::object& p) { p["dht"] = {{"k", std::string(64, '0')}, {"salt", std::string(49, 's')}}; }, "malformed"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(said(trust::verify_anchor(spoiled(row.spoil), "testnet")) == row.expect);
  }
}

TEST_CASE("The anchor must be signed by two keys of its own root role") {
  struct row {
    const char* name;
    fakes::names signers;
    const char* expect;
  };
  const row rows[] = {
      {"two of three", {"root a", "root c"}, "accepted"},
      {"unsigned", {}, "below_threshold"},
      {"one of two", {"root a"}, "below_threshold"},
      {"one and a stranger", {"root a", "stranger"}, "below_threshold"},
      {"list keys", {"list a", "list b", "list c"}, "below_threshold"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(said(trust::verify_anchor(publisher.root({.signers = row.signers}), "testnet")) == row.expect);
  }
  // Its keys say who may sign, so whose network it is matters only once they did.
  CHECK(said(trust::verify_anchor(fakes::publisher("other").root({.signers = {}}), "testnet")) == "below_threshold");
}

TEST_CASE("A key twice in a role cannot meet its threshold alone") {
  // python-tuf GHSA-pwqf-9h7j-7mv8, tough GHSA-5q2r-92f9-4m49: refused before anybody counts.
  const auto root = publisher.root({.root_keys = {"root a", "root a"}, .signers = {"root a"}});
  CHECK(said(trust::verify_anchor(root, "testnet")) == "bad_root");
}

TEST_CASE("A next root needs the thresholds of both, the next version, and may not go back") {
  const auto anchor = publisher.anchor({.epoch = 3, .min_version = 10});
  struct row {
    const char* name;
    fakes::root_options options;
    const char* expect;
  };
  const auto next = [](fakes::names signers) {
    return fakes::root_options{
        .version = 2, .epoch = 3, .min_version = 10, .root_keys = new_keys, .signers = std::move(signers)};
  };
  const row rows[] = {
      {"signed by old and new", next(both), "accepted"},
      {"new keys alone", next(new_keys), "bad_root"},
      {"old keys alone", next({"root a", "root b", "root c"}), "bad_root"},
      {"one old, two new", next({"root a", "root x", "root y"}), "bad_root"},
      {"two old, one new", next({"root a", "root b", "root x"}), "bad_root"},
      {"list keys", next({"list a", "list b", "list c"}), "bad_root"},
      {"unsigned", next({}), "bad_root"},
      {"the same keys as before", {.version = 2, .epoch = 3, .min_version = 10}, "accepted"},
      {"version 1 again", {.version = 1, .epoch = 3, .min_version = 10}, "bad_root"},
      {"version 3: the middle is missing", {.version = 3, .epoch = 3, .min_version = 10}, "bad_root"},
      {"the epoch goes back", {.version = 2, .epoch = 2, .min_version = 10}, "bad_root"},
      {"min_version goes back", {.version = 2, .epoch = 3, .min_version = 9}, "bad_root"},
      {"min_version goes back in a new epoch", {.version = 2, .epoch = 4, .min_version = 0}, "accepted"},
      {"threshold 0", {.version = 2, .epoch = 3, .min_version = 10, .list_threshold = 0}, "bad_root"},
      {"own threshold 0, signed by the old",
       {.version = 2, .epoch = 3, .min_version = 10, .root_threshold = 0},
       "bad_root"},
      {"expired long ago, like any root in the middle",
       {.version = 2, .epoch = 3, .min_version = 10, .issued = 5, .expires = 6},
       "accepted"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(said(trust::verify_next_root(anchor, publisher.root(row.options))) == row.expect);
  }
  CHECK(said(trust::verify_next_root(
            anchor, fakes::publisher("other").root({.version = 2, .epoch = 3, .min_version = 10}))) == "wrong_network");
  CHECK(said(trust::verify_next_root(anchor, {"{}"})) == "malformed");
  CHECK(said(trust::verify_next_root(anchor, {std::string(200'000, ' ')})) == "too_large");
}
