// Through proxies and through streams of our own: real proxies from Debian, fakes that do it wrong.
#include "http/client.hpp"
#include "http/door.hpp"
#include "tests/fakes/dns_server.hpp"
#include "tests/fakes/hostile_server.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"
#include "tests/fakes/test_ca.hpp"

#include <boost/asio/local/connect_pair.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <filesystem>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using base::stage;
using net::asio::awaitable;

namespace {

struct tls_server {
  fakes::test_ca ca;
  fakes::identity who = ca.issue("DNS:localhost,DNS:front.example,IP:127.0.0.1");
  fakes::scratch folder;
  std::uint16_t port = fakes::free_port();
  std::string authority = folder.put("ca", ca.pem());
  fakes::process program{{fakes::openssl_program(), "s_server", "-www", "-quiet", "-accept",
                          "127.0.0.1:" + std::to_string(port), "-cert", folder.put("cert", who.certificate), "-key",
                          folder.put("key", who.key)}};
  tls_server() { program.wait_for_port(port); }
  [[nodiscard]] http::request request(const char* host = "localhost") const {
    http::request out;
    out.url = fmt::format("https://{}:{}/", host, port);
    out.ca_file = authority;
    out.max_body = 64 * 1024;
    return out;
  }
};

/// One request; the resolver asks a name server that fails the test when it is asked.
net::result<http::response> get(http::request what) {
  net::asio::io_context context;
  http::resolver names(context.get_executor(), {{"127.0.0.1:9"}, {}, 300ms});
  http::client client(context.get_executor(), {}, names);
  return fakes::run_on(context, client.get(std::move(what)));
}

http::proxy proxy_at(http::proxy_kind kind, std::uint16_t port, std::string user = {}, std::string password = {}) {
  return {kind, "127.0.0.1", port, base::sensitive(std::move(user)), base::sensitive(std::move(password))};
}

/// danted, microsocks or tinyproxy.
struct proxy_program {
  fakes::scratch folder;
  std::uint16_t port = fakes::free_port();
  fakes::process program;
  proxy_program(const std::string& which, bool password)
      : program(command(which, password), (folder.path() / "log").string()) {
    program.wait_for_port(port);
  }
  std::vector<std::string> command(const std::string& which, bool password) const {
    const auto text = std::to_string(port);
    if (which == "microsocks") {
      std::vector<std::string> out{"microsocks", "-i", "127.0.0.1", "-p", text};
      if (password) out.insert(out.end(), {"-u", "user", "-P", "pass word"});
      return out;
    }
    if (which == "danted")
      return {"danted", "-f",
              folder.put("conf", fmt::format("logoutput: stderr\ninternal: 127.0.0.1 port = {}\n"
                                             "external: lo\nsocksmethod: none\nclientmethod: none\n"
                                             "client pass {{ from: 0/0 to: 0/0 }}\n"
                                             "socks pass {{ from: 0/0 to: 0/0 }}\n",
                                             port))};
    const std::string login = password ? "BasicAuth user password\n" : "";
    return {"tinyproxy", "-d", "-c",
            folder.put("conf", "Port " + text + "\nListen 127.0.0.1\nLogLevel Connect\n" + login)};
  }
};

/// What the proxy was told, until it answered `says`; then what `behave` does.
awaitable<net::result<http::response>> through_fake(http::proxy_kind kind, fakes::behaviour behave, http::request what,
                                                    int* asked_names) {
  const auto executor = co_await net::asio::this_coro::executor;
  fakes::dns_server name_server(executor, [](const std::string&) { return std::string(); });
  http::resolver names(executor, {{name_server.address()}, {}, 1s});
  http::client client(executor, {}, names);
  fakes::hostile_server server(executor, std::move(behave));
  net::scope children(executor);
  children.spawn(server.serve());
  children.spawn(name_server.serve());
  what.via = proxy_at(kind, server.port());
  auto asking = client.get(std::move(what));
  auto got = co_await std::move(asking);
  *asked_names = name_server.asked();
  children.cancel();
  co_await children.join();
  co_return got;
}

/// A CONNECT proxy that takes down what it is told and connects to nobody.
awaitable<void> take_down(fakes::tcp::socket peer, std::string* told) {
  *told = co_await fakes::first_flight(peer);
  const std::string no = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
  (void)co_await net::asio::async_write(peer, net::asio::buffer(no), net::as_result);
}

} // namespace

