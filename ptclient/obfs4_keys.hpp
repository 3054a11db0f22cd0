// Elligator key pairs made ahead. Finding one takes a number of tries that must not show in the time between a
// connection's SYN and its first bytes, and 150 µs that no handshake should wait for.
#pragma once

#include "crypto/elligator2.hpp"
#include "net/async.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <vector>

namespace landfall::ptclient {

/// One for a program, shared by its obfs4 clients and servers. Holds nothing of any connection.
class obfs4_keys : public std::enable_shared_from_this<obfs4_keys> {
public:
  /// A burst of so many connections waits for no key. 2 KB.
  static constexpr std::size_t usual_size = 16;
  [[nodiscard]] static std::shared_ptr<obfs4_keys> on(net::asio::any_io_executor executor,
                                                      std::size_t size = usual_size);
  /// A fresh one; made on the spot when there is none left. Refills, one at a time, in later turns of the executor.
  [[nodiscard]] crypto::hidden_key_pair take();
  [[nodiscard]] std::size_t ready() const noexcept { return pairs_.size(); }

private:
  obfs4_keys(net::asio::any_io_executor executor, std::size_t size);
  void refill();
  net::asio::any_io_executor executor_;
  std::size_t size_;
  bool refilling_ = false;
  std::vector<crypto::hidden_key_pair> pairs_;
};

} // namespace landfall::ptclient
