// The demo's internet in which only an onion service is left.
//
//   direct   https    the censor drops everything after the ClientHello
//   front    fronted  the censor resets it once it has seen the ClientHello
//   onion    onion    through a private Tor network of the demo's own (demo_tor_network.hpp), to a landfall-server that
//                     has no address
#include "base/file.hpp"
#include "net/scope.hpp"
#include "sidecar/demo_censor.hpp"
#include "sidecar/demo_internet.hpp"
#include "sidecar/demo_tor_network.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <array>

namespace landfall::sidecar {

using net::awaitable;
using net::result;
namespace fs = std::filesystem;

namespace {

constexpr const char* front_name = "cdn.example";
constexpr const char* inner_name = "hidden.localhost"; ///< looked up by nobody (RFC 6761)
constexpr std::array<const char*, 2> entrances{"127.0.0.1", "127.0.0.2"};
constexpr std::array<interference, 2> closed{interference::silence, interference::reset};

class onion_internet final : public demo_internet {
public:
  onion_internet(net::asio::any_io_executor executor, fs::path folder)
      : executor_(executor), folder_(std::move(folder)), progress_(stderr, is_terminal(stderr), base::system_clock()),
        network_(executor, folder_, base::system_clock(), progress_) {}

  std::vector<std::string> story() const override {
    return {"A small internet on loopback: a private Tor network, three landfall-servers, and a censor:",
            fmt::format("  direct  to server-a: {}", explain(closed[0])),
            fmt::format("  front   to {}: {}", front_name, explain(closed[1])),
            "  onion   through Tor to a server that has no address: the censor lets relays of Tor be",
            "The Tor network is built first, of real programs, in about twenty seconds:"};
  }
  awaitable<result<void>> build(net::scope& life) override {
    if (auto made = base::private_folder(folder_); !made) co_return made.error();
    auto building = network_.build(life);
    auto built = co_await std::move(building);
    if (built) built = base::write_file(client_torrc(), network_.client_lines());
    co_return built;
  }
  std::vector<demo_server> servers() const override {
    return {{"server-a", "server"},
            {"front", "front", inner_name},
            {"onion", "", "", demo_server_kind::onion, network_.service_folder()}};
  }
  result<void> open(const std::vector<demo_listening>& servers) override {
    for (std::size_t i = 0; i < closed.size(); ++i) {
      auto opened = demo_way::open(executor_, closed[i], net::asio::ip::make_address_v4(entrances[i]), servers[i].at);
      if (!opened) return opened.error();
      open_.push_back(std::move(*opened));
    }
    onion_url_ = servers.back().line;
    return {};
  }
  awaitable<result<void>> settle() override {
    auto publishing = network_.published();
    auto published = co_await std::move(publishing);
    co_return published;
  }
  std::string routes(const std::string& secret) const override;
  awaitable<void> run() override {
    net::scope all(executor_);
    for (auto& one : open_) all.spawn(one->run());
    co_await all.join();
  }
  void heard(const event& happened) override;
  boost::json::object told() const override;
  std::vector<std::string> moral() const override;

private:
  [[nodiscard]] fs::path client_torrc() const { return folder_ / "client.torrc"; }

  struct phase {
    std::int64_t ms; ///< after the begin of the race
    tor_progress at;
  };
  net::asio::any_io_executor executor_;
  fs::path folder_;
  demo_progress progress_;
  demo_tor_network network_;
  std::vector<std::unique_ptr<demo_way>> open_;
  std::string onion_url_;
  std::int64_t race_begun_ = 0;
  std::vector<phase> phases_;
};

std::string onion_internet::routes(const std::string& secret) const {
  const auto table = [](const char* kind, const char* more) {
    return fmt::format("\n[[route]]\nkind = \"{}\"\nname = \"{}\"\n", kind, more);
  };
  return fmt::format("\n[tor]\ntorrc = {}\n", boost::json::serialize(boost::json::string(client_torrc().string()))) +
         table("https", "direct") +
         fmt::format("ca = \"ca.pem\"\nurl = \"https://{}:{}/{}/\"\n", entrances[0], open_[0]->port(), secret) +
         table("fronted", "front") +
         fmt::format("ca = \"ca.pem\"\nurl = \"https://{}/{}/\"\nfronts = [\"{}@{}:{}\"]\n", inner_name, secret,
                     front_name, entrances[1], open_[1]->port()) +
         table("onion", "onion") + fmt::format("url = \"{}\"\n", onion_url_);
}

void onion_internet::heard(const event& happened) {
  const auto at = happened.data.at("at").to_number<std::int64_t>();
  if (happened.name == "race_started" && phases_.empty()) race_begun_ = at;
  if (happened.name != "transport" || text_in(happened.data, "what") != "bootstrap") return;
  if (auto progress = tor_progress_in(text_in(happened.data, "detail")))
    phases_.push_back({at - race_begun_, *progress});
}

boost::json::object onion_internet::told() const {
  boost::json::array phases;
  for (const auto& one : phases_)
    phases.push_back({{"ms", one.ms}, {"progress", one.at.percent}, {"phase", one.at.phase}});
  return {{"profile", "onion"}, {"network_ms", progress_.told()}, {"bootstrap", std::move(phases)}};
}

std::vector<std::string> onion_internet::moral() const {
  if (phases_.empty()) return {"tor was not needed."};
  const auto &first = phases_.front(), &last = phases_.back();
  return {fmt::format("tor was started {} into the race, when nothing else had won, and was at {} % {} later.",
                      duration_text(first.ms), last.at.percent, duration_text(last.ms - first.ms))};
}

} // namespace

std::unique_ptr<demo_internet> make_onion_internet(net::asio::any_io_executor executor, const fs::path& folder) {
  return std::make_unique<onion_internet>(executor, folder / "tor-network");
}

} // namespace landfall::sidecar
