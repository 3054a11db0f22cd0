// A cookie file as whoever answers on a control port may have laid it out: byte 0 says what lies there, the rest is the
// content. Only 32 bytes of a plain file are a cookie, and nothing blocks.
#include "onion/control.hpp"

#include <sys/stat.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

using namespace landfall;

namespace {

namespace fs = std::filesystem;

void must(bool holds) {
  if (!holds) std::abort();
}

struct folder {
  std::string path = (fs::temp_directory_path() / "landfall-cookie-XXXXXX").string();
  folder() { must(::mkdtemp(path.data()) != nullptr); }
  ~folder() {
    std::error_code ec;
    fs::remove_all(path, ec);
  }
};

enum class kind : std::uint8_t { plain, link, pipe, folder };

void lay(const fs::path& at, kind what, std::string_view content) {
  const auto beside = at.parent_path() / "beside";
  switch (what) {
  case kind::pipe: must(::mkfifo(at.c_str(), 0600) == 0); return;
  case kind::folder: fs::create_directory(at); return;
  case kind::link: fs::create_symlink(beside, at); [[fallthrough]];
  case kind::plain: std::ofstream(what == kind::link ? beside : at, std::ios::binary) << content;
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const folder scratch;
  if (size < 1) return 0;
  const std::string content(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto what = static_cast<kind>(data[0] % 4);
  const auto at = fs::path(scratch.path) / "cookie";
  lay(at, what, content);
  const auto got = onion::read_cookie(at);
  must(got.has_value() == (what == kind::plain && content.size() == wire::control_cookie_size));
  if (got)
    must(got->reveal() == content);
  else
    must(got.error().what == base::outcome::local_error);
  fs::remove(at);
  return 0;
}
