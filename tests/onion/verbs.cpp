// Every verb of the control port's client, byte for byte: what is said, and what becomes of the answer.
#include "onion/control.hpp"
#include "tests/fakes/run.hpp"
#include "tests/onion/scripted.hpp"

using namespace landfall;
namespace asio = boost::asio;

namespace {

using text = net::result<std::string>;
using text_verb = std::function<asio::awaitable<text>(onion::control&)>;

asio::awaitable<text> silent(asio::awaitable<net::result<void>> verb) {
  const auto ended = co_await std::move(verb);
  if (!ended) co_return ended.error();
  co_return std::string();
}

asio::awaitable<text> added(onion::control& tor, onion::onion_service service) {
  auto adding = tor.add_onion(std::move(service));
  const auto got = co_await std::move(adding);
  if (!got) co_return got.error();
  co_return got->id + "/" + got->key.reveal();
}

onion::onion_service service_of(std::string key, std::vector<std::string> clients = {}, bool defended = true) {
  onion::onion_service out;
  out.key = base::secret(std::move(key));
  out.ports.emplace_back(80, "127.0.0.1:8080");
  out.client_keys = std::move(clients);
  out.defended = defended;
  return out;
}

asio::awaitable<text> three_events(onion::control& tor) {
  std::string out;
  for (int i = 0; i < 3; ++i) {
    auto waiting = tor.next_event();
    const auto event = co_await std::move(waiting);
    if (!event) co_return event.error();
    out += event->lines.front().text.substr(0, event->lines.front().text.find(' '));
    for (const auto& line : event->lines)
      if (line.data) out += "(" + *line.data + ")";
    out += ' ';
  }
  co_return out;
}

asio::awaitable<text> value_then_events(onion::control& tor) {
  auto asking = tor.get_info("a");
  const auto value = co_await std::move(asking);
  if (!value) co_return value.error();
  auto hearing = three_events(tor);
  const auto events = co_await std::move(hearing);
  if (!events) co_return events.error();
  co_return *value + ": " + *events;
}

/// "TEXT", or the class and text of the failure.
std::string told(const text& ended) {
  if (ended) return *ended;
  return fmt::format("{}: {}", base::name(ended.error().what), ended.error().detail);
}

} // namespace

