// A whole session with what claims to be tor: the input is what it says, whatever it is asked. Byte 0: how far the
// beginning is sound (nothing, no proof, SAFECOOKIE with the right hash), so that the verbs behind it are met too; byte
// 1: the size of the pieces, in which what a zero byte parts never comes together. Every verb must end, and say nothing
// but whole lines.
#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "onion/control.hpp"
#include "tests/fuzz/onion_stream.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <unistd.h>

#include <cstdlib>
#include <fstream>

using namespace landfall;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

const std::string& cookie_file() {
  static const std::string path = [] {
    auto name =
        (std::filesystem::temp_directory_path() / ("landfall-fuzz-cookie-" + std::to_string(::getpid()))).string();
    std::ofstream(name, std::ios::binary) << std::string(wire::control_cookie_size, 'c');
    std::atexit([] { (void)::unlink(cookie_file().c_str()); });
    return name;
  }();
  return path;
}

/// An answer to a verb, or why there is none; then nothing else is to be had from it, but for events that were kept.
template <class T>
net::awaitable<bool> ends(onion::control& tor, net::awaitable<net::result<T>> verb, bool event = false) {
  const bool dead = tor.closed() && !event;
  const auto got = co_await std::move(verb);
  must(!dead || got.has_error());
  if (!got) {
    using base::outcome;
    const auto what = got.error().what;
    must(what == outcome::malformed || what == outcome::too_large || what == outcome::proxy_failed ||
         what == outcome::reset_before_hello || what == outcome::local_error);
  }
  co_return got.has_value();
}

net::awaitable<void> every_verb(net::stream_ptr stream, std::size_t said) {
  onion::control_options options{{}, base::secret("password"), cookie_file()};
  auto opening = onion::control::over(std::move(stream), std::move(options));
  auto opened = co_await std::move(opening);
  if (!opened) co_return;
  auto& tor = **opened;
  onion::onion_service service;
  service.ports.emplace_back(80, "127.0.0.1:8080");
  auto asking = ends(tor, tor.get_info("status/bootstrap-phase"));
  (void)co_await std::move(asking);
  auto setting = ends(tor, tor.set_conf({{"Bridge", "a \"b\""}, {"UseBridges", "1"}}));
  (void)co_await std::move(setting);
  auto listening = ends(tor, tor.set_events({"STATUS_CLIENT"}));
  (void)co_await std::move(listening);
  auto adding = ends(tor, tor.add_onion(std::move(service)));
  (void)co_await std::move(adding);
  auto removing = ends(tor, tor.del_onion("id"));
  (void)co_await std::move(removing);
  auto authorising = ends(tor, tor.add_client_auth("id", base::secret("key")));
  (void)co_await std::move(authorising);
  auto forgetting = ends(tor, tor.remove_client_auth("id"));
  (void)co_await std::move(forgetting);
  auto signalling = ends(tor, tor.signal("NEWNYM"));
  (void)co_await std::move(signalling);
  auto taking = ends(tor, tor.take_ownership());
  (void)co_await std::move(taking);
  std::size_t events = 0;
  for (bool more = true; more;) {
    auto waiting = ends(tor, tor.next_event(), true);
    more = co_await std::move(waiting);
    events += more ? 1 : 0;
  }
  // An event is six bytes at least: "650 \r\n".
  must(6 * (events + tor.events_lost()) <= said && tor.closed());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  fuzz::onion_script script;
  script.beginning = static_cast<fuzz::onion_script::sound>(data[0] % 3);
  script.piece = 1 + data[1] * 7U;
  script.said.assign(reinterpret_cast<const char*>(data) + 2, size - 2);
  boost::asio::io_context context;
  bool ended = false;
  std::exception_ptr thrown;
  auto session = every_verb(std::make_unique<fuzz::onion_stream>(std::move(script)), size);
  boost::asio::co_spawn(context, std::move(session),
                        [&](std::exception_ptr e) { ended = true, thrown = std::move(e); });
  context.run_for(std::chrono::seconds(5));
  must(ended && !thrown && context.stopped());
  return 0;
}
