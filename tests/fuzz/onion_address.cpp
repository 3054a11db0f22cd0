// Onion addresses, as the configuration has them: what is taken is the one way to write that key, and only that.
#include "base/encoding.hpp"
#include "config/host.hpp"
#include "config/route.hpp"
#include "crypto/sha3.hpp"

#include <cstdint>
#include <cstdlib>

using namespace landfall;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

std::string address_of(std::string_view key, char version) {
  const auto sum = crypto::sha3_256(std::string(".onion checksum").append(key) + version);
  const auto bytes = std::string(key) + sum.substr(0, 2) + version;
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz234567";
  std::string out;
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit += 5) {
    unsigned value = 0;
    for (std::size_t i = bit; i < bit + 5; ++i)
      value = value * 2 + ((static_cast<unsigned char>(bytes[i / 8]) >> (7 - i % 8)) & 1U);
    out += letters[value];
  }
  return out + ".onion";
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (config::check_onion(text)) {
    must(text.size() == 62);
    const auto bytes = base::from_base32(text.substr(0, 56));
    must(bytes && address_of(bytes->substr(0, 32), 3) == text);
    must(config::check_onion("www." + text).has_error());
    must(config::check_onion(text + ".").has_error());
    auto upper = text;
    for (char& c : upper)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    must(config::check_onion(upper).has_error()); // readers of URLs write them small
  }
  if (size < 33) return 0;
  const auto key = std::string_view(text).substr(0, 32);
  const auto good = address_of(key, 3);
  must(config::check_onion(good).has_value());
  const auto url = config::url::parse("http://" + good + "/");
  must(url && url->host == good);
  if (data[32] != 3) must(config::check_onion(address_of(key, static_cast<char>(data[32]))).has_error());
  return 0;
}
