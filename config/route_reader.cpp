#include "config/route_reader.hpp"

#include "base/encoding.hpp"
#include "base/log.hpp"
#include "config/bridge_line.hpp"
#include "config/endpoint.hpp"
#include "config/host.hpp"
#include "config/schema.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall::config {

namespace {

constexpr std::size_t max_fronts = 16, max_pins = 8, max_lines = 16, max_resolvers = 8;
constexpr int highest_tier = 9;

bool is_word(std::string_view text, std::size_t max) noexcept {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  return !text.empty() && text.size() <= max && std::all_of(text.begin(), text.end(), good);
}

/// Reads the members of one route; each function is one kind or one shared group of keys.
class route_reader {
public:
  route_reader(const table& from, const route_source& source, std::vector<complaint>& complaints)
      : in_(from, complaints), source_(source) {}

  std::optional<route> read() {
    const auto kind = in_.text("kind");
    if (!kind) {
      if (!in_.has("kind")) in_.complain("kind", "missing; write one of " + kinds());
      return std::nullopt;
    }
    const std::string section = "route." + *kind;
    const auto keys = source_.document ? document_keys_of(section) : keys_of(section);
    if (keys.empty()) {
      in_.complain("kind", fmt::format("unknown kind \"{}\"; write one of {}", base::printable(*kind, 32), kinds()));
      return std::nullopt;
    }
    in_.only(keys, source_.document ? ", or one that a signed list may not hold" : "");
    out_.target = target_of(*kind);
    common(*kind);
    return std::move(out_);
  }

private:
  [[nodiscard]] std::string kinds() const {
    return source_.document ? "https, fronted, bridge, onion" : "https, fronted, bridge, onion, dns, dht";
  }

  route_target target_of(std::string_view kind) {
    if (kind == "https") return https();
    if (kind == "fronted") return fronted();
    if (kind == "bridge") return bridge();
    if (kind == "onion") return onion();
    if (kind == "dns") return dns();
    return dht_target{};
  }

  void common(std::string_view kind) {
    const int usual = kind == "bridge" ? 2 : kind == "onion" ? 3 : kind == "dns" || kind == "dht" ? 4 : 1;
    out_.tier = static_cast<int>(in_.number("tier", 1, highest_tier).value_or(usual));
    if (auto name = in_.text("name")) {
      if (!is_route_name(*name)) in_.complain("name", "write 1 to 64 of the characters A-Z a-z 0-9 . _ -");
      out_.name = std::move(*name);
    }
    if (auto group = in_.text("group")) {
      if (group->empty() || group->size() > 64) in_.complain("group", "write 1 to 64 bytes");
      out_.group = std::move(*group);
    }
    if (out_.group.empty()) out_.group = host_.empty() ? std::string(kind) : host_;
  }

  std::optional<config::url> url() {
    const auto text = in_.text("url");
    if (!text) {
      if (!in_.has("url")) in_.complain("url", "missing");
      return std::nullopt;
    }
    auto parsed = url::parse(*text);
    if (!parsed) {
      in_.complain("url", parsed.error().detail);
      return std::nullopt;
    }
    host_ = parsed->host;
    return *parsed;
  }

  /// An https URL whose host is not an onion address, and not of this machine when a document names it.
  config::url web_url() {
    auto parsed = url();
    if (!parsed) return {};
    if (parsed->scheme != "https") in_.complain("url", "not https; write https://…");
    if (parsed->host.ends_with(".onion")) in_.complain("url", "an onion address; write kind = \"onion\"");
    if (const auto address = ip_address::parse(parsed->host)) check_global("url", *address);
    if (forbids_local() && is_localhost(parsed->host)) in_.complain("url", "names this machine itself");
    return std::move(*parsed);
  }

  [[nodiscard]] bool forbids_local() const { return source_.document && !source_.lab; }
  void check_global(std::string_view key, const ip_address& address) {
    if (forbids_local() && !address.is_global())
      in_.complain(key, "a private, loopback or otherwise special address; a signed list may name global ones only");
  }

  std::string file(std::string_view key) {
    auto text = in_.text(key);
    if (!text) return {};
    if (text->empty()) in_.complain(key, "empty; write the path of a file or leave the key out");
    return (source_.folder / *text).lexically_normal().string();
  }

  https_options tls() {
    https_options out;
    out.pins = in_.texts("pins", max_pins).value_or(std::vector<std::string>{});
    for (const auto& pin : out.pins) {
      constexpr std::string_view prefix = "sha256/";
      const auto digest = base::from_base64(pin.starts_with(prefix) ? std::string_view(pin).substr(prefix.size()) : "");
      if (!digest || digest->size() != 32)
        in_.complain("pins", "write sha256/ and the base64 of 32 bytes: the SHA-256 of the key's SPKI");
    }
    if (const auto sni = in_.text("sni")) {
      if (*sni != "on" && *sni != "off") in_.complain("sni", "write \"on\" or \"off\"");
      out.sni = *sni != "off";
    }
    out.split_hello = in_.flag("split_hello").value_or(false);
    out.profile = in_.text("profile").value_or("");
    if (in_.has("profile") && !is_word(out.profile, 32)) in_.complain("profile", "not the name of a profile");
    out.ca = file("ca");
    return out;
  }

