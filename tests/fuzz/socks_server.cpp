// What a client of the local proxy sends. However it is split, the server says the same, asks for no more memory than
// it was given, and a request that it takes names an address or a name that is clean.
#include "wire/socks5_server.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace landfall;
using wire::socks5_server;

namespace {

struct heard {
  std::string sent, rest;
  socks5_server::now what = socks5_server::now::more;
  socks5_server::asked asked;
};

heard talk(const wire::socks_policy& policy, std::string_view in, std::size_t piece) {
  socks5_server server(policy);
  heard out;
  while (!in.empty() && out.what == socks5_server::now::more) {
    auto step = server.take(in.substr(0, piece));
    in.remove_prefix(std::min(piece, in.size()));
    out.sent += step.send;
    out.what = step.what;
  }
  if (out.what == socks5_server::now::requested) {
    out.asked = server.request();
    out.rest = std::move(server).rest() + std::string(in);
  }
  return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const wire::socks_policy policies[] = {{wire::socks_policy::auth::required, base::sensitive(std::string("pass"))},
                                         {wire::socks_policy::auth::accepted, {}},
                                         {wire::socks_policy::auth::arguments, {}}};
  const auto& policy = policies[data[0] % 3];
  const std::size_t piece = 1 + data[1] % 64;
  const std::string_view in(reinterpret_cast<const char*>(data + 2), size - 2);
  const auto whole = talk(policy, in, in.size() + 1), cut = talk(policy, in, piece);
  if (whole.sent != cut.sent || whole.what != cut.what || whole.rest != cut.rest) std::abort();
  if (whole.sent.size() > 2 + 2 + 10 || whole.rest.size() > in.size()) std::abort();
  if (whole.what != socks5_server::now::requested) return 0;
  if (!(whole.asked.to == cut.asked.to) || whole.asked.said != cut.asked.said) std::abort();
  const auto again = wire::socks_destination::parse(whole.asked.to.host_text(), whole.asked.to.port);
  if (!again || !(*again == whole.asked.to)) std::abort();
  if (policy.how == wire::socks_policy::auth::required && whole.asked.said->password.reveal() != "pass") std::abort();
  return 0;
}
