#include "sidecar/demo.hpp"

#include "base/cursor.hpp"
#include "base/encoding.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "crypto/hash.hpp"
#include "net/deadline.hpp"
#include "net/scope.hpp"
#include "sidecar/api_socket.hpp"
#include "sidecar/cli.hpp"
#include "sidecar/demo_censor.hpp"
#include "sidecar/demo_child.hpp"
#include "sidecar/demo_documents.hpp"
#include "sidecar/demo_places.hpp"
#include "sidecar/demo_tls.hpp"
#include "sidecar/engine.hpp"
#include "sidecar/failure.hpp"
#include "sidecar/peer_output.hpp"
#include "sidecar/stop.hpp"
#include "sidecar/table.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <array>
#include <cstdio>
#include <optional>

namespace landfall::sidecar {

namespace {

namespace json = boost::json;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using base::fail;
using base::outcome;
using net::awaitable;
using net::result;
using tcp = net::asio::ip::tcp;

constexpr std::chrono::seconds start_limit{10}; ///< for a server to listen; it needs a few milliseconds
constexpr std::chrono::seconds race_limit{30};  ///< the whole deadline of a lane
constexpr std::chrono::seconds ask_limit{35};   ///< discovery.py gives up after 30
constexpr int peers_wanted = 8;
constexpr std::size_t answer_depth = 4;

/// The ways in, in the order in which they are tried.
struct way {
  const char* name;
  std::size_t server;
  interference what;
};
constexpr std::array<way, 3> ways{
    {{"silenced", 0, interference::silence}, {"reset", 0, interference::reset}, {"open", 1, interference::delay}}};
constexpr std::array<const char*, 2> server_names{"server-a", "server-b"};

/// What a server says when it is ready: {"listening":["127.0.0.1:41234"]}
result<tcp::endpoint> endpoint_in(const std::string& line) {
  const auto said = base::parse_json(line, answer_depth);
  const auto* where = said && said->is_object() ? said->as_object().if_contains("listening") : nullptr;
  if (!where || !where->is_array() || where->as_array().empty() || !where->as_array()[0].is_string())
    return fail(outcome::malformed, "landfall-server did not say where it listens");
  const std::string_view text = where->as_array()[0].as_string();
  base::cursor port(text.substr(text.rfind(':') + 1));
  const auto number = port.take_decimal(65535);
  if (port.failed()) return fail(outcome::malformed, "landfall-server did not say where it listens");
  return tcp::endpoint(net::asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(number));
}

class demo {
public:
  demo(net::asio::any_io_executor executor, demo_options how, scratch_folder folder)
      : executor_(std::move(executor)), how_(how), folder_(std::move(folder)), won_(executor_),
        table_(stderr, is_terminal(stderr)) {}

  /// From nothing to the end; `status` is set as it goes.
  [[nodiscard]] awaitable<void> play(int& status);

private:
  [[nodiscard]] awaitable<result<void>> set_up();
  [[nodiscard]] result<void> prepare_files();
  [[nodiscard]] awaitable<result<tcp::endpoint>> start_server(std::string name);
  [[nodiscard]] result<std::unique_ptr<demo_child>> spawn_server(const std::string& name);
  [[nodiscard]] result<std::unique_ptr<demo_child>> spawn_python() const;
  [[nodiscard]] fs::path log_of(const std::string& name) const { return folder_.path() / (name + ".log"); }
  [[nodiscard]] std::string said_by(const std::string& name) const;
  [[nodiscard]] result<void> start_sidecar();
  [[nodiscard]] result<config::settings> write_configuration();
  [[nodiscard]] awaitable<int> show();
  [[nodiscard]] awaitable<result<void>> wait_for_race();
  [[nodiscard]] awaitable<result<json::array>> ask_with_python();
  void introduce() const;
  void print(const json::array& peers) const;
  void print_invitation() const;

