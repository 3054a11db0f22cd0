// Signed envelopes, with real signature checks. Whatever the bytes: what is believed is what fakes::publisher signed,
// by its payload's hash, with at least two signers; and what verifies can also be peeked at.
#include "tests/fakes/publisher.hpp"

#include <cstdlib>

using namespace landfall;

namespace {

const fakes::publisher publisher("fuzznet");
const fakes::list_options signed_list{.version = 7, .peers = 2, .servers = {"server"}};

template <class T> void expect(const base::result<trust::verified<T>>& believed, const std::string& payload) {
  if (!believed) return;
  if (believed->id() != crypto::sha256(payload) || believed->signers().empty()) std::abort();
  const auto peeked = trust::dangerously_peek(believed->envelope());
  if (!peeked || peeked->payload != payload) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto anchor = publisher.anchor();
  static const auto list = trust::verify_list(anchor, publisher.list(signed_list), "public-0", false).value();
  static const auto list_payload = fakes::text(publisher.list_payload(signed_list));
  static const auto live_payload = fakes::text(publisher.live_payload());
  static const auto root_payload = fakes::text(publisher.root_payload());
  static const auto next_payload = fakes::text(publisher.root_payload({.version = 2}));
  const trust::unverified_document document{{reinterpret_cast<const char*>(data), size}};
  const auto believed = trust::verify_list(anchor, document, "public-0", false);
  expect(believed, list_payload);
  if (believed && believed->signers().size() < 2) std::abort();
  expect(trust::verify_live(list, document, false), live_payload);
  expect(trust::verify_next_root(anchor, document), next_payload);
  // An anchor brings its own keys, so anybody's may verify; only ours with our keys.
  const auto first = trust::verify_anchor(document, "fuzznet");
  if (first && (*first)->root_role.keyids == anchor->root_role.keyids && (*first)->version == 1)
    expect(first, root_payload);
  return 0;
}
