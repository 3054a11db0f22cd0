// Whether a file's bytes are the document that its path promises. Pure.
#pragma once

#include "server/index.hpp"

namespace landfall::server {

/// The entry for a document at `path` ("v1/NETWORK/CHANNEL/list"). Errors: malformed, when the path is none of the
/// layout, or bytes and path do not belong together; too_large.
[[nodiscard]] base::result<entry> read_document(std::string_view path, std::string bytes);

} // namespace landfall::server
