#include "trust/verify.hpp"

#include "tests/fakes/publisher.hpp"

#include <doctest/doctest.h>

using namespace landfall;

TEST_CASE("What a sound publisher makes is believed") {
  const fakes::publisher p("testnet");
  const auto anchor = trust::verify_anchor(p.root({.dht = true}), "testnet");
  REQUIRE(anchor.has_value());
  CHECK((*anchor)->version == 1);
  CHECK((*anchor)->dht_salt == "landfall1");
  const auto document = p.list({.version = 7, .peers = 3, .servers = {"server"}});
  const auto list = trust::verify_list(*anchor, document, "public-0", false);
  REQUIRE(list.has_value());
  CHECK((*list)->order == trust::list_order{1, 7});
  CHECK((*list)->peers.size() == 3);
  CHECK(list->signers().size() == 2);
  CHECK(list->envelope() == document.bytes);
  const auto live = trust::verify_live(*list, p.live(), false);
  REQUIRE(live.has_value());
  CHECK((*live)->peers.size() == 2);
}
