#include "onion/torrc.hpp"

#include <fmt/format.h>

#include <sys/un.h>

namespace landfall::onion {

namespace {

using base::fail;
using base::outcome;

/// A value of torrc between quotes; a path with one of these in it would end the value, or the line.
base::result<std::string> quoted(const std::filesystem::path& path) {
  const auto text = path.string();
  if (text.find_first_of("\"\\\r\n") != text.npos)
    return fail(outcome::local_error, "tor cannot take a state folder with a quote, backslash or line end in its path");
  return '"' + text + '"';
}

} // namespace

base::result<std::string> torrc_file(const tor_folder& folder, pid_t owner, std::string_view more) {
  if (folder.control().string().size() >= sizeof(sockaddr_un::sun_path))
    return fail(outcome::local_error, "the path of the state folder is too long for tor's sockets");
  const auto path = quoted(folder.path);
  if (!path) return path.error();
  return fmt::format("# Written by landfall at every start; what is secret is set over the control port.\n"
                     "DisableNetwork 1\n"
                     "ClientOnly 1\n"
                     "DataDirectory \"{}\"\n"
                     "ControlPort unix:\"{}\"\n"
                     "CookieAuthentication 1\n"
                     "CookieAuthFile \"{}\"\n"
                     "SocksPort unix:\"{}\" IsolateSOCKSAuth ExtendedErrors\n"
                     "GeoIPFile \"{}\"\n"
                     "GeoIPv6File \"{}\"\n"
                     "Log notice stdout\n"
                     "__OwningControllerProcess {}\n"
                     "{}",
                     folder.data().string(), folder.control().string(), folder.cookie().string(),
                     folder.socks().string(), folder.empty().string(), folder.empty().string(), owner, more);
}

std::vector<std::pair<std::string, std::string>> tor_settings(const tor_ways& ways) {
  std::vector<std::pair<std::string, std::string>> out;
  // One line for each transport: with several on a line, one that fails takes the others with it.
  for (const auto& [name, command] : ways.transports)
    out.emplace_back("ClientTransportPlugin", fmt::format("{} exec {}", name, command));
  for (const auto& bridge : ways.bridges) out.emplace_back("Bridge", bridge.reveal());
  out.emplace_back("UseBridges", ways.bridges.empty() ? "0" : "1");
  if (ways.proxy) {
    const auto& proxy = *ways.proxy;
    out.emplace_back(proxy.http ? "HTTPSProxy" : "Socks5Proxy", proxy.where);
    if (!proxy.user.reveal().empty() && proxy.http)
      out.emplace_back("HTTPSProxyAuthenticator", proxy.user.reveal() + ":" + proxy.password.reveal());
    if (!proxy.user.reveal().empty() && !proxy.http) {
      out.emplace_back("Socks5ProxyUsername", proxy.user.reveal());
      out.emplace_back("Socks5ProxyPassword", proxy.password.reveal());
    }
  }
  out.emplace_back("DisableNetwork", "0");
  return out;
}

} // namespace landfall::onion
