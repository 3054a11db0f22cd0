// The demo's small internet.
#include "net/scope.hpp"
#include "sidecar/demo_censor.hpp"
#include "sidecar/demo_internet.hpp"

#include <fmt/format.h>

#include <array>

namespace landfall::sidecar {

using net::awaitable;
using net::result;
using tcp = net::asio::ip::tcp;

namespace {

/// The ways in, in the order in which they are tried.
struct way {
  const char* name;
  std::size_t server;
  interference what;
};
constexpr std::array<way, 3> ways{
    {{"silenced", 0, interference::silence}, {"reset", 0, interference::reset}, {"open", 1, interference::delay}}};
constexpr std::array<const char*, 2> server_names{"server-a", "server-b"};

class small_internet final : public demo_internet {
public:
  explicit small_internet(net::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  std::vector<std::string> story() const override {
    std::vector<std::string> out{
        "A small internet on loopback: two landfall-servers, and a censor on the ways to them."};
    for (const auto& one : ways)
      out.push_back(fmt::format("  {:<9} to {}: {}", one.name, server_names[one.server], explain(one.what)));
    return out;
  }
  std::vector<demo_server> servers() const override {
    std::vector<demo_server> out;
    for (const auto* name : server_names) out.push_back({name, "server"});
    return out;
  }
  result<void> open(const std::vector<demo_listening>& servers) override {
    for (std::size_t i = 0; i < ways.size(); ++i) {
      auto opened = demo_way::open(executor_, ways[i].what, entrance(i), servers[ways[i].server].at);
      if (!opened) return opened.error();
      open_.push_back(std::move(*opened));
    }
    return {};
  }
  std::string routes(const std::string& secret) const override {
    std::string text;
    for (std::size_t i = 0; i < ways.size(); ++i)
      text +=
          fmt::format("\n[[route]]\nkind = \"https\"\nname = \"{}\"\ngroup = \"{}\"\nurl = \"https://{}:{}/{}/\"\n"
                      "ca = \"ca.pem\"\ntier = 1\n",
                      ways[i].name, server_names[ways[i].server], entrance(i).to_string(), open_[i]->port(), secret);
    return text;
  }
  awaitable<void> run() override {
    net::scope all(executor_);
    for (auto& one : open_) all.spawn(one->run());
    co_await all.join();
  }
  boost::json::object told() const override { return {}; }
  std::vector<std::string> moral() const override { return {}; }

private:
  static net::asio::ip::address_v4 entrance(std::size_t way) {
    return net::asio::ip::address_v4(net::asio::ip::address_v4::loopback().to_uint() + static_cast<std::uint32_t>(way));
  }
  net::asio::any_io_executor executor_;
  std::vector<std::unique_ptr<demo_way>> open_;
};

} // namespace

awaitable<result<void>> demo_internet::build(net::scope&) { co_return result<void>(); }
awaitable<result<void>> demo_internet::settle() { co_return result<void>(); }

std::unique_ptr<demo_internet> make_small_internet(net::asio::any_io_executor executor) {
  return std::make_unique<small_internet>(std::move(executor));
}

} // namespace landfall::sidecar