TEST_CASE("real proxies, with and without a password; the proxy resolves the name") {
  const tls_server server;
  struct row {
    std::string program;
    http::proxy_kind kind;
    bool password;
    std::string user, word;
    std::optional<outcome> failed;
  };
  const auto socks = http::proxy_kind::socks5, connect = http::proxy_kind::http;
  const auto wrong = outcome::proxy_failed;
  const row rows[] = {
      {"microsocks", socks, false, "", "", {}},         {"microsocks", socks, true, "user", "pass word", {}},
      {"microsocks", socks, true, "user", "x", wrong},  {"microsocks", socks, true, "", "", wrong},
      {"microsocks", connect, false, "", "", wrong},    {"danted", socks, false, "", "", {}},
      {"tinyproxy", connect, false, "", "", {}},        {"tinyproxy", connect, true, "user", "password", {}},
      {"tinyproxy", connect, true, "user", "x", wrong}, {"tinyproxy", connect, true, "", "", wrong},
      {"tinyproxy", socks, false, "", "", wrong},
  };
  for (const auto& row : rows) {
    CAPTURE(row.program);
    CAPTURE(row.password);
    CAPTURE(row.user);
    CAPTURE(row.word);
    const proxy_program proxy(row.program, row.password);
    auto what = server.request();
    what.via = proxy_at(row.kind, proxy.port, row.user, row.word);
    std::string stages;
    what.progress = [&stages](stage at) { stages += std::string(base::name(at)) + " "; };
    const auto got = get(what);
    if (got.has_error()) CAPTURE(base::to_string(got.error()));
    CHECK(got.has_error() == row.failed.has_value());
    if (got) {
      CHECK(stages == "connect proxy tls body ");
      CHECK(got->where == base::place{});
    } else if (row.failed) {
      CHECK(base::name(got.error().what) == base::name(*row.failed));
      CHECK_FALSE(got.error().where.has_value());
    }
  }
}

TEST_CASE("a fixed address is what the proxy connects to; the certificate is for the name all the same") {
  const tls_server server;
  for (const char* program : {"microsocks", "danted", "tinyproxy"}) {
    CAPTURE(program);
    const proxy_program proxy(program, false);
    auto what = server.request("front.example"); // which resolves nowhere
    what.via = proxy_at(std::string_view(program) == "tinyproxy" ? http::proxy_kind::http : http::proxy_kind::socks5,
                        proxy.port);
    what.addresses = {net::asio::ip::address_v4::loopback()};
    const auto got = get(what);
    if (got.has_error()) FAIL(base::to_string(got.error()));
    auto other = server.request("other.example");
    other.via = what.via;
    other.addresses = what.addresses;
    const auto refused = get(other);
    REQUIRE(refused.has_error());
    CHECK(base::name(refused.error().what) == base::name(outcome::tls_certificate));
  }
}

TEST_CASE("a proxy is told the front and nothing else, and no name is looked up here") {
  std::string told;
  http::request what;
  what.url = "https://front.example:8443/7f3a9c/";
  what.host = "hidden.example";
  what.range = http::byte_range{0, 99};
  int asked = 0;
  const auto got = fakes::run(through_fake(
      http::proxy_kind::http, [&told](fakes::tcp::socket peer) { return take_down(std::move(peer), &told); }, what,
      &asked));
  REQUIRE(got.has_error());
  CHECK(base::name(got.error().what) == base::name(outcome::proxy_failed));
  CHECK(got.error().detail.find("403") != std::string::npos);
  CHECK(told.starts_with("CONNECT front.example:8443 HTTP/1.1\r\nHost: front.example:8443\r\n"));
  for (const char* secret : {"hidden", "7f3a9c", "Range", "curl"}) CHECK(told.find(secret) == std::string::npos);
  CHECK(asked == 0);
}

