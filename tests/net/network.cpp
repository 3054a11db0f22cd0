// Which network the machine is on, read from what Linux tells: vectors built here by hand, and the machine itself.
#include "net/network.hpp"

#include "net/deadline.hpp"
#include "tests/fakes/run.hpp"

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>

#include <cstdlib>
#include <cstring>
#include <future>

using namespace landfall;
using namespace std::chrono_literals;
using net::netlink_picture;
using net::network_state;

namespace {

template <class T> std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string padded(std::string text) {
  text.resize((text.size() + 3) & ~std::size_t{3});
  return text;
}

std::string attribute(std::uint16_t type, const std::string& value) {
  rtattr head{};
  head.rta_type = type;
  head.rta_len = static_cast<std::uint16_t>(sizeof head + value.size());
  return bytes_of(head) + padded(value);
}

std::string message(std::uint16_t type, const std::string& body) {
  nlmsghdr head{};
  head.nlmsg_type = type;
  head.nlmsg_len = static_cast<std::uint32_t>(sizeof head + body.size());
  return bytes_of(head) + padded(body);
}

std::string address(const char* text) {
  in6_addr out{};
  const bool v6 = std::strchr(text, ':') != nullptr;
  REQUIRE(::inet_pton(v6 ? AF_INET6 : AF_INET, text, &out) == 1);
  return {reinterpret_cast<const char*>(&out), v6 ? 16U : 4U};
}

std::string link(std::uint32_t index, const std::string& name, bool carrier = true, std::uint16_t type = ARPHRD_ETHER) {
  ifinfomsg head{};
  head.ifi_index = static_cast<int>(index);
  head.ifi_type = type;
  head.ifi_flags = carrier ? IFF_UP | IFF_RUNNING : IFF_UP;
  return message(RTM_NEWLINK, bytes_of(head) + attribute(IFLA_IFNAME, name + '\0'));
}

struct route_made {
  std::uint32_t over = 1, metric = 100;
  const char* gateway = "192.0.2.1";
  std::uint8_t length = 0;
  const char* to = nullptr;
  std::uint32_t table = RT_TABLE_MAIN;
  std::uint8_t type = RTN_UNICAST;
};

std::string route(const route_made& how = {}) {
  rtmsg head{};
  const bool v6 = (how.gateway && std::strchr(how.gateway, ':')) || (how.to && std::strchr(how.to, ':'));
  head.rtm_family = v6 ? AF_INET6 : AF_INET;
  head.rtm_dst_len = how.length;
  head.rtm_table = static_cast<std::uint8_t>(how.table < 256 ? how.table : RT_TABLE_COMPAT);
  head.rtm_type = how.type;
  auto body = bytes_of(head) + attribute(RTA_TABLE, bytes_of(how.table)) + attribute(RTA_OIF, bytes_of(how.over)) +
              attribute(RTA_PRIORITY, bytes_of(how.metric));
  if (how.gateway) body += attribute(RTA_GATEWAY, address(how.gateway));
  if (how.to) body += attribute(RTA_DST, address(how.to));
  return message(RTM_NEWROUTE, body);
}

std::string neighbour(std::uint32_t over, const char* who, const std::string& hardware,
                      std::uint16_t state = NUD_REACHABLE) {
  ndmsg head{};
  head.ndm_family = AF_INET;
  head.ndm_ifindex = static_cast<int>(over);
  head.ndm_state = state;
  return message(RTM_NEWNEIGH, bytes_of(head) + attribute(NDA_DST, address(who)) + attribute(NDA_LLADDR, hardware));
}

const std::string mac = "\x02\x11\x22\x33\x44\x55", other_mac = "\x02\x66\x77\x88\x99\xaa";

network_state seen(const std::string& told, std::string_view only = {}) {
  netlink_picture picture;
  picture.take(told);
  return picture.judge(only);
}

} // namespace

