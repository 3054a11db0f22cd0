// The key of a private onion service, as files have it. What is taken reads the same in both of its forms.
#include "base/encoding.hpp"
#include "onion/client_key.hpp"

#include <cstdint>
#include <cstdlib>

using namespace landfall;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string id(56, 'a');
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto got = onion::client_key::parse(text, id);
  if (!got && got.error().what != base::outcome::malformed) std::abort();
  if (!got) return 0;
  const auto raw = base::from_base64(got->key.reveal());
  if (!raw || raw->size() != 32 || got->id != id) std::abort();
  if (text.find(':') != text.npos) return 0;
  const auto again =
      onion::client_key::parse(id + ":descriptor:x25519:" + text.substr(text.find_first_not_of(" \t\r\n")), id);
  if (!again || again->key.reveal() != got->key.reveal()) std::abort();
  return 0;
}
