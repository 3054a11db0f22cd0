#include "sidecar/demo.hpp"

#include "base/cursor.hpp"
#include "base/encoding.hpp"
#include "base/file.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "config/bridge_line.hpp"
#include "crypto/hash.hpp"
#include "net/deadline.hpp"
#include "net/scope.hpp"
#include "sidecar/api_socket.hpp"
#include "sidecar/cli.hpp"
#include "sidecar/demo_child.hpp"
#include "sidecar/demo_documents.hpp"
#include "sidecar/demo_internet.hpp"
#include "sidecar/demo_places.hpp"
#include "sidecar/demo_tls.hpp"
#include "sidecar/engine.hpp"
#include "sidecar/failure.hpp"
#include "sidecar/peer_output.hpp"
#include "sidecar/scratch.hpp"
#include "sidecar/stop.hpp"
#include "sidecar/table.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <unistd.h>

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
constexpr std::chrono::seconds race_limit{95};  ///< an onion lane has 90, others 30
constexpr std::chrono::seconds ask_limit{35};   ///< discovery.py gives up after 30
constexpr int peers_wanted = 8;
constexpr std::size_t answer_depth = 4;
/// A list of more than 20 KB: what a censor of RU-2026 lets through of a connection is less.
constexpr int peers_beyond_a_curtain = 100;

/// What a bridge says when it is ready: {"bridge":"obfs4 127.0.0.1:41234 cert=… iat-mode=0", …}
result<demo_listening> bridge_in(const std::string& line) {
  const auto said = base::parse_json(line, answer_depth);
  const auto* text = said && said->is_object() ? said->as_object().if_contains("bridge") : nullptr;
  const auto parsed = text && text->is_string() ? config::bridge_line::parse(std::string_view(text->as_string()))
                                                : fail(outcome::malformed, "landfall-server told no bridge line");
  if (!parsed) return parsed.error();
  const auto port = parsed->where.reveal().port.value_or(0);
  return demo_listening{{net::asio::ip::address_v4::loopback(), port}, parsed->reveal()};
}

/// What an onion service says when it is ready: {"onion":"http://….onion/", …}
result<demo_listening> onion_in(const std::string& line) {
  const auto said = base::parse_json(line, answer_depth);
  const auto url = said && said->is_object() ? text_in(said->as_object(), "onion") : std::string();
  if (url.empty()) return fail(outcome::malformed, "landfall-server told no address of an onion service");
  return demo_listening{{}, url};
}

/// What a server says when it is ready: {"listening":["127.0.0.1:41234"]}
result<demo_listening> listening_in(const std::string& line) {
  const auto said = base::parse_json(line, answer_depth);
  const auto* where = said && said->is_object() ? said->as_object().if_contains("listening") : nullptr;
  if (!where || !where->is_array() || where->as_array().empty() || !where->as_array()[0].is_string())
    return fail(outcome::malformed, "landfall-server did not say where it listens");
  const std::string_view text = where->as_array()[0].as_string();
  base::cursor port(text.substr(text.rfind(':') + 1));
  const auto number = port.take_decimal(65535);
  if (port.failed()) return fail(outcome::malformed, "landfall-server did not say where it listens");
  return demo_listening{{net::asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(number)}, {}};
}

class demo {
public:
  demo(net::asio::any_io_executor executor, demo_options how, std::unique_ptr<demo_internet> internet,
       scratch_folder folder)
      : executor_(std::move(executor)), how_(std::move(how)), folder_(std::move(folder)),
        internet_(std::move(internet)), ended_(executor_), table_(stderr, is_terminal(stderr)) {}

