#include "ptclient/webtunnel_target.hpp"

#include "base/encoding.hpp"
#include "config/endpoint.hpp"
#include "config/host.hpp"

#include <boost/url.hpp>
#include <fmt/format.h>

namespace landfall::ptclient {

namespace {

using base::fail;
using base::outcome;
namespace urls = boost::urls;

// Inside TLS: seen by the server and its CDN alone, where Go's own would stand out.
constexpr std::string_view browser = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                                     "Chrome/142.0.0.0 Safari/537.36";

base::failure wrong(std::string_view what) { return fail(outcome::malformed, std::string(what)); }

base::result<webtunnel_target> target_of_url(std::string_view text) {
  const auto host = config::host_of_url(text);
  if (!host) return wrong("url: write https://HOST/SECRET");
  const auto url = urls::parse_uri(text);
  if (!url || url->scheme() != "https" || url->has_userinfo()) return wrong("url: write https://HOST/SECRET");
  webtunnel_target out;
  if (url->has_port()) {
    const auto port = config::parse_port(std::string_view(url->port().data(), url->port().size()));
    if (!port) return wrong("url: the port is not a number from 1 to 65535");
    out.port = *port;
  }
  const auto path = url->encoded_path();
  out.host = base::sensitive(*host);
  out.name = base::sensitive(*host);
  out.path = base::sensitive("/" + std::string(path.data(), path.size()).substr(path.empty() ? 0 : 1));
  return out;
}

} // namespace

base::result<webtunnel_target> webtunnel_target_of(const std::vector<std::pair<std::string, std::string>>& arguments) {
  const std::string *url = nullptr, *name = nullptr, *address = nullptr;
  for (const auto& [key, value] : arguments) {
    if (key == "url") url = &value;
    if (key == "servername") name = &value;
    if (key == "addr") address = &value;
  }
  if (url == nullptr) return wrong("url: missing; webtunnel needs url=https://HOST/SECRET");
  auto out = target_of_url(*url);
  if (!out) return out;
  if (name != nullptr) {
    const auto lower = config::lower(*name);
    if (!config::is_host_name(lower)) return wrong("servername: not a host name");
    out->name = base::sensitive(lower);
  }
  if (address == nullptr) return out;
  const auto where = config::address_and_port::parse(*address);
  if (!where) return wrong("addr: write ADDRESS or ADDRESS:PORT, IPv6 in brackets");
  out->address = base::sensitive(where->address.to_string());
  if (where->port) out->port = *where->port;
  return out;
}

std::string webtunnel_request(const webtunnel_target& to, std::string_view key) {
  const auto& name = to.name.reveal();
  const auto host = name.find(':') == name.npos ? name : "[" + name + "]";
  return fmt::format("GET {} HTTP/1.1\r\n"
                     "Host: {}\r\n"
                     "Connection: Upgrade\r\n"
                     "Pragma: no-cache\r\n"
                     "Cache-Control: no-cache\r\n"
                     "User-Agent: {}\r\n"
                     "Upgrade: websocket\r\n"
                     "Origin: https://{}\r\n"
                     "Sec-WebSocket-Version: 13\r\n"
                     "Accept-Encoding: gzip, deflate, br, zstd\r\n"
                     "Accept-Language: en-US,en;q=0.9\r\n"
                     "Sec-WebSocket-Key: {}\r\n"
                     "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
                     "\r\n",
                     to.path.reveal(), host, browser, host, base::to_base64(key));
}

base::result<void> check_webtunnel(const wire::http_head& answer) {
  if (answer.status != 101)
    return fail(outcome::http_status, "the server did not open the tunnel", base::stage::handshake, answer.status);
  if (!answer.has("upgrade", "websocket") || !answer.has("connection", "upgrade"))
    return fail(outcome::malformed, "the server switched to something else", base::stage::handshake);
  return {};
}

} // namespace landfall::ptclient
