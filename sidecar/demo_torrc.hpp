// The torrc files of the demo's private Tor network, and what its programs answer. Pure.
//
// Numbers are the smallest that tor takes of a testing network and that stood on a busy machine of two cores. No relay
// is an exit: clients then build circuits to onion services alone, which is all that is wanted, and nothing of the demo
// can lead off this machine.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace landfall::sidecar {

/// A tor of the network; its folder is its own (0700).
struct demo_tor_place {
  std::filesystem::path folder;
  std::string name{}, address{};       ///< a relay's nickname, and its own address of loopback
  std::uint16_t onions = 0, files = 0; ///< ORPort; DirPort, of authorities alone
  [[nodiscard]] std::filesystem::path torrc() const { return folder / "torrc"; }
  [[nodiscard]] std::filesystem::path empty() const { return folder / "empty"; } ///< in place of the GeoIP files
  [[nodiscard]] std::filesystem::path control() const { return folder / "control"; }
  [[nodiscard]] std::filesystem::path cookie() const { return folder / "cookie"; }
  [[nodiscard]] std::filesystem::path state() const { return folder / "state"; }
};

/// `authorities`: lines of directory_line.
[[nodiscard]] std::string authority_torrc(const demo_tor_place& place, std::string_view authorities);
[[nodiscard]] std::string relay_torrc(const demo_tor_place& place, std::string_view authorities);
/// A tor that onion services are published through; so far it has none.
[[nodiscard]] std::string service_torrc(const demo_tor_place& place, std::string_view authorities);
/// What a managed tor needs besides to live in this network: the content of `[tor] torrc`.
[[nodiscard]] std::string client_torrc(std::string_view authorities);

/// What a relay remembers: that it carried a megabyte a second all day. Without, the first relay that has carried some
/// kilobytes is the only one whose bandwidth is not 0; clients then choose it for the first and for the last hop of
/// every circuit, which no relay extends, until another consensus is there: a minute in which nothing goes on.
[[nodiscard]] std::string relay_state(base::unix_time now);

/// How the others know an authority; `identity` and `fingerprint` are 40 hex digits.
[[nodiscard]] std::string directory_line(const demo_tor_place& place, std::string_view identity,
                                         std::string_view fingerprint);
/// Of a certificate of tor-gencert. Errors: malformed.
[[nodiscard]] base::result<std::string> identity_in(std::string_view certificate);
/// Of what `tor --list-fingerprint` prints. Errors: malformed.
[[nodiscard]] base::result<std::string> fingerprint_in(std::string_view printed);

/// How many relays the answer to GETINFO ns/all has.
[[nodiscard]] std::size_t relays_in(std::string_view answer);
/// True for the event that a descriptor of an onion service has arrived at a directory.
[[nodiscard]] bool is_upload(std::string_view event);

/// Authorities vote at fixed seconds of the clock. Who starts in between may miss a vote and waits for the one after
/// the next, so all start together: this long from now.
[[nodiscard]] std::chrono::seconds until_start(base::unix_time now) noexcept;

/// "45 % requesting_descriptors", as the engine's events say how far tor is.
struct tor_progress {
  int percent = 0;
  std::string phase;
};
[[nodiscard]] std::optional<tor_progress> tor_progress_in(std::string_view detail);

} // namespace landfall::sidecar
