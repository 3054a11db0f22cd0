#include "sidecar/failure.hpp"

#include "sidecar/cli.hpp"

namespace landfall::sidecar {

int exit_status_of(base::outcome what) noexcept {
  using enum base::outcome;
  const bool trust = what == below_threshold || what == bad_root || what == root_needed || what == rolled_back ||
                     what == wrong_network || what == wrong_channel || what == malformed || what == too_large;
  return trust ? untrusted : usage;
}

int complain(const base::failure& failure) {
  const auto status = static_cast<exit_status>(exit_status_of(failure.what));
  const auto text = failure.detail.empty() ? base::explain(failure.what) : std::string_view(failure.detail);
  return complain(status, text, {}, base::hint(failure.what));
}

} // namespace landfall::sidecar
