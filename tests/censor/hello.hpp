// The ClientHello as a censor reads it: the server's name, what fingerprints the client, and what it tries to hide.
//
// A hello may be split over TCP segments (the caller passes what has come so far, in order) and over TLS records (RFC
// 8446 §5.1 allows it; whether a censor follows is a rule's affair, since that is what record splitting evades).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::censor {

/// Longest stream that is looked at: a hello with two post-quantum shares and ECH is below 4 KiB.
inline constexpr std::size_t max_hello = 16384;

struct client_hello {
  std::string sni; ///< lower case; empty when there is none
  std::string ja4; ///< FoxIO's JA4, GREASE left out everywhere, signature algorithms included
  bool tls13 = false;
  bool ech = false;  ///< extension 0xfe0d, GREASE ECH too: they cannot be told apart
  bool esni = false; ///< extension 0xffce
};

enum class reading : std::uint8_t { more, no, yes }; ///< undecided until more has come; never one; here it is

struct hello_reading {
  reading state = reading::no;
  client_hello hello;
};

/// `stream`: the first bytes from client to server. `across_records`: follow a hello over more than one record.
[[nodiscard]] hello_reading read_hello(std::string_view stream, bool across_records);

/// What a hello says, to build one for tests and models. Sizes are real, keys are not: no server would answer it.
struct hello_plan {
  std::string sni;
  std::vector<std::uint16_t> ciphers{0x1301, 0x1302, 0x1303};
  std::vector<std::uint16_t> signatures{0x0403, 0x0804, 0x0401};
  std::vector<std::uint16_t> more_extensions{}; ///< empty bodies: 0xfe0d makes it an ECH hello
  std::vector<std::string> alpn{"h2", "http/1.1"};
};
/// The handshake message in one record.
[[nodiscard]] std::string build_hello(const hello_plan& plan);
/// The same message cut into records of at most `size` bytes of body.
[[nodiscard]] std::string split_records(std::string_view record, std::size_t size);

} // namespace landfall::censor
