#include "sidecar/demo_tor_network.hpp"

#include "base/file.hpp"
#include "crypto/hash.hpp"
#include "net/deadline.hpp"
#include "sidecar/demo_child.hpp"

#include <fmt/format.h>

namespace landfall::sidecar {

using base::fail;
using base::outcome;
using net::awaitable;
using net::result;
using tcp = net::asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

constexpr int authority_count = 3, relay_count = 3;
/// A relay that was too late for the first vote would cost two intervals, and a circuit needs no more than these.
constexpr std::size_t relays_enough = authority_count + relay_count - 1;
constexpr auto keys_limit = 60s, consensus_limit = 90s, upload_limit = 60s; ///< on a busy machine; mostly 3, 11, 2
constexpr auto between_looks = 200ms;
/// Each of the two halves of a service's directories has one.
constexpr int uploads_enough = 2;
constexpr std::size_t largest_certificate = 16 * 1024;

/// 127.x.y.z, and not one of those that other programs take.
net::asio::ip::address_v4 draw_address() {
  constexpr std::uint32_t first = 0x7f'40'00'01, count = 0x80'00'00;
  return net::asio::ip::address_v4(first + static_cast<std::uint32_t>(crypto::random_below(count)));
}

result<std::uint16_t> hold_port(std::vector<tcp::acceptor>& held, net::asio::any_io_executor executor,
                                net::asio::ip::address_v4 address) {
  net::error_code ec;
  auto& one = held.emplace_back(executor);
  one.open(tcp::v4(), ec);
  if (!ec) one.bind({address, 0}, ec);
  const auto where = ec ? tcp::endpoint() : one.local_endpoint(ec);
  if (ec) return fail(outcome::local_error, "no free port on loopback: " + ec.message());
  return where.port();
}

/// What it prints, or what it said.
awaitable<result<std::string>> run(net::asio::any_io_executor executor, demo_child::start_options how) {
  const auto log = how.log;
  const auto name = how.command.front();
  auto child = demo_child::start(executor, std::move(how));
  if (!child) co_return child.error();
  auto ended = co_await (*child)->read_all();
  if (!ended) co_return ended.error();
  if (ended->status == 0) co_return std::move(ended->output);
  const auto said = base::read_file(log, demo_child::max_output);
  co_return fail(outcome::local_error, fmt::format("{}: {}", name, said ? *said : std::string()));
}

demo_child::start_options certificate_command(const demo_tor_place& place) {
  const auto keys = place.folder / "keys";
  demo_child::start_options how;
  how.log = place.folder / "tor-gencert.log";
  how.command = {"tor-gencert", "--create-identity-key", "--passphrase-fd", "0"}; // an empty one: no key is kept
  how.command.insert(how.command.end(), {"-m", "12", "-a", fmt::format("{}:{}", place.address, place.files)});
  how.command.insert(how.command.end(), {"-i", keys / "authority_identity_key", "-s", keys / "authority_signing_key"});
  how.command.insert(how.command.end(), {"-c", keys / "authority_certificate"});
  return how;
}

/// tor makes its own keys at its first start, and with this option it then tells them and leaves. The authority it is
/// given is none: without any it would be a tor of the public network.
demo_child::start_options fingerprint_command(const demo_tor_place& place) {
  demo_child::start_options how;
  how.log = place.folder / "tor-keys.log";
  how.command = {"tor", "--list-fingerprint", "--quiet", "--defaults-torrc", place.empty(), "-f", place.empty()};
  how.command.insert(how.command.end(), {"--DataDirectory", place.folder, "--Nickname", place.name});
  how.command.insert(how.command.end(), {"--ORPort", fmt::format("{}:{}", place.address, place.onions)});
  how.command.insert(how.command.end(),
                     {"--DirAuthority", "x no-v2 127.0.0.1:1 FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"});
  return how;
}

} // namespace

