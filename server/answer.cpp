#include "server/answer.hpp"

#include "base/cursor.hpp"
#include "crypto/hash.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace landfall::server {

namespace {
using entry_ptr = std::shared_ptr<const entry>;

entry_ptr page(std::string_view title) {
  return std::make_shared<const entry>(entry{
      .bytes = fmt::format("<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
                           "</body>\r\n</html>\r\n",
                           title),
      .type = "text/html"});
}

entry_ptr find(const catalogue& where, std::string_view path) {
  const auto found = where.find(path);
  return found == where.end() ? nullptr : found->second;
}

bool host_allowed(const std::vector<std::string>& hosts, std::string_view host) {
  if (hosts.empty()) return true;
  const auto same = [host](const std::string& ours) {
    return std::equal(ours.begin(), ours.end(), host.begin(), host.end(), [](char a, char b) {
      return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
    });
  };
  return std::any_of(hosts.begin(), hosts.end(), same);
}

/// The path below the secret, or nothing for strangers. How much of a guess was right does not show in the time taken.
std::optional<std::string_view> below_secret(const access& who, const request& asked) {
  if (who.inside) return asked.path.substr(std::min<std::size_t>(asked.path.size(), 1));
  if (who.secret.empty() || !asked.path.starts_with('/')) return std::nullopt;
  const auto rest = asked.path.substr(1);
  const auto size = who.secret.size();
  if (!crypto::equal_secret(rest.substr(0, size), who.secret)) return std::nullopt;
  if (rest.size() == size || rest[size] != '/') return std::nullopt;
  if (!host_allowed(who.hosts, asked.host)) return std::nullopt;
  return rest.substr(size + 1);
}

/// If-None-Match of RFC 9110 §13.1.2: "*", or entity tags by weak comparison. What is not of that form matches nothing.
bool matches(std::string_view condition, std::string_view tag) {
  if (tag.empty()) return false;
  base::cursor in(condition);
  const auto skip_blanks = [&in] {
    while (in.skip(" ") || in.skip("\t") || in.skip(",")) {
    }
  };
  skip_blanks();
  if (in.skip("*")) return in.at_end();
  for (; !in.at_end(); skip_blanks()) {
    in.skip("W/");
    if (!in.skip("\"")) return false;
    const auto opaque = in.take_until('"', in.left());
    if (in.failed()) return false;
    if (opaque == tag.substr(1, tag.size() - 2)) return true;
  }
  return false;
}

struct part {
  std::size_t first, last;
};

/// "bytes=a-b" or "bytes=a-" that begins within `size` bytes. Everything else a server may ignore (RFC 9110 §14.2), and
/// we do: a client whose range is beyond the end of a list that has shrunk is best served with the list.
std::optional<part> part_of(std::string_view range, std::size_t size) {
  base::cursor in(range);
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!in.skip("bytes=")) return std::nullopt;
  const auto first = in.take_decimal(largest);
  if (in.failed() || !in.skip("-") || first >= size) return std::nullopt;
  const auto last = in.at_end() ? largest : in.take_decimal(largest);
  if (in.failed() || !in.at_end() || last < first) return std::nullopt;
  return part{static_cast<std::size_t>(first), static_cast<std::size_t>(std::min<std::uint64_t>(last, size - 1))};
}

void describe(answer& out, std::size_t length) {
  out.headers.push_back({"Content-Type", std::string(out.source->type)});
  out.headers.push_back({"Content-Length", std::to_string(length)});
}

answer whole_page(int status, const char* reason, entry_ptr source, method how) {
  answer out{.status = status, .reason = reason, .source = std::move(source)};
  describe(out, out.source->bytes.size());
  if (how != method::head) out.body = out.source->bytes;
  return out;
}

answer not_found(const content& what, method how) {
  static const entry_ptr plain = page("404 Not Found");
  const auto own = find(what.decoy, "/404.html");
  return whole_page(404, "Not Found", own ? own : plain, how);
}

answer not_allowed(method how) {
  static const entry_ptr plain = page("405 Not Allowed");
  auto out = whole_page(405, "Not Allowed", plain, how);
  out.headers.push_back({"Allow", "GET, HEAD"});
  return out;
}

answer serve(entry_ptr source, const request& asked) {
  answer out{.status = 200, .reason = "OK", .source = std::move(source)};
  const auto& from = *out.source;
  out.headers.reserve(7);
  if (asked.if_none_match && matches(*asked.if_none_match, from.tag)) {
    out.status = 304;
    out.reason = "Not Modified";
  } else {
    out.body = from.bytes;
    // A strong tag alone proves that the part belongs to the same bytes; a date or a weak tag does not.
    const bool unchanged = !asked.if_range || *asked.if_range == from.tag;
    const bool ranged = asked.method == method::get && asked.range && unchanged;
    if (const auto part = ranged ? part_of(*asked.range, from.bytes.size()) : std::nullopt) {
      out.status = 206;
      out.reason = "Partial Content";
      out.body = out.body.substr(part->first, part->last - part->first + 1);
      out.headers.push_back(
          {"Content-Range", fmt::format("bytes {}-{}/{}", part->first, part->last, from.bytes.size())});
    }
    describe(out, out.body.size());
  }
  if (asked.method == method::head) out.body = {};
  out.headers.push_back({"ETag", from.tag});
  if (!from.caching.empty()) out.headers.push_back({"Cache-Control", std::string(from.caching)});
  if (out.status != 304) out.headers.push_back({"Accept-Ranges", "bytes"});
  return out;
}
} // namespace

answer respond(const access& who, const content& what, const request& asked) {
  const bool reads = asked.method == method::get || asked.method == method::head;
  if (!reads && asked.method != method::post) return not_allowed(asked.method);
  const auto secret_path = reads ? below_secret(who, asked) : std::nullopt;
  auto found = secret_path ? find(what.documents, *secret_path) : find(what.decoy, asked.path);
  if (!found) return not_found(what, asked.method);
  if (!reads) return not_allowed(asked.method);
  return serve(std::move(found), asked);
}

} // namespace landfall::server
