// The demo's internet with a profile of the censor on every way.
//
//   direct    https    bootstrap.localhost, a name on the blocklist           203.0.113.10
//   unnamed   https    an address, no name in the ClientHello                 203.0.113.20
//   front     fronted  to everybody cdn.example, which is a name that all use 192.0.2.80
//   bridge    obfs4    an address, and bytes that look like nothing           198.51.100.77
//
// The addresses are those that rules name; the sidecar connects to loopback. Names below localhost are looked up by
// nobody (RFC 6761), so the demo asks no name server.
#include "net/deadline.hpp"
#include "net/scope.hpp"
#include "sidecar/demo_internet.hpp"
#include "tests/censor/relay.hpp"

#include <boost/asio/buffer.hpp>
#include <fmt/format.h>

#include <array>

namespace landfall::sidecar {

using net::as_result;
using net::awaitable;
using net::result;
using tcp = net::asio::ip::tcp;
using udp = net::asio::ip::udp;
using namespace std::chrono_literals;

namespace {

constexpr const char* blocked_name = "bootstrap.localhost";
constexpr const char* front_name = "cdn.example";
constexpr const char* inner_name = "hidden.localhost"; ///< what the front forwards; never in the open
constexpr const char* front_address = "192.0.2.80";
constexpr std::chrono::milliseconds round_trip = 40ms, look_up_limit = 2s;
constexpr std::size_t largest_message = 1232;

struct way {
  const char *name, *stands_for, *entrance;
};
constexpr std::array<way, 4> ways{{{"direct", "203.0.113.10", "127.0.0.1"},
                                   {"unnamed", "203.0.113.20", "127.0.0.2"},
                                   {"front", front_address, "127.0.0.3"},
                                   {"bridge", "198.51.100.77", "127.0.0.4"}}};

censor::address address_of(const char* text) { return censor::address::parse(text).value(); }

/// What rules take from outside: who is blocked, who is spared, which networks are whose.
censor::relay_options options_of(const std::string& profile, std::uint64_t seed) {
  censor::relay_options out;
  out.profile = profile;
  out.seed = seed;
  out.round_trip = round_trip;
  out.defined["blocked"] = {blocked_name};
  out.defined["allowed"] = {front_name};
  out.defined["suspects"] = {"203.0.113.16/28"}; // unnamed, and not direct, whose name tells
  // China resets the connections to some addresses of CDNs too; here to this one, so that a bridge is needed.
  if (profile == "CN-2026") out.defined["suspects"].emplace_back(front_address);
  out.defined["foreign"] = {"203.0.113.0/24"};
  return out;
}

censor::relay_place place_of(const way& one, tcp::endpoint server) {
  censor::relay_place out;
  out.name = one.name;
  out.stands_for = {address_of(one.stands_for), 443};
  out.upstream = std::move(server);
  out.entrance = net::asio::ip::make_address_v4(one.entrance);
  return out;
}

censor::relay_place resolver_place(std::uint16_t port) {
  censor::relay_place out;
  out.name = "resolver";
  out.kind = censor::place_kind::dns;
  out.stands_for = {address_of("192.0.2.53"), 53};
  out.upstream = tcp::endpoint(net::asio::ip::address_v4::loopback(), port);
  return out;
}

/// The true answer: every name is the front's.
std::string true_answer(const std::string& query) {
  const auto asked = censor::read_dns_query(query);
  return asked ? censor::forge_answer(query, *asked, {address_of(front_address)}) : std::string();
}

class censored_internet final : public demo_internet {
public:
  censored_internet(net::asio::any_io_executor executor, const demo_profile& profile, std::uint64_t seed,
                    std::unique_ptr<censor::relay_censor> censor)
      : profile_(profile), seed_(seed), censor_(std::move(censor)), resolver_(executor) {}

  std::vector<std::string> story() const override;
  std::vector<demo_server> servers() const override {
    return {{"server-a", "server"},
            {"server-b", "server"},
            {"front", "front", inner_name},
            {"bridge", "", "", demo_server_kind::bridge}};
  }
  result<void> open(const std::vector<demo_listening>& servers) override;
  std::string routes(const std::string& secret) const override;
  awaitable<void> run() override;
  awaitable<result<void>> settle() override;
  boost::json::object told() const override;
  std::vector<std::string> moral() const override;

private:
  awaitable<void> answer_names();
  awaitable<result<std::size_t>> look_up();

