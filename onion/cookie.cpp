#include "base/secret_file.hpp"
#include "onion/control.hpp"

namespace landfall::onion {

result<base::secret> read_cookie(const std::filesystem::path& file) {
  auto cookie = base::read_foreign_secret(file, wire::control_cookie_size);
  if (!cookie)
    return base::fail(base::outcome::local_error, "tor's cookie file " + cookie.error().detail, base::stage::handshake);
  return cookie;
}

} // namespace landfall::onion
