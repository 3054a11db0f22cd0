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
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <memory>

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
  return done;
}

/// Redraws after events; events that come while the sidecar is asked are answered by one more look.
class watcher {
public:
  watcher(net::asio::any_io_executor executor, status_flags flags)
      : flags_(flags), terminal_(!flags.json && is_terminal(stdout)), table_(stdout, terminal_), changed_(executor) {}

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
      if (const auto status = object_of(reply)) table_.draw(status_lines(*status));
      if (!pending_ && !ended_) (void)co_await changed_.wait();
    }
  }

  awaitable<void> run() {
    net::scope work(co_await net::asio::this_coro::executor);
    auto stop = stop_watch::make(co_await net::asio::this_coro::executor, false);
    work.spawn(follow());
    if (terminal_) work.spawn(draw());
    work.spawn(until_stopped(**stop));
    while (!ended_) co_await work.wait();
    work.cancel();
    co_await work.join();
  }

  [[nodiscard]] const result<void>& failed() const { return failed_; }

private:
  awaitable<void> until_stopped(stop_watch& stop) {
    (void)co_await stop.wait();
    ended_ = true;
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
  bool terminal_, ended_ = false, pending_ = false;
  lane_table table_;
  notifier changed_;
  result<void> failed_;
};

int watch(const status_flags& flags) {
  if (!flags.json)
    if (const int status = show(flags); status != done) return status;
  net::asio::io_context io(1);
  watcher watching(io.get_executor(), flags);
  const auto on_end = [](const std::exception_ptr& bug) {
    if (bug) std::rethrow_exception(bug);
  };
  net::asio::co_spawn(io, watching.run(), on_end);
  io.run();
  const auto& failed = watching.failed();
  return failed || failed.error().what == base::outcome::cancelled ? static_cast<int>(done) : nobody(failed.error());
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
