#include "onion/tor.hpp"

#include "base/cursor.hpp"
#include "base/file.hpp"
#include "net/deadline.hpp"
#include "net/scope.hpp"
#include "net/socks5.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <array>

namespace landfall::onion {

namespace {

using base::fail;
using base::outcome;
using base::stage;
using namespace std::chrono_literals;

/// tor opens its control port some ten milliseconds after it was started; a busy machine takes longer.
constexpr auto control_start = 10s;
constexpr auto first_look = 5ms, longest_look = 100ms;
/// Between a failure and the next start: doubled each time.
constexpr auto first_pause = 1s, longest_pause = 60s;
/// SHUTDOWN lets tor write its state, which makes the next start faster; within the second of the sidecar's own end.
constexpr net::patience ending{300ms, 400ms};

base::failure no_tor(std::string why) { return fail(outcome::tor_bootstrap, std::move(why), stage::handshake); }

/// Who reads "connection refused" would look for it in the network.
base::failure of_control_port(base::failure why) {
  if (why.what == outcome::cancelled) return why;
  const std::string said(why.detail.empty() ? base::explain(why.what) : why.detail);
  why.detail = fmt::format("tor's control port: {}", said);
  return why;
}

/// What the child says is of no use to us, and may name bridges; but a full pipe would stop it.
awaitable<void> drain(asio::posix::stream_descriptor& from) {
  std::array<char, 4096> buffer;
  for (;;) {
    const auto into = asio::buffer(buffer);
    const auto [ec, size] = co_await from.async_read_some(into, net::as_result);
    if (ec) co_return;
  }
}

base::result<void> prepare(const managed_tor& what) {
  if (auto made = base::private_folder(what.folder.path); !made) return made;
  const auto file = torrc_file(what.folder, ::getpid(), what.more);
  if (!file) return file.error();
  // Not through to the disk: four waits for it held the loop for 20 ms and more.
  if (auto written = base::write_scratch(what.folder.empty(), ""); !written) return written;
  return base::write_scratch(what.folder.torrc(), *file);
}

net::child_options command_of(const managed_tor& what) {
  net::child_options out;
  out.command = {what.program, "-f", what.folder.torrc().string(), "--defaults-torrc", what.folder.empty().string()};
  out.environment = {"HOME=" + what.folder.path.string(), "PATH=/usr/local/bin:/usr/bin:/bin"};
  out.folder = what.folder.path;
  out.readable = what.readable;
  return out;
}

std::string said_of(const wire::bootstrap_phase& phase) {
  auto out = fmt::format("tor is at {} %", phase.progress);
  if (!phase.tag.empty()) out += fmt::format(" ({})", phase.tag);
  if (!phase.reason.empty()) out += fmt::format(": {}", phase.reason);
  if (phase.tag == "conn_pt" || phase.tag == "conn_done_pt")
    out += "; its transport runs, and no bridge answers";
  else if (phase.tag.starts_with("conn"))
    out += "; no relay, or bridge, answers";
  return out;
}

/// Of GETINFO net/listeners/socks: "127.0.0.1:9050" "unix:/run/tor/socks". The first TCP one of this machine.
std::optional<asio::ip::tcp::endpoint> socks_listener(const std::string& listeners) {
  const auto words = wire::control_words::parse(listeners);
  if (!words) return std::nullopt;
  for (const auto& word : words->plain) {
    const auto colon = word.rfind(':');
    if (colon == word.npos || word.starts_with("unix:")) continue;
    base::cursor port(std::string_view(word).substr(colon + 1));
    const auto number = port.take_decimal(65535);
    auto host = word.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    net::error_code ec;
    const auto address = asio::ip::make_address(host, ec);
    if (ec || port.failed() || !port.at_end() || !address.is_loopback()) continue;
    return asio::ip::tcp::endpoint(address, static_cast<std::uint16_t>(number));
  }
  return std::nullopt;
}

/// An answer of SOCKS5 to a greeting. Of a program that is being ended the kernel still takes connections.
awaitable<result<void>> greet(local_place socks) {
  auto connecting = connect_local(std::move(socks));
  auto stream = co_await std::move(connecting);
  if (!stream) co_return stream.error();
  const std::string hello("\x05\x01\x00", 3);
  auto writing = (*stream)->write(asio::buffer(hello));
  const auto written = co_await std::move(writing);
  if (!written) co_return written.error();
  std::array<char, 2> answer;
  auto reading = (*stream)->read_some(asio::buffer(answer));
  const auto size = co_await std::move(reading);
  if (!size) co_return size.error();
  if (*size == 0) co_return fail(outcome::proxy_failed, "it hung up", stage::proxy);
  co_return result<void>{};
}

template <class T> awaitable<void> keep_value(awaitable<result<T>> from, std::optional<result<T>>& into) {
  auto value = co_await std::move(from);
  into.emplace(std::move(value));
}

/// Circuits that are tried side by side, and what became of each. Never resized: who tries holds a reference.
using attempts = std::vector<std::optional<result<net::stream_ptr>>>;

/// A circuit that was too late says nothing of the others; any other end is of the destination.
bool is_final(const result<net::stream_ptr>& end) { return end || end.error().what != outcome::timed_out; }

bool is_settled(const attempts& tried) {
  return std::ranges::any_of(tried, [](const auto& one) { return one && is_final(*one); }) ||
         std::ranges::all_of(tried, [](const auto& one) { return one.has_value(); });
}

/// The stream, if one of them has it; else the first failure that says something.
result<net::stream_ptr> taken(attempts& tried) {
  for (auto& one : tried)
    if (one && *one) return std::move(*one);
  for (auto& one : tried)
    if (one && is_final(*one) && one->error().what != outcome::cancelled) return std::move(*one);
  return fail(outcome::timed_out, "no circuit to there", stage::proxy);
}

} // namespace

tor::tor(asio::any_io_executor executor, tor_options options)
    : executor_(executor), options_(std::move(options)), asked_(executor), changed_(executor), renewed_(executor) {}
tor::~tor() = default;

void tor::now(state next) {
  state_ = next;
  changed_.notify();
}

void tor::at(const wire::bootstrap_phase& phase) {
  // An event of before GETINFO was answered, read after it.
  if (state_ == state::starting && phase_ && phase.progress < phase_->progress) return;
  if (options_.tell && phase_ != phase) options_.tell(phase);
  // A warning anew at the same place is none: a dead bridge is told of again and again.
  if (!phase_ || phase.progress > phase_->progress) progressed_ = std::chrono::steady_clock::now();
  phase_ = phase;
  if (phase.progress == 100) in_a_row_ = 0;
  now(phase.progress == 100 ? state::ready : state::starting);
}

awaitable<void> tor::run() {
  co_await asio::this_coro::throw_if_cancelled(false);
  bool again = false;
  for (;;) {
    while (!wanted_ && !again) {
      auto waiting = asked_.wait();
      const auto waited = co_await std::move(waiting);
      if (!waited) co_return;
    }
    wanted_ = false;
    ++starts_;
    phase_.reset();
    if (!again) now(state::starting);
    auto keeping = std::visit([this](auto& what) { return keep(what); }, options_.kind);
    auto ended = co_await std::move(keeping);
    const bool cancelled = co_await net::was_cancelled();
    why_ = ended ? no_tor("tor has ended") : std::move(ended).error();
    // Of a tor of others that was ready the SOCKS port may work all the same: no stream fails for a connection that
    // none of them needs.
    again = state_ == state::ready && std::holds_alternative<control_tor>(options_.kind);
    if (!again) now(state::failed);
    if (cancelled) co_return;
    const auto doubled = first_pause * (1 << std::min<std::uint64_t>(in_a_row_++, 6));
    auto resting = net::sleep_for(std::min<std::chrono::steady_clock::duration>(doubled, longest_pause));
    const auto rested = co_await std::move(resting);
    if (!rested) co_return;
  }
}

awaitable<result<void>> tor::keep(managed_tor& what) {
  if (auto prepared = prepare(what); !prepared) co_return prepared.error();
  auto starting = net::child_process::start(executor_, command_of(what));
  auto child = co_await std::move(starting);
  if (!child && child.error().what == outcome::cancelled) co_return child.error();
  if (!child) co_return no_tor(fmt::format("cannot start tor: {}", child.error().detail));
  child_ = (*child)->pid();
  net::scope readers(executor_);
  readers.spawn(drain((*child)->output()));
  readers.spawn(drain((*child)->errors()));
  auto keeping = keep_child(what, **child);
  auto ended = co_await std::move(keeping);
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation()); // it ends before we do
  auto stopping = (*child)->stop(ending);
  (void)co_await std::move(stopping);
  co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
  child_.reset();
  readers.cancel();
  co_await readers.join();
  co_return ended;
}

