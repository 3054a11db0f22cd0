// SHA3-256 (FIPS 202), for the checksum in onion addresses. Thin, over OpenSSL.
#pragma once

#include <string>
#include <string_view>

namespace landfall::crypto {

/// 32 bytes.
[[nodiscard]] std::string sha3_256(std::string_view data);

} // namespace landfall::crypto
