// What a managed tor is told, in its file and over its control port; checked by tor itself.
#include "onion/torrc.hpp"

#include "tests/fakes/process.hpp"

#include <unistd.h>

#include <sstream>

using namespace landfall;

namespace {

std::string setting(const onion::tor_ways& ways) {
  std::string out;
  for (const auto& [key, value] : onion::tor_settings(ways)) out += key + " " + value + "\n";
  return out;
}

} // namespace

TEST_CASE("tor takes the file, with blanks in its path too") {
  const fakes::scratch scratch;
  const onion::tor_folder folder{scratch.path() / "a folder"};
  std::filesystem::create_directory(folder.path);
  std::filesystem::permissions(folder.path, std::filesystem::perms::owner_all);
  scratch.put("a folder/empty", "");
  const auto text = onion::torrc_file(folder, ::getpid(), "");
  REQUIRE(text.has_value());
  scratch.put("a folder/torrc", *text);
  const auto log = (scratch.path() / "log").string();
  fakes::process tor({"tor", "-f", folder.torrc().string(), "--verify-config"}, log);
  for (int i = 0; i < 500 && tor.running(); ++i) fakes::detail::pause(10);
  CHECK(scratch.get("log").find("Configuration was valid") != std::string::npos);
  std::istringstream lines(scratch.get("log"));
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    CHECK((line.find("[warn]") == line.npos || line.find("running Tor as root") != line.npos));
  }
}

TEST_CASE("A path that would end a line is refused, and one too long for a socket") {
  CHECK(onion::torrc_file({"/tmp/a\"b"}, 1, "").has_error());
  CHECK(onion::torrc_file({"/tmp/a\nb"}, 1, "").has_error());
  CHECK(onion::torrc_file({"/tmp/" + std::string(100, 'x')}, 1, "").has_error());
}

TEST_CASE("Nothing secret is in the file; the network comes last") {
  using text = base::sensitive<std::string>;
  CHECK(setting({}) == "UseBridges 0\nDisableNetwork 0\n");
  onion::tor_ways ways;
  ways.bridges = {text("obfs4 192.0.2.1:443 0123456789ABCDEF0123456789ABCDEF01234567 cert=x iat-mode=0")};
  ways.transports = {{"obfs4", "/usr/bin/landfall run"}};
  ways.proxy = onion::tor_proxy{false, "127.0.0.1:9", text("me"), text("secret")};
  CHECK(setting(ways) == "ClientTransportPlugin obfs4 exec /usr/bin/landfall run\n"
                         "Bridge obfs4 192.0.2.1:443 0123456789ABCDEF0123456789ABCDEF01234567 cert=x iat-mode=0\n"
                         "UseBridges 1\nSocks5Proxy 127.0.0.1:9\nSocks5ProxyUsername me\nSocks5ProxyPassword secret\n"
                         "DisableNetwork 0\n");
  ways.proxy->http = true;
  CHECK(setting(ways).find("HTTPSProxy 127.0.0.1:9\nHTTPSProxyAuthenticator me:secret\n") != std::string::npos);
}