awaitable<result<void>> tor::keep_child(managed_tor& what, net::child_process& child) {
  auto meeting = first_contact(what, child);
  auto connection = co_await std::move(meeting);
  if (!connection) co_return connection.error();
  auto owning = (*connection)->take_ownership();
  const auto owned = co_await std::move(owning);
  if (!owned) co_return owned.error();
  auto listening = (*connection)->set_events({"STATUS_CLIENT"});
  const auto listened = co_await std::move(listening);
  if (!listened) co_return listened.error();
  auto setting = configure(**connection);
  const auto set = co_await std::move(setting);
  if (!set) co_return set.error();
  socks_ = what.folder.socks();
  auto following = bootstrap(**connection);
  auto followed = co_await std::move(following);
  co_return followed;
}

/// The control port opens when tor is ready for it: looked for, with growing pauses, as long as the child lives.
awaitable<result<std::unique_ptr<control>>> tor::first_contact(managed_tor& what, net::child_process& child) {
  const auto end = std::chrono::steady_clock::now() + control_start;
  for (std::chrono::steady_clock::duration pause = first_look;;
       pause = std::min<std::chrono::steady_clock::duration>(2 * pause, longest_look)) {
    control_options options{what.folder.control(), {}, what.folder.cookie()};
    auto opening = control::open(std::move(options));
    auto opened = co_await std::move(opening);
    if (opened || opened.error().what == outcome::cancelled) co_return opened;
    if (std::chrono::steady_clock::now() >= end) co_return no_tor("tor does not open its control port");
    auto ending_child = net::with_deadline(child.ended(), pause, stage::handshake);
    const auto ended = co_await std::move(ending_child);
    if (ended) co_return no_tor(fmt::format("tor ended with status {} right after its start", *ended));
    if (ended.error().what == outcome::cancelled) co_return ended.error();
  }
}

