// The trust file on disk. The input is its body, sealed with the right hash, so that what is tried gets past it; and
// the input as a whole file as well. Whatever it says: loading ends, believes only what was signed, never lowers the
// floor below its copy's, and the next save and load are clean.
#include "trust/store.hpp"

#include "tests/fakes/publisher.hpp"
#include "trust/saved.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace landfall;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

const fakes::publisher publisher("fuzznet");

trust::state fresh_state() {
  static const auto anchor = publisher.anchor();
  return {{.network = "fuzznet", .channel = "public-0", .lab = false, .build = 0}, anchor};
}

/// Removed at exit; without fsync, so that thousands of runs a second are possible.
struct folder {
  std::filesystem::path path;
  folder() {
    std::string name = (std::filesystem::temp_directory_path() / "landfall-fuzz-XXXXXX").string();
    must(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~folder() { std::filesystem::remove_all(path); }
};

void put(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const folder place;
  static const trust::store store(place.path);
  static const auto floor_copy = [] {
    auto s = fresh_state();
    must(s.offer_list(publisher.list({.version = 3}), fakes::now).adopted);
    return trust::saved_floor_text(s);
  }();
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const auto& file : {std::string(body), trust::sealed(body)}) {
    auto s = fresh_state();
    put(store.file_of(s.who()), file);
    put(store.floor_file_of(s.who()), floor_copy);
    (void)store.load(s, fakes::now);
    must(s.stored_floor() && s.stored_floor()->order >= trust::list_order{1, 3});
    must(!s.list() || ((*s.list())->order == s.stored_floor()->order && s.list()->signers().size() >= 2));
    must(s.accepted_time() <= s.root()->expires);
    must(s.evidence().size() <= 4);
    auto again = fresh_state();
    put(store.file_of(s.who()), trust::saved_text(s));
    put(store.floor_file_of(s.who()), trust::saved_floor_text(s));
    must(store.load(again, fakes::now).empty());
    must(again.root()->version == s.root()->version && again.stored_floor()->order == s.stored_floor()->order);
    must(again.list().has_value() == s.list().has_value());
  }
  return 0;
}
