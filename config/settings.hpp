// landfall.toml as typed settings. Every default of Landfall stands here and nowhere else.
#pragma once

#include "config/route.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace landfall::config {

enum class exposure : std::uint8_t { fast, balanced, quiet };
[[nodiscard]] std::string_view name(exposure value) noexcept;

struct network_settings {
  std::string id;             ///< network.id; required
  std::filesystem::path root; ///< the trust anchor; absolute after loading; required
  std::string channel = "public-0";
  bool lab = false; ///< documents may name private and loopback addresses
};

struct sidecar_settings {
  std::filesystem::path state; ///< absolute; empty only from parse_settings without state: then config::state_path()
  std::string socks = "127.0.0.1:0"; ///< loopback ADDRESS:PORT (0: any free one), or unix:PATH, absolute
  bool socks_open = false;           ///< no password: every program of every user of this machine may go through it
  bool socks_any = false;            ///< to every destination, not to peers alone
  std::vector<std::uint32_t> api_uids;
  base::sensitive<std::string> upstream_proxy; ///< socks5:// or http://[USER:PASSWORD@]HOST:PORT; empty: none
  std::uint32_t fwmark = 0;
  std::string interface;
};

struct fallback_settings {
  std::chrono::milliseconds attempt_delay{250};
  std::chrono::milliseconds tier_gap{3000};
  int max_lanes = 4;
  int max_lanes_per_group = 2;
  config::exposure exposure = exposure::balanced;
};

struct dns_settings {
  /// https://NAME/PATH@ADDRESS[:PORT]: no look-up is needed to reach a resolver. By default well-known public ones
  /// (none in a lab), named by address, so that no name stands in the ClientHello; each next one is asked only where
  /// those before it are slow or fail.
  std::vector<std::string> doh{"https://9.9.9.9/dns-query@9.9.9.9", "https://1.1.1.1/dns-query@1.1.1.1",
                               "https://8.8.8.8/dns-query@8.8.8.8", "https://[2620:fe::fe]/dns-query@[2620:fe::fe]"};
  std::string ca;                     ///< PEM file for the certificates of those; absolute; empty: the system's
  std::vector<std::string> resolvers; ///< plaintext: ADDRESS[:PORT]; empty: the system's
};

struct bridge_settings {
  base::sensitive<std::string> line;
  std::string far_end; ///< "landfall" or "tor"; default: see bridge_line::usual_far_end
};

struct transport_settings {
  std::vector<std::string> names;
  std::vector<std::string> exec;
  bool native = true; ///< false: this program also for what Landfall speaks itself
};

struct tor_settings {
  std::string exec = "tor"; ///< of routes with tor = "managed"
  std::string torrc;        ///< a file of more lines for it; network.lab only: it could undo what keeps users safe
};

struct hint_settings {
  std::string lan = "off"; ///< "off", "ask" or "on"
  bool dht_get_peers = false;
};

struct settings {
  std::filesystem::path file; ///< where they came from
  network_settings network;
  sidecar_settings sidecar;
  fallback_settings fallback;
  dns_settings dns;
  std::vector<config::route> routes;
  std::vector<bridge_settings> bridges;
  std::vector<transport_settings> transports;
  tor_settings tor;
  hint_settings hints;
};

/// Deadlines of a lane (design §4). `whole` covers all others.
struct lane_deadlines {
  std::chrono::milliseconds connect{4000}, tls{5000}, first_byte{8000}, obfs4_handshake{10000}, whole{30000},
      onion{90000};
};

/// One thing wrong in a configuration: where, what, and what to do.
struct problem {
  std::string file;
  int line = 0; ///< 1-based; 0 when the file as a whole is meant
  std::string key;
  std::string message;
  [[nodiscard]] std::string to_string() const; ///< "landfall.toml:12: route[2].url: relative; write https://..."
};

inline constexpr std::size_t max_configuration_size = 256 * 1024;

/// Either settings, or everything that is wrong with the text (never both, never neither).
struct loaded {
  std::optional<config::settings> settings;
  std::vector<problem> problems;
};

/// Pure: `text` is the content of `file`, against whose folder relative paths are resolved. `over` gives what
/// LANDFALL_STATE and LANDFALL_EXPOSURE say. Refuses unknown keys and kinds, and every value out of range.
struct overrides {
  std::optional<std::filesystem::path> state;
  std::optional<std::string> exposure;
};
[[nodiscard]] loaded parse_settings(std::string_view text, const std::filesystem::path& file,
                                    const overrides& over = {});
/// Reads the file and parses it.
[[nodiscard]] loaded load_settings(const std::filesystem::path& file, const overrides& over = {});

} // namespace landfall::config