awaitable<result<void>> tor::add_keys(control& connection) {
  for (const auto& one : options_.keys) {
    auto adding = connection.add_client_auth(one.id, base::secret(one.key.reveal()));
    const auto added = co_await std::move(adding);
    if (!added) co_return added.error();
  }
  co_return result<void>{};
}

awaitable<result<void>> tor::configure(control& connection) {
  stale_ = false;
  progressed_ = std::chrono::steady_clock::now();
  auto ways = std::get<managed_tor>(options_.kind).ways;
  if (without_) ways.bridges.clear();
  auto setting = connection.set_conf(tor_settings(ways));
  const auto set = co_await std::move(setting);
  if (!set) co_return set.error();
  // After the settings: at a SETCONF tor reads its folder of keys anew, and forgets those that came another way.
  auto adding = add_keys(connection);
  auto added = co_await std::move(adding);
  co_return added;
}

const tor_ways* tor::ways() const noexcept {
  const auto* ours = std::get_if<managed_tor>(&options_.kind);
  return ours ? &ours->ways : nullptr;
}

void tor::use(tor_ways ways) {
  auto* ours = std::get_if<managed_tor>(&options_.kind);
  if (ours == nullptr || ours->ways == ways) return;
  ours->ways = std::move(ways);
  without_ = false;
  if (ours->ways.bridges_optional && state_ == state::ready) return;
  stale_ = true;
  renewed_.notify();
}

