// The DSSE v1 envelope: which bytes were signed, and by whom it claims they were. Nothing here is believed yet, and the
// payload stays unparsed.
#pragma once

#include "base/result.hpp"
#include "trust/document.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace landfall::trust {

struct claimed_signature {
  std::string keyid; ///< a hint for the look-up, nothing more
  std::string bytes; ///< decoded; of any size
};

struct envelope {
  document_type type = document_type::list;
  std::string payload; ///< decoded
  std::vector<claimed_signature> signatures;
  std::optional<std::string> pk; ///< decoded; live lists alone need it
};

/// Errors: too_large (bytes, or more than max_signatures), malformed.
[[nodiscard]] base::result<envelope> open_envelope(std::string_view bytes);
/// The same, and malformed when its payloadType is not `wanted`'s.
[[nodiscard]] base::result<envelope> open_envelope(std::string_view bytes, document_type wanted);

/// What is signed: "DSSEv1" SP len(type) SP type SP len(payload) SP payload.
[[nodiscard]] std::string pae(document_type type, std::string_view payload);

} // namespace landfall::trust