  demo_profile profile_;
  std::uint64_t seed_;
  std::unique_ptr<censor::relay_censor> censor_;
  std::vector<std::uint16_t> ports_; ///< of the ways
  std::string bridge_arguments_;     ///< "cert=… iat-mode=0"
  std::uint16_t names_port_ = 0;     ///< of the way to the resolver
  udp::socket resolver_;
};

std::vector<std::string> censored_internet::story() const {
  return {
      fmt::format("A small internet on loopback: four landfall-servers, and on every way a censor, {} (seed {}):",
                  profile_.name, seed_),
      fmt::format("  {}", profile_.about),
      fmt::format("  direct    to server-a, {}: the name {} is on the blocklist", ways[0].stands_for, blocked_name),
      fmt::format("  unnamed   to server-b, {}: an address, no name in the ClientHello", ways[1].stands_for),
      fmt::format("  front     to everybody {}, {}: behind it the host that nobody sees", front_name, front_address),
      fmt::format("  bridge    to a bridge, {}: obfs4, which looks like nothing", ways[3].stands_for)};
}

result<void> censored_internet::open(const std::vector<demo_listening>& servers) {
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const auto port = censor_->listen(place_of(ways[i], servers[i].at));
    if (!port) return port.error();
    ports_.push_back(*port);
  }
  const auto& line = servers.back().line;
  bridge_arguments_ = line.substr(std::min(line.find("cert="), line.size()));
  net::error_code ec;
  resolver_.open(udp::v4(), ec);
  if (!ec) resolver_.bind(udp::endpoint(net::asio::ip::address_v4::loopback(), 0), ec);
  if (ec) return base::fail(base::outcome::local_error, "no free port on loopback: " + ec.message());
  const auto port = censor_->listen(resolver_place(resolver_.local_endpoint(ec).port()));
  if (!port) return port.error();
  names_port_ = *port;
  return {};
}

std::string censored_internet::routes(const std::string& secret) const {
  const auto table = [](const char* kind, const way& one) {
    return fmt::format("\n[[route]]\nkind = \"{}\"\nname = \"{}\"\nca = \"ca.pem\"\ntier = 1\n", kind, one.name);
  };
  return table("https", ways[0]) + fmt::format("url = \"https://{}:{}/{}/\"\n", blocked_name, ports_[0], secret) +
         table("https", ways[1]) + fmt::format("url = \"https://{}:{}/{}/\"\n", ways[1].entrance, ports_[1], secret) +
         table("fronted", ways[2]) +
         fmt::format("url = \"https://{}/{}/\"\nfronts = [\"{}@{}:{}\"]\n", inner_name, secret, front_name,
                     ways[2].entrance, ports_[2]) +
         fmt::format("\n[[route]]\nkind = \"bridge\"\nname = \"{}\"\ntier = 2\n\n[[bridge]]\n"
                     "line = \"obfs4 {}:{} {}\"\n",
                     ways[3].name, ways[3].entrance, ports_[3], bridge_arguments_);
}

awaitable<void> censored_internet::run() {
  net::scope both(co_await net::asio::this_coro::executor);
  both.spawn(censor_->run());
  both.spawn(answer_names());
  co_await both.join();
}

awaitable<void> censored_internet::answer_names() {
  for (;;) {
    std::string message(largest_message, '\0');
    udp::endpoint client;
    const auto [ec, size] = co_await resolver_.async_receive_from(net::asio::buffer(message), client, as_result);
    if (ec) break;
    message.resize(size);
    const auto answer = true_answer(message);
    if (!answer.empty()) (void)co_await resolver_.async_send_to(net::asio::buffer(answer), client, as_result);
  }
}

awaitable<result<std::size_t>> censored_internet::look_up() {
  udp::socket socket(resolver_.get_executor());
  net::error_code ec;
  socket.open(udp::v4(), ec);
  if (!ec) socket.connect(udp::endpoint(net::asio::ip::address_v4::loopback(), names_port_), ec);
  if (ec) co_return net::failure_of(ec, base::stage::resolve);
  const auto query = censor::build_dns_query(1, front_name);
  (void)co_await socket.async_send(net::asio::buffer(query), as_result);
  std::string answer(largest_message, '\0');
  const auto [failed, size] = co_await socket.async_receive(net::asio::buffer(answer), as_result);
  if (failed) co_return net::failure_of(failed, base::stage::resolve);
  co_return size;
}

/// A browser in the same house has visited a site of the CDN, as browsers do. A censor that lets nobody connect to
/// addresses that were not looked up in the open (IR-2022) has heard of this one.
awaitable<result<void>> censored_internet::settle() {
  auto asking = look_up();
  const auto heard = co_await net::with_deadline(std::move(asking), look_up_limit, base::stage::resolve);
  (void)heard; // whatever the censor made of it
  co_return result<void>();
}

boost::json::object censored_internet::told() const {
  return {{"profile", profile_.name}, {"seed", seed_}, {"censor", censor_->counters()}};
}

std::vector<std::string> censored_internet::moral() const {
  std::vector<std::string> out;
  const auto counters = censor_->counters();
  for (const auto& [rule, row] : counters.at("rules").as_object()) {
    std::string did;
    for (const auto* what : {"triggered", "resets", "dropped", "answers", "delayed"})
      if (const auto count = row.at(what).to_number<std::uint64_t>(); count > 0)
        did += fmt::format("{}{} {}", did.empty() ? "" : ", ", what, count);
    if (!did.empty()) out.push_back(fmt::format("  {}: {}", std::string_view(rule), did));
  }
  out.insert(out.begin(), out.empty() ? "The censor did nothing." : "What the censor did, by rule:");
  return out;
}

} // namespace

const std::vector<demo_profile>& demo_profiles() {
  static const std::vector<demo_profile> all{
      {"CN-2023", "China 2023: names are reset, DNS is forged, what looks like nothing is dropped"},
      {"CN-2026", "China 2026: names are reset, DNS is forged, some addresses are reset at the first byte"},
      {"RU-2026", "Russia 2026: connections to foreign networks fall silent after 15 to 20 KB"},
      {"IR-2022", "Iran 2022: a reset for every address that was not looked up in the open"},
      {"IR-2026", "Iran 2026: names that are not on a list fall silent after 4 to 6 KB"},
      {"IR-2026-shutdown", "Iran 2026, shutdown: nothing passes but DNS"},
      {"TM", "Turkmenistan: most addresses are dropped, names are reset, DNS is forged"},
      {"none", "nobody interferes"},
  };
  return all;
}

result<std::unique_ptr<demo_internet>> make_censored_internet(net::asio::any_io_executor executor,
                                                              const std::string& profile, std::uint64_t seed) {
  for (const auto& one : demo_profiles()) {
    if (one.name != profile) continue;
    auto censor = censor::relay_censor::make(executor, options_of(profile, seed));
    if (!censor) return censor.error();
    return std::unique_ptr<demo_internet>(std::make_unique<censored_internet>(executor, one, seed, std::move(*censor)));
  }
  return base::fail(base::outcome::malformed, fmt::format("there is no profile '{}'", profile));
}

} // namespace landfall::sidecar