  net::asio::any_io_executor executor_;
  demo_options how_;
  scratch_folder folder_; // goes last
  std::string secret_ = base::to_hex(crypto::random_bytes(16));
  std::vector<std::unique_ptr<demo_child>> servers_;
  std::array<std::unique_ptr<demo_way>, ways.size()> open_ways_;
  std::unique_ptr<engine> heart_;
  std::optional<api_socket> socket_;
  std::unique_ptr<api_server> api_;
  notifier won_;
  bool has_won_ = false;
  lane_table table_;
  std::optional<event_bus::listening> watching_;
};

result<std::unique_ptr<demo_child>> demo::spawn_server(const std::string& name) {
  const auto in = [this](const char* file) { return (folder_.path() / file).string(); };
  demo_child::start_options how;
  how.command = {find_server_program(), "--exit-with-parent", "--listen",      "127.0.0.1:0",
                 "--documents",         in("documents"),      "--secret-file", in("secret"),
                 "--tls-cert",          in("server.pem"),     "--tls-key",     in("server.key")};
  how.log = log_of(name);
  return demo_child::start(executor_, std::move(how));
}

awaitable<result<tcp::endpoint>> demo::start_server(std::string name) {
  auto started = spawn_server(name);
  if (!started) co_return started.error();
  servers_.push_back(std::move(*started));
  const auto line = co_await net::with_deadline(servers_.back()->read_line(), start_limit, base::stage::none);
  if (line) co_return endpoint_in(*line);
  auto failure = line.error();
  failure.detail = fmt::format("landfall-server: {} {}", failure.detail, said_by(name));
  co_return failure;
}

result<config::settings> demo::write_configuration() {
  std::string text = fmt::format("[network]\nid = \"{}\"\nroot = \"root.dsse.json\"\nlab = true\n\n"
                                 "[sidecar]\nstate = {}\n",
                                 demo_network, json::serialize(json::string((folder_.path() / "state").string())));
  for (std::size_t i = 0; i < ways.size(); ++i)
    text +=
        fmt::format("\n[[route]]\nkind = \"https\"\nname = \"{}\"\ngroup = \"{}\"\nurl = \"https://127.0.0.1:{}/{}/\"\n"
                    "ca = \"ca.pem\"\ntier = 1\n",
                    ways[i].name, server_names[ways[i].server], open_ways_[i]->port(), secret_);
  const auto file = folder_.path() / "landfall.toml";
  if (auto written = base::write_file(file, text); !written) return written.error();
  auto loaded = config::load_settings(file);
  if (!loaded.settings) return fail(outcome::malformed, loaded.problems.front().to_string());
  return std::move(*loaded.settings);
}

result<void> demo::start_sidecar() {
  auto settings = write_configuration();
  if (!settings) return settings.error();
  auto heart = engine::open(executor_, std::move(*settings), base::system_clock(), {.demo = true});
  if (!heart) return heart.error();
  heart_ = std::move(*heart);
  auto socket = api_socket::listen(folder_.path() / "api.sock");
  if (!socket) return socket.error();
  socket_.emplace(std::move(*socket));
  api_ = std::make_unique<api_server>(executor_, socket_->release(), *heart_, heart_->events(),
                                      std::set<uid_t>{0, ::geteuid()});
  watching_.emplace(heart_->events(), [this](const event& happened) {
    table_.take(happened);
    if (happened.name != "race_ended" || text_in(happened.data, "won").empty()) return;
    has_won_ = true;
    won_.notify();
  });
  return {};
}

// What suspends is kept apart from what builds lists and aggregates: g++ 12 may destroy such temporaries of a coroutine
// twice.
awaitable<result<void>> demo::set_up() {
  if (auto prepared = prepare_files(); !prepared) co_return prepared.error();
  std::array<tcp::endpoint, server_names.size()> servers;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const auto at = co_await start_server(server_names[i]);
    if (!at) co_return at.error();
    servers[i] = *at;
  }
  for (std::size_t i = 0; i < ways.size(); ++i) {
    auto opened = demo_way::open(executor_, ways[i].what, servers[ways[i].server]);
    if (!opened) co_return opened.error();
    open_ways_[i] = std::move(*opened);
  }
  co_return start_sidecar();
}

result<void> demo::prepare_files() {
  const auto documents = make_demo_documents(base::system_clock().wall());
  if (!documents) return documents.error();
  const auto& folder = folder_.path();
  auto written = make_demo_certificates(folder, documents->made);
  if (written) written = write_demo_documents(*documents, folder / "documents");
  if (written) written = base::write_file(folder / "root.dsse.json", documents->root_1);
  if (written) written = base::write_file(folder / "secret", secret_);
  return written;
}

awaitable<result<void>> demo::wait_for_race() {
  while (!has_won_) {
    const auto woken = co_await won_.wait();
    if (!woken) co_return woken.error();
  }
  co_return result<void>();
}

result<std::unique_ptr<demo_child>> demo::spawn_python() const {
  const auto program = find_discovery();
  if (!program) return program.error();
  demo_child::start_options how;
  how.command = {"python3", program->string(), std::to_string(peers_wanted)};
  how.environment = {"LANDFALL_API=" + socket_->path().string()};
  how.log = log_of("discovery");
  return demo_child::start(executor_, std::move(how));
}

/// The end of what a child told on stderr.
std::string demo::said_by(const std::string& name) const {
  const auto said = base::read_file(log_of(name), 16 * 1024);
  return said ? *said : std::string();
}

/// A peer a line.
result<json::array> peers_in(std::string_view text) {
  json::array peers;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    auto peer = base::parse_json(line, answer_depth);
    if (!peer) return peer.error();
    peers.push_back(std::move(*peer));
  }
  return peers;
}

