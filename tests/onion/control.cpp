// The control port's client against a real tor, and against others that only claim to be one.
#include "onion/control.hpp"

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "net/deadline.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"
#include "tests/onion/scripted.hpp"

#include <sys/stat.h>

using namespace landfall;
using base::outcome;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using namespace fakes;

namespace {

asio::awaitable<net::result<void>> version(onion::control& tor) {
  auto asking = tor.get_info("version");
  const auto got = co_await std::move(asking);
  if (!got) co_return got.error();
  CHECK(*got == "0.4.9.11");
  co_return net::result<void>{};
}

asio::awaitable<net::result<void>> an_event(onion::control& tor) {
  auto waiting = tor.next_event();
  const auto got = co_await std::move(waiting);
  if (!got) co_return got.error();
  co_return net::result<void>{};
}

} // namespace

TEST_CASE("What answers on a control port is held to the specification") {
  struct row {
    std::string name;
    std::vector<std::string> replies;
    verb then;
    std::string expected;
  };
  std::string flood;
  for (int i = 0; i < 100'000; ++i) flood += "650 CIRC 1 BUILT\r\n";
  const row rows[] = {
      {"no proof is asked for", {no_proof, "250 OK\r\n"}, {}, "good"},
      {"a value", {no_proof, "250 OK\r\n", "250-version=0.4.9.11\r\n250 OK\r\n"}, version, "good"},
      {"an event comes first",
       {no_proof, "250 OK\r\n", "650 CIRC 1 BUILT\r\n250-version=0.4.9.11\r\n250 OK\r\n"},
       version,
       "good"},
      {"a hundred thousand events come first",
       {no_proof, "250 OK\r\n", flood + "250-version=0.4.9.11\r\n250 OK\r\n"},
       version,
       "good"},
      {"another key's value", {no_proof, "250 OK\r\n", "250-config=x\r\n250 OK\r\n"}, version, "malformed"},
      {"a refusal", {no_proof, "250 OK\r\n", "552 Unrecognized key\r\n"}, version, "proxy_failed"},
      {"it closes instead of answering", {no_proof, "250 OK\r\n"}, version, "reset_before_hello"},
      {"an answer that nobody asked for", {no_proof, "250 OK\r\n250 OK\r\n"}, an_event, "malformed"},
      {"authentication refused", {no_proof, "515 Bad authentication\r\n"}, {}, "proxy_failed"},
      {"it is a web server", {"HTTP/1.1 400 Bad Request\r\n\r\n"}, {}, "malformed"},
      {"a line without end", {std::string(200'000, 'x')}, {}, "too_large"},
      {"a reply without end", {"250-" + std::string(200'000, 'x')}, {}, "too_large"},
      {"a password is asked for and there is none",
       {"250-PROTOCOLINFO 1\r\n250-AUTH METHODS=HASHEDPASSWORD\r\n250 OK\r\n"},
       {},
       "proxy_failed"},
      {"a cookie file that is a device",
       {"250-PROTOCOLINFO 1\r\n250-AUTH METHODS=COOKIE,SAFECOOKIE COOKIEFILE=\"/dev/zero\"\r\n250 OK\r\n"},
       {},
       "local_error"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    scripted_tor tor{row.replies, {}};
    CHECK(said(fakes::run(with_script(tor, nobody(), row.then))) == row.expected);
  }
}

TEST_CASE("A program that does not know the cookie is told nothing more") {
  const fakes::scratch folder;
  const auto file = folder.put("cookie", std::string(32, 'c'));
  scripted_tor tor{
      {"250-PROTOCOLINFO 1\r\n250-AUTH METHODS=COOKIE,SAFECOOKIE COOKIEFILE=\"" + file + "\"\r\n250 OK\r\n",
       "250 AUTHCHALLENGE SERVERHASH=" + std::string(64, '0') + " SERVERNONCE=" + std::string(64, '1') + "\r\n",
       "250 OK\r\n"},
      {}};
  CHECK(said(fakes::run(with_script(tor, nobody(), {}))) == "proxy_failed");
  REQUIRE(tor.heard.size() == 2);
  CHECK(tor.heard[1].starts_with("AUTHCHALLENGE SAFECOOKIE "));
}

TEST_CASE("Only a plain file of 32 bytes is a cookie") {
  const fakes::scratch folder;
  const auto good = folder.put("good", std::string(32, 'c')), small = folder.put("small", std::string(31, 'c'));
  const auto link = folder.path() / "link", fifo = folder.path() / "fifo";
  std::filesystem::create_symlink(good, link);
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  struct row {
    std::string name;
    std::filesystem::path file;
    std::string expected;
  };
  const row rows[] = {
      {"a cookie", good, ""},
      {"too small", small, "32 bytes"},
      {"a link", link, "is a link"},
      {"a pipe", fifo, "no regular"},
      {"a device", "/dev/zero", "no regular"},
      {"a folder", folder.path(), "no regular"},
      {"nothing", folder.path() / "no", "cannot be read"},
      {"relative", "cookie", "absolute"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got = onion::read_cookie(row.file);
    const std::string why = got ? "" : got.error().detail;
    CHECK(why.find(row.expected) != why.npos);
    CHECK(got.has_value() == (row.expected.empty()));
  }
}

TEST_CASE("Nothing of an argument ends a command") {
  struct row {
    std::string name;
    verb then;
  };
  const row rows[] = {
      {"GETINFO", [](onion::control& tor) { return tor.set_events({"CIRC\r\nQUIT"}); }},
      {"SIGNAL", [](onion::control& tor) { return tor.signal("NEWNYM\nQUIT"); }},
      {"SETCONF key", [](onion::control& tor) { return tor.set_conf({{"A B", "1"}}); }},
      {"SETCONF value", [](onion::control& tor) { return tor.set_conf({{"A", "1\r\nQUIT"}}); }},
      {"DEL_ONION", [](onion::control& tor) { return tor.del_onion("a b"); }},
      {"ONION_CLIENT_AUTH_ADD", [](onion::control& tor) { return tor.add_client_auth("a", base::secret("k\r\n")); }},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    scripted_tor tor{{no_proof, "250 OK\r\n", "250 OK\r\n"}, {}};
    CHECK(said(fakes::run(with_script(tor, nobody(), row.then))) == "malformed");
    CHECK(tor.heard.size() == 2);
  }
}

namespace {

struct real_tor {
  fakes::scratch folder;
  std::uint16_t port = fakes::free_port();
  fakes::process program;

  explicit real_tor(const std::string& authentication)
      : program(
            {"tor", "-f",
             folder.put("torrc", "DisableNetwork 1\nSocksPort 0\nControlPort 127.0.0.1:" + std::to_string(port) +
                                     "\nDataDirectory " + (folder.path() / "data").string() + "\n" + authentication)},
            (folder.path() / "log").string()) {
    program.wait_for_port(port);
  }
  [[nodiscard]] onion::control_options options(std::string password = {}) const {
    return {asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), port), base::secret(std::move(password)), {}};
  }
};

asio::awaitable<net::result<void>> opens(onion::control_options options) {
  auto opening = onion::control::open(std::move(options));
  const auto got = co_await std::move(opening);
  if (!got) co_return got.error();
  CHECK((*got)->version().starts_with("0.4."));
  co_return net::result<void>{};
}

/// Every verb once; ownership last, so that tor has ended when the connection has.
asio::awaitable<net::result<void>> uses(onion::control_options options) {
  auto opening = onion::control::open(std::move(options));
  const auto got = co_await std::move(opening);
  if (!got) co_return got.error();
  auto& tor = **got;
  auto listening = tor.set_events({"STATUS_CLIENT", "CONF_CHANGED"});
  const auto listened = co_await std::move(listening);
  if (!listened) co_return listened.error();
  auto phasing = tor.get_info("status/bootstrap-phase");
  const auto phase = co_await std::move(phasing);
  if (!phase) co_return phase.error();
  const auto parsed = wire::bootstrap_phase::parse(*phase);
  CHECK((parsed && *parsed && (*parsed)->progress == 0));
  auto setting = tor.set_conf({{"Log", "notice stdout"}, {"Nickname", "changed"}});
  const auto set = co_await std::move(setting);
  if (!set) co_return set.error();
  auto waiting = tor.next_event();
  const auto event = co_await std::move(waiting);
  if (!event) co_return event.error();
  CHECK(event->lines.front().text.starts_with("CONF_CHANGED"));

  onion::onion_service service;
  service.ports.emplace_back(80, "127.0.0.1:8080");
  auto adding = tor.add_onion(std::move(service));
  const auto added = co_await std::move(adding);
  if (!added) co_return added.error();
  CHECK(added->id.size() == 56);
  onion::onion_service again;
  again.key = base::secret(added->key.reveal());
  again.ports.emplace_back(80, "127.0.0.1:8080");
  auto removing = tor.del_onion(added->id);
  const auto removed = co_await std::move(removing);
  if (!removed) co_return removed.error();
  auto readding = tor.add_onion(std::move(again));
  const auto readded = co_await std::move(readding);
  if (!readded) co_return readded.error();
  CHECK(readded->id == added->id);

  auto authorising = tor.add_client_auth(added->id, base::secret(base::to_base64(std::string(32, 'k'))));
  const auto authorised = co_await std::move(authorising);
  if (!authorised) co_return authorised.error();
  auto naming = tor.signal("NEWNYM");
  const auto named = co_await std::move(naming);
  if (!named) co_return named.error();
  auto taking = tor.take_ownership();
  auto taken = co_await std::move(taking);
  co_return taken;
}

} // namespace

TEST_CASE("A real tor: every way to authenticate") {
  struct row {
    std::string name;
    std::string authentication, password;
    std::string expected;
  };
  // The hash of "landfall", made by tor --hash-password.
  const std::string hashed = "HashedControlPassword 16:996028D7C2DCD90F60DC69DB1527765D9DB206EC2AE6EB7D4B673A4C9B\n";
  const row rows[] = {
      {"none", "", "", "good"},
      {"SAFECOOKIE", "CookieAuthentication 1\n", "", "good"},
      {"a password", hashed, "landfall", "good"},
      {"a wrong password", hashed, "landfal", "proxy_failed"},
      {"no password where one is asked for", hashed, "", "proxy_failed"},
      {"a needless password", "CookieAuthentication 1\n", "landfall", "good"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const real_tor tor(row.authentication);
    CHECK(said(fakes::run(opens(tor.options(row.password)))) == row.expected);
  }
}

TEST_CASE("A real tor does what it is told, and ends with its owner's connection") {
  real_tor tor("CookieAuthentication 1\n");
  CHECK(said(fakes::run(uses(tor.options()))) == "good");
  for (int i = 0; i < 500 && tor.program.running(); ++i) fakes::detail::pause(10);
  CHECK_FALSE(tor.program.running());
}
