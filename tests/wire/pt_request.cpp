#include "wire/pt_request.hpp"

#include <doctest/doctest.h>

using namespace landfall;

namespace {

using variables = std::map<std::string, std::string>;

std::optional<std::variant<wire::pt_request, wire::pt_refusal>> read(const variables& in) {
  return wire::read_pt_request([&in](const char* name) -> std::optional<std::string> {
    const auto at = in.find(name);
    if (at == in.end() || at->second.empty()) return std::nullopt;
    return at->second;
  });
}

variables with(variables base, const variables& more) {
  for (const auto& [name, value] : more) base[name] = value;
  return base;
}

const variables client{
    {"TOR_PT_MANAGED_TRANSPORT_VER", "1"}, {"TOR_PT_STATE_LOCATION", "/state"}, {"TOR_PT_CLIENT_TRANSPORTS", "obfs4"}};
const variables server{{"TOR_PT_MANAGED_TRANSPORT_VER", "1"},
                       {"TOR_PT_STATE_LOCATION", "/state"},
                       {"TOR_PT_SERVER_TRANSPORTS", "obfs4"},
                       {"TOR_PT_ORPORT", "127.0.0.1:9001"}};

} // namespace

TEST_CASE("what a parent asks for") {
  CHECK_FALSE(read({}));
  CHECK_FALSE(read({{"TOR_PT_CLIENT_TRANSPORTS", "obfs4"}}));
  const auto asked = std::get<wire::pt_request>(*read(with(client, {{"TOR_PT_MANAGED_TRANSPORT_VER", "3,1"},
                                                                    {"TOR_PT_CLIENT_TRANSPORTS", "b,a,b"},
                                                                    {"TOR_PT_PROXY", "socks5://u:p@127.0.0.1:1"},
                                                                    {"TOR_PT_EXIT_ON_STDIN_CLOSE", "1"}})));
  CHECK_FALSE(asked.server);
  CHECK(asked.names == std::vector<std::string>{"b", "a"});
  CHECK(asked.proxy.reveal() == "socks5://u:p@127.0.0.1:1");
  CHECK(asked.exit_on_stdin_close);
  CHECK_FALSE(
      std::get<wire::pt_request>(*read(with(client, {{"TOR_PT_EXIT_ON_STDIN_CLOSE", "0"}}))).exit_on_stdin_close);
  const auto bridge = std::get<wire::pt_request>(
      *read(with(server, {{"TOR_PT_SERVER_BINDADDR", "obfs4-[::]:443,b-127.0.0.1:1"},
                          {"TOR_PT_EXTENDED_SERVER_PORT", "127.0.0.1:2"},
                          {"TOR_PT_AUTH_COOKIE_FILE", "/cookie"},
                          {"TOR_PT_SERVER_TRANSPORT_OPTIONS", "obfs4:iat-mode=1;obfs4:a=b\\;c;x:y=z"}})));
  CHECK(bridge.server);
  CHECK(bridge.bind.at("obfs4") == "[::]:443");
  CHECK(bridge.bind.at("b") == "127.0.0.1:1");
  CHECK(bridge.extended_or_port == "127.0.0.1:2");
  CHECK(bridge.options.at("obfs4") == wire::pt_pairs{{"iat-mode", "1"}, {"a", "b;c"}});
  CHECK(bridge.options.at("x") == wire::pt_pairs{{"y", "z"}});
}

TEST_CASE("what a parent cannot ask for") {
  const auto refused = [](const variables& in) { return std::get<wire::pt_refusal>(*read(in)).lines; };
  CHECK(refused({{"TOR_PT_MANAGED_TRANSPORT_VER", "2"}}) == std::vector<std::string>{"VERSION-ERROR no-version"});
  for (const auto& wrong :
       {with(client, {{"TOR_PT_STATE_LOCATION", ""}}), with(client, {{"TOR_PT_STATE_LOCATION", "state"}}),
        with(client, {{"TOR_PT_CLIENT_TRANSPORTS", ""}}), with(client, {{"TOR_PT_SERVER_TRANSPORTS", "obfs4"}}),
        with(client, {{"TOR_PT_CLIENT_TRANSPORTS", "a-b"}}), with(client, {{"TOR_PT_CLIENT_TRANSPORTS", "a,,b"}}),
        with(client, {{"TOR_PT_CLIENT_TRANSPORTS", "*"}}), with(server, {{"TOR_PT_ORPORT", ""}}),
        with(server, {{"TOR_PT_EXTENDED_SERVER_PORT", "127.0.0.1:2"}}),
        with(server, {{"TOR_PT_SERVER_BINDADDR", "obfs4"}}), with(server, {{"TOR_PT_SERVER_BINDADDR", "a-1:1,a-2:2"}}),
        with(server, {{"TOR_PT_SERVER_TRANSPORT_OPTIONS", "obfs4"}}),
        with(server, {{"TOR_PT_SERVER_TRANSPORT_OPTIONS", "obfs4:a"}}),
        with(server, {{"TOR_PT_SERVER_TRANSPORT_OPTIONS", "obfs4:a=b;"}}),
        with(server, {{"TOR_PT_SERVER_TRANSPORT_OPTIONS", "obfs4:a=b\\"}})}) {
    const auto lines = refused(wrong);
    REQUIRE(lines.size() == 2);
    CHECK(lines[0] == "VERSION 1");
    CHECK(lines[1].starts_with("ENV-ERROR "));
  }
}
