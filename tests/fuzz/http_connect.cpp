// What a hostile proxy answers to CONNECT. However it is split, the end is the same, and what came behind is kept.
#include "wire/http_connect.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace landfall;

namespace {

struct heard {
  base::result<bool> open = false;
  std::string rest;
};

heard talk(std::string_view in, std::size_t piece) {
  wire::http_connect client(*wire::socks_destination::parse("192.0.2.7", 443));
  heard out;
  for (; out.open && !*out.open && !in.empty(); in.remove_prefix(std::min(piece, in.size())))
    out.open = client.take(in.substr(0, piece));
  if (out.open && *out.open) out.rest = std::move(client).rest() + std::string(in);
  return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view in(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto whole = talk(in, in.size() + 1), cut = talk(in, 1 + data[0] % 64);
  if (whole.open.has_value() != cut.open.has_value() || whole.rest != cut.rest) std::abort();
  if (whole.open && *whole.open != *cut.open) std::abort();
  if (whole.open && *whole.open && in.size() - whole.rest.size() > wire::max_connect_answer) std::abort();
  return 0;
}