TEST_CASE("a proxy that does it wrong is proxy_failed, whatever it does") {
  using fakes::saying;
  struct row {
    std::string name;
    http::proxy_kind kind;
    fakes::behaviour behave;
  };
  const auto socks = http::proxy_kind::socks5, connect = http::proxy_kind::http;
  const row rows[] = {
      {"silence", socks, fakes::silent},
      {"silence", connect, fakes::silent},
      {"a reset", socks, fakes::reset_after_first_flight},
      {"a reset", connect, fakes::reset_after_first_flight},
      {"an end", socks, fakes::end_after_first_flight},
      {"an end", connect, fakes::end_after_first_flight},
      {"another protocol", socks, saying("HTTP/1.1 200 OK\r\n\r\n")},
      {"another protocol", connect, saying("SSH-2.0-OpenSSH_9.2\r\n")},
      {"no acceptable method", socks, saying("\x05\xff")},
      {"SOCKS 4", socks, saying(std::string("\x04\x00", 2))},
      {"a redirect", connect, saying("HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\n\r\n")},
      {"headers without end", connect,
       fakes::saying_for_ever("HTTP/1.1 200 OK\r\n", "A: " + std::string(1024, 'x') + "\r\n")},
      {"a refusal with a body without end", connect,
       fakes::saying_for_ever("HTTP/1.1 502 Bad\r\n\r\n", std::string(1024, 'x'))},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    http::request what;
    what.url = "https://localhost:1/";
    what.connect = what.first_byte = 500ms;
    what.whole = 5s;
    int asked = 0;
    const auto before = std::chrono::steady_clock::now();
    const auto got = fakes::run(through_fake(row.kind, row.behave, what, &asked));
    REQUIRE(got.has_error());
    CAPTURE(base::to_string(got.error()));
    CHECK(base::name(got.error().what) == base::name(outcome::proxy_failed));
    CHECK(std::chrono::steady_clock::now() - before < 4s);
    CHECK(asked == 0);
  }
}

TEST_CASE("the environment's proxies and exceptions count for nothing") {
  const tls_server server;
  const auto nowhere = "http://127.0.0.1:" + std::to_string(fakes::free_port());
  for (const char* name : {"https_proxy", "ALL_PROXY", "all_proxy"}) ::setenv(name, nowhere.c_str(), 1);
  CHECK(get(server.request()).has_value());
  ::setenv("no_proxy", "*", 1);
  auto what = server.request();
  what.via = proxy_at(http::proxy_kind::http, fakes::free_port());
  const auto got = get(what);
  REQUIRE_MESSAGE(got.has_error(), "it went past the proxy");
  CHECK(base::name(got.error().what) == base::name(outcome::proxy_failed));
  for (const char* name : {"https_proxy", "ALL_PROXY", "all_proxy", "no_proxy"}) ::unsetenv(name);
}

namespace {

/// A request through a stream that we dialled ourselves.
awaitable<net::result<http::response>> through_stream(http::request what, std::uint16_t port,
                                                      std::filesystem::path folder) {
  const auto executor = co_await net::asio::this_coro::executor;
  const fakes::tcp::endpoint to(net::asio::ip::address_v4::loopback(), port);
  auto dialling = net::dial(to, {});
  auto dialled = co_await std::move(dialling);
  if (!dialled) co_return std::move(dialled).error();
  http::resolver names(executor, {{"127.0.0.1:9"}, {}, 300ms});
  http::client client(executor, {}, names);
  what.via = http::carried{folder, http::joined_to(net::as_stream(std::move(*dialled)))};
  auto asking = client.get(std::move(what));
  auto got = co_await std::move(asking);
  co_return got;
}

awaitable<net::result<void>> fails_at_once(http::local_socket) {
  co_return base::fail(outcome::bridge_silent, "no answer", stage::handshake);
}

awaitable<net::result<http::response>> with_carry(http::request what, std::filesystem::path folder,
                                                  http::carry_fn carry) {
  const auto executor = co_await net::asio::this_coro::executor;
  http::resolver names(executor, {});
  http::client client(executor, {}, names);
  what.via = http::carried{std::move(folder), std::move(carry)};
  auto asking = client.get(std::move(what));
  auto got = co_await std::move(asking);
  co_return got;
}

} // namespace