/// When optional bridges are left out, or taken again.
base::steady_time tor::turn() const {
  const auto* ours = ways();
  const bool has_two = ours != nullptr && ours->bridges_optional && !ours->bridges.empty();
  return has_two && state_ != state::ready ? progressed_ + options_.stuck : base::steady_time::max();
}

/// nullopt: there are new ways to be set, and the connection is free for that.
awaitable<result<std::optional<wire::control_reply>>> tor::event_or_new_ways(control& connection) {
  std::optional<result<wire::control_reply>> event;
  std::optional<result<void>> renewed;
  net::scope either(executor_);
  either.spawn(keep_value(connection.next_event(), event));
  either.spawn(keep_value(renewed_.wait(), renewed));
  const auto end = turn();
  co_await either.wait(end);
  const bool cancelled = co_await net::was_cancelled();
  either.cancel();
  co_await either.join();
  if (cancelled) co_return fail(outcome::cancelled, {}, stage::handshake);
  if (event && *event) co_return std::move(**event);
  if (event && event->error().what != outcome::cancelled) co_return event->error();
  const bool others = renewed && *renewed; // ways that were never tried: not the moment to turn from them
  if (!others && std::chrono::steady_clock::now() >= end) {
    without_ = !without_;
    stale_ = true;
  }
  co_return std::nullopt;
}

/// Follows the phases until the connection ends, which is the failure. Cancelled: cancelled.
awaitable<result<void>> tor::bootstrap(control& connection) {
  auto asking = connection.get_info("status/bootstrap-phase");
  const auto first = co_await std::move(asking);
  if (!first) co_return first.error();
  auto phase = wire::bootstrap_phase::parse(*first);
  for (;;) {
    if (!phase) co_return phase.error();
    if (*phase) at(**phase);
    phase = std::optional<wire::bootstrap_phase>();
    if (stale_) {
      auto setting = configure(connection);
      const auto set = co_await std::move(setting);
      if (!set) co_return set.error();
    }
    auto waiting = event_or_new_ways(connection);
    const auto event = co_await std::move(waiting);
    if (!event && event.error().what == outcome::cancelled) co_return event.error();
    if (!event) co_return no_tor("tor has ended, or closed its control port");
    if (*event) phase = wire::bootstrap_phase::parse((*event)->lines.front().text);
  }
}

awaitable<result<void>> tor::keep(control_tor& what) {
  control_options options{what.where, {}, {}};
  auto opening = control::open(std::move(options));
  auto connection = co_await std::move(opening);
  if (!connection) co_return of_control_port(std::move(connection).error());
  auto asking = (*connection)->get_info("net/listeners/socks");
  const auto listeners = co_await std::move(asking);
  if (!listeners) co_return listeners.error();
  const auto socks = socks_listener(*listeners);
  if (!socks) co_return no_tor("this tor has no SOCKS listener on a loopback address: give it a SocksPort");
  socks_ = *socks;
  auto adding = add_keys(**connection);
  const auto added = co_await std::move(adding);
  if (!added) co_return added.error();
  auto listening = (*connection)->set_events({"STATUS_CLIENT"});
  const auto listened = co_await std::move(listening);
  if (!listened) co_return listened.error();
  auto following = bootstrap(**connection);
  auto followed = co_await std::move(following);
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation()); // left as it was found
  for (const auto& one : options_.keys) {
    auto removing = (*connection)->remove_client_auth(one.id);
    (void)co_await std::move(removing);
  }
  co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
  co_return followed;
}

/// Nothing to be kept: ready until we end.
awaitable<result<void>> tor::keep(socks_tor& what) {
  socks_ = what.where;
  wire::bootstrap_phase done;
  done.progress = 100;
  phase_ = done; // told to nobody: that it listens at all is not known
  in_a_row_ = 0;
  now(state::ready);
  for (;;) {
    auto waiting = asked_.wait();
    const auto waited = co_await std::move(waiting);
    if (!waited) co_return waited.error();
  }
}

