// webtunnel against nginx, and against servers that answer wrongly; through real proxies.
#include "ptclient/webtunnel.hpp"

#include "tests/fakes/hostile_server.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"
#include "tests/fakes/test_ca.hpp"
#include "tests/ptclient/far_end.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <fmt/format.h>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;
using base::stage;
using net::awaitable;
namespace asio = boost::asio;
using tcp = asio::ip::tcp;

namespace {

using arguments = std::vector<std::pair<std::string, std::string>>;

/// Files of an authority that OpenSSL takes for the system's, and of a server that it certifies.
struct authority {
  fakes::scratch folder;
  fakes::test_ca ca;
  fakes::identity who = ca.issue("DNS:tunnel.example,IP:127.0.0.1");
  std::string certificate = folder.put("cert", who.certificate), key = folder.put("key", who.key);
  authority() { ::setenv("SSL_CERT_FILE", folder.put("ca", ca.pem()).c_str(), 1); }
};

const std::string switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

/// A TLS server that says `answer` after a request's head, `piece` bytes at a time, then echoes.
struct tls_server {
  std::string answer;
  std::size_t piece;
  asio::ssl::context context{asio::ssl::context::tls_server};
  std::string asked{}, alpn{};

  tls_server(const authority& by, std::string says, std::size_t pieces = 1 << 20)
      : answer(std::move(says)), piece(pieces) {
    context.use_certificate_chain_file(by.certificate);
    context.use_private_key_file(by.key, asio::ssl::context::pem);
    SSL_CTX_set_alpn_select_cb(context.native_handle(), &choose, this);
  }
  static int choose(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned int in_size,
                    void* self) {
    static_cast<tls_server*>(self)->alpn.assign(reinterpret_cast<const char*>(in), in_size);
    *out = in + 1;
    *size = in[0];
    return SSL_TLSEXT_ERR_OK;
  }
  awaitable<void> serve(tcp::socket peer) {
    asio::ssl::stream<tcp::socket> tls(std::move(peer), context);
    const auto [shaken] = co_await tls.async_handshake(asio::ssl::stream_base::server, net::as_result);
    if (shaken) co_return;
    const auto [read, size] =
        co_await asio::async_read_until(tls, asio::dynamic_buffer(asked), "\r\n\r\n", net::as_result);
    if (read) co_return;
    for (std::size_t at = 0; at < answer.size(); at += piece) {
      const auto part = answer.substr(at, piece);
      const auto [wrote, sent] = co_await asio::async_write(tls, asio::buffer(part), net::as_result);
      if (wrote) co_return;
    }
    co_await fakes::echo_on(tls);
  }
};

awaitable<std::string> read(net::stream& from, std::size_t size) {
  std::string out;
  std::array<char, 512> some{};
  while (out.size() < size) {
    auto got = co_await from.read_some(asio::buffer(some));
    if (!got || *got == 0) break;
    out.append(some.data(), *got);
  }
  co_return out;
}

/// Opens, says "hello " and a large text, and returns what comes back in front of it.
awaitable<net::result<std::string>> tunnel(arguments line, std::size_t glued, ptclient::outward how) {
  const auto executor = co_await asio::this_coro::executor;
  http::resolver names(executor, fakes::no_names());
  auto to = ptclient::webtunnel_target_of(line);
  if (!to) co_return to.error();
  ptclient::webtunnel_limits limits{1s, 2s, 2s};
  auto opened = co_await ptclient::open_webtunnel(std::move(*to), std::move(how), names, {}, std::move(limits));
  if (!opened) co_return opened.error();
  auto ready = co_await (*opened)->readable(); // also where it has nothing to say: then it waits for the echo below
  if (glued > 0) CHECK(ready.has_value());
  auto out = co_await read(**opened, glued);
  const std::string large(300'000, 'x');
  net::scope writing(executor);
  std::optional<net::result<void>> wrote;
  writing.spawn(
      [](net::stream& on, const std::string& text, std::optional<net::result<void>>& done) -> awaitable<void> {
        auto sent = co_await on.write(asio::buffer(text));
        done.emplace(std::move(sent));
      }(**opened, large, wrote));
  const auto back = co_await read(**opened, large.size());
  co_await writing.join();
  CHECK(wrote->has_value());
  CHECK(back == large);
  (*opened)->close();
  co_return out;
}

awaitable<net::result<std::string>> against(tls_server& server, std::size_t glued, arguments more) {
  const auto executor = co_await asio::this_coro::executor;
  fakes::hostile_server listening(executor, [&server](tcp::socket peer) { return server.serve(std::move(peer)); });
  net::scope children(executor);
  children.spawn(listening.serve());
  arguments line{{"url", fmt::format("https://127.0.0.1:{}/5m9yq0j4", listening.port())}};
  line.insert(line.end(), more.begin(), more.end());
  ptclient::outward how;
  auto out = co_await tunnel(std::move(line), glued, std::move(how));
  children.cancel();
  co_await children.join();
  co_return out;
}

net::result<std::string> meets(tls_server& server, std::size_t glued = 5, arguments more = {}) {
  return fakes::run(against(server, glued, std::move(more)));
}

} // namespace

TEST_CASE("arguments of webtunnel") {
  struct row {
    arguments line;
    std::string host, name, path;
    int port;
    std::string address;
  };
  for (const auto& [line, host, name, path, port, address] : {
           row{{{"url", "https://Tunnel.Example/Secret"}}, "tunnel.example", "tunnel.example", "/Secret", 443, ""},
           row{{{"url", "https://tunnel.example:8443"}, {"ver", "0.0.1"}, {"utls", "hellofirefox_auto"}},
               "tunnel.example",
               "tunnel.example",
               "/",
               8443,
               ""},
           row{{{"servername", "cdn.example"}, {"url", "https://tunnel.example/a%20b/c"}},
               "tunnel.example",
               "cdn.example",
               "/a%20b/c",
               443,
               ""},
           row{{{"url", "https://[2001:db8::1]/x"}, {"addr", "192.0.2.1:444"}},
               "2001:db8::1",
               "2001:db8::1",
               "/x",
               444,
               "192.0.2.1"},
           row{{{"url", "https://tunnel.example:1/x"}, {"addr", "[2001:db8::2]"}},
               "tunnel.example",
               "tunnel.example",
               "/x",
               1,
               "2001:db8::2"},
       }) {
    CAPTURE(host);
    const auto to = ptclient::webtunnel_target_of(line);
    REQUIRE_MESSAGE(to.has_value(), to.error().detail);
    CHECK(to->host.reveal() == host);
    CHECK(to->name.reveal() == name);
    CHECK(to->path.reveal() == path);
    CHECK(to->port == port);
    CHECK((to->address ? to->address->reveal() : "") == address);
  }
  for (const arguments& line :
       std::vector<arguments>{{},
                              {{"url", ""}},
                              {{"url", "http://tunnel.example/x"}},
                              {{"url", "https:///x"}},
                              {{"url", "https://u:p@tunnel.example/x"}},
                              {{"url", "https://tunnel.example:0/x"}},
                              {{"url", "https://127.1/x"}},
                              {{"url", "https://a/ b"}},
                              {{"url", "https://tunnel.example/x"}, {"servername", "a b"}},
                              {{"url", "https://tunnel.example/x"}, {"servername", ""}},
                              {{"url", "https://tunnel.example/x"}, {"addr", "tunnel.example"}}}) {
    const auto to = ptclient::webtunnel_target_of(line);
    REQUIRE_FALSE(to.has_value());
    CHECK(to.error().what == outcome::malformed);
  }
}

TEST_CASE("a tunnel, and the bytes behind the answer's head, however they come") {
  const authority by;
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1 << 20}}) {
    CAPTURE(piece);
    tls_server server(by, switching + "glued", piece);
    const auto got = meets(server);
    REQUIRE_MESSAGE(got.has_value(), base::to_string(got.error()));
    CHECK(*got == "glued");
    CHECK(server.alpn == "\x08http/1.1");
    CHECK(server.asked.starts_with("GET /5m9yq0j4 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"));
    CHECK(server.asked.find("\r\nUser-Agent: Mozilla/5.0 ") != std::string::npos);
    CHECK(server.asked.find("\r\nUpgrade: websocket\r\n") != std::string::npos);
  }
  tls_server named(by, switching + "glued");
  REQUIRE(meets(named, 5, {{"servername", "tunnel.example"}}).has_value());
  CHECK(named.asked.find("\r\nHost: tunnel.example\r\n") != std::string::npos);
}

