#include "server/onion.hpp"

#include "base/log.hpp"
#include "base/secret_file.hpp"
#include "crypto/hash.hpp"

#include <event2/buffer.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace landfall::server {

namespace {
using base::fail;
using base::level;
using base::log;
using base::outcome;

constexpr std::size_t max_unread = 16 * 1024;

base::result<base::secret> read_cookie(const std::filesystem::path& file) {
  return base::read_foreign_secret(file, wire::control_cookie_size);
}

void wipe_sent(const void*, std::size_t, void* command) { delete static_cast<base::secret*>(command); }

/// Why there is no connection, or no more.
base::failure connection_failure(int error) {
  if (error == 0) return fail(outcome::reset_before_hello, "tor's control port was closed; is tor running?");
  return fail(outcome::unreachable, fmt::format("tor's control port cannot be reached: {}; is tor running, with "
                                                "ControlPort or ControlSocket, and may this user connect to it?",
                                                std::strerror(error)));
}
} // namespace

onion_publisher::onion_publisher(event_base* base, settings how, const base::clock& clock,
                                 std::function<void(const base::result<void>&)> first)
    : base_(base), how_(std::move(how)), clock_(clock), first_(std::move(first)),
      timer_(evtimer_new(base, &onion_publisher::on_timer, this)) {
  wait(std::chrono::milliseconds(0));
}

void onion_publisher::wait(std::chrono::milliseconds how_long) {
  const timeval interval{how_long.count() / 1000, static_cast<suseconds_t>(how_long.count() % 1000 * 1000)};
  evtimer_add(timer_.get(), &interval);
}

void onion_publisher::on_timer(evutil_socket_t, short, void* self) {
  auto& us = *static_cast<onion_publisher*>(self);
  if (!us.session_) return us.connect();
  us.lost(fail(outcome::timed_out, "what listens at tor's control port does not answer: is it tor?"));
}

void onion_publisher::connect() {
  session_.emplace(onion_session::settings{.key = how_.key,
                                           .password = how_.password,
                                           .target = how_.target,
                                           .nonce = crypto::random_bytes(wire::control_nonce_size),
                                           .read_cookie = &read_cookie});
  connection_.reset(bufferevent_socket_new(base_, -1, BEV_OPT_CLOSE_ON_FREE));
  if (!connection_) return lost(fail(outcome::local_error, "out of memory"));
  bufferevent_setwatermark(connection_.get(), EV_READ, 0, max_unread);
  bufferevent_setcb(connection_.get(), &onion_publisher::on_read, nullptr, &onion_publisher::on_event, this);
  bufferevent_enable(connection_.get(), EV_READ | EV_WRITE);
  say(onion_session::begin());
  if (bufferevent_socket_connect(connection_.get(), how_.control.get(), static_cast<int>(how_.control.size)) != 0)
    lost(connection_failure(EVUTIL_SOCKET_ERROR()));
}

/// By reference, so that what is sent, the key among it, is wiped once the kernel has it.
void onion_publisher::say(base::secret command) {
  wait(how_.answer_time);
  auto* held = new base::secret(std::move(command));
  const auto& text = held->reveal();
  auto* output = bufferevent_get_output(connection_.get());
  if (evbuffer_add_reference(output, text.data(), text.size(), &wipe_sent, held) != 0) delete held;
}

void onion_publisher::on_event(bufferevent*, short what, void* self) {
  auto& us = *static_cast<onion_publisher*>(self);
  if ((what & BEV_EVENT_EOF) != 0) return us.lost(connection_failure(0));
  if ((what & BEV_EVENT_ERROR) != 0) us.lost(connection_failure(EVUTIL_SOCKET_ERROR()));
}

void onion_publisher::on_read(bufferevent* from, void* self) {
  auto& us = *static_cast<onion_publisher*>(self);
  std::array<char, max_unread> bytes; // NOLINT: filled as far as it is used
  const auto size = bufferevent_read(from, bytes.data(), bytes.size());
  const bool before = us.published();
  auto command = us.session_->take({bytes.data(), size});
  base::wipe(bytes.data(), size);
  if (!command) return us.lost(command.error());
  if (!command->reveal().empty()) return us.say(std::move(*command));
  if (!before && us.published()) us.taken();
}

void onion_publisher::taken() {
  evtimer_del(timer_.get());
  since_ = clock_.steady();
  log(level::info, "onion service: published");
  if (!session_->defended())
    log(level::warning, "onion service: this tor takes no proof-of-work defence with a service; tor 0.4.9 does");
  if (auto tell = std::exchange(first_, nullptr)) tell({});
}

void onion_publisher::lost(base::failure why) {
  const bool quiet = published() && clock_.steady() - since_ >= how_.longest_pause;
  session_.reset();
  connection_.reset();
  evtimer_del(timer_.get());
  if (auto tell = std::exchange(first_, nullptr)) return tell(std::move(why));
  in_a_row_ = quiet ? 0 : in_a_row_;
  const auto doubled = how_.shortest_pause * (1 << std::min<std::size_t>(in_a_row_++, 6));
  const auto pause = std::min(doubled, how_.longest_pause);
  log(level::warning, "onion service: down: {}; the next attempt is in {} ms", why.detail, pause.count());
  wait(pause);
}

} // namespace landfall::server
