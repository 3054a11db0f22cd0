#include "sidecar/scratch.hpp"

#include <fmt/format.h>

#include <stdlib.h> // mkdtemp

#include <cerrno>
#include <cstring>

namespace landfall::sidecar {

namespace fs = std::filesystem;

base::result<scratch_folder> scratch_folder::make(std::string_view purpose) {
  std::error_code ec;
  auto name = (fs::temp_directory_path(ec) / fmt::format("{}-XXXXXX", purpose)).string();
  if (ec || ::mkdtemp(name.data()) == nullptr)
    return base::fail(base::outcome::local_error,
                      std::string("no temporary folder can be made: ") + (ec ? ec.message() : std::strerror(errno)));
  return scratch_folder(name);
}

scratch_folder::~scratch_folder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

} // namespace landfall::sidecar