TEST_CASE("servers that open no tunnel") {
  const authority by;
  struct row {
    std::string answer;
    outcome what;
    stage at;
    int code;
    arguments more{};
  };
  for (const auto& [answer, what, at, code, more] : {
           row{"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nshop", outcome::http_status, stage::handshake, 200},
           row{"HTTP/1.1 301 Moved\r\nLocation: https://other.example/\r\n\r\n", outcome::http_status, stage::handshake,
               301},
           row{"HTTP/1.1 404 Not Found\r\n\r\n", outcome::http_status, stage::handshake, 404},
           row{"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\n\r\n", outcome::malformed, stage::handshake, 0},
           row{"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n", outcome::malformed, stage::handshake, 0},
           row{"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", outcome::malformed,
               stage::handshake, 0},
           row{"HTTP/1.1 101 Switching\r\nX: " + std::string(20'000, 'y'), outcome::too_large, stage::handshake, 0},
           row{"220 mail.example ESMTP\r\n", outcome::malformed, stage::handshake, 0},
           row{"", outcome::timed_out, stage::handshake, 0},
           row{switching, outcome::tls_certificate, stage::tls, 0, {{"servername", "other.example"}}},
       }) {
    CAPTURE(answer.substr(0, 60));
    tls_server server(by, answer);
    const auto got = meets(server, 0, more);
    REQUIRE_FALSE(got.has_value());
    CHECK_MESSAGE(got.error().what == what, base::to_string(got.error()));
    CHECK(got.error().at == at);
    CHECK(got.error().code == code);
  }
}

namespace {

/// nginx with the tunnel's secret path in front of a server that upgrades, and a shop everywhere else.
struct nginx {
  std::uint16_t port = fakes::free_port();
  fakes::scratch folder;
  fakes::process program;
  nginx(const authority& by, std::uint16_t behind)
      : program(
            {"nginx", "-p", folder.path().string(), "-e", folder.path() / "errors", "-c", configuration(by, behind)},
            folder.path() / "log") {
    program.wait_for_port(port);
  }
  std::string configuration(const authority& by, std::uint16_t behind) const {
    return folder.put("nginx.conf",
                      fmt::format("daemon off; master_process off; pid {0}/pid; events {{}} http {{ access_log off;\n"
                                  "client_body_temp_path {0}/a; proxy_temp_path {0}/b; fastcgi_temp_path {0}/c;\n"
                                  "uwsgi_temp_path {0}/d; scgi_temp_path {0}/e;\n"
                                  "server {{ listen 127.0.0.1:{1} ssl; ssl_certificate {2}; ssl_certificate_key {3};\n"
                                  "location = /5m9yq0j4 {{ proxy_pass http://127.0.0.1:{4}; proxy_http_version 1.1;\n"
                                  "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }}\n"
                                  "location / {{ return 200 shop; }} }} }}\n",
                                  folder.path().string(), port, by.certificate, by.key, behind));
  }
};

/// What stands behind nginx: upgrades, then echoes.
awaitable<void> upgrade_and_echo(tcp::socket peer) {
  std::string asked;
  const auto [read_ec, size] =
      co_await asio::async_read_until(peer, asio::dynamic_buffer(asked), "\r\n\r\n", net::as_result);
  if (read_ec) co_return;
  const auto answer = switching + "glued";
  (void)co_await asio::async_write(peer, asio::buffer(answer), net::as_result);
  co_await fakes::echo_on(peer);
}

awaitable<net::result<std::string>> through_nginx(const authority& by, std::string path, ptclient::outward how) {
  const auto executor = co_await asio::this_coro::executor;
  fakes::hostile_server behind(executor, &upgrade_and_echo);
  net::scope children(executor);
  children.spawn(behind.serve());
  const nginx front(by, behind.port());
  arguments line{{"url", fmt::format("https://127.0.0.1:{}{}", front.port, path)}, {"servername", "tunnel.example"}};
  auto out = co_await tunnel(std::move(line), 5, std::move(how));
  children.cancel();
  co_await children.join();
  co_return out;
}

} // namespace

TEST_CASE("a tunnel through nginx") {
  const authority by;
  const auto got = fakes::run(through_nginx(by, "/5m9yq0j4", {}));
  REQUIRE_MESSAGE(got.has_value(), base::to_string(got.error()));
  CHECK(*got == "glued");
  const auto shop = fakes::run(through_nginx(by, "/wrong", {}));
  REQUIRE_FALSE(shop.has_value());
  CHECK(shop.error().what == outcome::http_status);
  CHECK(shop.error().code == 200);
}

TEST_CASE("a tunnel through an upstream proxy, and none past it") {
  const authority by;
  const auto port = fakes::free_port();
  const auto at = std::to_string(port);
  const fakes::scratch folder;
  const auto proxied = [&by, port](http::proxy_kind kind, std::string user, std::string password) {
    ptclient::outward how;
    how.upstream =
        http::proxy{kind, "127.0.0.1", port, base::sensitive(std::move(user)), base::sensitive(std::move(password))};
    return fakes::run(through_nginx(by, "/5m9yq0j4", how));
  };
  const auto fails = [&proxied](http::proxy_kind kind, std::string password) {
    const auto got = proxied(kind, "user", std::move(password));
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error().what == outcome::proxy_failed);
    CHECK(got.error().at == stage::proxy);
  };
  fails(http::proxy_kind::socks5, "none there");
  {
    fakes::process socks({"microsocks", "-i", "127.0.0.1", "-p", at, "-u", "user", "-P", "pass word"},
                         folder.path() / "log");
    socks.wait_for_port(port);
    const auto got = proxied(http::proxy_kind::socks5, "user", "pass word");
    CHECK_MESSAGE(got.has_value(), base::to_string(got.error()));
    fails(http::proxy_kind::socks5, "wrong");
    fails(http::proxy_kind::http, "it speaks no HTTP");
  }
  const auto conf = folder.put("conf", "Port " + at + "\nListen 127.0.0.1\nBasicAuth user password\n");
  fakes::process http({"tinyproxy", "-d", "-c", conf}, folder.path() / "log");
  http.wait_for_port(port);
  const auto got = proxied(http::proxy_kind::http, "user", "password");
  CHECK_MESSAGE(got.has_value(), base::to_string(got.error()));
  fails(http::proxy_kind::http, "wrong");
}
