#include "sidecar/demo_places.hpp"

namespace landfall::sidecar {

namespace fs = std::filesystem;

namespace {

fs::path folder_of_this_program() {
  std::error_code ec;
  return fs::read_symlink("/proc/self/exe", ec).parent_path();
}

} // namespace

std::string find_server_program() {
  std::error_code ec;
  const auto beside = folder_of_this_program() / "landfall-server";
  return fs::exists(beside, ec) ? beside.string() : "landfall-server";
}

base::result<fs::path> find_discovery() {
  std::error_code ec;
  for (const auto& folder :
       {folder_of_this_program().parent_path() / "share/landfall/python", fs::path(LANDFALL_PYTHON)})
    if (fs::exists(folder / "discovery.py", ec)) return folder / "discovery.py";
  return base::fail(base::outcome::local_error, "discovery.py is neither installed nor in the source tree");
}

} // namespace landfall::sidecar
