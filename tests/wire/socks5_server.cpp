#include "wire/socks5_server.hpp"

#include "base/encoding.hpp"
#include "tests/wire/vectors.hpp"

#include <fmt/format.h>

#include <functional>

using namespace landfall;
using wire::socks5_server;
using wire::socks_policy;

namespace {

socks_policy policy_of(std::string_view name) {
  if (name == "required") return {socks_policy::auth::required, base::sensitive(std::string("pass"))};
  REQUIRE_MESSAGE((name == "accepted" || name == "arguments"), name);
  return {name == "accepted" ? socks_policy::auth::accepted : socks_policy::auth::arguments, {}};
}

struct heard {
  std::string sent, end;
};

std::string end_of(socks5_server server, socks5_server::now what) {
  if (what == socks5_server::now::more) return "more";
  if (what == socks5_server::now::over) return "over " + server.refused().detail;
  const auto& asked = server.request();
  auto out = fmt::format("{} {}", asked.to.host_text(), asked.to.port);
  if (asked.said)
    out +=
        fmt::format(" user='{}' password={}", asked.said->user.reveal(), base::to_hex(asked.said->password.reveal()));
  if (const auto rest = std::move(server).rest(); !rest.empty()) out += fmt::format(" rest='{}'", rest);
  return out;
}

/// Gives the pieces until the server wants no more; what came behind its end is lost, as on a socket that is closed.
heard talk(const socks_policy& policy, const std::vector<std::string>& pieces) {
  socks5_server server(policy);
  heard out;
  auto what = socks5_server::now::more;
  std::string behind;
  for (const auto& piece : pieces) {
    if (what == socks5_server::now::requested) behind += piece;
    if (what != socks5_server::now::more) continue;
    auto step = server.take(piece);
    out.sent += step.send;
    what = step.what;
  }
  if (what == socks5_server::now::requested && !behind.empty()) (void)server.take(behind); // it keeps them
  out.end = end_of(std::move(server), what);
  return out;
}

std::vector<std::string> single_bytes(const std::string& all) {
  std::vector<std::string> out;
  for (const char c : all) out.emplace_back(1, c);
  return out;
}

void check(const heard& got, const std::string& sent, const std::string& end) {
  CHECK(base::to_hex(got.sent) == base::to_hex(sent));
  if (end.starts_with("over ")) {
    CHECK(got.end.starts_with("over "));
    CHECK_MESSAGE(got.end.find(end.substr(5)) != std::string::npos, got.end);
  } else {
    CHECK(got.end == end);
  }
}

} // namespace

TEST_CASE("the server answers every branch of RFC 1928 and RFC 1929, however the bytes are split") {
  for (const auto& row : vectors::rows("socks5/server.txt", 5)) {
    CAPTURE(row[0]);
    const auto policy = policy_of(row[1]);
    const auto in = vectors::bytes(row[2]), sent = vectors::bytes(row[3]);
    check(talk(policy, {in}), sent, row[4]);
    check(talk(policy, single_bytes(in)), sent, row[4]);
    for (std::size_t cut = 1; cut < in.size(); ++cut)
      check(talk(policy, {in.substr(0, cut), in.substr(cut)}), sent, row[4]);
  }
}

TEST_CASE("where a password is required and none was set, nobody comes in") {
  const socks_policy unset{socks_policy::auth::required, {}};
  const auto got = talk(unset, {std::string("\5\1\2\1\1u\0", 7)});
  CHECK(base::to_hex(got.sent) == "05020101");
  CHECK(got.end == "over wrong password");
}

TEST_CASE("a server that has ended says nothing any more") {
  const socks_policy policy{socks_policy::auth::accepted, {}};
  socks5_server server(policy);
  CHECK(server.take("GET").what == socks5_server::now::over);
  const auto after = server.take("\5\1");
  CHECK(after.send.empty());
}

TEST_CASE("replies are RFC 1928's, for every way to fail") {
  for (int i = 0; i < base::outcome_count; ++i) {
    const auto code = wire::reply_for(static_cast<base::outcome>(i));
    CAPTURE(base::name(static_cast<base::outcome>(i)));
    CHECK(static_cast<int>(code) >= 1);
    CHECK(static_cast<int>(code) <= 8);
    CHECK(base::to_hex(socks5_server::reply(code)) == fmt::format("05{:02x}0001000000000000", static_cast<int>(code)));
  }
}
