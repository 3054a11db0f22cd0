// What the kernel tells of links, routes and neighbours. Whatever comes in, what comes out is bounded and consistent.
#include "net/network.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace landfall::net;
  const std::string_view told(reinterpret_cast<const char*>(data), size);
  netlink_picture picture;
  (void)picture.take(told.substr(0, size / 2));
  (void)picture.take(told);
  const auto state = picture.judge("");
  if (!same_network(state, state) || !state.known) std::abort();
  if (state.online == state.identity().empty()) std::abort();
  if (state.interface.size() > 15 || state.gateway.size() > 45 || state.hardware_address.size() > 32) std::abort();
  const auto one = picture.judge("wlan0");
  if (one.online && one.interface != "wlan0") std::abort();
  return 0;
}
