// A tor that is not ours, whose control connection comes and goes.
#include "net/deadline.hpp"
#include "onion/tor.hpp"
#include "tests/fakes/process.hpp"
#include "tests/fakes/run.hpp"
#include "tests/onion/fake_tor.hpp"

#include <set>

using namespace landfall;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

struct adopted {
  fakes::fake_tor& other;
  onion::tor& tor;
  std::vector<int> told{}; ///< the phases
  bool stands = true;      ///< the control connection, when the story ends
};
using story = asio::awaitable<void> (*)(adopted&);

asio::awaitable<int> tell(story what) {
  const auto executor = co_await asio::this_coro::executor;
  fakes::fake_tor other(executor);
  onion::tor_options options;
  options.kind = onion::control_tor{other.control_place()};
  options.keys.push_back({std::string(56, 'a'), base::secret("a2V5")});
  options.bootstrap = 20s;
  std::vector<int>* told = nullptr;
  options.tell = [&told](const wire::bootstrap_phase& phase) { told->push_back(phase.progress); };
  onion::tor tor(executor, std::move(options));
  adopted all{other, tor};
  told = &all.told;
  net::scope children(executor);
  children.spawn(other.serve());
  const auto keeper = children.spawn(tor.run());
  auto telling = what(all);
  co_await std::move(telling);
  children.cancel(keeper);
  auto leaving = other.until([&] { return other.count("ONION_CLIENT_AUTH_REMOVE") > 0 || !all.stands; });
  co_await std::move(leaving);
  children.cancel();
  co_await children.join();
  co_return 0;
}

asio::awaitable<std::string> opened(adopted& all) {
  auto opening = all.tor.open(*wire::socks_destination::parse("example.onion", 80), "a");
  const auto got = co_await std::move(opening);
  co_return got ? "good" : fmt::format("{}: {}", base::name(got.error().what), got.error().detail);
}

/// Also while it is away, and the connection is there again by itself.
asio::awaitable<void> comes_back(adopted& all) {
  auto first = opened(all);
  const auto first_got = co_await std::move(first);
  CHECK(first_got == "good");
  all.other.hang_up();
  auto gone = all.other.until([&] { return all.other.count("PROTOCOLINFO") == 2; });
  auto second = opened(all);
  const auto second_got = co_await std::move(second);
  CHECK_MESSAGE(second_got == "good", "while nothing is connected");
  CHECK(all.other.count("PROTOCOLINFO") == 1);
  co_await std::move(gone);
  auto keyed = all.other.until([&] { return all.other.count("SETEVENTS") == 2; });
  co_await std::move(keyed);
  CHECK_MESSAGE(all.other.count("ONION_CLIENT_AUTH_ADD") == 2, "its keys may be forgotten");
  auto third = opened(all);
  const auto third_got = co_await std::move(third);
  CHECK(third_got == "good");
  auto phased = all.other.until([&] { return all.other.count("GETINFO status/bootstrap-phase") == 2; });
  co_await std::move(phased);
  auto fourth = opened(all);
  const auto fourth_got = co_await std::move(fourth);
  CHECK(fourth_got == "good");
  const std::vector<int> twice{100, 100};
  CHECK_MESSAGE(all.told == twice, "phases are told again");
}

asio::awaitable<void> with_growing_pauses(adopted& all) {
  auto first = opened(all);
  const auto first_got = co_await std::move(first);
  CHECK(first_got == "good");
  all.other.hangs_up = true;
  all.stands = false;
  all.other.hang_up();
  auto calls = all.other.until([&] { return all.other.calls.size() == 3; });
  co_await std::move(calls);
  CHECK(all.other.calls[2] - all.other.calls[1] >= 1900ms);
  auto second = opened(all);
  const auto second_got = co_await std::move(second);
  CHECK_MESSAGE(second_got == "good", "the SOCKS port is there all the time");
  all.other.close_socks();
  auto third = opened(all);
  const auto gone = co_await std::move(third);
  CHECK_MESSAGE(gone == "tor_bootstrap: nothing answers at tor's SOCKS port", gone);
}

/// Who waits for 100 % cannot go on without.
asio::awaitable<void> in_the_middle(adopted& all) {
  all.other.phase = "BOOTSTRAP PROGRESS=50 TAG=loading_descriptors";
  const auto executor = co_await asio::this_coro::executor;
  net::scope hanging_up(executor);
  const auto at_50 = [](adopted& of) -> asio::awaitable<void> {
    auto phased = of.other.until([&] { return of.other.count("GETINFO status/bootstrap-phase") == 1; });
    co_await std::move(phased);
    of.other.hang_up();
  };
  hanging_up.spawn(at_50(all));
  auto first = opened(all);
  const auto failed = co_await std::move(first);
  CHECK_MESSAGE(failed == "tor_bootstrap: tor has ended, or closed its control port", failed);
  co_await hanging_up.join();
  all.stands = false;
}