  route_target https() { return https_target{web_url(), tls()}; }

  std::optional<front> front_of(std::string_view text) {
    front out;
    const auto at = text.find('@');
    out.name = lower(text.substr(0, at));
    if (!is_host_name(out.name)) {
      in_.complain("fronts", "write NAME or NAME@ADDRESS or NAME@ADDRESS:PORT; this has no host name in front");
      return std::nullopt;
    }
    if (forbids_local() && is_localhost(out.name)) in_.complain("fronts", "names this machine itself");
    if (at == text.npos) return out;
    const auto where = address_and_port::parse(text.substr(at + 1));
    if (!where) {
      in_.complain("fronts",
                   "after '@': " + where.error().detail + "; write ADDRESS or ADDRESS:PORT, IPv6 in brackets");
      return std::nullopt;
    }
    check_global("fronts", where->address);
    out.address = where->address.to_string();
    out.port = where->port.value_or(443);
    return out;
  }

  route_target fronted() {
    fronted_target out{web_url(), {}, tls()};
    const auto fronts = in_.texts("fronts", max_fronts);
    if (!in_.has("fronts") || (fronts && fronts->empty())) in_.complain("fronts", "missing; name at least one front");
    if (fronts)
      for (const auto& text : *fronts)
        if (auto one = front_of(text)) out.fronts.push_back(std::move(*one));
    return out;
  }

  route_target bridge() {
    bridge_target out;
    for (auto& line : in_.texts("lines", max_lines).value_or(std::vector<std::string>{})) {
      const auto parsed = bridge_line::parse(line);
      if (!parsed)
        in_.complain("lines", parsed.error().detail);
      else if (source_.document)
        check_listed_bridge(*parsed);
      out.lines.emplace_back(std::move(line));
    }
    if (source_.document && out.lines.empty()) in_.complain("lines", "missing; a signed list names its bridges");
    return out;
  }

  /// Only transports that we speak ourselves: the arguments of others go to programs of this machine, which might take
  /// a path or a proxy from them. Arguments that hold an address are held to the rule of addresses too.
  void check_listed_bridge(const bridge_line& line) {
    if (line.transport != "obfs4" && line.transport != "webtunnel")
      in_.complain("lines", "a signed list may name obfs4 and webtunnel bridges only");
    check_global("lines", line.where.reveal().address);
    for (const auto& [key, value] : line.arguments.reveal()) {
      if (const auto where = address_and_port::parse(value)) check_global("lines", where->address);
      if (value.find("://") == value.npos) continue;
      const auto host = host_of_url(value);
      if (!host || (forbids_local() && is_localhost(*host)))
        in_.complain("lines", "an argument's URL is none to be trusted");
      if (!host) continue;
      if (const auto address = ip_address::parse(*host)) check_global("lines", *address);
    }
  }

  route_target onion() {
    onion_target out;
    if (auto parsed = url()) {
      if (const auto checked = check_onion(parsed->host); !checked) in_.complain("url", checked.error().detail);
      out.url = std::move(*parsed);
    }
    if (auto tor = in_.text("tor")) {
      const auto after = [&](std::string_view prefix) {
        return tor->starts_with(prefix) ? std::string_view(*tor).substr(prefix.size()) : std::string_view{};
      };
      const auto where = address_and_port::parse(after("control:").empty() ? after("socks:") : after("control:"));
      if (*tor != "managed" && (!where || !where->port))
        in_.complain("tor", "write \"managed\", \"control:ADDRESS:PORT\" or \"socks:ADDRESS:PORT\"");
      out.tor = std::move(*tor);
    }
    out.auth_key = file("auth_key");
    if (!out.auth_key.empty() && out.tor.starts_with("socks:"))
      in_.complain("auth_key", "a SOCKS port takes no keys: write tor = \"control:ADDRESS:PORT\" or \"managed\"");
    return out;
  }

  route_target dns() {
    dns_target out;
    out.zone = lower(in_.text("zone").value_or(""));
    if (!in_.has("zone"))
      in_.complain("zone", "missing");
    else if (!is_host_name(out.zone))
      in_.complain("zone", "not the name of a zone; write it without a dot at its end");
    host_ = out.zone;
    out.resolvers = in_.texts("resolvers", max_resolvers).value_or(std::vector<std::string>{});
    for (const auto& resolver : out.resolvers)
      if (!address_and_port::parse(resolver))
        in_.complain("resolvers", "write ADDRESS or ADDRESS:PORT, IPv6 in brackets");
    return out;
  }

  reader in_;
  const route_source& source_;
  route out_;
  std::string host_; ///< the default group
};

} // namespace

std::optional<route> read_route(const table& from, const route_source& source, std::vector<complaint>& complaints) {
  const auto before = complaints.size();
  auto out = route_reader(from, source, complaints).read();
  if (complaints.size() != before) return std::nullopt;
  return out;
}

bool is_route_name(std::string_view name) noexcept { return is_word(name, 64); }

} // namespace landfall::config
