#include "crypto/sha3.hpp"

#include <openssl/evp.h>

#include <cstdlib>

namespace landfall::crypto {

std::string sha3_256(std::string_view data) {
  std::string out(32, '\0');
  unsigned int size = 0;
  const int ok = EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(out.data()), &size,
                            EVP_sha3_256(), nullptr);
  if (ok != 1 || size != out.size()) std::abort(); // out of memory, or an OpenSSL without SHA-3
  return out;
}

} // namespace landfall::crypto
