// `landfall peers`: peers on stdout, from a sidecar that runs, else from one race of our own. Progress on stderr.
#include "base/encoding.hpp"
#include "base/json.hpp"
#include "config/paths.hpp"
#include "net/scope.hpp"
#include "sidecar/api_client.hpp"
#include "sidecar/cli.hpp"
#include "sidecar/configuration.hpp"
#include "sidecar/engine.hpp"
#include "sidecar/failure.hpp"
#include "sidecar/peer_output.hpp"
#include "sidecar/table.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>

namespace landfall::sidecar {

namespace {

using namespace std::chrono_literals;
using net::awaitable;

constexpr std::chrono::milliseconds quick_question = 2s; ///< what a sidecar answers without the network
constexpr std::size_t reply_depth = 8;

struct peers_flags {
  std::string configuration;
  std::optional<int> count; ///< so many, or a message that there are fewer; without it what /v1/peers does
  int timeout = 30;
  bool json = false;
  std::vector<std::string> endpoints; ///< of `add`
  std::string id;
};

std::filesystem::path our_socket() { return config::socket_path(config::process_environment(), ::geteuid() == 0); }

bool has_configuration(const peers_flags& flags) {
  return !flags.configuration.empty() || config::find_configuration(config::process_environment()).has_value();
}

boost::json::object object_in(const std::string& body) {
  auto parsed = base::parse_json(body, reply_depth);
  return parsed && parsed->is_object() ? std::move(parsed->as_object()) : boost::json::object{};
}

get_peers question_of(const peers_flags& flags) {
  get_peers out;
  if (flags.count) out.min = out.max = *flags.count;
  out.wait = std::chrono::seconds(flags.timeout);
  return out;
}

/// The network of the sidecar that runs; nullopt: none does.
std::optional<std::string> running_network() {
  const auto reply = ask_now(our_socket(), api_question("GET", "/v1/status"), quick_question);
  if (!reply || reply->status != 200) return std::nullopt;
  return text_in(object_in(reply->body), "network");
}

int print(unsigned status, const boost::json::object& body, bool as_json) {
  if (as_json) fmt::print("{}\n", boost::json::serialize(body));
  if (status == 200) {
    if (!as_json) fmt::print("{}", peers_text(body, is_terminal(stdout)));
    fmt::print(stderr, "{}", remarks_text(body));
    return done;
  }
  fmt::print(stderr, "{}", failure_text(body));
  return status_of_failure(body);
}

int ask_sidecar(const peers_flags& flags) {
  const auto asked = question_of(flags);
  const auto target = fmt::format("/v1/peers?min={}&max={}&wait={}", asked.min, asked.max, asked.wait.count());
  const auto limit = std::chrono::seconds(flags.timeout) + quick_question;
  const auto reply = ask_now(our_socket(), api_question("GET", target), limit);
  if (!reply) return complain(reply.error());
  return print(reply->status, object_in(reply->body), flags.json);
}

/// One race at most, then whatever there is; the fresh ones are waited for.
awaitable<void> race_once(engine& heart, get_peers asked, handed_over& out) {
  net::scope work(co_await net::asio::this_coro::executor);
  work.spawn(heart.run());
  asked.freshness = freshness::fresh;
  out = co_await heart.hand_over(asked);
  if (out.too_few) {
    asked.freshness = freshness::any;
    asked.wait = 0s;
    out = co_await heart.hand_over(asked);
  }
  heart.stop();
  work.cancel();
  co_await work.join();
}

void run_to_end(net::asio::io_context& io, awaitable<void> what) {
  const auto on_end = [](const std::exception_ptr& bug) {
    if (bug) std::rethrow_exception(bug);
  };
  net::asio::co_spawn(io, std::move(what), on_end);
  io.run();
}

int race_here(const peers_flags& flags, const config::settings& settings) {
  net::asio::io_context io(1);
  auto heart = engine::open(io.get_executor(), settings, base::system_clock(), {.demo = false, .one_race = true});
  if (!heart) return complain(heart.error());
  lane_table table(stderr, is_terminal(stderr));
  const event_bus::listening watching((*heart)->events(), [&table](const event& happened) { table.take(happened); });
  handed_over out;
  run_to_end(io, race_once(**heart, question_of(flags), out));
  if (out.chosen.peers.empty()) return print(503, no_peers_body(out), flags.json);
  return print(200, to_json(out), flags.json);
}

/// Whether the sidecar that runs is the one to ask: it serves our network, or we have no configuration to compare.
int show_peers(const peers_flags& flags) {
  const auto running = running_network();
  if (running && !has_configuration(flags)) return ask_sidecar(flags);
  auto loaded = load_configuration(flags.configuration);
  if (const auto* status = std::get_if<int>(&loaded)) return *status;
  const auto& settings = std::get<config::settings>(loaded);
  if (running == settings.network.id) return ask_sidecar(flags);
  return race_here(flags, settings);
}

int add_here(const peers_flags& flags, const config::settings& settings, add_peer call) {
  net::asio::io_context io(1);
  auto heart = engine::open(io.get_executor(), settings, base::system_clock());
  if (!heart) return complain(heart.error());
  const auto id = (*heart)->add(std::move(call));
  if (!id) return complain(id.error());
  fmt::print("{}\n", flags.json ? boost::json::serialize(boost::json::object{{"id", *id}}) : *id);
  return done;
}

int add_one(const peers_flags& flags) {
  boost::json::array endpoints;
  for (const auto& each : flags.endpoints) endpoints.emplace_back(each);
  boost::json::object body;
  body["endpoints"] = std::move(endpoints);
  if (!flags.id.empty()) body["id"] = flags.id;
  const auto text = boost::json::serialize(body);
  auto parsed = parse_call("POST", "/v1/peers", text);
  if (const auto* wrong = std::get_if<api_error>(&parsed)) return complain(usage, wrong->message, {}, wrong->hint);
  const bool no_file = !has_configuration(flags);
  const auto running = running_network();
  std::variant<config::settings, int> loaded = 0;
  if (!running || !no_file) loaded = load_configuration(flags.configuration);
  const auto* settings = std::get_if<config::settings>(&loaded);
  if (settings == nullptr && !(running && no_file)) return std::get<int>(loaded);
  if (settings != nullptr && running != settings->network.id)
    return add_here(flags, *settings, std::get<add_peer>(std::get<api_call>(std::move(parsed))));
  const auto reply = ask_now(our_socket(), api_question("POST", "/v1/peers", text), quick_question);
  if (!reply) return complain(reply.error());
  const auto answer = object_in(reply->body);
  if (reply->status != 201) return complain(usage, text_in(answer, "message"), {}, text_in(answer, "hint"));
  fmt::print("{}\n", flags.json ? reply->body : text_in(answer, "id"));
  return done;
}

} // namespace

void add_peers_command(CLI::App& app, action& chosen) {
  auto* command = app.add_subcommand("peers", "Print peers: from a sidecar that runs, else after one race");
  auto flags = std::make_shared<peers_flags>();
  add_configuration_option(*command, flags->configuration);
  command->add_option("-n", flags->count, "How many (8 to 16)")->check(CLI::Range(1, max_peers_asked))->type_name("N");
  command->add_option("--timeout", flags->timeout, "Seconds to wait for a race")
      ->check(CLI::Range(0, static_cast<int>(max_wait.count())))
      ->type_name("S");
  command->add_flag("--json", flags->json, "One object, as /v1/peers answers");
  command->callback([flags, &chosen, command] {
    if (command->get_subcommands().empty()) chosen = [flags] { return show_peers(*flags); };
  });

  auto* add = command->add_subcommand("add", "Add a peer by hand");
  add->add_option("endpoint", flags->endpoints, "tcp://ADDRESS:PORT or udp://ADDRESS:PORT, up to 4")->required();
  add->add_option("--id", flags->id, "Its id, where its public key is known")->type_name("ID");
  add->callback([flags, &chosen] { chosen = [flags] { return add_one(*flags); }; });
}

} // namespace landfall::sidecar
