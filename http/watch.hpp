// watch: tells a C library that drives its own sockets (libcurl, c-ares) when one of them is ready.
//
// It waits on a duplicate of the descriptor, which it owns: libcurl 7.88 closes a socket without saying so when a
// connect is given up (curl issue 11439), and a descriptor that Asio still waits on must not become another socket's.
#pragma once

#include "net/async.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <functional>
#include <memory>

namespace landfall::http {

namespace asio = boost::asio;

class watch : public std::enable_shared_from_this<watch> {
public:
  /// `ready(readable)` is called once per readiness, readable or writable, for as long as that is wanted; never after
  /// `stop`. nullptr when the process has no descriptor left.
  [[nodiscard]] static std::shared_ptr<watch> make(const asio::any_io_executor& executor, int descriptor,
                                                   std::function<void(bool readable)> ready);
  void want(bool read, bool write);
  void stop() noexcept;

  watch(asio::posix::stream_descriptor socket, std::function<void(bool)> ready);

private:
  void arm(bool read);
  void happened(bool read, const net::error_code& ec);

  asio::posix::stream_descriptor socket_;
  std::function<void(bool)> ready_; ///< empty: stopped
  bool want_[2] = {false, false};   ///< write, read
  bool waiting_[2] = {false, false};
};

} // namespace landfall::http
