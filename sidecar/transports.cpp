#include "sidecar/transports.hpp"

#include "base/file.hpp"
#include "config/bridge_line.hpp"
#include "config/endpoint.hpp"
#include "net/live.hpp"

#include <fmt/format.h>

#include <link.h>

#include <algorithm>
#include <set>

namespace landfall::sidecar {

namespace {

net::socket_options socket_of(const config::settings& settings) {
  return {settings.sidecar.fwmark, settings.sidecar.interface};
}

http::resolver_options resolver_of(const config::settings& settings) {
  http::resolver_options options;
  options.servers = settings.dns.resolvers;
  options.socket = socket_of(settings);
  options.doh = settings.dns.doh;
  options.doh_ca = settings.dns.ca;
  options.lab = settings.network.lab;
  options.behind_proxy = !settings.sidecar.upstream_proxy.reveal().empty();
  return options;
}

ptclient::tell_fn told_by(const transport_tell& tell) {
  if (!tell) return {};
  return [tell](const ptclient::transport_event& event) { tell(event.transport, name(event.what), event.detail); };
}

/// "control:127.0.0.1:9051" after its colon. The configuration's reader has checked it.
net::asio::ip::tcp::endpoint place_in(std::string_view name) {
  const auto where = config::address_and_port::parse(name.substr(name.find(':') + 1));
  if (!where || !where->port) return {};
  return {net::asio::ip::make_address(where->address.to_string()), *where->port};
}

using is_spoken = std::function<bool(std::string_view transport)>;

/// The configured ones are all taken, also where nothing speaks their transport: without them tor would go directly,
/// where somebody wants it to go by a bridge.
std::vector<config::bridge_line> bridges_for_tor(const config::settings& settings, const trust::peer_list* list,
                                                 const is_spoken& spoken) {
  std::vector<config::bridge_line> out;
  const auto add = [&out](const base::sensitive<std::string>& text, const auto& wanted) {
    const auto line = config::bridge_line::parse(text.reveal());
    if (line && wanted(*line) && std::ranges::find(out, *line) == out.end()) out.push_back(*line);
  };
  const auto lines_of = [](const config::route& route) {
    const auto* target = std::get_if<config::bridge_target>(&route.target);
    return target ? target->lines : std::vector<base::sensitive<std::string>>();
  };
  const auto is_tors = [](const config::bridge_line& line) { return line.usual_far_end() == "tor"; };
  for (const auto& bridge : settings.bridges)
    if (bridge.far_end == "tor") add(bridge.line, [](const auto&) { return true; });
  for (const auto& route : settings.routes)
    for (const auto& line : lines_of(route)) add(line, is_tors);
  if (list == nullptr) return out;
  const auto of_list = [&](const config::bridge_line& line) {
    return is_tors(line) && out.size() < max_bridges_of_tor && spoken(line.transport) &&
           (settings.network.lab || line.where.reveal().address.is_global());
  };
  for (const auto& route : list->routes)
    for (const auto& line : lines_of(route)) add(line, of_list);
  return out;
}

/// tor takes a command without quotes: a path with a blank in it would be two words.
std::string own_command() {
  std::error_code ec;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ec);
  return ec || self.string().find(' ') != std::string::npos ? std::string() : self.string() + " run";
}

/// What this very program was loaded from: tor starts it anew as its transport, in a sandbox that sees the usual
/// folders alone, and a private OpenSSL is in none of them.
std::vector<std::filesystem::path> own_files() {
  std::vector<std::filesystem::path> out;
  std::error_code ec;
  if (auto self = std::filesystem::read_symlink("/proc/self/exe", ec); !ec) out.push_back(std::move(self));
  const auto add = [](dl_phdr_info* info, std::size_t, void* to) {
    if (info->dlpi_name != nullptr && info->dlpi_name[0] == '/')
      static_cast<std::vector<std::filesystem::path>*>(to)->emplace_back(info->dlpi_name);
    return 0;
  };
  ::dl_iterate_phdr(add, &out);
  return out;
}

} // namespace

bool leads_to_tor(const base::sensitive<std::string>& line) {
  const auto parsed = config::bridge_line::parse(line.reveal());
  return parsed && parsed->usual_far_end() == "tor";
}

transports::transports(net::asio::any_io_executor executor, const config::settings& settings, const base::clock& clock,
                       transport_tell tell)
    : names(executor, resolver_of(settings)), https(executor, socket_of(settings), names),
      bridges(executor, settings, names, clock, told_by(tell)), executor_(executor), tell_(std::move(tell)) {
  if (const auto& text = settings.sidecar.upstream_proxy.reveal(); !text.empty()) {
    auto parsed = ptclient::upstream_of(text);
    // The configuration's reader has refused such a text already; but what is meant to be proxied must not go directly,
    // whoever made the settings.
    if (!parsed)
      upstream_off = "upstream_proxy cannot be read, and nothing may pass it by";
    else
      upstream = std::move(*parsed);
  }
  make_tors(settings);
}

