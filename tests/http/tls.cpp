// http::client against real servers: openssl s_server of our own version, and Debian's nginx.
#include "http/client.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"
#include "tests/fakes/test_ca.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <ctime>

using namespace landfall;
using namespace std::chrono_literals;
using base::outcome;

namespace {

constexpr std::int64_t day = 24 * 3600;

net::result<http::response> get(http::request what, net::socket_options socket = {}) {
  net::asio::io_context context;
  http::resolver names(context.get_executor(), {}); // localhost alone
  http::client client(context.get_executor(), socket, names);
  return fakes::run_on(context, client.get(std::move(what)));
}

/// `openssl s_server -www`, whose page tells of the handshake.
struct tls_server {
  fakes::scratch folder;
  std::uint16_t port = fakes::free_port();
  fakes::process program;
  explicit tls_server(const fakes::identity& who, const std::vector<std::string>& more = {})
      : program(arguments(who, more), (folder.path() / "log").string()) {
    program.wait_for_port(port);
  }
  std::vector<std::string> arguments(const fakes::identity& who, const std::vector<std::string>& more) const {
    std::vector<std::string> out{fakes::openssl_program(),
                                 "s_server",
                                 "-www",
                                 "-quiet",
                                 "-accept",
                                 "127.0.0.1:" + std::to_string(port),
                                 "-cert",
                                 folder.put("cert.pem", who.certificate),
                                 "-key",
                                 folder.put("key.pem", who.key)};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
};

struct authority {
  fakes::test_ca ca;
  fakes::scratch folder;
  std::string file = folder.put("ca.pem", ca.pem());
};

http::request request_to(std::uint16_t port, const std::string& ca, const char* host = "localhost") {
  http::request what;
  what.url = fmt::format("https://{}:{}/", host, port);
  what.ca_file = ca;
  what.max_body = 64 * 1024;
  return what;
}

} // namespace

TEST_CASE("libcurl runs on our OpenSSL, which has the post-quantum algorithms") {
  const auto text = http::client::versions();
  CAPTURE(text);
  const auto at = text.find("OpenSSL/");
  REQUIRE(at != std::string::npos);
  const int major = std::stoi(text.substr(at + 8)), minor = std::stoi(text.substr(text.find('.', at) + 1));
  CHECK(major * 100 + minor >= 305);
  CHECK(text.starts_with("libcurl/"));
  CHECK(text.find("c-ares/") != std::string::npos);
}

TEST_CASE("the hybrid group is offered first and TLS 1.3 spoken") {
  const authority test;
  const tls_server server(test.ca.issue("DNS:localhost,IP:127.0.0.1"));
  std::string stages;
  auto what = request_to(server.port, test.file);
  what.progress = [&stages](base::stage at) { stages += std::string(base::name(at)) + " "; };
  const auto got = get(what);
  REQUIRE(got.has_value());
  CHECK(got->tls_group == "X25519MLKEM768");
  CHECK(got->tls_version == "TLSv1.3");
  CHECK(got->body.find("TLSv1.3") != std::string::npos);
  CHECK(stages == "connect tls body ");
  CHECK(get(request_to(server.port, test.file, "127.0.0.1")).has_value());
}

TEST_CASE("a server of TLS 1.2 is spoken to, one of TLS 1.1 is not") {
  const authority test;
  const auto who = test.ca.issue("DNS:localhost");
  const tls_server twelve(who, {"-tls1_2"});
  const auto got = get(request_to(twelve.port, test.file));
  REQUIRE(got.has_value());
  CHECK(got->tls_version == "TLSv1.2");
  const tls_server eleven(who, {"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"});
  const auto refused = get(request_to(eleven.port, test.file));
  REQUIRE(refused.has_error());
  CAPTURE(base::to_string(refused.error()));
  CHECK(base::name(refused.error().what) == base::name(outcome::malformed));
}

TEST_CASE("certificates are judged by chain, name, pins and dates, and dates alone are told apart") {
  const authority test, other;
  const auto good = test.ca.issue("DNS:localhost");
  const auto expired = test.ca.issue("DNS:localhost", {-40 * day, -10 * day});
  const auto future = test.ca.issue("DNS:localhost", {10 * day, 40 * day});
  const auto misnamed = test.ca.issue("DNS:elsewhere.example");
  const auto misnamed_expired = test.ca.issue("DNS:elsewhere.example", {-40 * day, -10 * day});
  const auto now = static_cast<base::unix_time>(std::time(nullptr));
  const std::string wrong_pin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  struct row {
    std::string name;
    const fakes::identity& server;
    std::string ca;
    std::vector<std::string> pins;
    std::optional<base::unix_time> time;
    bool ignore_dates;
    std::optional<outcome> failed;
  };
  const row rows[] = {
      {"right", good, test.file, {}, {}, false, {}},
      {"right and pinned", good, test.file, {wrong_pin, good.pin}, {}, false, {}},
      {"right but for the pin", good, test.file, {wrong_pin}, {}, false, outcome::tls_certificate},
      {"an unknown authority", good, other.file, {}, {}, false, outcome::tls_certificate},
      {"pinned, but of an unknown authority", good, other.file, {good.pin}, {}, false, outcome::tls_certificate},
      {"the system's authorities", good, "", {}, {}, false, outcome::tls_certificate},
      {"another name", misnamed, test.file, {}, {}, false, outcome::tls_certificate},
      {"expired", expired, test.file, {}, {}, false, outcome::clock_suspect},
      {"not yet valid", future, test.file, {}, {}, false, outcome::clock_suspect},
      {"expired, dates ignored", expired, test.file, {}, {}, true, {}},
      {"expired, dates ignored, another pin", expired, test.file, {wrong_pin}, {}, true, outcome::tls_certificate},
      {"expired, and another pin", expired, test.file, {wrong_pin}, {}, false, outcome::tls_certificate},
      {"expired, and an unknown authority", expired, other.file, {}, {}, false, outcome::tls_certificate},
      {"expired, an unknown authority, dates ignored", expired, other.file, {}, {}, true, outcome::tls_certificate},
      {"expired, and another name", misnamed_expired, test.file, {}, {}, false, outcome::tls_certificate},
      {"another name, dates ignored", misnamed_expired, test.file, {}, {}, true, outcome::tls_certificate},
      {"good now, judged in three years", good, test.file, {}, now + 1000 * day, false, outcome::clock_suspect},
      {"good now, judged in 2015", good, test.file, {}, 1420070400, false, outcome::clock_suspect},
      {"good now, judged in 2015, dates ignored", good, test.file, {}, 1420070400, true, {}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const tls_server server(row.server);
    auto what = request_to(server.port, row.ca);
    what.pins = row.pins;
    what.tls_time = row.time;
    what.ignore_dates = row.ignore_dates;
    const auto got = get(what);
    CHECK(got.has_error() == row.failed.has_value());
    if (!got.has_error()) continue;
    CAPTURE(base::to_string(got.error()));
    CHECK(base::name(got.error().what) == base::name(row.failed.value_or(outcome::won)));
    CHECK(got.error().at == base::stage::tls);
  }
}

TEST_CASE("no server_name when told so, and the certificate is checked for it all the same") {
  const authority test;
  const auto named = test.ca.issue("DNS:localhost"), unnamed = test.ca.issue("DNS:elsewhere.example");
  const fakes::scratch folder;
  // Shows the second certificate to whoever names localhost.
  const tls_server server(unnamed, {"-servername", "localhost", "-cert2", folder.put("c", named.certificate), "-key2",
                                    folder.put("k", named.key)});
  auto what = request_to(server.port, test.file);
  CHECK(get(what).has_value());
  what.sni = false;
  const auto got = get(what);
  REQUIRE(got.has_error());
  CHECK(got.error().what == outcome::tls_certificate);
}

TEST_CASE("a CA file that is not there is our own fault") {
  const authority test;
  const tls_server server(test.ca.issue("DNS:localhost"));
  const auto got = get(request_to(server.port, "/nonexistent/ca.pem"));
  REQUIRE(got.has_error());
  CHECK(base::name(got.error().what) == base::name(outcome::local_error));
}

TEST_CASE("nginx: HTTP/2, what we send, tags, and other answers") {
  const authority test;
  const auto who = test.ca.issue("DNS:localhost");
  const auto port = fakes::free_port();
  const fakes::scratch folder;
  const auto path = folder.path().string();
  folder.put("cert.pem", who.certificate);
  folder.put("key.pem", who.key);
  folder.put("site/list", std::string(100'000, 'l'));
  const auto config = folder.put("nginx.conf", fmt::format(R"(
daemon off; master_process off; pid {0}/pid; error_log stderr;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;
  server {{
    listen 127.0.0.1:{1} ssl http2;
    ssl_certificate {0}/cert.pem; ssl_certificate_key {0}/key.pem;
    root {0}/site;
    gzip on; gzip_min_length 1; gzip_types *;
    location = /asked {{ return 200 "$server_protocol|$http_accept_encoding|$http_user_agent|$http_cookie|$host"; }}
    location = /same {{ return 304; }}
    location = /away {{ return 301 https://localhost/; }}
  }}
}})",
                                                           path, port));
  fakes::process server({"/usr/sbin/nginx", "-p", path, "-c", config}, path + "/log");
  server.wait_for_port(port);
  const auto ask = [&](const std::string& what, std::optional<std::string> tag = {}) {
    auto request = request_to(port, test.file);
    request.url += what;
    request.if_none_match = std::move(tag);
    request.max_body = 100'000;
    return get(request);
  };
  const auto asked = ask("asked");
  REQUIRE(asked.has_value());
  CHECK(asked->body == "HTTP/2.0||Mozilla/5.0||localhost");
  const auto list = ask("list");
  REQUIRE(list.has_value());
  CHECK(list->body == std::string(100'000, 'l'));
  struct row {
    std::string path;
    std::optional<std::string> tag;
    outcome expected;
    int code;
  };
  for (const auto& row : {row{"none", {}, outcome::http_status, 404}, row{"away", {}, outcome::http_status, 301},
                          row{"same", "\"00\"", outcome::not_modified, 304}}) {
    CAPTURE(row.path);
    const auto got = ask(row.path, row.tag);
    REQUIRE(got.has_error());
    CHECK(base::name(got.error().what) == base::name(row.expected));
    CHECK(got.error().code == row.code);
  }
}

TEST_CASE("libcurl's sockets come from the one factory") {
  const authority test;
  const tls_server server(test.ca.issue("DNS:localhost"));
  const auto refused = get(request_to(server.port, test.file), {.interface = "landfall-none"});
  REQUIRE(refused.has_error());
  CHECK(base::name(refused.error().what) == base::name(outcome::local_error));

  const net::socket_options marked{.fwmark = 0x2a};
  int seen = 0;
  auto what = request_to(server.port, test.file);
  what.progress = [&seen](base::stage) { // looks among our descriptors for one with the mark
    for (int descriptor = 3; descriptor < 256; ++descriptor) {
      std::uint32_t mark = 0;
      socklen_t size = sizeof mark;
      if (::getsockopt(descriptor, SOL_SOCKET, SO_MARK, &mark, &size) == 0 && mark == 0x2a) ++seen;
    }
  };
  const auto got = get(what, marked);
  const bool may = net::check(marked).has_value();
  CHECK(got.has_value() == may);
  CHECK((seen > 0) == may);
}
