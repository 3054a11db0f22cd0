// A whole session at a control port that says what the fuzzer likes. The first byte says in what pieces it comes, and
// whether a cookie can be read.
#include "server/onion_session.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

using namespace landfall;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

server::onion_key service_key() {
  crypto::key_bytes seed{};
  seed[0] = 7;
  return server::onion_key_of(crypto::expanded_ed25519::of_seed(crypto::secret_key(seed)));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const auto key = service_key();
  const base::secret password("word");
  const bool readable = data[0] < 128;
  server::onion_session session({.key = key,
                                 .password = password,
                                 .target = "127.0.0.1:8080",
                                 .nonce = std::string(wire::control_nonce_size, 'n'),
                                 .read_cookie = [readable](const std::filesystem::path&) -> base::result<base::secret> {
                                   if (!readable) return base::fail(base::outcome::local_error, "is a link");
                                   return base::secret(std::string(wire::control_cookie_size, 'c'));
                                 }});
  const std::string_view said(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t piece = 1 + data[0] % 64;
  std::size_t commands = 0, accepted = 0;
  for (std::size_t at = 0; at < said.size(); at += piece) {
    const auto next = session.take(said.substr(at, piece));
    if (!next) return 0;
    const auto& command = next->reveal();
    if (command.empty()) continue;
    // One line each, and never more than the longest way takes; the key only behind an accepted AUTHENTICATE.
    must(++commands <= 4);
    must(command.ends_with("\r\n") && std::count(command.begin(), command.end(), '\n') == 1);
    accepted += command.starts_with("AUTHENTICATE") ? 1 : 0;
    if (command.starts_with("ADD_ONION")) must(accepted == 1);
  }
  if (session.published()) must(said.find("ServiceID=" + key.address) != said.npos);
  return 0;
}