void transports::make_tors(const config::settings& settings) {
  if (!settings.tor.torrc.empty()) {
    auto lines = base::read_file(settings.tor.torrc, 64 * 1024);
    // Without them it would be a tor of the public network.
    if (!lines)
      tor_error_ = "tor.torrc: " + lines.error().detail;
    else
      tor_lines_ = std::move(*lines);
  }
  bool first = true;
  std::set<std::string> wanted{"managed"};
  for (const auto& route : settings.routes) {
    const auto* target = std::get_if<config::onion_target>(&route.target);
    if (target == nullptr) continue;
    wanted.insert(target->tor);
    if (std::exchange(first, false)) first_tor_ = target->tor;
    if (target->auth_key.empty()) continue;
    const auto id = target->url.host.substr(0, target->url.host.find('.'));
    auto key = onion::client_key::load(target->auth_key, id);
    if (!key)
      key_errors_.emplace(route.name, key.error().detail);
    else
      keys_.push_back(std::move(*key));
  }
  for (const auto& name : wanted) {
    onion::tor_options options;
    if (name == "managed")
      options = managed(settings);
    else if (name.starts_with("socks:"))
      options.kind = onion::socks_tor{place_in(name)};
    else
      options.kind = onion::control_tor{place_in(name)};
    for (const auto& key : keys_) options.keys.push_back({key.id, base::secret(key.key.reveal())});
    if (tell_)
      options.tell = [tell = tell_](const wire::bootstrap_phase& phase) {
        tell("tor", "bootstrap", fmt::format("{} % {}", phase.progress, phase.tag));
      };
    tors_.emplace(name, std::make_unique<onion::tor>(executor_, std::move(options)));
  }
}

/// What tor is to start for a transport: the program of a [[transport]], else ourselves in managed mode.
std::string transports::command_for(const config::settings& settings, std::string_view transport) const {
  for (const auto& one : settings.transports) {
    const bool named = std::ranges::find(one.names, transport) != one.names.end();
    if (named && !(one.native && ptclient::is_native(transport))) return fmt::format("{}", fmt::join(one.exec, " "));
  }
  return ptclient::is_native(transport) ? own_command() : std::string();
}

onion::tor_options transports::managed(const config::settings& settings) const {
  onion::managed_tor out;
  out.folder.path = settings.sidecar.state / "tor";
  out.program = settings.tor.exec;
  out.more = tor_lines_;
  out.ways = ways_of(settings, nullptr);
  out.readable = own_files();
  onion::tor_options options;
  options.kind = std::move(out);
  return options;
}

onion::tor_ways transports::ways_of(const config::settings& settings, const trust::peer_list* list) const {
  const is_spoken spoken = [&](std::string_view transport) {
    return bridges.off(transport).empty() && !command_for(settings, transport).empty();
  };
  const auto lines = bridges_for_tor(settings, list, spoken);
  onion::tor_ways out;
  out.bridges_optional = bridges_for_tor(settings, nullptr, spoken).empty();
  std::set<std::string> used;
  for (const auto& line : lines) {
    out.bridges.emplace_back(line.reveal());
    used.insert(line.transport);
  }
  for (const auto& transport : used) {
    const auto command = transport.empty() || !bridges.off(transport).empty() ? "" : command_for(settings, transport);
    if (!command.empty()) out.transports.emplace_back(transport, command);
  }
  // Where every socket has to be ours, tor gets the same proxy as other programs do.
  const auto inner = ptclient::upstream_of(bridges.proxy().reveal());
  if (inner)
    out.proxy = onion::tor_proxy{false, fmt::format("{}:{}", inner->host, inner->port), inner->user, inner->password};
  return out;
}

void transports::use_bridges_of(const config::settings& settings, const trust::peer_list* list) {
  tors_.find("managed")->second->use(ways_of(settings, list));
}

onion::tor& transports::tor_of(const config::onion_target* configured) {
  const auto& name = configured != nullptr ? configured->tor : first_tor_;
  return *tors_.find(name)->second; // make_tors has seen every configured route, and makes a managed one in any case
}

std::string transports::tor_off(const std::string& route) const {
  if (!upstream_off.empty()) return upstream_off;
  if (!tor_error_.empty()) return tor_error_;
  const auto found = key_errors_.find(route);
  return found == key_errors_.end() ? std::string() : found->second;
}

net::awaitable<void> transports::run() {
  co_await net::asio::this_coro::throw_if_cancelled(false);
  net::scope children(executor_);
  children.spawn(bridges.run());
  for (const auto& [name, one] : tors_) children.spawn(one->run());
  co_await net::live(children);
}

} // namespace landfall::sidecar
