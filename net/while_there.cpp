#include "net/while_there.hpp"

#include <algorithm>
#include <array>

namespace landfall::net::detail {

awaitable<void> watch(stream& client, std::string& early, bool& gone) {
  while (early.size() < max_early) {
    auto waiting = client.readable(); // most send nothing: no buffer is held for them
    const auto waited = co_await std::move(waiting);
    if (!waited) {
      gone = waited.error().what != base::outcome::cancelled;
      co_return;
    }
    std::array<char, 2048> some{};
    auto reading = client.read_some(asio::buffer(some.data(), std::min(some.size(), max_early - early.size())));
    const auto got = co_await std::move(reading);
    if (!got || *got == 0) {
      gone = got ? early.empty() : got.error().what != base::outcome::cancelled;
      co_return;
    }
    early.append(some.data(), *got);
  }
}

} // namespace landfall::net::detail
