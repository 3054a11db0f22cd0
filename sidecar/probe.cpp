#include "sidecar/probe.hpp"

#include "config/endpoint.hpp"
#include "fallback/random.hpp"
#include "sidecar/race_watch.hpp"
#include "sidecar/scratch.hpp"
#include "sidecar/whereabouts.hpp"
#include "tests/censor/hello.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace landfall::sidecar {

using base::result;
using fallback::lane_report;
using net::awaitable;

namespace {

namespace fs = std::filesystem;

struct asks_for {
  const config::settings& settings;

  look_up operator()(const config::https_target& to) const { return of(to.url.host, http::name_kind::sensitive); }
  look_up operator()(const config::fronted_target& to) const {
    auto out = look_up::none;
    for (const auto& front : to.fronts)
      if (!front.address && out != look_up::plaintext)
        if (const auto one = of(front.name, http::name_kind::front); one != look_up::none) out = one;
    return out;
  }
  look_up operator()(const config::dns_target&) const { return look_up::plaintext; }
  template <class Other> look_up operator()(const Other&) const { return look_up::none; }

private:
  [[nodiscard]] look_up of(const std::string& host, http::name_kind kind) const {
    if (config::ip_address::parse(host)) return look_up::none;
    const auto way = http::way_for(host, kind);
    if (way == http::way_to_ask::never || way == http::way_to_ask::here) return look_up::none;
    if (!settings.sidecar.upstream_proxy.reveal().empty()) return look_up::by_proxy;
    return way == http::way_to_ask::any ? look_up::plaintext : look_up::over_https;
  }
};

/// `hello` is a handshake message; the reader wants it as it is on the wire, in a record.
void note(probed& row, std::string_view hello, std::uint64_t received) {
  ++row.connections;
  row.received += received;
  if (hello.empty() || hello.size() > censor::max_hello) return;
  const auto size = static_cast<std::uint16_t>(hello.size());
  std::string record("\x16\x03\x01", 3);
  record += static_cast<char>(size >> 8);
  record += static_cast<char>(size & 0xff);
  const auto read = censor::read_hello(record.append(hello), true);
  row.shown.ja4 = read.hello.ja4;
  row.shown.has_name = !read.hello.sni.empty();
}

/// The route, with an eye on what its connections show. `row` outlives it.
fallback::route observed(fallback::route what, probed& row) {
  what.fetch = [fetch = std::move(what.fetch), &row](fallback::document_request asked, net::progress_fn tell) {
    asked.seen = [&row](std::string_view hello, std::uint64_t received) { note(row, hello, received); };
    return fetch(std::move(asked), std::move(tell));
  };
  return what;
}

/// What was saved, without the lock that its owner holds.
result<scratch_folder> copy_of(const fs::path& state) {
  auto folder = scratch_folder::make("landfall-probe");
  if (!folder) return folder;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(state, ec)) {
    const auto name = entry.path().filename().string();
    const bool ours = name.starts_with("trust-") || name.starts_with("memory.") || name == "peers.json";
    if (ours && !ec) fs::copy_file(entry.path(), folder->path() / name, ec);
  }
  if (ec) return base::fail(base::outcome::local_error, fmt::format("{}: {}", state.string(), ec.message()));
  return folder;
}

std::uint64_t random_seed() { return crypto::random_below(std::numeric_limits<std::uint64_t>::max()); }

class probe final : public prober {
public:
  probe(net::asio::any_io_executor executor, config::settings settings, const base::clock& clock, bool conspicuous,
        std::optional<scratch_folder> copy, std::unique_ptr<holdings> held)
      : settings_(std::move(settings)), clock_(clock), conspicuous_(conspicuous), copy_(std::move(copy)),
        held_(std::move(held)), events_(clock), watch_(
                                                    events_, [this](const trust::event&) { held_->save_trust(); },
                                                    [this](bool) { adopted(); }, [](const fallback::race_result&) {}),
        network_(net::system_network(executor, settings_.sidecar.interface)),
        where_(events_, *network_, held_->memory, false, [](const std::string&, std::string) {}),
        through_(executor, settings_, clock_), penalties_(held_->memory.penalised()), random_(random_seed()) {}