  /// From nothing to the end; `status` is set as it goes.
  [[nodiscard]] awaitable<void> play(int& status);

private:
  [[nodiscard]] awaitable<result<void>> set_up(net::scope& work);
  [[nodiscard]] result<void> prepare_files();
  [[nodiscard]] awaitable<result<demo_listening>> start_server(demo_server what);
  [[nodiscard]] result<std::unique_ptr<demo_child>> spawn_server(const demo_server& what);
  [[nodiscard]] result<std::unique_ptr<demo_child>> spawn_python() const;
  [[nodiscard]] fs::path log_of(const std::string& name) const { return folder_.path() / (name + ".log"); }
  [[nodiscard]] std::string said_by(const std::string& name) const;
  [[nodiscard]] result<void> start_sidecar();
  [[nodiscard]] result<config::settings> write_configuration();
  [[nodiscard]] awaitable<int> show();
  [[nodiscard]] awaitable<result<void>> wait_for_race();
  [[nodiscard]] awaitable<result<json::array>> ask_with_python();
  void print(const json::array& peers) const;
  void print_invitation() const;

  net::asio::any_io_executor executor_;
  demo_options how_;
  scratch_folder folder_; // goes last
  std::string secret_ = base::to_hex(crypto::random_bytes(16));
  std::vector<std::unique_ptr<demo_child>> servers_;
  std::unique_ptr<demo_internet> internet_;
  std::unique_ptr<engine> heart_;
  std::optional<api_socket> socket_;
  std::unique_ptr<api_server> api_;
  net::notifier ended_;
  bool has_ended_ = false; ///< the first race
  lane_table table_;
  std::optional<event_bus::listening> watching_;
};

result<std::unique_ptr<demo_child>> demo::spawn_server(const demo_server& what) {
  const auto in = [this](const std::string& file) { return (folder_.path() / file).string(); };
  demo_child::start_options how;
  how.command = {find_server_program(), "--exit-with-parent", "--documents", in("documents")};
  const std::vector<std::string> bridge{"--obfs4", "127.0.0.1:0", "--obfs4-state", in(what.name + ".json")};
  const std::vector<std::string> web{"--listen",      "127.0.0.1:0",
                                     "--secret-file", in("secret"),
                                     "--tls-cert",    in(what.certificate + ".pem"),
                                     "--tls-key",     in(what.certificate + ".key")};
  const std::vector<std::string> onion{"--onion",        "unix:" + (what.tor / "control").string(),
                                       "--onion-key",    in(what.name + ".key"),
                                       "--onion-listen", "unix:" + (what.tor / "site").string()};
  const auto& more = what.kind == demo_server_kind::web ? web : what.kind == demo_server_kind::bridge ? bridge : onion;
  how.command.insert(how.command.end(), more.begin(), more.end());
  if (!what.host.empty()) how.command.insert(how.command.end(), {"--host", what.host});
  how.log = log_of(what.name);
  return demo_child::start(executor_, std::move(how));
}

awaitable<result<demo_listening>> demo::start_server(demo_server what) {
  auto started = spawn_server(what);
  if (!started) co_return started.error();
  servers_.push_back(std::move(*started));
  const auto line = co_await net::with_deadline(servers_.back()->read_line(), start_limit, base::stage::none);
  if (line && what.kind == demo_server_kind::bridge) co_return bridge_in(*line);
  if (line && what.kind == demo_server_kind::onion) co_return onion_in(*line);
  if (line) co_return listening_in(*line);
  auto failure = line.error();
  failure.detail = fmt::format("landfall-server: {} {}", failure.detail, said_by(what.name));
  co_return failure;
}

result<config::settings> demo::write_configuration() {
  std::string text = fmt::format("[network]\nid = \"{}\"\nroot = \"root.dsse.json\"\nlab = true\n\n"
                                 "[sidecar]\nstate = {}\n",
                                 demo_network, json::serialize(json::string((folder_.path() / "state").string())));
  text += internet_->routes(secret_);
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
    internet_->heard(happened);
    if (happened.name != "race_ended") return;
    has_ended_ = true;
    ended_.notify();
  });
  return {};
}

// What suspends is kept apart from what builds lists and aggregates: g++ 12 may destroy such temporaries of a coroutine
// twice.
awaitable<result<void>> demo::set_up(net::scope& work) {
  if (auto prepared = prepare_files(); !prepared) co_return prepared.error();
  auto building = internet_->build(work);
  const auto built = co_await std::move(building);
  if (!built) co_return built.error();
  std::vector<demo_listening> servers;
  const auto wanted = internet_->servers();
  for (const auto& one : wanted) {
    const auto at = co_await start_server(one);
    if (!at) co_return at.error();
    servers.push_back(*at);
  }
  if (auto opened = internet_->open(servers); !opened) co_return opened.error();
  work.spawn(internet_->run());
  auto settling = internet_->settle();
  auto settled = co_await std::move(settling);
  if (settled) settled = start_sidecar();
  co_return settled;
}

