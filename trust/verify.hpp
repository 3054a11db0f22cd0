// Bytes to believed documents. Pure: no I/O, no clock, no state; time and floors are judged in standing.hpp.
//
// Order of checks = order of the errors' names (design §5): too_large, malformed, below_threshold, wrong_network,
// wrong_channel, bad_root, root_needed; the payload is parsed only after the threshold holds (DSSE's verify before
// parse), but for its `type`-independent envelope. A `verified<T>` can only be made here.
#pragma once

#include "base/result.hpp"
#include "trust/document.hpp"

#include <memory>
#include <string>
#include <vector>

namespace landfall::trust {

class verifier; // the only maker of verified<T>; private to verify.cpp

/// A document whose signatures, network and inner rules hold. Immutable, shared, cheap to copy.
template <class T> class verified {
public:
  [[nodiscard]] const T& operator*() const noexcept { return body_->document; }
  [[nodiscard]] const T* operator->() const noexcept { return &body_->document; }
  /// SHA-256(payload): the identity of the document.
  [[nodiscard]] const crypto::digest& id() const noexcept { return body_->id; }
  /// Keys of the role with a valid signature, sorted.
  [[nodiscard]] const std::vector<crypto::key_id>& signers() const noexcept { return body_->signers; }
  /// The envelope as it came: what is stored, and handed on unchanged.
  [[nodiscard]] const std::string& envelope() const noexcept { return body_->envelope; }

private:
  friend class verifier;
  struct body {
    T document;
    crypto::digest id;
    std::vector<crypto::key_id> signers;
    std::string envelope;
  };
  explicit verified(std::shared_ptr<const body> b) : body_(std::move(b)) {}
  std::shared_ptr<const body> body_;
};

/// The first root, trusted because a person shipped it (network.root or compiled in): its own root threshold must hold.
/// Errors: too_large, malformed, below_threshold, wrong_network, bad_root.
[[nodiscard]] base::result<verified<root>> verify_anchor(const unverified_document& document, std::string_view network);

/// Root N+1 by the thresholds of N and of N+1. Not N+1: bad_root.
[[nodiscard]] base::result<verified<root>> verify_next_root(const verified<root>& current,
                                                            const unverified_document& document);

/// A list by the list role of `current`. `lab`: private addresses allowed. Errors besides the above: wrong_channel,
/// root_needed (its root_version is above ours).
[[nodiscard]] base::result<verified<peer_list>>
verify_list(const verified<root>& current, const unverified_document& document, std::string_view channel, bool lab);

/// A live list: one signature by the pk in the envelope, whose keyid must be one of `list`'s servers. Not judged by
/// time here.
[[nodiscard]] base::result<verified<live_list>> verify_live(const verified<peer_list>& list,
                                                            const unverified_document& document, bool lab);

} // namespace landfall::trust
