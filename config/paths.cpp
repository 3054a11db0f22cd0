#include "config/paths.hpp"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace landfall::config {

namespace {

namespace fs = std::filesystem;

/// The XDG base directory specification: a relative path in these variables is to be ignored.
std::optional<fs::path> folder(const environment& env, const char* name) {
  const auto value = env(name);
  if (!value || !fs::path(*value).is_absolute()) return std::nullopt;
  return fs::path(*value);
}

/// A service may run without HOME; the user database knows it all the same.
std::optional<std::string> home_of_user() {
  passwd entry{}, *found = nullptr;
  std::array<char, 4096> buffer{};
  if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return std::nullopt;
  return found->pw_dir;
}

fs::path user_folder(const environment& env, const char* xdg_name, const char* below_home) {
  if (auto xdg = folder(env, xdg_name)) return *xdg / "landfall";
  // Without HOME there is no place of our own: a relative path would be whatever folder we were started in.
  return folder(env, "HOME").value_or("/nonexistent") / below_home / "landfall";
}

fs::path state_folder(const environment& env) { return user_folder(env, "XDG_STATE_HOME", ".local/state"); }

} // namespace

environment process_environment() {
  return [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    if (value && *value) return value;
    if (std::strcmp(name, "HOME") == 0) return home_of_user();
    return std::nullopt;
  };
}

std::optional<fs::path> find_configuration(const environment& env) {
  if (const auto named = env("LANDFALL_CONFIG")) return fs::path(*named);
  const fs::path candidates[] = {user_folder(env, "XDG_CONFIG_HOME", ".config") / "landfall.toml",
                                 "/etc/landfall/landfall.toml"};
  std::error_code ignored;
  for (const auto& candidate : candidates)
    if (fs::exists(candidate, ignored)) return candidate;
  return std::nullopt;
}

fs::path socket_path(const environment& env, bool root) {
  if (const auto named = env("LANDFALL_API")) return fs::path(*named);
  if (const auto runtime = folder(env, "XDG_RUNTIME_DIR")) return *runtime / "landfall" / "api.sock";
  if (root) return "/run/landfall/api.sock";
  return state_folder(env) / "api.sock";
}

fs::path state_path(const environment& env, bool root) {
  if (const auto named = env("LANDFALL_STATE")) return fs::path(*named);
  return root ? fs::path("/var/lib/landfall") : state_folder(env);
}

} // namespace landfall::config