  awaitable<probe_result> run() override;
  event_bus& events() override { return events_; }

private:
  /// One that runs, and its row.
  struct lane {
    fallback::route what;
    std::size_t row;
  };
  [[nodiscard]] std::vector<fallback::entrant> line_up();
  [[nodiscard]] probed row_of(const known_route& route, const trust::peer_list* list) const;
  [[nodiscard]] awaitable<lane_report> run_one(std::size_t index, net::progress_fn progress);
  [[nodiscard]] probe_result finish(const probe_plan& plan, std::uint64_t epoch);
  void record(const std::vector<lane_report>& reports);
  void adopted();

  config::settings settings_;
  const base::clock& clock_;
  bool conspicuous_;
  std::optional<scratch_folder> copy_; // goes after what lies in it
  std::unique_ptr<holdings> held_;
  event_bus events_;
  race_watch watch_;
  std::unique_ptr<net::network_source> network_;
  whereabouts where_;
  transports through_;
  fallback::penalties penalties_; ///< the memory's, and those that this probe earned
  std::mt19937_64 random_;
  std::shared_ptr<fallback::date_waiver> dates_ = std::make_shared<fallback::date_waiver>();
  std::vector<probed> rows_;
  std::vector<lane> lanes_;
};

probed probe::row_of(const known_route& route, const trust::peer_list* list) const {
  probed row;
  row.route = route.name;
  row.kind = route.kind;
  if (!route.off.empty()) row.skipped = "off: " + route.off;
  const auto look = [&](const std::vector<config::route>& among) {
    for (const auto& one : among)
      if (one.name == route.name) row.shown.asks = look_up_of(one, settings_);
  };
  look(settings_.routes);
  if (list) look(list->routes);
  return row;
}

std::vector<fallback::entrant> probe::line_up() {
  const auto wall = clock_.wall();
  held_->memory.cap(wall);
  const auto* list = held_->trust.list() ? &**held_->trust.list() : nullptr;
  auto routes = make_routes(settings_, list, through_);
  std::vector<fallback::entrant> out;
  const auto ranked = rank(routes.usable, held_->memory, where_.here(), settings_.fallback.exposure, wall);
  for (const auto& one : ranked)
    for (const auto& known : routes.known)
      if (known.name == routes.usable[one.route].name) rows_.push_back(row_of(known, list));
  for (const auto& known : routes.known)
    if (!known.off.empty()) rows_.push_back(row_of(known, list));
  // From here on rows_ keeps its place: lanes point into it.
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    rows_[i].skipped = why_left_out(ranked[i], settings_.fallback.exposure, conspicuous_);
    rows_[i].waits = ranked[i].waits;
    if (!rows_[i].skipped.empty() || rows_[i].waits) continue;
    lanes_.push_back({observed(std::move(routes.usable[ranked[i].route]), rows_[i]), i});
    out.push_back(ranked[i].as);
  }
  return out;
}

awaitable<lane_report> probe::run_one(std::size_t index, net::progress_fn progress) {
  co_await net::asio::this_coro::throw_if_cancelled(false);
  const auto& what = lanes_[index].what;
  lane_report report;
  auto& waits = rows_[lanes_[index].row].waits;
  waits = penalties_.of(where_.here(), what, clock_.wall()); // another lane may have met the same place meanwhile
  if (waits) {
    report.penalised_until = waits->until;
    co_return report;
  }
  watch_.lane_started(1, what);
  const net::progress_fn tell = [this, &what, progress](base::stage at) {
    watch_.lane_progress(1, what, at);
    if (progress) progress(at);
  };
  const fallback::avoid_fn avoid = [this](const base::place& place) {
    return penalties_.avoids(where_.here(), place, clock_.wall());
  };
  const fallback::lane_context context{held_->trust, clock_, watch_, dates_, avoid};
  const auto whole = fallback::whole_deadline(what.kind, config::lane_deadlines());
  auto running = fallback::run_lane(what, context, fallback::lane_task(), whole, tell);
  report = co_await std::move(running);
  penalties_.apply(where_.here(), what, report, clock_.wall(), fallback::unit(random_));
  watch_.lane_ended(1, report);
  co_return report;
}

