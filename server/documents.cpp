#include "server/documents.hpp"

#include "base/cursor.hpp"
#include "base/json.hpp"
#include "crypto/hash.hpp"
#include "trust/limits.hpp"
#include "trust/publish.hpp"

#include <boost/json/object.hpp>

#include <algorithm>
#include <optional>

namespace landfall::server {

namespace {
using base::fail;
using base::outcome;
using trust::document_type;

// A CDN in front may keep a list for a minute: enough to absorb a flood, far below any freshness. Compression on the
// way would change the bytes that ranges count.
constexpr std::string_view list_caching = "max-age=60, no-transform";
constexpr std::string_view root_caching = "max-age=31536000, immutable, no-transform";
constexpr std::string_view live_caching = "no-store, no-transform";

/// What a path promises.
struct expected {
  document_type type = document_type::list;
  bool frame = false;
  std::string_view network;
  std::string_view channel; ///< lists
  std::int64_t number = 0;  ///< roots: version; live lists: bucket
};

std::optional<std::int64_t> number_of(std::string_view text) {
  base::cursor digits(text);
  const auto value = digits.take_decimal(static_cast<std::uint64_t>(base::max_json_integer));
  if (digits.failed() || !digits.at_end()) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

std::optional<expected> expected_at(std::string_view path) {
  std::vector<std::string_view> part;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    part.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  if (part.size() < 3 || part.size() > 4 || part[0] != "v1") return std::nullopt;
  expected out;
  out.network = part[1];
  if (part.size() == 3) {
    out.type = document_type::live;
    return part[2] == "live" ? std::optional(out) : std::nullopt;
  }
  if (part[3] == "list" || part[3] == "list.frame") {
    out.channel = part[2];
    out.frame = part[3] == "list.frame";
    return out;
  }
  if (part[2] != "root" && part[2] != "live") return std::nullopt;
  out.type = part[2] == "root" ? document_type::root : document_type::live;
  const auto number = number_of(part[3]);
  if (!number) return std::nullopt;
  out.number = *number;
  return out;
}

/// The signed part of a binary frame: "LNDF" | u8 n | type | u32 n | payload | signatures. The signatures are the
/// client's to take apart; here they only have to be there.
base::result<trust::peeked> peek_frame(std::string_view frame) {
  base::cursor in(frame);
  if (!in.skip("LNDF")) return fail(outcome::malformed, "not a binary frame");
  const auto type = in.take(in.take_u8());
  const auto payload = in.take(in.take_u32());
  const auto signatures = in.take_u8();
  constexpr std::size_t signature_size = 32 + 3373;
  if (in.failed() || signatures == 0 || in.left() != signatures * signature_size)
    return fail(outcome::malformed, "the binary frame is cut short, unsigned or too long");
  if (type != trust::payload_type(document_type::list))
    return fail(outcome::malformed, "the binary frame holds no list");
  return trust::peeked{document_type::list, std::string(payload), {}};
}

std::string_view text_member(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

std::int64_t number_member(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : -1;
}

base::result<void> belongs(const expected& path, const trust::peeked& document) {
  if (document.type != path.type)
    return fail(outcome::malformed, fmt::format("holds a {} where its path promises a {}", trust::name(document.type),
                                                trust::name(path.type)));
  // Whether private addresses may be named is the clients' choice ([network] lab), so both kinds are served.
  if (auto good = trust::check_payload(document.type, document.payload, /*lab=*/true); !good) return good.error();
  const auto parsed = base::parse_json(document.payload, trust::max_depth);
  if (!parsed) return parsed.error();
  if (!parsed->is_object()) return fail(outcome::malformed, "the payload is no object");
  const auto& object = parsed->get_object();
  if (text_member(object, "network") != path.network)
    return fail(outcome::wrong_network, "is of another network than its path");
  switch (path.type) {
  case document_type::list:
    if (text_member(object, "channel") != path.channel)
      return fail(outcome::wrong_channel, "is of another channel than its path");
    break;
  case document_type::root:
    if (number_member(object, "version") != path.number)
      return fail(outcome::malformed, "is another root version than its path");
    break;
  case document_type::live:
    if (number_member(object, "bucket") != path.number)
      return fail(outcome::malformed, "is another bucket than its path");
    break;
  }
  return {};
}

std::string_view caching_of(document_type type) {
  switch (type) {
  case document_type::list: return list_caching;
  case document_type::root: return root_caching;
  case document_type::live: return live_caching;
  }
  return list_caching;
}
} // namespace

base::result<entry> read_document(std::string_view path, std::string bytes) {
  const auto wanted = expected_at(path);
  if (!wanted) return fail(outcome::malformed, "is no name of a document");
  if (bytes.size() > trust::max_envelope) return fail(outcome::too_large, "is larger than a document may be");
  const auto peeked = wanted->frame ? peek_frame(bytes) : trust::dangerously_peek(bytes);
  if (!peeked) return peeked.error();
  if (!wanted->frame && peeked->claimed_signers.empty()) return fail(outcome::malformed, "carries no signature");
  if (auto good = belongs(*wanted, *peeked); !good) return good.error();
  return entry{.bytes = std::move(bytes),
               .type = wanted->frame ? "application/octet-stream" : "application/json",
               .tag = fmt::format("\"{}\"", crypto::sha256(peeked->payload).hex()),
               .caching = caching_of(wanted->type)};
}

} // namespace landfall::server
