#include "sidecar/holdings.hpp"

#include "base/log.hpp"
#include "seeds/seeds.hpp"
#include "trust/limits.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace landfall::sidecar {

using base::fail;
using base::outcome;
using base::result;

namespace {

/// Whether a lock that we could not take is held by somebody, or could not be written at all (a read-only disk, a full
/// one): the first is an error, the second is not.
bool held_by_another(const std::filesystem::path& folder) {
  const int fd = ::open((folder / "lock").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  const bool held = ::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return held;
}

result<trust::verified<trust::root>> read_anchor(const config::network_settings& network) {
  const auto bytes = base::read_file(network.root, trust::max_envelope);
  if (!bytes) return fail(outcome::bad_root, "network.root: " + bytes.error().detail);
  auto anchor = trust::verify_anchor({*bytes}, network.id);
  if (!anchor)
    return fail(anchor.error().what, fmt::format("network.root: {}: {}", network.root.string(), anchor.error().detail));
  return anchor;
}

} // namespace

holdings::holdings(trust::state state, std::filesystem::path folder)
    : trust(std::move(state)), folder_(folder), store_(folder) {}

result<std::unique_ptr<holdings>> holdings::open(const config::settings& settings, const base::clock& clock,
                                                 bool demo) {
  const auto& network = settings.network;
  if (seeds::is_demo(network.id) && !demo)
    return fail(outcome::wrong_network, fmt::format("network.id: the keys of network '{}' are public: it is for "
                                                    "'landfall demo' alone",
                                                    network.id));
  auto anchor = read_anchor(network);
  if (!anchor) return anchor.error();
  const auto folder = base::private_folder(settings.sidecar.state);
  std::error_code ec;
  if (!folder && std::filesystem::exists(settings.sidecar.state, ec)) return folder.error();
  const trust::identity who{network.id, network.channel, network.lab, seeds::compiled().built};
  std::unique_ptr<holdings> made(new holdings(trust::state(who, std::move(*anchor)), settings.sidecar.state));
  if (!folder) made->warn("state", "nothing can be kept: " + folder.error().detail);
  if (auto locked = made->lock(); !locked) return locked.error();
  made->load(clock.wall());
  made->add_seeds(clock.wall());
  if (network.lab) made->warn("lab", "network.lab is on: documents may name private and loopback addresses");
  return made;
}

result<void> holdings::lock() {
  auto taken = base::folder_lock::take(folder_);
  if (taken) {
    lock_.emplace(std::move(*taken));
  } else if (held_by_another(folder_)) {
    return taken.error();
  } else {
    warn("state", "nothing can be kept: " + taken.error().detail);
  }
  return {};
}

void holdings::load(base::unix_time wall) {
  std::vector<std::string> complaints = store_.load(trust, wall);
  memory = fallback::network_memory::load(folder_, wall, complaints);
  book = peers::book::load(folder_ / "peers.json", complaints);
  tunnels = tunnel_memory::load(folder_, wall, complaints);
  for (std::size_t i = 0; i < complaints.size(); ++i) warn(fmt::format("load-{}", i), std::move(complaints[i]));
}

void holdings::add_seeds(base::unix_time wall) {
  for (const auto& why : seeds::sow(trust, seeds::compiled(), wall).notes)
    base::log(base::level::debug, "seeds: {}", why);
}

void holdings::save_trust() { note("trust", store_.save(trust)); }
void holdings::save_memory() { note("memory", memory.save(folder_)); }
void holdings::save_book() { note("book", book.save(folder_ / "peers.json")); }
void holdings::save_tunnels(base::unix_time wall) { note("memory of tunnels", tunnels.save(folder_, wall)); }

void holdings::note(const std::string& about, const result<void>& saved) {
  warn("save-" + about, saved ? std::string() : fmt::format("cannot save the {}: {}", about, saved.error().detail));
}

void holdings::warn(const std::string& about, std::string text) {
  if (text.empty()) {
    warnings_.erase(about);
    return;
  }
  auto& place = warnings_[about];
  if (place == text) return;
  place = std::move(text);
  base::log(base::level::warning, "{}", place);
  if (tell_) tell_(place);
}

std::vector<std::string> holdings::warnings() const {
  std::vector<std::string> out;
  for (const auto& [about, text] : warnings_) out.push_back(text);
  return out;
}

} // namespace landfall::sidecar
