#include "sidecar/demo_torrc.hpp"

#include "base/cursor.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

namespace landfall::sidecar {

namespace {

using base::fail;
using base::outcome;

constexpr int first_vote_every = 10; ///< seconds, and a divisor of half an hour
constexpr std::size_t longest_line = 4096, fingerprint_digits = 40;

std::string common(const demo_tor_place& place, std::string_view authorities) {
  return fmt::format("TestingTorNetwork 1\n"
                     "DataDirectory \"{}\"\n"
                     "GeoIPFile \"{}\"\n"
                     "GeoIPv6File \"{}\"\n"
                     "SocksPort 0\n"
                     "ShutdownWaitLength 0\n"
                     "AvoidDiskWrites 1\n"
                     "NumCPUs 1\n"
                     "PathsNeededToBuildCircuits 0.25\n"
                     "Schedulers Vanilla\n"
                     "Log notice stdout\n"
                     "{}",
                     place.folder.string(), place.empty().string(), place.empty().string(), authorities);
}

/// Documents come from authorities alone: a relay that is asked before it has fetched them itself says that there are
/// none, and who asked rests for ten seconds.
std::string relay(const demo_tor_place& place) {
  return fmt::format("Nickname {}\n"
                     "Address {}\n"
                     "ORPort {}:{}\n"
                     "ContactInfo demo@example.invalid\n"
                     "DirCache {}\n"
                     "AssumeReachable 1\n"
                     "ExitRelay 0\n"
                     "ExitPolicy reject *:*\n",
                     place.name, place.address, place.address, place.onions, place.files != 0 ? 1 : 0);
}

std::string control(const demo_tor_place& place) {
  return fmt::format("ControlPort unix:\"{}\"\n"
                     "CookieAuthentication 1\n"
                     "CookieAuthFile \"{}\"\n",
                     place.control().string(), place.cookie().string());
}

std::string_view take_line(std::string_view& text) {
  const auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

bool is_fingerprint(std::string_view text) {
  return text.size() == fingerprint_digits && text.find_first_not_of("0123456789ABCDEF") == text.npos;
}

} // namespace

std::string authority_torrc(const demo_tor_place& place, std::string_view authorities) {
  // The first vote after ten seconds, then every twenty: a consensus lives for three of these.
  return common(place, authorities) + relay(place) + control(place) +
         fmt::format("DirPort {}:{}\n"
                     "AuthoritativeDirectory 1\n"
                     "V3AuthoritativeDirectory 1\n"
                     "TestingV3AuthInitialVotingInterval {}\n"
                     "TestingV3AuthInitialVoteDelay 2\n"
                     "TestingV3AuthInitialDistDelay 2\n"
                     "V3AuthVotingInterval 20\n"
                     "V3AuthVoteDelay 4\n"
                     "V3AuthDistDelay 4\n"
                     "V3AuthNIntervalsValid 3\n"
                     "TestingDirAuthVoteHSDir *\n"
                     "TestingDirAuthVoteGuard *\n"
                     "TestingMinFastFlagThreshold 0\n"
                     "MinUptimeHidServDirectoryV2 0\n",
                     place.address, place.files, first_vote_every);
}

std::string relay_torrc(const demo_tor_place& place, std::string_view authorities) {
  return common(place, authorities) + relay(place);
}

std::string service_torrc(const demo_tor_place& place, std::string_view authorities) {
  return common(place, authorities) + control(place);
}

std::string client_torrc(std::string_view authorities) {
  return fmt::format("TestingTorNetwork 1\n"
                     "PathsNeededToBuildCircuits 0.25\n"
                     "Schedulers Vanilla\n"
                     "{}",
                     authorities);
}

std::string relay_state(base::unix_time now) {
  std::string out;
  for (const auto* direction : {"Read", "Write"})
    out += fmt::format("BWHistory{0}Ends {1:%Y-%m-%d %H:%M:%S}\n"
                       "BWHistory{0}Interval 86400\n"
                       "BWHistory{0}Values 86400000000\n"
                       "BWHistory{0}Maxima 1000000\n",
                       direction, fmt::gmtime(static_cast<std::time_t>(now)));
  return out;
}

std::string directory_line(const demo_tor_place& place, std::string_view identity, std::string_view fingerprint) {
  return fmt::format("DirAuthority {} orport={} no-v2 v3ident={} {}:{} {}\n", place.name, place.onions, identity,
                     place.address, place.files, fingerprint);
}

base::result<std::string> identity_in(std::string_view certificate) {
  while (!certificate.empty()) {
    base::cursor line(take_line(certificate));
    if (line.skip("fingerprint ") && is_fingerprint(line.rest())) return std::string(line.rest());
  }
  return fail(outcome::malformed, "tor-gencert has made no certificate");
}

base::result<std::string> fingerprint_in(std::string_view printed) {
  while (!printed.empty()) {
    base::cursor line(take_line(printed));
    line.take_until(' ', longest_line); // the nickname; lines of the log do not go on with a fingerprint
    std::string out(line.rest());
    std::erase(out, ' ');
    if (!line.failed() && is_fingerprint(out)) return out;
  }
  return fail(outcome::malformed, "tor has told no fingerprint");
}

std::size_t relays_in(std::string_view answer) {
  std::size_t found = 0;
  while (!answer.empty()) found += take_line(answer).starts_with("r ") ? 1U : 0U;
  return found;
}

bool is_upload(std::string_view event) { return event.starts_with("HS_DESC UPLOADED "); }

std::chrono::seconds until_start(base::unix_time now) noexcept {
  return std::chrono::seconds(first_vote_every - now % first_vote_every);
}

std::optional<tor_progress> tor_progress_in(std::string_view detail) {
  base::cursor text(detail);
  constexpr std::uint64_t whole = 100;
  const auto percent = text.take_decimal(whole);
  if (!text.skip(" % ") || text.failed() || text.at_end()) return std::nullopt;
  return tor_progress{static_cast<int>(percent), std::string(text.rest())};
}

} // namespace landfall::sidecar