/// A stream of a tor with circuits like these; how often they were asked for, and the end.
asio::awaitable<std::string> over(std::vector<fakes::fake_tor::circuit> circuits) {
  const auto executor = co_await asio::this_coro::executor;
  fakes::fake_tor other(executor);
  other.circuits = std::move(circuits);
  onion::tor_options options;
  options.kind = onion::control_tor{other.control_place()};
  options.circuit = 30ms;
  onion::tor tor(executor, std::move(options));
  net::scope children(executor);
  children.spawn(other.serve());
  children.spawn(tor.run());
  auto opening = tor.open(*wire::socks_destination::parse("example.onion", 80), "word");
  const auto got = co_await std::move(opening);
  children.cancel();
  co_await children.join();
  const std::set<std::string> different(other.isolations.begin(), other.isolations.end());
  CHECK(different.size() == other.isolations.size());
  for (const auto& isolation : different) CHECK(isolation.starts_with("word-"));
  co_return fmt::format("{} of {}", got ? "good" : base::name(got.error().what), other.isolations.size());
}

} // namespace

TEST_CASE("A circuit that hangs gets another one beside it; the first that stands is taken") {
  using wire::socks_reply;
  using circuit = fakes::fake_tor::circuit;
  const circuit hangs{std::nullopt}, late{socks_reply::onion_intro_timed_out}, gone{socks_reply::onion_not_found};
  struct row {
    std::string name;
    std::vector<circuit> circuits;
    std::string expected;
  };
  const row rows[] = {
      {"at once", {}, "good of 1"},
      {"the first hangs", {hangs}, "good of 2"},
      {"four hang", {hangs, hangs, hangs, hangs}, "good of 5"},
      {"over a slow bridge the first comes, after two more", {{socks_reply::succeeded, 3}, hangs, hangs}, "good of 3"},
      {"tor gives the first up", {late}, "good of 2"},
      {"tor gives all of them up", {late, late, late, late, late}, "timed_out of 5"},
      {"the service is gone", {gone}, "unreachable of 1"},
      {"the first hangs, the second says that it is gone", {hangs, gone}, "unreachable of 2"},
      {"authorisation is wanted", {{socks_reply::onion_auth_missing}}, "proxy_failed of 1"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(fakes::run(over(row.circuits)) == row.expected);
  }
}
TEST_CASE("What tor says of a stream is the class of its failure") {
  using wire::socks_reply;
  struct row {
    std::string name;
    socks_reply said;
    std::string expected;
  };
  const row rows[] = {
      {"general failure", socks_reply::general_failure, "proxy_failed of 1"},
      {"not allowed", socks_reply::not_allowed, "proxy_failed of 1"},
      {"host unreachable", socks_reply::host_unreachable, "unreachable of 1"},
      {"refused", socks_reply::refused, "refused of 1"},
      {"TTL expired", socks_reply::ttl_expired, "timed_out of 5"},
      {"F0, no descriptor", socks_reply::onion_not_found, "unreachable of 1"},
      {"F1, a descriptor that is wrong", socks_reply::onion_invalid, "proxy_failed of 1"},
      {"F2, introduction failed", socks_reply::onion_intro_failed, "unreachable of 1"},
      {"F3, rendezvous failed", socks_reply::onion_rendezvous_failed, "unreachable of 1"},
      {"F4, authorisation missing", socks_reply::onion_auth_missing, "proxy_failed of 1"},
      {"F5, authorisation wrong", socks_reply::onion_auth_wrong, "proxy_failed of 1"},
      {"F6, a wrong address", socks_reply::onion_bad_address, "proxy_failed of 1"},
      {"F7, introduction timed out", socks_reply::onion_intro_timed_out, "timed_out of 5"},
      {"a code of nobody's", socks_reply{0xaa}, "proxy_failed of 1"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const std::vector<fakes::fake_tor::circuit> always(5, {row.said});
    CHECK(fakes::run(over(always)) == row.expected);
  }
}
TEST_CASE("An adopted tor that was ready needs no control connection for a stream, and gets one again") {
  fakes::run(tell(comes_back));
}
TEST_CASE("An adopted tor is sought with growing pauses") { fakes::run(tell(with_growing_pauses)); }
TEST_CASE("An adopted tor whose connection ends before 100 % fails those who wait for it") {
  fakes::run(tell(in_the_middle));
}