awaitable<probe_result> probe::run() {
  co_await net::asio::this_coro::throw_if_cancelled(false);
  const auto epoch = where_.epoch();
  probe_plan plan(line_up(), settings_.fallback);
  const std::function<awaitable<lane_report>(std::size_t, net::progress_fn)> one =
      [this](std::size_t index, net::progress_fn progress) { return run_one(index, std::move(progress)); };
  const auto executor = co_await net::asio::this_coro::executor;
  net::scope beside(executor);
  beside.spawn(through_.run());
  auto running = net::race<lane_report>(plan, one, clock_);
  const auto ended = co_await std::move(running);
  (void)ended; // cancelled: there is what there is
  beside.cancel();
  co_await beside.join();
  co_return finish(plan, epoch);
}

probe_result probe::finish(const probe_plan& plan, std::uint64_t epoch) {
  std::vector<lane_report> reports;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    auto& row = rows_[lanes_[i].row];
    const auto& report = plan.reports()[i];
    if (!report) row.skipped = "the probe ended before its turn";
    if (!report || report->penalised_until) continue;
    row.ended = report;
    reports.push_back(*report);
  }
  probe_result out;
  (void)where_.look();
  out.moved = where_.epoch() != epoch;
  out.verdict = fallback::judge(reports, where_.gateway());
  if (!out.moved && out.verdict == fallback::verdict::open) record(reports);
  out.network = settings_.network.id;
  out.exposure = settings_.fallback.exposure;
  out.on_copy = copy_.has_value();
  out.routes = rows_;
  if (const auto& list = held_->trust.list()) {
    out.list = (*list)->order;
    out.tier = trust::name(held_->trust.tier(clock_.wall()).value_or(trust::tier::c));
  }
  out.warnings = held_->warnings();
  return out;
}

void probe::record(const std::vector<lane_report>& reports) {
  for (const auto& report : reports)
    for (const auto& one : lanes_)
      if (one.what.name == report.route)
        held_->memory.record(where_.here(), one.what, report, clock_.wall(), fallback::unit(random_));
  held_->save_memory();
}

void probe::adopted() {
  held_->book.seen(held_->trust, clock_.wall());
  held_->save_trust();
  held_->save_book();
}

} // namespace

std::string_view name(look_up value) noexcept {
  switch (value) {
  case look_up::none: return "none";
  case look_up::over_https: return "https";
  case look_up::plaintext: return "plaintext";
  case look_up::by_proxy: return "proxy";
  }
  return "";
}

look_up look_up_of(const config::route& route, const config::settings& settings) {
  return std::visit(asks_for{settings}, route.target);
}

std::string why_left_out(const fallback::ranked& one, config::exposure exposure, bool conspicuous) {
  if (one.why == fallback::standing::left_out) return std::string(fallback::explain(one.why));
  if (one.as.conspicuous && exposure == config::exposure::quiet && !conspicuous)
    return "it stands out to an observer: under exposure 'quiet' only with --all";
  return {};
}

bool probed::authentic() const {
  return ended && (fallback::is_success(ended->outcome) || ended->outcome == base::outcome::expired);
}

bool probe_result::any_authentic() const { return std::ranges::any_of(routes, &probed::authentic); }

result<std::unique_ptr<prober>> prober::open(net::asio::any_io_executor executor, config::settings settings,
                                             const base::clock& clock, bool conspicuous) {
  const net::socket_options sockets{settings.sidecar.fwmark, settings.sidecar.interface};
  if (auto able = net::check(sockets); !able) return able.error();
  std::optional<scratch_folder> copy;
  auto held = holdings::open(settings, clock, false);
  const bool owned = !held && held.error().what == base::outcome::local_error;
  if (owned && base::private_folder(settings.sidecar.state)) {
    auto made = copy_of(settings.sidecar.state);
    if (!made) return made.error();
    copy.emplace(std::move(*made));
    settings.sidecar.state = copy->path();
    held = holdings::open(settings, clock, false);
  }
  if (!held) return held.error();
  return std::unique_ptr<prober>(
      new probe(executor, std::move(settings), clock, conspicuous, std::move(copy), std::move(*held)));
}

} // namespace landfall::sidecar
