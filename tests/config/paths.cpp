#include "config/paths.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <unistd.h>

#include <fstream>
#include <map>

using namespace landfall;
namespace fs = std::filesystem;

namespace {

using variables = std::map<std::string, std::string>;

config::environment environment_of(variables set) {
  return [set = std::move(set)](const char* name) -> std::optional<std::string> {
    const auto at = set.find(name);
    if (at == set.end()) return std::nullopt;
    return at->second;
  };
}

} // namespace

TEST_CASE("where the socket and the state lie") {
  struct row {
    const char* name;
    variables set;
    bool root;
    const char *socket, *state;
  };
  const row rows[] = {
      {"a user with a session",
       {{"HOME", "/home/u"}, {"XDG_RUNTIME_DIR", "/run/user/1"}},
       false,
       "/run/user/1/landfall/api.sock",
       "/home/u/.local/state/landfall"},
      {"a user without one",
       {{"HOME", "/home/u"}},
       false,
       "/home/u/.local/state/landfall/api.sock",
       "/home/u/.local/state/landfall"},
      {"a user with XDG_STATE_HOME",
       {{"HOME", "/home/u"}, {"XDG_STATE_HOME", "/s"}},
       false,
       "/s/landfall/api.sock",
       "/s/landfall"},
      {"root", {{"HOME", "/root"}}, true, "/run/landfall/api.sock", "/var/lib/landfall"},
      {"root with a session",
       {{"HOME", "/root"}, {"XDG_RUNTIME_DIR", "/run/user/0"}},
       true,
       "/run/user/0/landfall/api.sock",
       "/var/lib/landfall"},
      {"said by name",
       {{"HOME", "/home/u"}, {"LANDFALL_API", "/a"}, {"LANDFALL_STATE", "/b"}, {"XDG_RUNTIME_DIR", "/r"}},
       false,
       "/a",
       "/b"},
      {"relative XDG folders count as unset",
       {{"HOME", "/home/u"}, {"XDG_RUNTIME_DIR", "r"}, {"XDG_STATE_HOME", "s"}},
       false,
       "/home/u/.local/state/landfall/api.sock",
       "/home/u/.local/state/landfall"},
      {"nobody's home", {}, false, "/nonexistent/.local/state/landfall/api.sock", "/nonexistent/.local/state/landfall"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto env = environment_of(row.set);
    CHECK(config::socket_path(env, row.root) == row.socket);
    CHECK(config::state_path(env, row.root) == row.state);
  }
}

TEST_CASE("which configuration is found") {
  const auto folder = fs::temp_directory_path() / fmt::format("landfall-test-paths-{}", ::getpid());
  const auto home_file = folder / ".config/landfall/landfall.toml", xdg_file = folder / "xdg/landfall/landfall.toml";
  for (const auto& file : {home_file, xdg_file}) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << "#";
  }
  const std::string home = folder, xdg = folder / "xdg", empty = folder / "empty";
  CHECK(config::find_configuration(environment_of({{"HOME", home}})) == home_file);
  CHECK(config::find_configuration(environment_of({{"HOME", home}, {"XDG_CONFIG_HOME", xdg}})) == xdg_file);
  CHECK(config::find_configuration(environment_of({{"HOME", home}, {"XDG_CONFIG_HOME", empty}})) != home_file);
  // Named, but not there: an error for the reader, never another file.
  CHECK(config::find_configuration(environment_of({{"HOME", home}, {"LANDFALL_CONFIG", "/nowhere"}})) == "/nowhere");
  fs::remove_all(folder);
}

TEST_CASE("an unset or empty variable is none, and HOME is known without it") {
  const auto env = config::process_environment();
  ::setenv("LANDFALL_STATE", "", 1);
  CHECK_FALSE(env("LANDFALL_STATE"));
  ::unsetenv("LANDFALL_STATE");
  CHECK_FALSE(env("LANDFALL_STATE"));
  ::unsetenv("HOME");
  CHECK(env("HOME"));
}
