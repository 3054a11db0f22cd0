// The publisher's side: unsigned payloads to envelopes, one signature at a time. Pure but for signing's random bytes.
#pragma once

#include "base/result.hpp"
#include "trust/document.hpp"

#include <boost/json/value.hpp>

namespace landfall::trust {

/// An envelope without signatures around these payload bytes. The bytes are kept as they are, for ever.
[[nodiscard]] std::string make_envelope(document_type type, std::string_view payload);

/// Adds `key`'s signature, or replaces it when it is there. Errors: too_large (9th signature), malformed.
[[nodiscard]] base::result<std::string> add_signature(std::string_view envelope,
                                                      const crypto::composite_secret_key& key);

/// The payload and its type, unverified: for `show` and tools only.
struct peeked {
  document_type type;
  std::string payload;
  std::vector<crypto::key_id> claimed_signers;
};
[[nodiscard]] base::result<peeked> dangerously_peek(std::string_view envelope);

/// Checks that `payload` would be accepted by verify_* but for its signatures; what `list build` and `root init` run
/// before anything is signed. Errors as there.
[[nodiscard]] base::result<void> check_payload(document_type type, std::string_view payload, bool lab);

} // namespace landfall::trust
