// Requests of strangers and of clients against server::respond. A case is seven lines: method, host, path, Range,
// If-Range, If-None-Match, and the rest. "-" is a header that is not there.
#include "server/answer.hpp"

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

using namespace landfall;

namespace {
const server::access who{.secret = "7f3a9c", .hosts = {"hidden.example.org"}};

std::shared_ptr<const server::entry> entry(const char* bytes, const char* tag) {
  return std::make_shared<const server::entry>(server::entry{.bytes = bytes, .type = "text/plain", .tag = tag});
}

server::content make_content(bool documents) {
  server::content out;
  if (documents) out.documents.emplace("v1/n/c/list", entry("the document itself", "\"aa\""));
  out.decoy.emplace("/", entry("home", "\"bb\""));
  out.decoy.emplace("/404.html", entry("gone", "\"cc\""));
  return out;
}

std::string_view take_line(std::string_view& rest) {
  const auto end = std::min(rest.find('\n'), rest.size());
  const auto line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

void require(bool holds) {
  if (!holds) std::abort();
}

std::string wire(const server::answer& from) {
  std::string out = std::to_string(from.status) + from.reason;
  for (const auto& one : from.headers) out += one.name + (": " + one.value) + "\n";
  return out + std::string(from.body);
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto with = make_content(true), without = make_content(false);
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto header = [&rest]() -> std::optional<std::string_view> {
    const auto line = take_line(rest);
    return line == "-" ? std::nullopt : std::optional(line);
  };
  server::request asked;
  const auto how = take_line(rest);
  asked.method = how == "GET"    ? server::method::get
                 : how == "HEAD" ? server::method::head
                 : how == "POST" ? server::method::post
                                 : server::method::other;
  asked.host = take_line(rest);
  asked.path = take_line(rest);
  asked.range = header();
  asked.if_range = header();
  asked.if_none_match = header();
  const auto got = server::respond(who, with, asked);

  // Strangers cannot tell that there are documents.
  if (asked.path != "/7f3a9c/v1/n/c/list") require(wire(got) == wire(server::respond({}, without, asked)));
  // A body is a part of what it was taken from, and a header never a second one.
  require(got.source != nullptr && got.body.size() <= got.source->bytes.size());
  if (!got.body.empty()) require(got.source->bytes.find(got.body) != std::string::npos);
  for (const auto& one : got.headers) require(one.value.find_first_of("\r\n") == std::string::npos);
  require(got.status == 200 || got.status == 206 || got.status == 304 || got.status == 404 || got.status == 405);
  if (got.status == 206) require(asked.range.has_value() && !got.body.empty());
  return 0;
}
