// split_hello: a ClientHello cut over two TLS records, in the middle of the server's name, and sent as two writes.
//
// RFC 8446 §5.1 lets a handshake message be cut over records, and servers put it together again; the transcript hash
// does not see record headers, so the handshake is the same. What it is against: a filter that reads the name from the
// first record and keeps nothing (censorship.md: reported to work against the GFW in 2024, nothing known about others;
// cutting TCP segments alone no longer helps). What it costs: no browser does it, so a split hello is itself a mark.
// Hence off unless asked for, per route.
#pragma once

#include <openssl/bio.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace landfall::http {

/// Pure: `record` begins with a whole TLS record that holds a ClientHello; where its fragment is to be cut (bytes of
/// the fragment, without the record's header): in the middle of `name` where that is named, else of the whole.
/// nullopt: not such a record.
[[nodiscard]] std::optional<std::size_t> cut_of_hello(std::string_view record, std::string_view name) noexcept;

/// Pure: the same with the record cut in two at `cut`, as two texts to be written one after the other.
struct split_record {
  std::string first, second; ///< second: with whatever followed the record
};
[[nodiscard]] split_record split_at(std::string_view record, std::size_t cut);

/// A filter to be put in front of a connection's BIO, which it then owns: every ClientHello that passes, the second one
/// after a HelloRetryRequest too, goes out cut; all else is passed on. nullptr: out of memory.
[[nodiscard]] BIO* splitting_bio(BIO* below, std::string_view name);

} // namespace landfall::http
