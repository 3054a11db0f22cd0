// Certificates with odd names: what they are good for, and what not.
#include "http/client.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"
#include "tests/fakes/test_ca.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace landfall;
using base::outcome;

namespace {

/// So many, ours the last.
std::vector<std::string> names(int many) {
  std::vector<std::string> out;
  for (int i = 1; i < many; ++i) out.push_back(fmt::format("host-{}.example", i));
  out.emplace_back("front.example");
  return out;
}

} // namespace

TEST_CASE("which names a certificate is good for") {
  const fakes::test_ca ca;
  const fakes::scratch folder;
  const auto authority = folder.put("ca", ca.pem());
  using std::string_literals::operator""s;
  struct row {
    std::string name;
    std::vector<std::string> in_certificate;
    const char* host;
    bool good;
    outcome otherwise = outcome::tls_certificate;
  };
  const row rows[] = {
      {"the name", {"front.example"}, "front.example", true},
      {"in other letters", {"FRONT.Example"}, "front.example", true},
      {"one of several", {"a.example", "front.example"}, "front.example", true},
      {"another", {"other.example"}, "front.example", false},
      {"one that begins with it", {"front.example.evil"}, "front.example", false},
      {"one that ends with it", {"evil-front.example"}, "front.example", false},
      {"a NUL behind it", {"front.example\0.evil"s}, "front.example", false},
      {"a NUL behind it, and nothing", {"front.example\0"s}, "front.example", false},
      {"a dot behind it", {"front.example."}, "front.example", false},
      {"white space behind it", {"front.example "}, "front.example", false},
      {"a wildcard", {"*.b.example"}, "a.b.example", true},
      {"a wildcard of a top-level domain", {"*.example"}, "front.example", false},
      {"a wildcard does not reach two labels down", {"*.example"}, "a.b.example", false},
      {"nor none", {"*.front.example"}, "front.example", false},
      {"a part of a label", {"f*.example"}, "front.example", false},
      {"a wildcard alone", {"*"}, "front.example", false},
      {"a wildcard of everything", {"*.*"}, "front.example", false},
      {"a wildcard in the middle", {"a.*.example"}, "a.b.example", false},
      {"an address as a name", {"127.0.0.1"}, "127.0.0.1", false},
      {"a wildcard for an address", {"*.0.0.1"}, "127.0.0.1", false},
      {"a name in punycode", {"xn--bcher-kva.example"}, "xn--bcher-kva.example", true},
      {"a wildcard for a name in punycode", {"*.b.example"}, "xn--bcher-kva.b.example", true},
      {"a name in UTF-8",
       {"b\xc3\xbc"
        "cher.example"},
       "xn--bcher-kva.example",
       false},
      {"four thousand names", names(4000), "front.example", true},
      {"ten thousand: more than OpenSSL takes of a server", names(10'000), "front.example", false, outcome::malformed},
      {"an empty name", {""}, "front.example", false},
      {"no name, and the common name is right", {}, "server.example", false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto who = ca.issue_for(row.in_certificate, "server.example");
    const auto port = fakes::free_port();
    const fakes::scratch own;
    fakes::process server({fakes::openssl_program(), "s_server", "-www", "-quiet", "-accept",
                           "127.0.0.1:" + std::to_string(port), "-cert", own.put("cert", who.certificate), "-key",
                           own.put("key", who.key)});
    server.wait_for_port(port);
    for (const bool sni : {true, false}) {
      CAPTURE(sni);
      net::asio::io_context context;
      http::resolver names(context.get_executor(), {});
      http::client client(context.get_executor(), {}, names);
      http::request what;
      what.url = fmt::format("https://{}:{}/", row.host, port);
      what.addresses = {net::asio::ip::address_v4::loopback()};
      what.ca_file = authority;
      what.max_body = 64 * 1024;
      what.sni = sni;
      const auto got = fakes::run_on(context, client.get(what));
      CHECK(got.has_value() == row.good);
      if (got.has_error()) CHECK(base::name(got.error().what) == base::name(row.otherwise));
    }
  }
}
