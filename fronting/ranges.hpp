// ranges: how a document is fetched through a filter that lets each connection bring only so many bytes. Pure.
//
// Russia's TSPU lets 15 to 20 KB through from the server to the client and then drops the rest in silence
// (censorship.md, S14); other filters cut the connection. So what has come is kept and the rest is asked for by Range
// on new connections, one at a time, each bringing at most 14 KB with handshake, tickets and headers. Without If-Range:
// a CDN's tags differ from node to node. What ties the parts together is the total in Content-Range; the signatures
// decide whether they belong together.
//
//   whole ──cut──▶ 206 ──▶ 206 ──▶ ... ──▶ done
//            │       ├── total changed, or 416: from zero, once
//            │       ├── 200: the server knows no ranges; from zero, once
//            └───────┴── twice no byte: stalled_after_hello
#pragma once

#include "http/client.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace landfall::fronting {

/// Below the 15 KB at which filters have been seen to start.
inline constexpr std::uint64_t max_connection_bytes = 14'000;
/// Before it is known what a connection costs: ECDSA chains take 4 KB with a hybrid key share, RSA ones 6, headers 1.
inline constexpr std::uint64_t first_range = 6 * 1024;
/// What a connection's cost differs by from the last one's: tickets, headers, the end of the connection.
inline constexpr std::uint64_t spare = 256;
/// Where a connection's own cost leaves no room. The filter may cut it, but less would be no way to get a document.
inline constexpr std::uint64_t least_range = 1024;
/// The largest document in ranges of 2 KiB. A lane's deadline comes first where connections are slow.
inline constexpr int max_connections = 64;

class range_plan {
public:
  /// `max_document`: a total above it is too_large.
  explicit range_plan(std::uint64_t max_document) : max_document_(max_document) {}

  struct ask {
    std::optional<http::byte_range> range; ///< nothing: the whole
  };
  struct done {
    std::string body;
    bool in_parts; ///< put together from several answers
  };
  using step = std::variant<ask, done, base::failure>;

  /// What to do next. After an `ask` comes exactly one `took`; after the others nothing.
  [[nodiscard]] step next();
  void took(http::result<http::response> answer);

private:
  void took_whole(http::response answer);
  void took_part(http::response answer);
  void took_failure(base::failure why);
  void measure(const http::response& answer);
  [[nodiscard]] std::uint64_t room_beside(std::uint64_t overhead) const;
  void start_anew(std::string_view why);
  void byteless(const std::optional<base::place>& where);
  [[nodiscard]] std::optional<base::failure> wrong_with(const http::response& part) const;

  std::uint64_t max_document_;
  std::optional<http::byte_range> asked_;
  std::string body_; ///< the document's bytes from its first on
  std::optional<std::uint64_t> total_;
  std::uint64_t budget_ = max_connection_bytes, range_ = first_range;
  int connections_ = 0, byteless_ = 0, restarts_ = 0;
  bool resuming_ = false, whole_ = false;
  std::optional<base::failure> failed_;
};

} // namespace landfall::fronting