TEST_CASE("the network is the default route's: its gateway, what answers for it, and the interface") {
  struct row {
    const char* name;
    std::string told;
    bool online;
    std::string interface, gateway, hardware;
  };
  const auto wlan = link(1, "wlan0"), eth = link(2, "eth0"), tun = link(3, "tun0", true, ARPHRD_NONE);
  const row rows[] = {
      {"nothing", "", false, "", "", ""},
      {"no route", wlan, false, "", "", ""},
      {"a usual one", wlan + route() + neighbour(1, "192.0.2.1", mac), true, "wlan0", "192.0.2.1", mac},
      {"no carrier", link(1, "wlan0", false) + route(), false, "", "", ""},
      {"a route over a link that nobody knows", wlan + route({.over = 9}), false, "", "", ""},
      {"the neighbour is not resolved", wlan + route() + neighbour(1, "192.0.2.1", mac, NUD_INCOMPLETE), true, "wlan0",
       "192.0.2.1", ""},
      {"a neighbour of the same address on another link", wlan + route() + neighbour(2, "192.0.2.1", mac), true,
       "wlan0", "192.0.2.1", ""},
      {"the lower metric",
       wlan + eth + route({.over = 1, .metric = 600}) + route({.over = 2, .metric = 100, .gateway = "198.51.100.1"}),
       true, "eth0", "198.51.100.1", ""},
      {"without its carrier the other one",
       wlan + link(2, "eth0", false) + route({.over = 1, .metric = 600}) + route({.over = 2, .metric = 100}), true,
       "wlan0", "192.0.2.1", ""},
      {"IPv4 before IPv6", wlan + route({.metric = 1, .gateway = "fe80::1"}) + route({.metric = 900}), true, "wlan0",
       "192.0.2.1", ""},
      {"IPv6 alone", wlan + route({.gateway = "fe80::1"}) + neighbour(1, "fe80::1", mac), true, "wlan0", "fe80::1",
       mac},
      {"a route to somewhere is no default", wlan + route({.length = 24, .to = "198.51.100.0"}), false, "", "", ""},
      {"an unreachable default is none", wlan + route({.type = RTN_UNREACHABLE}), false, "", "", ""},
      {"halves of a default, as VPNs set them",
       tun + route({.over = 3, .gateway = nullptr, .length = 1, .to = "128.0.0.0"}), true, "tun0", "", ""},
      {"2000::/3", wlan + route({.gateway = "fe80::1", .length = 3, .to = "2000::"}), true, "wlan0", "fe80::1", ""},
      {"c000::/3 is no default", wlan + route({.gateway = "fe80::1", .length = 3, .to = "c000::"}), false, "", "", ""},
      {"a whole default of the main table before halves and other tables: what carries the VPN",
       wlan + tun + route({.over = 3, .gateway = nullptr, .length = 1, .to = "128.0.0.0"}) +
           route({.over = 3, .metric = 0, .gateway = nullptr, .table = 51820}) + route({.metric = 600}),
       true, "wlan0", "192.0.2.1", ""},
      {"an interface name that is too long is cut", link(1, std::string(40, 'w')) + route(), true, std::string(15, 'w'),
       "192.0.2.1", ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto state = seen(row.told);
    CHECK(state.known);
    CHECK(state.online == row.online);
    CHECK(state.interface == row.interface);
    CHECK(state.gateway == row.gateway);
    CHECK(state.hardware_address == row.hardware);
    CHECK(state.identity().empty() == !row.online);
  }
}

TEST_CASE("[sidecar] interface: the network is that interface's") {
  const auto told = link(1, "wlan0") + link(2, "eth0") + route({.over = 1, .metric = 600}) +
                    route({.over = 2, .metric = 100, .gateway = "198.51.100.1"});
  CHECK(seen(told, "wlan0").gateway == "192.0.2.1");
  CHECK_FALSE(seen(told, "usb0").online);
}

TEST_CASE("several next hops: the first stands for all") {
  rtmsg head{};
  head.rtm_family = AF_INET;
  head.rtm_type = RTN_UNICAST;
  head.rtm_table = RT_TABLE_MAIN;
  const auto hop = [](int over, const char* gateway) {
    const auto inner = attribute(RTA_GATEWAY, address(gateway));
    rtnexthop out{};
    out.rtnh_ifindex = over;
    out.rtnh_len = static_cast<std::uint16_t>(sizeof out + inner.size());
    return bytes_of(out) + inner;
  };
  const auto two = attribute(RTA_MULTIPATH, hop(1, "192.0.2.7") + hop(2, "192.0.2.8"));
  const auto state = seen(link(1, "wlan0") + link(2, "eth0") + message(RTM_NEWROUTE, bytes_of(head) + two));
  CHECK(state.interface == "wlan0");
  CHECK(state.gateway == "192.0.2.7");
}

TEST_CASE("one network is one, though more is known of it now; any difference that is known makes two") {
  const auto wlan = link(1, "wlan0");
  const auto unresolved = seen(wlan + route()), resolved = seen(wlan + route() + neighbour(1, "192.0.2.1", mac));
  const auto twin = seen(wlan + route() + neighbour(1, "192.0.2.1", other_mac));
  const auto elsewhere = seen(wlan + route({.gateway = "192.0.2.254"})), offline = seen(wlan);
  CHECK(net::same_network(unresolved, resolved));
  CHECK(net::same_network(resolved, unresolved));
  CHECK_FALSE(net::same_network(resolved, twin));
  CHECK_FALSE(net::same_network(unresolved, elsewhere));
  CHECK_FALSE(net::same_network(resolved, offline));
  CHECK(net::same_network(offline, seen("")));
  CHECK(resolved.identity() != twin.identity());
  CHECK(resolved.identity() == seen(wlan + route() + neighbour(1, "192.0.2.1", mac)).identity());
}

TEST_CASE("a dump goes on until it is done; what is cut short or lies about its length is left out") {
  netlink_picture picture;
  CHECK(picture.take(link(1, "wlan0")));
  CHECK_FALSE(picture.take(route() + message(NLMSG_DONE, std::string(4, '\0'))));
  CHECK(picture.judge("").online);
  CHECK_FALSE(picture.take(message(NLMSG_ERROR, std::string(20, '\0'))));

  const auto whole = link(1, "wlan0") + route() + neighbour(1, "192.0.2.1", mac);
  for (std::size_t size = 0; size < whole.size(); ++size) (void)seen(whole.substr(0, size));
  auto lying = route();
  lying[0] = static_cast<char>(0xff);
  CHECK_FALSE(seen(link(1, "wlan0") + lying).online);
  netlink_picture flooded;
  for (std::size_t i = 0; i < 2 * netlink_picture::max_entries; ++i) (void)flooded.take(link(1, "wlan0") + route());
  CHECK(flooded.judge("").online);
}

TEST_CASE("this machine can be read, and its steady clock missed no time that it did not sleep") {
  net::asio::io_context io;
  const auto source = net::system_network(io.get_executor(), "");
  CHECK(source->look().known);
  CHECK(source->slept() >= 0ns);
}

TEST_CASE("a wait for a change can be cancelled") {
  net::asio::io_context io;
  const auto source = net::system_network(io.get_executor(), "");
  const auto idle = fakes::run_on(io, net::with_deadline(source->changed(), 10ms, base::stage::none));
  REQUIRE_FALSE(idle.has_value());
  CHECK(idle.error().what == base::outcome::timed_out);
}

namespace {

net::awaitable<void> note_change(net::network_source& source, std::vector<std::string>& notes) {
  const auto told = co_await net::with_deadline(source.changed(), 20s, base::stage::none);
  notes.emplace_back(told ? "changed" : "not told");
}

net::awaitable<net::network_state> after_command(net::network_source& source, std::string command,
                                                 std::vector<std::string>& notes) {
  net::scope work(co_await net::asio::this_coro::executor);
  work.spawn(note_change(source, notes)); // listens from now on
  if (std::system(command.c_str()) != 0) notes.push_back("failed: " + command);
  co_await work.join();
  co_return source.look();
}

/// In a network of this thread's own.
std::vector<std::string> see_changes() {
  if (::unshare(CLONE_NEWNET) != 0) return {"skipped"};
  std::vector<std::string> notes;
  net::asio::io_context io;
  const auto source = net::system_network(io.get_executor(), "");
  notes.emplace_back(source->look().online ? "online" : "offline");
  const auto after = [&](std::string command) {
    return fakes::run_on(io, after_command(*source, std::move(command), notes));
  };
  const auto up = after("ip link add here0 type veth peer name there0 && ip link set there0 up && "
                        "ip addr add 192.0.2.2/24 dev here0 && ip link set here0 up && "
                        "ip route add default via 192.0.2.1 && "
                        "ip neigh replace 192.0.2.1 lladdr 02:11:22:33:44:55 dev here0");
  notes.push_back(up.interface + " " + up.gateway);
  notes.emplace_back(up.hardware_address == mac ? "its hardware" : "other hardware");
  notes.emplace_back(after("ip link set here0 down").online ? "online" : "offline");
  return notes;
}

} // namespace

TEST_CASE("on a real network of its own: without one, then on one, then without it again, each told") {
  const auto notes = std::async(std::launch::async, see_changes).get(); // its own thread: a namespace is a thread's
  if (notes == std::vector<std::string>{"skipped"}) {
    MESSAGE("skipped: making a network namespace needs CAP_SYS_ADMIN");
    return;
  }
  CHECK(notes ==
        std::vector<std::string>{"offline", "changed", "here0 192.0.2.1", "its hardware", "changed", "offline"});
}
