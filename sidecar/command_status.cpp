// `landfall status`: routes, trust, and what is going on now, of the sidecar that runs.
#include "base/json.hpp"
#include "config/paths.hpp"
#include "net/scope.hpp"
#include "sidecar/api_client.hpp"
#include "sidecar/cli.hpp"
#include "sidecar/failure.hpp"
#include "sidecar/status_output.hpp"
#include "sidecar/stop.hpp"
#include "sidecar/table.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <csignal>
#include <memory>
#include <optional>

namespace landfall::sidecar {

namespace {

using namespace std::chrono_literals;
using net::awaitable;
using net::result;

constexpr std::chrono::milliseconds quick_question = 2s;
constexpr std::size_t reply_depth = 8;

struct status_flags {
  bool watch = false, json = false;
};

std::filesystem::path our_socket() { return config::socket_path(config::process_environment(), ::geteuid() == 0); }

int nobody(const base::failure& why) {
  if (why.what != base::outcome::refused) return complain(why);
  return complain(usage, "no sidecar is running", our_socket().string(),
                  "start one with 'landfall run', or set LANDFALL_API");
}

result<boost::json::object> object_of(const result<api_reply>& reply) {
  if (!reply) return reply.error();
  auto parsed = base::parse_json(reply->body, reply_depth);
  if (!parsed) return parsed.error();
  if (reply->status != 200 || !parsed->is_object())
    return base::fail(base::outcome::http_status, fmt::format("the sidecar answers {}", reply->status));
  return std::move(parsed->as_object());
}

int show(const status_flags& flags) {
  const auto reply = ask_now(our_socket(), api_question("GET", "/v1/status"), quick_question);
  const auto status = object_of(reply);
  if (!status) return nobody(status.error());
  if (flags.json)
    fmt::print("{}\n", boost::json::serialize(*status));
  else
    for (const auto& line : status_lines(*status)) fmt::print("{}\n", line);
  std::fflush(stdout); // --watch goes on, perhaps into a pipe
  return done;
}

/// On a terminal the whole screen, drawn anew after events and when its size changes; events that come while the
/// sidecar is asked are answered by one more look. Elsewhere a line for each event.
class watcher {
public:
  watcher(net::asio::any_io_executor executor, status_flags flags, bool terminal)
      : flags_(flags), terminal_(terminal), table_(stdout, false), changed_(executor), resized_(executor, SIGWINCH) {}

  awaitable<void> run() {
    net::scope work(co_await net::asio::this_coro::executor);
    auto stop = stop_watch::make(co_await net::asio::this_coro::executor, false);
    work.spawn(follow());
    if (terminal_) work.spawn(draw());
    if (terminal_) work.spawn(follow_size());
    work.spawn(until_stopped(**stop));
    while (!ended_) co_await work.wait();
    work.cancel();
    co_await work.join();
  }

  /// Gives the terminal back with the last picture on it; nothing after that.
  result<void> finish() {
    screen_.reset();
    for (const auto& line : last_) fmt::print("{}\n", line);
    std::fflush(stdout);
    if (failed_ && !stopped_) fmt::print(stderr, "landfall: the sidecar has ended\n");
    return stopped_ ? result<void>() : failed_;
  }

private:
  awaitable<void> follow() {
    const auto tell = [this](const event& happened) {
      take(happened);
      return true;
    };
    failed_ = co_await follow_events(our_socket(), tell);
    ended_ = true;
    changed_.notify();
  }

  awaitable<void> draw() {
    for (bool cancelled = false; !ended_ && !cancelled; cancelled = co_await net::was_cancelled()) {
      pending_ = false;
      const auto reply = co_await ask(our_socket(), api_question("GET", "/v1/status"), quick_question);
      if (const auto status = object_of(reply)) show_screen(status_lines(*status));
      if (!pending_ && !ended_) (void)co_await changed_.wait();
    }
  }

  awaitable<void> follow_size() {
    for (net::error_code ec; !ec;) {
      ec = std::get<0>(co_await resized_.async_wait(net::as_result));
      if (!ec && screen_) screen_->draw(last_);
    }
  }

  awaitable<void> until_stopped(stop_watch& stop) {
    const auto why = co_await stop.wait();
    stopped_ = !why.empty();
    ended_ = true;
  }

  void show_screen(std::vector<std::string> lines) {
    last_ = std::move(lines);
    if (!screen_) screen_.emplace(stdout);
    screen_->draw(last_);
  }

  void take(const event& happened) {
    if (terminal_) {
      pending_ = true;
      changed_.notify();
    } else if (flags_.json) {
      fmt::print("{}\n",
                 boost::json::serialize(boost::json::object{{"event", happened.name}, {"data", happened.data}}));
    } else {
      table_.take(happened);
    }
    std::fflush(stdout);
  }

  status_flags flags_;
  bool terminal_, ended_ = false, stopped_ = false, pending_ = false;
  lane_table table_;
  std::optional<full_screen> screen_; ///< from the first answer on
  std::vector<std::string> last_;     ///< what it shows
  net::notifier changed_;
  net::asio::signal_set resized_;
  result<void> failed_;
};

int watch(const status_flags& flags) {
  const bool terminal = !flags.json && is_terminal(stdout);
  if (!flags.json && !terminal)
    if (const int status = show(flags); status != done) return status;
  net::asio::io_context io(1);
  watcher watching(io.get_executor(), flags, terminal);
  const auto on_end = [](const std::exception_ptr& bug) {
    if (bug) std::rethrow_exception(bug);
  };
  net::asio::co_spawn(io, watching.run(), on_end);
  io.run();
  const auto ended = watching.finish();
  return ended ? static_cast<int>(done) : nobody(ended.error());
}

} // namespace

void add_status_command(CLI::App& app, action& chosen) {
  auto* command = app.add_subcommand("status", "Show routes, trust and what is going on in the sidecar that runs");
  auto flags = std::make_shared<status_flags>();
  command->add_flag("--watch", flags->watch, "Go on showing, as it happens");
  command->add_flag("--json", flags->json, "One object, as /v1/status answers; with --watch one for each event");
  command->callback([flags, &chosen] { chosen = [flags] { return flags->watch ? watch(*flags) : show(*flags); }; });
}

} // namespace landfall::sidecar
