#include "wire/pt_request.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace landfall::wire {

namespace {

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    out.push_back(text.substr(0, text.find(at)));
    text.remove_prefix(std::min(out.back().size() + 1, text.size()));
  }
  return out;
}

/// The texts between unescaped ';', escapes kept.
std::vector<std::string_view> split_options(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t from = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '\\')
      ++i;
    else if (i == text.size() || text[i] == ';') {
      out.push_back(text.substr(from, i - from));
      from = i + 1;
    }
  }
  if (from < text.size()) out.push_back(text.substr(from)); // a '\' at the end: refused by who reads it
  return out;
}

/// Reads variable by variable; the first thing wrong is the refusal.
class request_reader {
public:
  explicit request_reader(const pt_environment& env) : env_(env) {}

  std::variant<pt_request, pt_refusal> read() {
    const auto versions = get("TOR_PT_MANAGED_TRANSPORT_VER");
    const auto offered = split(versions, ',');
    if (std::find(offered.begin(), offered.end(), "1") == offered.end())
      return pt_refusal{{"VERSION-ERROR no-version"}};
    const auto client = get("TOR_PT_CLIENT_TRANSPORTS"), server = get("TOR_PT_SERVER_TRANSPORTS");
    out_.server = !server.empty();
    out_.state = get("TOR_PT_STATE_LOCATION");
    out_.exit_on_stdin_close = get("TOR_PT_EXIT_ON_STDIN_CLOSE") == "1";
    if (client.empty() == server.empty())
      return refused("write either TOR_PT_CLIENT_TRANSPORTS or TOR_PT_SERVER_TRANSPORTS");
    if (!out_.state.starts_with('/')) return refused("TOR_PT_STATE_LOCATION is not an absolute path");
    if (!take_names(out_.server ? server : client)) return refused("the names of transports are letters, digits and _");
    if (!out_.server) {
      out_.proxy = base::sensitive(get("TOR_PT_PROXY"));
      return std::move(out_);
    }
    if (const char* wrong = take_server(); wrong != nullptr) return refused(wrong);
    return std::move(out_);
  }

private:
  [[nodiscard]] std::string get(const char* name) const { return env_(name).value_or(""); }

  static pt_refusal refused(std::string_view why) { return {{"VERSION 1", fmt::format("ENV-ERROR {}", why)}}; }

  bool take_names(std::string_view list) {
    for (const auto name : split(list, ',')) {
      if (!is_pt_name(name) || out_.names.size() >= max_pt_names) return false;
      if (std::find(out_.names.begin(), out_.names.end(), name) == out_.names.end()) out_.names.emplace_back(name);
    }
    return !out_.names.empty();
  }

  /// nullptr: good.
  const char* take_server() {
    out_.or_port = get("TOR_PT_ORPORT");
    out_.extended_or_port = get("TOR_PT_EXTENDED_SERVER_PORT");
    out_.auth_cookie_file = get("TOR_PT_AUTH_COOKIE_FILE");
    if (out_.or_port.empty() && out_.extended_or_port.empty())
      return "neither TOR_PT_ORPORT nor TOR_PT_EXTENDED_SERVER_PORT";
    if (!out_.extended_or_port.empty() && out_.auth_cookie_file.empty()) return "TOR_PT_AUTH_COOKIE_FILE is missing";
    const auto binds = get("TOR_PT_SERVER_BINDADDR");
    for (const auto one : split(binds, ',')) {
      const auto dash = one.find('-');
      if (dash == one.npos || !is_pt_name(one.substr(0, dash)))
        return "TOR_PT_SERVER_BINDADDR is not NAME-ADDRESS:PORT,...";
      if (!out_.bind.emplace(one.substr(0, dash), one.substr(dash + 1)).second)
        return "TOR_PT_SERVER_BINDADDR names a transport twice";
    }
    return take_options();
  }

  const char* take_options() {
    constexpr const char* wrong = "TOR_PT_SERVER_TRANSPORT_OPTIONS is not NAME:KEY=VALUE;...";
    const auto options = get("TOR_PT_SERVER_TRANSPORT_OPTIONS");
    if (options.empty()) return nullptr;
    for (const auto one : split_options(options)) {
      const auto colon = one.find(':');
      if (colon == one.npos || !is_pt_name(one.substr(0, colon))) return wrong;
      auto pair = parse_pt_arguments(one.substr(colon + 1));
      if (!pair || pair->size() != 1) return wrong;
      out_.options[std::string(one.substr(0, colon))].push_back(std::move(pair->front()));
    }
    return nullptr;
  }

  const pt_environment& env_;
  pt_request out_;
};

} // namespace

std::optional<std::variant<pt_request, pt_refusal>> read_pt_request(const pt_environment& env) {
  if (!env("TOR_PT_MANAGED_TRANSPORT_VER")) return std::nullopt;
  return request_reader(env).read();
}

} // namespace landfall::wire