demo_tor_network::demo_tor_network(net::asio::any_io_executor executor, std::filesystem::path folder,
                                   const base::clock& clock, demo_progress& progress)
    : executor_(std::move(executor)), folder_(std::move(folder)), clock_(clock), progress_(progress) {}

result<void> demo_tor_network::possible() {
  for (const auto* program : {"tor", "tor-gencert"})
    if (net::find_program(program).empty())
      return fail(outcome::local_error,
                  fmt::format("the program '{}' is not there, and this demo is made of it", program));
  return {};
}

result<void> demo_tor_network::prepare() {
  const auto address = draw_address();
  const auto add = [&](std::vector<demo_tor_place>& to, std::string name, bool authority) -> result<void> {
    demo_tor_place place{folder_ / name, name, address.to_string()};
    const auto onions = hold_port(held_, executor_, address);
    if (!onions) return onions.error();
    place.onions = *onions;
    const auto files = authority ? hold_port(held_, executor_, address) : result<std::uint16_t>(0);
    if (!files) return files.error();
    place.files = *files;
    auto made = base::private_folder(place.folder / "keys");
    if (made) made = base::write_file(place.empty(), "");
    to.push_back(std::move(place));
    return made;
  };
  for (int i = 1; i <= authority_count; ++i)
    if (auto added = add(authority_places_, fmt::format("authority{}", i), true); !added) return added;
  for (int i = 1; i <= relay_count; ++i)
    if (auto added = add(relay_places_, fmt::format("relay{}", i), false); !added) return added;
  return {};
}

awaitable<result<std::string>> demo_tor_network::line_of(const demo_tor_place& place) {
  auto certifying = run(executor_, certificate_command(place));
  const auto certified = co_await std::move(certifying);
  if (!certified) co_return certified.error();
  const auto certificate = base::read_file(place.folder / "keys/authority_certificate", largest_certificate);
  if (!certificate) co_return certificate.error();
  const auto identity = identity_in(*certificate);
  if (!identity) co_return identity.error();
  auto asking = run(executor_, fingerprint_command(place));
  const auto printed = co_await std::move(asking);
  if (!printed) co_return printed.error();
  const auto fingerprint = fingerprint_in(*printed);
  if (!fingerprint) co_return fingerprint.error();
  co_return directory_line(place, *identity, *fingerprint);
}

awaitable<void> demo_tor_network::make_keys_of(const demo_tor_place& place, keys& made) {
  auto making = line_of(place);
  auto line = co_await std::move(making);
  if (line)
    made.line = std::move(*line);
  else
    made.why = std::move(line).error();
}

awaitable<result<void>> demo_tor_network::make_keys() {
  if (auto prepared = prepare(); !prepared) co_return prepared.error();
  std::vector<keys> made(authority_places_.size());
  net::scope at_once(executor_);
  for (std::size_t i = 0; i < made.size(); ++i) at_once.spawn(make_keys_of(authority_places_[i], made[i]));
  co_await at_once.join();
  for (auto& one : made) {
    if (one.why) co_return std::move(*one.why);
    authorities_ += one.line;
  }
  co_return result<void>();
}

awaitable<result<demo_tor*>> demo_tor_network::start(net::scope& life, demo_tor_place place, std::string torrc) {
  auto starting = demo_tor::start(executor_, std::move(place), std::move(torrc));
  auto started = co_await std::move(starting);
  if (!started) co_return started.error();
  tors_.push_back(std::move(*started));
  life.spawn(tors_.back()->keep());
  co_return tors_.back().get();
}

awaitable<result<void>> demo_tor_network::start_all(net::scope& life) {
  for (const auto& place : authority_places_) {
    auto starting = start(life, place, authority_torrc(place, authorities_));
    const auto started = co_await std::move(starting);
    if (!started) co_return started.error();
  }
  for (const auto& place : relay_places_) {
    auto starting = start(life, place, relay_torrc(place, authorities_));
    const auto started = co_await std::move(starting);
    if (!started) co_return started.error();
  }
  co_return result<void>();
}

