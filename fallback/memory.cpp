#include "fallback/memory.hpp"

#include "base/file.hpp"
#include "crypto/hash.hpp"

#include <fmt/format.h>

namespace landfall::fallback {

namespace {

using base::result;

constexpr const char* older_file = "fallback.json";

bool is_there(const std::filesystem::path& file) {
  std::error_code ec;
  return std::filesystem::symlink_status(file, ec).type() != std::filesystem::file_type::not_found;
}

void complain(std::vector<std::string>& complaints, const std::filesystem::path& file, std::string_view why) {
  base::set_aside(file);
  complaints.push_back(fmt::format("set aside: {}: {}", file.string(), why));
}

/// What save() complains of anew every time is not complained of here: a folder that cannot be written.
base::secret load_key(const std::filesystem::path& file, std::vector<std::string>& complaints) {
  if (is_there(file)) {
    auto bytes = base::read_file(file, memory_secret_size);
    if (bytes && bytes->size() == memory_secret_size) return base::secret(std::move(*bytes));
    complain(complaints, file, bytes ? "damaged" : bytes.error().detail);
  }
  auto made = crypto::random_bytes(memory_secret_size);
  (void)base::write_file(file, made);
  return base::secret(std::move(made));
}

} // namespace

network_memory::network_memory() : network_memory(base::secret(crypto::random_bytes(memory_secret_size))) {}

network_memory::network_memory(base::secret key)
    : keys_(std::make_shared<const keyer>(std::move(key))), penalties_(keys_) {}

void network_memory::record(const network_id& here, const route& what, const lane_report& report, base::unix_time now,
                            double jitter) {
  penalties_.apply(here, what, report, now, jitter);
  records_.note(here, keys_->route(here, what), report, now);
}

std::optional<wait> network_memory::waits(const network_id& here, const route& what, base::unix_time now) const {
  return penalties_.of(here, what, now);
}

const route_record* network_memory::record_of(const network_id& here, const route& what) const {
  return records_.of(here, keys_->route(here, what));
}

odds network_memory::odds_of(const network_id& here, const route& what, base::unix_time now) const {
  const auto* record = record_of(here, what);
  return record ? fallback::odds_of(*record, now) : odds{};
}

void network_memory::cap(base::unix_time now) {
  penalties_.cap(now);
  records_.cap(now);
}

result<void> network_memory::save(const std::filesystem::path& folder) const {
  return base::write_file(folder / memory_file, to_text());
}

network_memory network_memory::load(const std::filesystem::path& folder, base::unix_time now,
                                    std::vector<std::string>& complaints) {
  std::error_code ec;
  std::filesystem::remove(folder / older_file, ec);
  network_memory out(load_key(folder / memory_key_file, complaints));
  const auto file = folder / memory_file;
  if (!is_there(file)) return out;
  const auto text = base::read_file(file, max_memory_text);
  if (!text || !out.from_text(*text, now)) complain(complaints, file, text ? "damaged" : text.error().detail);
  return out;
}

} // namespace landfall::fallback
