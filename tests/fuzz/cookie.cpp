// A cookie file: what fstat said of it, then its content. Only 32 bytes of a plain, trusted file are a cookie.
#include "onion/cookie.hpp"

#include "wire/control.hpp"

#include <cstdint>
#include <cstdlib>

using namespace landfall;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string content(reinterpret_cast<const char*>(data) + 2, size - 2);
  const onion::cookie_facts facts{(data[0] & 1) != 0, (data[0] & 2) != 0,
                                  (data[0] & 4) != 0 ? content.size() : data[1]};
  const auto got = onion::cookie_of(facts, base::secret(content));
  const bool good = facts.regular && facts.trusted && facts.size == wire::control_cookie_size &&
                    content.size() == wire::control_cookie_size;
  if (got.has_value() != good || (got && got->reveal() != content)) std::abort();
  if (!got && got.error().what != base::outcome::local_error) std::abort();
  return 0;
}
