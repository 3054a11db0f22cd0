#include "trust/verify.hpp"

#include "trust/envelope.hpp"
#include "trust/payload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace landfall::trust {

using base::fail;
using base::outcome;

class verifier {
public:
  template <class T>
  static verified<T> believe(T document, const envelope& opened, std::vector<crypto::key_id> signers,
                             const unverified_document& from) {
    using body = typename verified<T>::body;
    return verified<T>(std::make_shared<const body>(
        body{std::move(document), crypto::sha256(opened.payload), std::move(signers), from.bytes}));
  }
};

namespace {

/// Which keys signed these bytes. Keys are looked up by the claimed keyid and counted by their own, each once however
/// often it stands there. The look-up gives each signature at most one key, and there are at most max_signatures, so
/// the cost is bounded; a bad signature beside a good one of the same key spoils nothing.
class signature_count {
public:
  explicit signature_count(const envelope& opened)
      : signatures_(opened.signatures), message_(pae(opened.type, opened.payload), context(opened.type)) {}

  /// The keys of `of` with a valid signature, sorted.
  std::vector<crypto::key_id> valid(const role& of,
                                    const std::map<crypto::key_id, crypto::composite_public_key>& keys) {
    std::vector<crypto::key_id> out;
    for (const auto& keyid : of.keyids) {
      const auto key = keys.find(keyid);
      if (key != keys.end() && signed_by(key->second)) out.push_back(keyid);
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  bool signed_by(const crypto::composite_public_key& key) {
    const auto judged = judged_.find(key.id());
    if (judged != judged_.end()) return judged->second;
    const bool good = std::ranges::any_of(
        signatures_, [&](const claimed_signature& s) { return s.keyid == key.id() && key.verify(message_, s.bytes); });
    judged_.emplace(key.id(), good);
    return good;
  }

private:
  const std::vector<claimed_signature>& signatures_;
  crypto::composite_message message_;
  std::map<crypto::key_id, bool> judged_; ///< the roots N and N+1 may share keys
};

bool enough(const std::vector<crypto::key_id>& signers, const role& of) {
  return of.threshold > 0 && signers.size() >= static_cast<std::size_t>(of.threshold);
}

base::failure too_few(outcome what, const std::vector<crypto::key_id>& signers, const role& of,
                      std::string_view whose) {
  return fail(what, fmt::format("{} of the {} valid signatures that {} asks for", signers.size(), of.threshold, whose));
}

base::failure other_network() { return fail(outcome::wrong_network, "a document of another network"); }

} // namespace

base::result<verified<root>> verify_anchor(const unverified_document& document, std::string_view network) {
  const auto opened = open_envelope(document.bytes, document_type::root);
  if (!opened) return opened.error();
  // The one payload that is read before its signatures are judged: its keys are in it.
  auto reading = read_root(opened->payload);
  if (!reading) return reading.error();
  auto& candidate = reading->document;
  std::vector<crypto::key_id> signers;
  if (reading->flaw.empty()) {
    signers = signature_count(*opened).valid(candidate.root_role, candidate.keys);
    if (!enough(signers, candidate.root_role))
      return too_few(outcome::below_threshold, signers, candidate.root_role, "it");
  }
  if (candidate.network != network) return other_network();
  if (!reading->flaw.empty()) return fail(outcome::bad_root, reading->flaw);
  return verifier::believe(std::move(candidate), *opened, std::move(signers), document);
}

base::result<verified<root>> verify_next_root(const verified<root>& current, const unverified_document& document) {
  const auto opened = open_envelope(document.bytes, document_type::root);
  if (!opened) return opened.error();
  signature_count count(*opened);
  const auto old_signers = count.valid(current->root_role, current->keys);
  if (!enough(old_signers, current->root_role))
    return too_few(outcome::bad_root, old_signers, current->root_role, "the root before it");
  auto reading = read_root(opened->payload);
  if (!reading) return reading.error();
  auto& next = reading->document;
  if (next.network != current->network) return other_network();
  if (!reading->flaw.empty()) return fail(outcome::bad_root, reading->flaw);
  if (next.version != current->version + 1)
    return fail(outcome::bad_root, fmt::format("root {} where {} was asked for", next.version, current->version + 1));
  auto signers = count.valid(next.root_role, next.keys);
  if (!enough(signers, next.root_role)) return too_few(outcome::bad_root, signers, next.root_role, "it itself");
  // Else a root could bring back the lists that an earlier one ended.
  if (next.epoch < current->epoch) return fail(outcome::bad_root, "its epoch is below that of the root before it");
  if (next.epoch == current->epoch && next.min_version < current->min_version)
    return fail(outcome::bad_root, "its min_version is below that of the root before it");
  return verifier::believe(std::move(next), *opened, std::move(signers), document);
}

base::result<verified<peer_list>> verify_list(const verified<root>& current, const unverified_document& document,
                                              std::string_view channel, bool lab) {
  const auto opened = open_envelope(document.bytes, document_type::list);
  if (!opened) return opened.error();
  auto signers = signature_count(*opened).valid(current->list_role, current->keys);
  if (!enough(signers, current->list_role))
    return too_few(outcome::below_threshold, signers, current->list_role, fmt::format("root {}", current->version));
  auto list = read_list(opened->payload, lab);
  if (!list) return list.error();
  if (list->network != current->network) return other_network();
  if (list->channel != channel) return fail(outcome::wrong_channel, "a list of another channel");
  if (list->root_version > current->version)
    return fail(outcome::root_needed,
                fmt::format("made under root {}, ours is {}", list->root_version, current->version));
  // An epoch that no root of ours has given: without this, stolen list keys could run ahead of the epoch that ends
  // them.
  if (list->order.epoch > current->epoch)
    return fail(outcome::root_needed, fmt::format("of epoch {}, our root's is {}", list->order.epoch, current->epoch));
  return verifier::believe(*std::move(list), *opened, std::move(signers), document);
}

base::result<verified<live_list>> verify_live(const verified<peer_list>& list, const unverified_document& document,
                                              bool lab) {
  const auto opened = open_envelope(document.bytes, document_type::live);
  if (!opened) return opened.error();
  if (!opened->pk || opened->pk->size() != crypto::composite_public_size)
    return fail(outcome::malformed,
                fmt::format("member 'pk' is not the base64 of {} bytes", crypto::composite_public_size));
  const auto key = crypto::composite_public_key::from_bytes(*opened->pk);
  const auto is_named = [&](const server& s) { return key && s.keyid == key->id(); };
  if (!std::ranges::any_of(list->servers, is_named))
    return fail(outcome::below_threshold, "its key is not that of a server in our list");
  if (!signature_count(*opened).signed_by(*key)) return fail(outcome::below_threshold, "its signature does not hold");
  auto live = read_live(opened->payload, lab);
  if (!live) return live.error();
  if (live->network != list->network) return other_network();
  if (live->server != key->id()) return fail(outcome::below_threshold, "it speaks for another server than its signer");
  const std::set<std::string_view> revoked(list->revoked.begin(), list->revoked.end());
  std::erase_if(live->peers, [&](const live_peer& p) { return revoked.contains(p.id); });
  return verifier::believe(*std::move(live), *opened, {key->id()}, document);
}

} // namespace landfall::trust