awaitable<result<json::array>> demo::ask_with_python() {
  auto child = spawn_python();
  if (!child) co_return child.error();
  const auto ended = co_await net::with_deadline((*child)->read_all(), ask_limit, base::stage::none);
  if (!ended) co_return ended.error();
  if (ended->status != 0) co_return fail(outcome::local_error, said_by("discovery"));
  co_return peers_in(ended->output);
}

void demo::introduce() const {
  fmt::print(stderr, "A small internet on loopback: two landfall-servers, and a censor on the ways to them.\n");
  for (const auto& one : ways)
    fmt::print(stderr, "  {:<9} to {}: {}\n", one.name, server_names[one.server], explain(one.what));
}

void demo::print(const json::array& peers) const {
  const auto now = heart_->describe();
  if (!how_.json) {
    fmt::print(stderr, "Believed by the chain of roots 1 (compiled in) to {} (made on the spot).\n", now.root_version);
    fmt::print("discovery.py has {} peers:\n{}", peers.size(), peers_text({{"peers", peers}}, true));
    return;
  }
  const auto& race = heart_->last_race();
  json::object out{{"peers", peers},
                   {"won", race.won ? json::value(*race.won) : json::value(nullptr)},
                   {"elapsed_ms", race.elapsed.count()},
                   {"lanes", to_json(race.lanes)},
                   {"list", nullptr}};
  if (now.list)
    out["list"] = {{"epoch", now.list->order.epoch}, {"version", now.list->order.version}, {"tier", now.list->tier}};
  fmt::print("{}\n", json::serialize(out));
}

void demo::print_invitation() const {
  const auto socket = socket_->path().string();
  fmt::print(stderr,
             "\nThe sidecar stays up until Ctrl-C. Its socket is {0}; try\n"
             "  curl --unix-socket {0} 'http://landfall/v1/peers?min=8'\n"
             "  LANDFALL_API={0} landfall status --watch\n",
             socket);
}

awaitable<int> demo::show() {
  const auto won = co_await net::with_deadline(wait_for_race(), race_limit, base::stage::none);
  if (!won) {
    if (won.error().what == outcome::cancelled) co_return no_peers;
    co_return complain(no_peers, base::to_string(won.error()), "landfall demo", "please report it");
  }
  const auto peers = co_await ask_with_python();
  if (!peers) {
    if (peers.error().what == outcome::cancelled) co_return no_peers;
    co_return complain(peers.error());
  }
  print(*peers);
  std::fflush(stdout);
  co_return peers->size() >= static_cast<std::size_t>(peers_wanted) ? done : no_peers;
}

awaitable<void> demo::play(int& status) {
  introduce();
  const auto ready = co_await set_up();
  if (!ready) {
    if (ready.error().what != outcome::cancelled) status = complain(ready.error());
    co_return;
  }
  net::scope work(executor_);
  for (auto& one : open_ways_) work.spawn(one->run());
  work.spawn(api_->run());
  work.spawn(heart_->run());
  status = co_await show();
  if (!how_.once && status == done) {
    print_invitation();
    co_await work.wait(); // nothing of it ends by itself
  }
  heart_->stop();
  work.cancel();
  co_await work.join();
}

awaitable<void> wait_for_signal(stop_watch& stop) { (void)co_await stop.wait(); }

awaitable<void> until_end(demo& one, stop_watch& stop, int& status) {
  net::scope both(co_await net::asio::this_coro::executor);
  both.spawn(one.play(status));
  both.spawn(wait_for_signal(stop));
  co_await both.wait(); // until either ends
  both.cancel();
  co_await both.join();
}

} // namespace

int run_demo(demo_options how) {
  net::asio::io_context io(1);
  const auto stop = stop_watch::make(io.get_executor(), false); // first: from here on nothing is left behind
  if (!stop) return complain(stop.error());
  auto folder = scratch_folder::make();
  if (!folder) return complain(folder.error());
  demo one(io.get_executor(), how, std::move(*folder));
  int status = no_peers;
  const auto on_end = [](const std::exception_ptr& bug) {
    if (bug) std::rethrow_exception(bug);
  };
  net::asio::co_spawn(io, until_end(one, **stop, status), on_end);
  io.run();
  return status;
}

} // namespace landfall::sidecar