TEST_CASE("Every verb says what control-spec.txt has for it, and reads the answer") {
  const auto info = [](const char* key) { return [key](onion::control& tor) { return tor.get_info(key); }; };
  const text_verb set_conf = [](onion::control& tor) {
    return silent(tor.set_conf({{"Bridge", "a \"b\" \\c"}, {"Bridge", "d"}, {"UseBridges", "1"}}));
  };
  const text_verb set_events = [](onion::control& tor) { return silent(tor.set_events({"CIRC", "STATUS_CLIENT"})); };
  const text_verb signal = [](onion::control& tor) { return silent(tor.signal("NEWNYM")); };
  const text_verb add = [](onion::control& tor) { return added(tor, service_of("")); };
  const text_verb add_again = [](onion::control& tor) { return added(tor, service_of("ED25519-V3:AA==", {}, false)); };
  const text_verb add_private = [](onion::control& tor) { return added(tor, service_of("", {"KEYA", "KEYB"})); };
  const text_verb del = [](onion::control& tor) { return silent(tor.del_onion("abc")); };
  const text_verb own = [](onion::control& tor) { return silent(tor.take_ownership()); };
  const text_verb authorise = [](onion::control& tor) {
    return silent(tor.add_client_auth("abc", base::secret("a2V5+/=")));
  };
  const text_verb forget = [](onion::control& tor) { return silent(tor.remove_client_auth("abc")); };
  using lines = std::vector<std::string>;
  const std::string ok = "250 OK\r\n",
                    new_onion = "ADD_ONION NEW:ED25519-V3 PoWDefensesEnabled=1 Port=80,127.0.0.1:8080";
  const std::string service = "250-ServiceID=abc\r\n250-PrivateKey=ED25519-V3:AA==\r\n250 OK\r\n";
  struct row {
    std::string name;
    text_verb what;
    lines replies, heard;
    std::string expected;
  };
  // clang-format off
  const row rows[] = {
      {"GETINFO", info("version"), {"250-version=0.4\r\n" + ok}, {"GETINFO version"}, "0.4"},
      {"GETINFO, empty", info("a"), {"250-a=\r\n" + ok}, {"GETINFO a"}, ""},
      {"GETINFO, data", info("a/b"), {"250+a/b=\r\none\r\n\r\n..\r\n..dot\r\n.\r\n" + ok}, {"GETINFO a/b"}, "one\n\n.\n.dot"},
      {"GETINFO, no data", info("a"), {"250+a=\r\n.\r\n" + ok}, {"GETINFO a"}, ""},
      {"GETINFO, of another key", info("a"), {"250-ab=1\r\n" + ok}, {"GETINFO a"},
       "malformed: tor answers GETINFO with something else"},
      {"events before, one of them with data, and after", value_then_events,
       {"650 CIRC 1\r\n650+NS\r\nr x\r\n.\r\n650 OK\r\n250-a=1\r\n" + ok + "650 BW 0 0\r\n"}, {"GETINFO a"},
       "1: CIRC NS(r x) BW "},
      {"SETCONF", set_conf, {ok}, {R"(SETCONF Bridge="a \"b\" \\c" Bridge="d" UseBridges="1")"}, ""},
      {"SETCONF refused", set_conf, {"513 Unacceptable option value: secret\r\n"},
       {R"(SETCONF Bridge="a \"b\" \\c" Bridge="d" UseBridges="1")"}, "proxy_failed: tor refuses SETCONF: 513"},
      {"SETEVENTS", set_events, {ok}, {"SETEVENTS CIRC STATUS_CLIENT"}, ""},
      {"SIGNAL", signal, {ok}, {"SIGNAL NEWNYM"}, ""},
      {"SIGNAL refused", signal, {"552 Unrecognized signal code\r\n"}, {"SIGNAL NEWNYM"},
       "proxy_failed: tor refuses SIGNAL: 552"},
      {"ADD_ONION", add, {service}, {new_onion}, "abc/ED25519-V3:AA=="},
      {"ADD_ONION of a key", add_again, {"250-ServiceID=abc\r\n" + ok}, {"ADD_ONION ED25519-V3:AA== Port=80,127.0.0.1:8080"},
       "abc/"},
      {"ADD_ONION with clients", add_private, {service},
       {"ADD_ONION NEW:ED25519-V3 Flags=V3Auth PoWDefensesEnabled=1 Port=80,127.0.0.1:8080 ClientAuthV3=KEYA "
        "ClientAuthV3=KEYB"},
       "abc/ED25519-V3:AA=="},
      {"ADD_ONION of a tor without proof of work", add, {"512 Bad arguments\r\n", service},
       {new_onion, "ADD_ONION NEW:ED25519-V3 Port=80,127.0.0.1:8080"}, "abc/ED25519-V3:AA=="},
      {"ADD_ONION, no service", add, {ok}, {new_onion}, "malformed: tor answers ADD_ONION without a service"},
      {"ADD_ONION, the key withheld", add, {"250-ServiceID=abc\r\n" + ok}, {new_onion},
       "malformed: tor answers ADD_ONION without a service"},
      {"DEL_ONION", del, {ok}, {"DEL_ONION abc"}, ""},
      {"DEL_ONION of none", del, {"552 Unknown Onion Service id\r\n"}, {"DEL_ONION abc"},
       "proxy_failed: tor refuses DEL_ONION: 552"},
      {"TAKEOWNERSHIP", own, {ok}, {"TAKEOWNERSHIP"}, ""},
      {"ONION_CLIENT_AUTH_ADD", authorise, {ok}, {"ONION_CLIENT_AUTH_ADD abc x25519:a2V5+/="}, ""},
      {"ONION_CLIENT_AUTH_ADD, known already", authorise, {"251 Client for onion existed and replaced\r\n"},
       {"ONION_CLIENT_AUTH_ADD abc x25519:a2V5+/="}, ""},
      {"ONION_CLIENT_AUTH_REMOVE", forget, {ok}, {"ONION_CLIENT_AUTH_REMOVE abc"}, ""},
  };
  // clang-format on
  for (const auto& row : rows) {
    CAPTURE(row.name);
    lines replies{fakes::no_proof, "250 OK\r\n"};
    replies.insert(replies.end(), row.replies.begin(), row.replies.end());
    fakes::scripted_tor tor{std::move(replies), {}};
    std::string got;
    const fakes::verb keeping = [&](onion::control& of) -> asio::awaitable<net::result<void>> {
      auto doing = row.what(of);
      const auto ended = co_await std::move(doing);
      got = told(ended);
      co_return net::result<void>{};
    };
    CHECK(fakes::said(fakes::run(fakes::with_script(tor, fakes::nobody(), keeping))) == "good");
    CHECK(got == row.expected);
    lines heard{"PROTOCOLINFO 1", "AUTHENTICATE"};
    heard.insert(heard.end(), row.heard.begin(), row.heard.end());
    CHECK(tor.heard == heard);
  }
}