awaitable<result<void>> tor::until_ready(phase_fn tell) {
  const auto starts_before = starts_;
  std::optional<wire::bootstrap_phase> told;
  for (;;) {
    if (tell && phase_ && phase_ != told) tell(*phase_);
    told = phase_;
    if (state_ == state::ready) co_return result<void>{};
    // A failure of before we asked is not ours; but while it keeps us waiting for the next start, it is the answer.
    if (state_ == state::failed && (starts_ > starts_before || in_a_row_ > 0)) co_return why_;
    if (state_ == state::idle || state_ == state::failed) {
      wanted_ = true;
      asked_.notify();
    }
    auto waiting = changed_.wait();
    const auto waited = co_await std::move(waiting);
    if (!waited) co_return waited.error();
  }
}

awaitable<result<net::stream_ptr>> tor::open(wire::socks_destination to, std::string isolation, phase_fn tell) {
  co_await asio::this_coro::throw_if_cancelled(false);
  auto waiting = net::with_deadline(until_ready(std::move(tell)), options_.bootstrap, stage::handshake);
  const auto ready = co_await std::move(waiting);
  if (!ready && ready.error().what == outcome::timed_out)
    co_return no_tor(phase_ ? said_of(*phase_) : std::string("tor has not answered yet"));
  if (!ready) co_return ready.error();
  auto connecting =
      net::with_deadline(first_circuit(std::move(to), std::move(isolation)), options_.circuits_in_all, stage::proxy);
  auto stream = co_await std::move(connecting);
  if (!stream && stream.error().what == outcome::timed_out)
    co_return fail(outcome::timed_out, "tor is ready, and none of its circuits reached it", stage::proxy);
  co_return stream;
}

awaitable<result<net::stream_ptr>> tor::first_circuit(wire::socks_destination to, std::string isolation) {
  attempts tried(options_.circuits);
  net::scope running(executor_);
  auto next = std::chrono::steady_clock::now();
  std::size_t begun = 0;
  bool cancelled = co_await net::was_cancelled();
  while (!cancelled && !running.failed()) {
    const auto now = std::chrono::steady_clock::now();
    if (begun < tried.size() && (now >= next || running.running() == 0)) {
      running.spawn(keep_value(connect(to, fmt::format("{}-{}", isolation, begun)), tried[begun]));
      ++begun;
      next = now + options_.circuit;
    }
    co_await running.wait(begun < tried.size() ? next : base::steady_time::max());
    cancelled = co_await net::was_cancelled();
    if (is_settled(tried)) break;
  }
  running.cancel();
  co_await running.join();
  if (cancelled) co_return fail(outcome::cancelled, {}, stage::proxy);
  co_return taken(tried);
}

awaitable<base::failure> tor::judge(base::failure why) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const bool cut = why.what == outcome::reset_before_hello || why.what == outcome::reset_after_hello ||
                   why.what == outcome::stalled_after_bytes;
  if (!cut) co_return why;
  // The keeper may hear of its end later than its streams do.
  auto greeting = net::with_deadline(greet(socks_), options_.circuit, stage::proxy);
  const auto lives = co_await std::move(greeting);
  if (!lives && lives.error().what == outcome::cancelled) co_return lives.error();
  if (!lives) co_return fail(outcome::proxy_failed, "tor has ended", stage::proxy);
  co_return fail(outcome::unreachable, "the other end, or a relay on the way, has cut the stream through tor", why.at);
}

awaitable<result<net::stream_ptr>> tor::connect(wire::socks_destination to, std::string isolation) {
  auto connecting = connect_local(socks_);
  auto stream = co_await std::move(connecting);
  if (!stream && stream.error().what == outcome::cancelled) co_return stream.error();
  // Not the class of that connection: "refused" would be said of the destination.
  if (!stream) co_return no_tor("nothing answers at tor's SOCKS port");
  wire::socks_credentials who{base::sensitive(std::move(isolation)), base::sensitive(std::string("landfall"))};
  auto asking = net::socks5_connect(**stream, std::move(to), std::move(who));
  const auto there = co_await std::move(asking);
  if (!there) co_return there.error();
  co_return std::move(*stream);
}

} // namespace landfall::onion