awaitable<result<void>> demo_tor_network::start_relays(net::scope& life) {
  const auto state = relay_state(clock_.wall());
  for (const auto* places : {&authority_places_, &relay_places_})
    for (const auto& place : *places)
      if (auto written = base::write_file(place.state(), state); !written) co_return written.error();
  held_.clear(); // nobody else is given them in the next milliseconds
  auto starting = start_all(life);
  const auto started = co_await std::move(starting);
  if (!started) co_return started.error();
  auto connecting = tors_.front()->control();
  const auto authority = co_await std::move(connecting);
  if (!authority) co_return authority.error();
  for (;;) {
    auto asking = (*authority)->get_info("ns/all");
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    if (relays_in(*answer) >= relays_enough) co_return result<void>();
    const auto rested = co_await net::sleep_for(between_looks);
    if (!rested) co_return rested.error();
  }
}

/// Only now: one that was started before there was a consensus would rest for eight seconds before it asks again.
awaitable<result<void>> demo_tor_network::start_service(net::scope& life) {
  demo_tor_place place{service_folder(), "service"};
  if (auto made = base::private_folder(place.folder); !made) co_return made.error();
  auto starting = start(life, place, service_torrc(place, authorities_));
  const auto started = co_await std::move(starting);
  if (!started) co_return started.error();
  auto connecting = (*started)->control();
  auto connection = co_await std::move(connecting);
  if (!connection) co_return connection.error();
  events_ = std::move(*connection);
  auto listening = events_->set_events({"HS_DESC"});
  auto listened = co_await std::move(listening);
  co_return listened;
}

awaitable<result<void>> demo_tor_network::step(std::string name, std::string about, awaitable<result<void>> work,
                                               std::chrono::seconds limit) {
  auto bounded = net::with_deadline(std::move(work), limit, base::stage::none);
  auto doing = progress_.step(std::move(name), std::move(about), std::move(bounded));
  const auto done = co_await std::move(doing);
  if (!done) co_return explained(done.error());
  co_return result<void>();
}

awaitable<result<void>> demo_tor_network::build(net::scope& life) {
  auto making = step("keys", "keys and certificates of three directory authorities", make_keys(), keys_limit);
  auto done = co_await std::move(making);
  if (!done) co_return done;
  auto waiting = step("wait", "authorities vote at fixed seconds of the clock: waiting for the next turn",
                      net::sleep_for(until_start(clock_.wall())), keys_limit);
  done = co_await std::move(waiting);
  if (!done) co_return done;
  auto voting = step("consensus", "authorities and three relays start, vote, and publish their consensus",
                     start_relays(life), consensus_limit);
  done = co_await std::move(voting);
  if (!done) co_return done;
  auto starting =
      step("service", "one more tor starts, which publishes onion services", start_service(life), upload_limit);
  done = co_await std::move(starting);
  co_return done;
}

awaitable<result<void>> demo_tor_network::uploaded() {
  for (int found = 0; found < uploads_enough;) {
    auto waiting = events_->next_event();
    const auto event = co_await std::move(waiting);
    if (!event) co_return event.error();
    if (is_upload(event->lines.front().text)) ++found;
  }
  co_return result<void>();
}

awaitable<result<void>> demo_tor_network::published() {
  auto waiting = step("publish", "the onion service's descriptor reaches its directories", uploaded(), upload_limit);
  auto done = co_await std::move(waiting);
  co_return done;
}

/// With what the first tor said that has ended, else an authority.
base::failure demo_tor_network::explained(base::failure why) const {
  if (why.what == outcome::cancelled) return why;
  why.detail = "the private Tor network did not come up: " + why.detail;
  const demo_tor* witness = tors_.empty() ? nullptr : tors_.front().get();
  for (const auto& one : tors_)
    if (one->ended()) {
      witness = one.get();
      break;
    }
  if (witness != nullptr) why.detail += fmt::format("; {} said:\n{}", witness->place().name, witness->said());
  return why;
}

} // namespace landfall::sidecar
