// What a hostile SOCKS5 proxy answers: to a client that reads what is wanted and no more, and to one that reads all.
#include "wire/socks5_client.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace landfall;
using wire::socks5_client;

namespace {

constexpr std::size_t longest = 2 + 2 + 4 + 1 + 255 + 2; ///< of all that a proxy says

socks5_client client_of(std::uint8_t way) {
  auto to = wire::socks_destination::parse(way & 1 ? "example.org" : "192.0.2.7", 443);
  if (way & 2) return socks5_client(*to);
  return socks5_client(*to, *wire::credentials_of("k=v"),
                       way & 4 ? wire::socks_offer::if_asked : wire::socks_offer::must_be_heard);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  std::string_view in(reinterpret_cast<const char*>(data + 1), size - 1);
  auto exact = client_of(data[0]), greedy = client_of(data[0]);
  const auto greeting = greedy.start();
  if (!greeting || greeting->send.empty()) std::abort();
  (void)greedy.take(in);

  auto step = exact.start();
  std::size_t read = 0;
  while (step && !step->connected && exact.wanted() <= in.size() - read) {
    if (exact.wanted() == 0) std::abort(); // it would wait for ever
    const auto piece = in.substr(read, exact.wanted());
    read += piece.size();
    step = exact.take(piece);
  }
  if (read > longest) std::abort();
  if (step && step->connected && !std::move(exact).rest().empty()) std::abort();
  return 0;
}