result<void> demo::prepare_files() {
  const auto documents =
      make_demo_documents(base::system_clock().wall(), how_.profile.empty() ? 0 : peers_beyond_a_curtain);
  if (!documents) return documents.error();
  const auto& folder = folder_.path();
  auto written = make_demo_certificates(folder, documents->made);
  if (written) written = write_demo_documents(*documents, folder / "documents");
  if (written) written = base::write_file(folder / "root.dsse.json", documents->root_1);
  if (written) written = base::write_file(folder / "secret", secret_);
  return written;
}

awaitable<result<void>> demo::wait_for_race() {
  while (!has_ended_) {
    const auto woken = co_await ended_.wait();
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

void demo::print(const json::array& peers) const {
  const auto now = heart_->describe();
  if (!how_.json) {
    for (const auto& line : internet_->moral()) fmt::print(stderr, "{}\n", line);
    if (heart_->last_race().won)
      fmt::print(stderr, "Believed by the chain of roots 1 (compiled in) to {} (made on the spot).\n",
                 now.root_version);
    else
      fmt::print(stderr, "No route got through: what there is came with the program.\n");
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
  for (const auto& member : internet_->told()) out[member.key()] = member.value();
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
  const auto raced = co_await net::with_deadline(wait_for_race(), race_limit, base::stage::none);
  if (!raced) {
    if (raced.error().what == outcome::cancelled) co_return no_peers;
    co_return complain(no_peers, base::to_string(raced.error()), "landfall demo", "please report it");
  }
  const auto peers = co_await ask_with_python();
  if (!peers) {
    if (peers.error().what == outcome::cancelled) co_return no_peers;
    co_return complain(peers.error());
  }
  print(*peers);
  std::fflush(stdout);
  const bool enough = peers->size() >= static_cast<std::size_t>(peers_wanted);
  co_return enough && heart_->last_race().won ? done : no_peers;
}

awaitable<void> demo::play(int& status) {
  for (const auto& line : internet_->story()) fmt::print(stderr, "{}\n", line);
  net::scope work(executor_);
  auto setting_up = set_up(work);
  const auto ready = co_await std::move(setting_up);
  if (ready) {
    work.spawn(api_->run());
    work.spawn(heart_->run());
    status = co_await show();
    if (!how_.once && status == done) {
      print_invitation();
      co_await work.wait(); // nothing of it ends by itself
    }
    heart_->stop();
  } else if (ready.error().what != outcome::cancelled) {
    status = complain(ready.error());
  }
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

result<std::unique_ptr<demo_internet>> make_internet(net::asio::any_io_executor executor, const demo_options& how,
                                                     const fs::path& folder) {
  if (how.profile.empty()) return make_small_internet(executor);
  if (how.profile == onion_profile.name) return make_onion_internet(executor, folder);
  return make_censored_internet(executor, how.profile, how.seed);
}

} // namespace

int run_demo(demo_options how) {
  net::asio::io_context io(1);
  const auto stop = stop_watch::make(io.get_executor(), false); // first: from here on nothing is left behind
  if (!stop) return complain(stop.error());
  auto folder = scratch_folder::make("landfall-demo");
  if (!folder) return complain(folder.error());
  auto internet = make_internet(io.get_executor(), how, folder->path());
  if (!internet) return complain(internet.error());
  demo one(io.get_executor(), std::move(how), std::move(*internet), std::move(*folder));
  int status = no_peers;
  const auto on_end = [](const std::exception_ptr& bug) {
    if (bug) std::rethrow_exception(bug);
  };
  net::asio::co_spawn(io, until_end(one, **stop, status), on_end);
  io.run();
  return status;
}

} // namespace landfall::sidecar
