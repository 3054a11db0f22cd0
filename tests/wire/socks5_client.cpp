#include "wire/socks5_client.hpp"

#include "base/encoding.hpp"
#include "tests/wire/vectors.hpp"

#include <fmt/format.h>

using namespace landfall;
using wire::socks5_client;

namespace {

socks5_client client_of(const std::string& what) {
  const auto words = vectors::words(what);
  REQUIRE(words.size() >= 2);
  auto to = wire::socks_destination::parse(words[0], static_cast<std::uint16_t>(std::stoul(words[1])));
  REQUIRE(to.has_value());
  if (words.size() < 4) return socks5_client(*to);
  const auto field = [&words](std::size_t at) { return base::sensitive(vectors::bytes_of_word(words[at])); };
  const bool offered = words.size() > 4 && words[4] == "offer";
  return socks5_client(*to, wire::socks_credentials{field(2), field(3)},
                       offered ? wire::socks_offer::if_asked : wire::socks_offer::must_be_heard);
}

struct heard {
  std::string sent, end;
};

/// Ends as the table says it. Each piece is given as often as it takes to say something.
heard talk(socks5_client client, const std::vector<std::string>& pieces) {
  heard out;
  auto step = client.start();
  for (const auto& piece : pieces) {
    if (step) out.sent += step->send;
    if (!step) break;
    step = client.take(piece);
  }
  if (step) out.sent += step->send;
  if (!step) {
    CHECK(step.error().at == base::stage::proxy);
    out.end = fmt::format("{} {}", base::name(step.error().what), step.error().detail);
  } else if (step->connected) {
    CHECK(client.wanted() == 0);
    const auto rest = std::move(client).rest();
    out.end = rest.empty() ? "connected" : fmt::format("connected rest='{}'", rest);
  } else {
    CHECK(client.wanted() > 0);
    out.end = "more";
  }
  return out;
}

void check(const heard& got, const std::string& sent, const std::string& end) {
  CHECK(base::to_hex(got.sent) == base::to_hex(sent));
  const auto space = end.find(' ');
  if (end == "more" || end.starts_with("connected")) {
    CHECK(got.end == end);
    return;
  }
  CHECK_MESSAGE(got.end.starts_with(end.substr(0, space + 1)), got.end);
  CHECK_MESSAGE(got.end.find(end.substr(space + 1)) != std::string::npos, got.end);
}

/// What a driver does that never reads beyond what is wanted.
std::string connected_by_wanted(const std::string& what, std::string all) {
  auto client = client_of(what);
  auto step = client.start();
  while (step && !step->connected) {
    const auto size = client.wanted();
    REQUIRE(size > 0);
    if (size > all.size()) return "more";
    step = client.take(all.substr(0, size));
    all.erase(0, size);
  }
  if (!step) return std::string(base::name(step.error().what));
  CHECK(std::move(client).rest().empty());
  return all;
}

} // namespace

TEST_CASE("the client takes every answer of RFC 1928, RFC 1929 and tor, however the bytes are split") {
  for (const auto& row : vectors::rows("socks5/client.txt", 5)) {
    CAPTURE(row[0]);
    std::vector<std::string> whole, single;
    for (const auto& message : vectors::cells(row[2], " , ")) {
      whole.push_back(vectors::bytes(message));
      for (const char c : whole.back()) single.emplace_back(1, c);
    }
    const auto sent = vectors::bytes(row[3]);
    check(talk(client_of(row[1]), whole), sent, row[4]);
    // Byte by byte, what was not asked for comes after the question: there it is the next answer's first byte.
    if (row[4].find("before it was asked") == std::string::npos) check(talk(client_of(row[1]), single), sent, row[4]);
  }
}

TEST_CASE("who reads no more than is wanted has nothing of the stream in hand") {
  for (const auto& row : vectors::rows("socks5/client.txt", 5)) {
    if (!row[4].starts_with("connected")) continue;
    CAPTURE(row[0]);
    std::string all;
    for (const auto& message : vectors::cells(row[2], " , ")) all += vectors::bytes(message);
    const auto rest = row[4].find("rest='");
    const auto expected = rest == std::string::npos ? std::string() : row[4].substr(rest + 6, row[4].size() - rest - 7);
    CHECK(connected_by_wanted(row[1], all) == expected);
  }
}

TEST_CASE("arguments travel as user and password, split by bytes") {
  struct {
    const char* name;
    std::size_t size, user, password;
  } const table[] = {
      {"none", 0, 0, 1},
      {"one", 1, 1, 1},
      {"all of the user", 255, 255, 1},
      {"one more", 256, 255, 1},
      {"both full", 510, 255, 255},
  };
  for (const auto& row : table) {
    CAPTURE(row.name);
    const std::string text(row.size, 'x');
    const auto said = wire::credentials_of(text);
    REQUIRE(said.has_value());
    CHECK(said->user.reveal().size() == row.user);
    CHECK(said->password.reveal().size() == row.password);
    CHECK((said->password.reveal() == std::string(1, '\0')) == (row.size <= 255));
    CHECK(wire::arguments_of(*said) == text);
  }
  const auto too_long = wire::credentials_of(std::string(511, 'x'));
  REQUIRE(too_long.has_error());
  CHECK(too_long.error().what == base::outcome::too_large);
}

TEST_CASE("arguments without a password, as some programs send them") {
  const wire::socks_credentials empty{base::sensitive(std::string("k=v")), base::sensitive(std::string())};
  CHECK(wire::arguments_of(empty) == "k=v");
}

TEST_CASE("a destination does not print") {
  const auto to = wire::socks_destination::parse("hidden.example.org", 443);
  REQUIRE(to.has_value());
  CHECK(fmt::format("{}", to->host) == "[scrubbed]");
}
