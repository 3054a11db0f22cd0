#include "config/route.hpp"

#include "config/endpoint.hpp"
#include "config/host.hpp"
#include "config/route_reader.hpp"

#include <boost/url.hpp>
#include <fmt/format.h>

namespace landfall::config {

namespace {

using base::fail;
using base::outcome;
namespace urls = boost::urls;

/// HTTP libraries resolve "." and ".." before they send a path, so two texts would name one place.
bool has_dot_segment(const urls::url_view& from) {
  for (const auto segment : from.segments())
    if (segment == "." || segment == "..") return true;
  return false;
}

} // namespace

base::result<url> url::parse(std::string_view text) {
  if (text.size() > max_text) return fail(outcome::too_large, fmt::format("longer than {} bytes", max_text));
  const auto parsed = urls::parse_uri(text);
  if (!parsed) {
    const auto relative = urls::parse_uri_reference(text);
    if (relative && !relative->has_scheme()) return fail(outcome::malformed, "relative; write https://HOST/PATH/");
    return fail(outcome::malformed, "not a URL; write https://HOST/PATH/");
  }
  const urls::url_view& from = *parsed;
  url out;
  out.scheme = lower(std::string_view(from.scheme().data(), from.scheme().size()));
  if (out.scheme != "https" && out.scheme != "http")
    return fail(outcome::malformed, "its scheme is neither https nor http");
  if (!from.has_authority() || from.host_type() == urls::host_type::none)
    return fail(outcome::malformed, "has no host; write https://HOST/PATH/");
  if (from.has_userinfo()) return fail(outcome::malformed, "has a user in front of '@'; leave it out");
  if (from.has_query() || from.has_fragment())
    return fail(outcome::malformed, "has a '?' or '#'; end it with the path");
  auto host = host_of_url(text);
  if (!host) return fail(outcome::malformed, "its host is neither a name nor an IP address");
  out.host = std::move(*host);
  out.port = out.scheme == "https" ? 443 : 80;
  if (from.has_port()) {
    // Not port_number(): Boost 1.81 lets some numbers over 65535 wrap around.
    const auto port = parse_port(std::string_view(from.port().data(), from.port().size()));
    if (!port) return fail(outcome::malformed, "its port is not a number from 1 to 65535");
    out.port = *port;
  }
  const std::string path(from.encoded_path().data(), from.encoded_path().size());
  if (!path.starts_with('/') || !path.ends_with('/')) return fail(outcome::malformed, "its path must end with '/'");
  if (has_dot_segment(from)) return fail(outcome::malformed, "has '.' or '..' in its path");
  out.path = base::sensitive<std::string>(path);
  return out;
}

std::string url::reveal() const {
  const bool usual = port == (scheme == "https" ? 443 : 80);
  const bool v6 = host.find(':') != host.npos;
  return fmt::format("{}://{}{}{}{}{}", scheme, v6 ? "[" : "", host, v6 ? "]" : "",
                     usual ? std::string() : fmt::format(":{}", port), path.reveal());
}

std::string_view kind_of(const route_target& target) noexcept {
  struct {
    std::string_view operator()(const https_target&) const noexcept { return "https"; }
    std::string_view operator()(const fronted_target&) const noexcept { return "fronted"; }
    std::string_view operator()(const bridge_target&) const noexcept { return "bridge"; }
    std::string_view operator()(const onion_target&) const noexcept { return "onion"; }
    std::string_view operator()(const dns_target&) const noexcept { return "dns"; }
    std::string_view operator()(const dht_target&) const noexcept { return "dht"; }
  } const name;
  return std::visit(name, target);
}

base::result<route> route_from_document(const boost::json::value& value, std::size_t index, bool lab) {
  const std::string place = fmt::format("routes[{}]", index);
  const auto members = table_of(value, place);
  if (!members) return fail(outcome::malformed, place + ": not an object");
  std::vector<complaint> complaints;
  auto out = read_route(*members, {.document = true, .lab = lab, .folder = {}}, complaints);
  if (!out) return fail(outcome::malformed, complaints.front().key + ": " + complaints.front().message);
  // The prefix keeps a list from naming a configured route, and so from taking over its record.
  out->name = fmt::format("list-{}-{}", out->name.empty() ? kind_of(out->target) : out->name, index + 1);
  return std::move(*out);
}

} // namespace landfall::config
