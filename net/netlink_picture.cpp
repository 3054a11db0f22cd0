// The pure half of network.hpp. Netlink is in the machine's own byte order, every message and attribute padded to four
// bytes (netlink(7), rtnetlink(7)).
#include "base/cursor.hpp"
#include "net/network.hpp"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <tuple>

namespace landfall::net {

namespace {

constexpr std::size_t max_name = 15, max_hardware_address = 32;

template <class T> T value_of(std::string_view bytes) {
  T out{};
  if (bytes.size() >= sizeof out) std::memcpy(&out, bytes.data(), sizeof out);
  return out;
}

std::size_t padded(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

/// A struct at the start of a body, and the attributes behind it.
template <class T> bool take_head(base::cursor& in, T& out) {
  const auto bytes = in.take(sizeof out);
  if (in.failed()) return false;
  out = value_of<T>(bytes);
  in.take(std::min(padded(sizeof out) - sizeof out, in.left()));
  return true;
}

using attribute_fn = std::function<void(std::uint16_t type, std::string_view value)>;

void each_attribute(base::cursor in, const attribute_fn& tell) {
  while (in.left() >= sizeof(rtattr)) {
    const auto head = value_of<rtattr>(in.take(sizeof(rtattr)));
    if (head.rta_len < sizeof(rtattr)) return;
    const std::size_t size = head.rta_len - sizeof(rtattr);
    const auto value = in.take(size);
    if (in.failed()) return;
    in.take(std::min(padded(size) - size, in.left()));
    tell(static_cast<std::uint16_t>(head.rta_type & ~NLA_F_NESTED), value);
  }
}

std::string text_of(std::string_view address) {
  std::array<char, INET6_ADDRSTRLEN> out{};
  const int family = address.size() == 4 ? AF_INET : AF_INET6;
  if (address.size() != 4 && address.size() != 16) return {};
  return ::inet_ntop(family, address.data(), out.data(), out.size()) ? std::string(out.data()) : std::string();
}

/// 0.0.0.0/0 and ::/0, or half of them; 2000::/3 is all of IPv6 that is routed.
bool is_default(const rtmsg& head) { return head.rtm_dst_len <= (head.rtm_family == AF_INET6 ? 3 : 1); }

} // namespace

std::string network_state::identity() const {
  if (!known || !online) return {};
  std::string out = interface + '\0' + std::to_string(type) + '\0' + gateway + '\0';
  return out + hardware_address;
}

bool same_network(const network_state& before, const network_state& now) {
  if (before.online != now.online) return false;
  const auto where = [](const network_state& s) { return std::tie(s.known, s.interface, s.type, s.gateway); };
  if (!now.online) return true;
  if (where(before) != where(now)) return false;
  return before.hardware_address.empty() || now.hardware_address.empty() ||
         before.hardware_address == now.hardware_address;
}

bool netlink_picture::take(std::string_view datagram) {
  base::cursor in(datagram);
  while (in.left() >= sizeof(nlmsghdr)) {
    const auto head = value_of<nlmsghdr>(in.take(sizeof(nlmsghdr)));
    if (head.nlmsg_len < sizeof(nlmsghdr)) return false;
    const std::size_t size = head.nlmsg_len - sizeof(nlmsghdr);
    const auto body = in.take(size);
    if (in.failed() || head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR) return false;
    in.take(std::min(padded(size) - size, in.left()));
    if (head.nlmsg_type == RTM_NEWLINK) take_link(body);
    if (head.nlmsg_type == RTM_NEWROUTE) take_route(body);
    if (head.nlmsg_type == RTM_NEWNEIGH) take_neighbour(body);
  }
  return true;
}

void netlink_picture::take_link(std::string_view body) {
  base::cursor in(body);
  ifinfomsg head{};
  if (!take_head(in, head) || links_.size() >= max_entries) return;
  link out;
  out.index = static_cast<std::uint32_t>(head.ifi_index);
  out.type = head.ifi_type;
  // Running is what the driver says of the carrier; tunnels without one are always running.
  out.carrier = (head.ifi_flags & IFF_UP) != 0 && (head.ifi_flags & IFF_RUNNING) != 0;
  each_attribute(in, [&out](std::uint16_t type, std::string_view value) {
    if (type == IFLA_IFNAME) out.name = std::string(value.substr(0, std::min(value.find('\0'), max_name)));
  });
  links_.push_back(std::move(out));
}

void netlink_picture::take_route(std::string_view body) {
  base::cursor in(body);
  rtmsg head{};
  if (!take_head(in, head) || routes_.size() >= max_entries) return;
  const bool v6 = head.rtm_family == AF_INET6;
  if ((!v6 && head.rtm_family != AF_INET) || head.rtm_type != RTN_UNICAST || !is_default(head)) return;
  route out;
  out.v6 = v6;
  out.half = head.rtm_dst_len != 0;
  out.table = head.rtm_table;
  bool ours = head.rtm_dst_len <= 1;
  each_attribute(in, [&](std::uint16_t type, std::string_view value) {
    if (type == RTA_OIF) out.link = value_of<std::uint32_t>(value);
    if (type == RTA_PRIORITY) out.priority = value_of<std::uint32_t>(value);
    if (type == RTA_TABLE) out.table = value_of<std::uint32_t>(value);
    if (type == RTA_GATEWAY) out.gateway = std::string(value.substr(0, 16));
    if (type == RTA_VIA && value.size() > 2) out.gateway = std::string(value.substr(2, 16)); // another family's
    // 2000::/3 is a default route, and no other /3 or /2 is.
    if (type == RTA_DST && head.rtm_dst_len > 1) ours = !value.empty() && value[0] == 0x20 && head.rtm_dst_len == 3;
    if (type != RTA_MULTIPATH || value.size() < sizeof(rtnexthop)) return;
    const auto hop = value_of<rtnexthop>(value); // the first of several stands for all
    out.link = static_cast<std::uint32_t>(hop.rtnh_ifindex);
    const auto length = std::min<std::size_t>(hop.rtnh_len, value.size());
    if (length <= sizeof(rtnexthop)) return;
    each_attribute(base::cursor(value.substr(sizeof(rtnexthop), length - sizeof(rtnexthop))),
                   [&out](std::uint16_t inner, std::string_view gateway) {
                     if (inner == RTA_GATEWAY) out.gateway = std::string(gateway.substr(0, 16));
                   });
  });
  if (ours) routes_.push_back(std::move(out));
}

void netlink_picture::take_neighbour(std::string_view body) {
  base::cursor in(body);
  ndmsg head{};
  if (!take_head(in, head) || neighbours_.size() >= max_entries) return;
  if ((head.ndm_state & (NUD_FAILED | NUD_INCOMPLETE | NUD_NOARP)) != 0) return;
  neighbour out;
  out.link = static_cast<std::uint32_t>(head.ndm_ifindex);
  each_attribute(in, [&out](std::uint16_t type, std::string_view value) {
    if (type == NDA_DST) out.address = std::string(value.substr(0, 16));
    if (type == NDA_LLADDR) out.hardware_address = std::string(value.substr(0, max_hardware_address));
  });
  if (!out.address.empty() && !out.hardware_address.empty()) neighbours_.push_back(std::move(out));
}

const netlink_picture::link* netlink_picture::link_of(std::uint32_t index) const {
  const auto found = std::ranges::find(links_, index, &link::index);
  return found == links_.end() ? nullptr : &*found;
}

/// Whole before half, the main table before others (where VPNs put theirs), IPv4 before IPv6, then the lowest metric.
const netlink_picture::route* netlink_picture::best_route(std::string_view only) const {
  const route* best = nullptr;
  const auto key = [](const route& r) {
    return std::tuple(r.half, r.table != RT_TABLE_MAIN, r.v6, r.priority, r.table, r.link, r.gateway);
  };
  for (const auto& one : routes_) {
    const auto* over = link_of(one.link);
    if (!over || !over->carrier || (!only.empty() && over->name != only)) continue;
    if (!best || key(one) < key(*best)) best = &one;
  }
  return best;
}

network_state netlink_picture::judge(std::string_view only) const {
  network_state out;
  out.known = true;
  const auto* best = best_route(only);
  out.online = best != nullptr;
  if (!best) return out;
  const auto& over = *link_of(best->link);
  out.interface = over.name;
  out.type = over.type;
  out.gateway = text_of(best->gateway);
  for (const auto& one : neighbours_)
    if (one.link == best->link && one.address == best->gateway) out.hardware_address = one.hardware_address;
  return out;
}

} // namespace landfall::net
