// A ClientHello over two records: the cut as a pure function, and the bytes that a listening socket gets.
#include "http/split_hello.hpp"

#include "http/client.hpp"
#include "tests/fakes/hostile_server.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"
#include "tests/fakes/test_ca.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace landfall;
using namespace std::chrono_literals;
using net::asio::awaitable;

namespace {

std::string record(const std::string& fragment, char type = 22) {
  return std::string{type, 3, 1, static_cast<char>(fragment.size() >> 8), static_cast<char>(fragment.size() & 0xff)} +
         fragment;
}

std::string entry(const std::string& name) {
  return std::string{0, static_cast<char>(name.size() >> 8), static_cast<char>(name.size() & 0xff)} + name;
}

/// Until a second went by without a byte: a hello in two writes comes in one or two reads.
awaitable<net::result<std::string>> read_more(fakes::tcp::socket& peer) {
  auto bytes = co_await fakes::first_flight(peer);
  co_return bytes;
}

awaitable<void> collect(fakes::tcp::socket peer, std::string* all) {
  bool more = true;
  while (more) {
    auto got = co_await net::with_deadline(read_more(peer), 500ms, base::stage::tls);
    more = got && !got->empty();
    if (more) *all += *got;
  }
}

awaitable<std::string> hello_of(http::request what) {
  const auto executor = co_await net::asio::this_coro::executor;
  http::resolver names(executor, {});
  http::client client(executor, {}, names);
  std::string all;
  fakes::hostile_server server(executor, [&all](fakes::tcp::socket peer) { return collect(std::move(peer), &all); });
  net::scope children(executor);
  children.spawn(server.serve());
  what.url = fmt::format("https://front.example:{}/", server.port());
  what.addresses = {net::asio::ip::address_v4::loopback()};
  auto asking = client.get(std::move(what));
  (void)co_await std::move(asking);
  children.cancel();
  co_await children.join();
  co_return all;
}

/// The fragments of the handshake records that the bytes begin with.
std::vector<std::string> records_of(std::string_view bytes) {
  std::vector<std::string> out;
  while (bytes.size() >= 5 && bytes[0] == 22) {
    const auto size =
        static_cast<std::size_t>(static_cast<unsigned char>(bytes[3]) << 8 | static_cast<unsigned char>(bytes[4]));
    REQUIRE(bytes.size() >= 5 + size);
    out.emplace_back(bytes.substr(5, size));
    bytes.remove_prefix(5 + size);
  }
  CHECK(bytes.empty());
  return out;
}

bool is_client_hello(const std::string& text) {
  const auto byte = [&text](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(text[at])); };
  return text.size() > 4 && byte(0) == 1 && (byte(1) << 16 | byte(2) << 8 | byte(3)) == text.size() - 4;
}

} // namespace

TEST_CASE("where a record is cut") {
  const std::string name = "hidden.example";
  const std::string hello = "\x01" + std::string(60, 'x');
  struct row {
    std::string title;
    std::string bytes, name;
    std::optional<std::size_t> expected;
  };
  const row rows[] = {
      {"in the middle of the name", record(hello + entry(name) + "rest"), name, 61 + 3 + 7},
      {"in the middle of all, without a name", record(hello), "", 30},
      {"in the middle of all, where the name is not", record(hello), name, 30},
      {"in the middle of all, where it only looks like the name", record(hello + "  " + name), name, (61 + 2 + 14) / 2},
      {"with more behind it", record(hello + entry(name)) + "more", name, 61 + 3 + 7},
      {"not a ClientHello", record("\x02" + hello), name, {}},
      {"application data", record(hello, 23), name, {}},
      {"half a record", record(hello).substr(0, 40), name, {}},
      {"half a header", "\x16\x03", name, {}},
      {"an empty record", record(""), name, {}},
      {"nothing", "", name, {}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.title);
    CHECK(http::cut_of_hello(row.bytes, row.name) == row.expected);
  }
  const auto bytes = record(hello + entry(name)) + "more";
  const auto parts = http::split_at(bytes, *http::cut_of_hello(bytes, name));
  const auto both = records_of((parts.first + parts.second).substr(0, parts.first.size() + parts.second.size() - 4));
  REQUIRE(both.size() == 2);
  CHECK(both[0] + both[1] == hello + entry(name));
  CHECK(both[0].ends_with("hidden."));
  CHECK(parts.second.ends_with("more"));
}

TEST_CASE("the bytes that a listening socket gets") {
  http::request what;
  what.tls = 2s;
  const auto whole = records_of(fakes::run(hello_of(what)));
  REQUIRE(whole.size() == 1);
  CHECK(is_client_hello(whole[0]));
  CHECK(whole[0].find("front.example") != std::string::npos);

  what.split_hello = true;
  const auto bytes = fakes::run(hello_of(what));
  CHECK(bytes.find("front.example") == std::string::npos);
  const auto two = records_of(bytes);
  REQUIRE(two.size() == 2);
  CHECK(is_client_hello(two[0] + two[1]));
  CHECK((two[0] + two[1]).find("front.example") != std::string::npos);
  CHECK(two[0].ends_with("front.e"));

  what.sni = false;
  const auto unnamed = records_of(fakes::run(hello_of(what)));
  REQUIRE(unnamed.size() == 2);
  CHECK(is_client_hello(unnamed[0] + unnamed[1]));
  CHECK((unnamed[0] + unnamed[1]).find("front.example") == std::string::npos);
}

TEST_CASE("servers put a split hello together, the second one after a HelloRetryRequest too") {
  const fakes::test_ca ca;
  const auto who = ca.issue("DNS:localhost");
  for (const char* how : {"-tls1_3", "-tls1_2", "-groups"}) {
    CAPTURE(how);
    const fakes::scratch folder;
    const auto port = fakes::free_port();
    std::vector<std::string> program{fakes::openssl_program(),
                                     "s_server",
                                     "-www",
                                     "-quiet",
                                     "-accept",
                                     "127.0.0.1:" + std::to_string(port),
                                     "-cert",
                                     folder.put("cert", who.certificate),
                                     "-key",
                                     folder.put("key", who.key),
                                     how};
    if (std::string_view(how) == "-groups") program.emplace_back("P-384"); // none of our key shares
    fakes::process server(program, (folder.path() / "log").string());
    server.wait_for_port(port);
    net::asio::io_context context;
    http::resolver names(context.get_executor(), {});
    http::client client(context.get_executor(), {}, names);
    http::request what;
    what.url = fmt::format("https://localhost:{}/", port);
    what.ca_file = folder.put("ca", ca.pem());
    what.max_body = 64 * 1024;
    what.split_hello = true;
    const auto got = fakes::run_on(context, client.get(what));
    if (got.has_error()) FAIL(base::to_string(got.error()));
    CHECK(got->status == 200);
  }
}
