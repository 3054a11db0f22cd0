// A private Tor network on loopback: three directory authorities, three relays, and a tor that publishes onion
// services. Real programs, keys and certificates made on the spot; ports are free ones of an address of loopback that
// is drawn, so that two networks do not meet.
//
//   keys        tor-gencert and tor make the authorities' keys, by which all know them
//   wait        authorities vote at fixed seconds of the clock: until there is time to take part
//   consensus   all start; a vote; the first consensus
//   publish     a descriptor of the service reaches its directories
#pragma once

#include "net/scope.hpp"
#include "sidecar/demo_progress.hpp"
#include "sidecar/demo_tor.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace landfall::sidecar {

class demo_tor_network {
public:
  /// Everything lies in `folder`, which is ours (0700). What it borrows outlives it.
  demo_tor_network(net::asio::any_io_executor executor, std::filesystem::path folder, const base::clock& clock,
                   demo_progress& progress);

  /// local_error when this machine has no tor, or not all of it.
  [[nodiscard]] static net::result<void> possible();

  /// From nothing to a network whose relays know each other; the programs live in `life`. Errors: local_error (with
  /// what the programs said), timed_out, cancelled.
  [[nodiscard]] net::awaitable<net::result<void>> build(net::scope& life);
  /// After build: until the service that was added to that tor since can be found. Errors: as build.
  [[nodiscard]] net::awaitable<net::result<void>> published();

  /// Of the tor that publishes onion services.
  [[nodiscard]] std::filesystem::path service_folder() const { return folder_ / "service"; }
  /// For a client's torrc.
  [[nodiscard]] std::string client_lines() const { return client_torrc(authorities_); }

private:
  struct keys {
    std::string line;
    std::optional<base::failure> why;
  };
  [[nodiscard]] net::awaitable<net::result<void>>
  step(std::string name, std::string about, net::awaitable<net::result<void>> work, std::chrono::seconds limit);
  [[nodiscard]] net::result<void> prepare();
  [[nodiscard]] net::awaitable<net::result<void>> make_keys();
  [[nodiscard]] net::awaitable<void> make_keys_of(const demo_tor_place& place, keys& made);
  [[nodiscard]] net::awaitable<net::result<std::string>> line_of(const demo_tor_place& place);
  [[nodiscard]] net::awaitable<net::result<void>> start_relays(net::scope& life);
  [[nodiscard]] net::awaitable<net::result<void>> start_service(net::scope& life);
  [[nodiscard]] net::awaitable<net::result<void>> uploaded();
  [[nodiscard]] net::awaitable<net::result<demo_tor*>> start(net::scope& life, demo_tor_place place, std::string torrc);
  [[nodiscard]] net::awaitable<net::result<void>> start_all(net::scope& life);
  [[nodiscard]] base::failure explained(base::failure why) const;

  net::asio::any_io_executor executor_;
  std::filesystem::path folder_;
  const base::clock& clock_;
  demo_progress& progress_;
  std::vector<net::asio::ip::tcp::acceptor> held_; ///< ports that nobody else may get before our tors have them
  std::vector<demo_tor_place> authority_places_, relay_places_;
  std::string authorities_; ///< lines of directory_line
  std::vector<std::unique_ptr<demo_tor>> tors_;
  std::unique_ptr<onion::control> events_;
};

} // namespace landfall::sidecar