TEST_CASE("through a stream of our own: TLS and HTTP as ever, and nothing left behind") {
  const tls_server server;
  const fakes::scratch folder;
  const auto got = fakes::run(through_stream(server.request("front.example"), server.port, folder.path()));
  if (got.has_error()) FAIL(base::to_string(got.error()));
  CHECK(got->tls_version == "TLSv1.3");
  CHECK(got->where == base::place{});
  CHECK(std::filesystem::is_empty(folder.path()));
  const auto other = fakes::run(through_stream(server.request("other.example"), server.port, folder.path()));
  REQUIRE(other.has_error());
  CHECK(base::name(other.error().what) == base::name(outcome::tls_certificate));
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a stream that fails says why; one that hangs is ended by the request's deadline") {
  const fakes::scratch folder;
  http::request what;
  what.url = "http://landfall/v1/";
  what.first_byte = 300ms;
  const auto failed = fakes::run(with_carry(what, folder.path(), fails_at_once));
  REQUIRE(failed.has_error());
  CHECK(base::name(failed.error().what) == base::name(outcome::bridge_silent));
  int living = 0;
  const auto hangs = [&living](http::local_socket ours) -> awaitable<net::result<void>> {
    const fakes::alive counted(living);
    const auto slept = co_await net::sleep_for(1h);
    (void)ours;
    co_return slept;
  };
  const auto silent = fakes::run(with_carry(what, folder.path(), hangs));
  REQUIRE(silent.has_error());
  CHECK(base::name(silent.error().what) == base::name(outcome::timed_out));
  CHECK(living == 0);
  CHECK(std::filesystem::is_empty(folder.path()));
  const auto nowhere = fakes::run(with_carry(what, "/nonexistent", fails_at_once));
  REQUIRE(nowhere.has_error());
  CHECK(base::name(nowhere.error().what) == base::name(outcome::local_error));
  const auto too_long = fakes::run(with_carry(what, folder.path() / std::string(120, 'x'), fails_at_once));
  REQUIRE(too_long.has_error());
  CHECK(base::name(too_long.error().what) == base::name(outcome::local_error));
}

namespace {

/// A child of ours, so another process, connects to the door first. Returns once it stands in the door's queue.
pid_t stranger_at(const std::string& path) {
  std::array<int, 2> told{};
  REQUIRE(::pipe2(told.data(), O_CLOEXEC) == 0);
  const auto pid = ::fork();
  if (pid != 0) {
    char byte = 0;
    ::close(told[1]);
    CHECK(::read(told[0], &byte, 1) == 1);
    ::close(told[0]);
    return pid;
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  char byte = 0;
  const bool came = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                    ::write(told[1], &byte, 1) == 1;
  const bool shut_out = came && ::read(fd, &byte, 1) <= 0;
  ::_exit(shut_out ? 0 : 1);
}

awaitable<void> come_in(std::string path, bool& came) {
  http::local_socket ours(co_await net::asio::this_coro::executor);
  const auto [ec] = co_await ours.async_connect(net::asio::local::stream_protocol::endpoint(path), net::as_result);
  came = !ec;
}

awaitable<bool> only_we_come_in(std::filesystem::path folder) {
  const auto executor = co_await net::asio::this_coro::executor;
  auto entrance = http::door::open(executor, folder);
  if (!entrance) co_return false;
  const auto path = entrance->path();
  struct stat info{};
  CHECK(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  const auto stranger = stranger_at(path);
  net::scope children(executor);
  std::optional<net::result<http::local_socket>> accepted;
  children.spawn(net::detail::keep(entrance->accept(), accepted));
  bool came = false;
  children.spawn(come_in(path, came));
  co_await children.join();
  CHECK_MESSAGE(came, "the door was shut behind the stranger");
  const bool open = accepted && *accepted;
  accepted.reset();
  int status = -1;
  ::waitpid(stranger, &status, 0);
  CHECK_MESSAGE(WEXITSTATUS(status) == 0, "a stranger was let in, or never came");
  co_return open && !std::filesystem::exists(path);
}

} // namespace

TEST_CASE("the door lets in this very process, once") {
  const fakes::scratch folder;
  CHECK(fakes::run(only_we_come_in(folder.path())));
  CHECK(std::filesystem::is_empty(folder.path()));
}
