#include "http/watch.hpp"

#include <fcntl.h>

#include <utility>

namespace landfall::http {

std::shared_ptr<watch> watch::make(const asio::any_io_executor& executor, int descriptor,
                                   std::function<void(bool)> ready) {
  const int own = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return nullptr;
  return std::make_shared<watch>(asio::posix::stream_descriptor(executor, own), std::move(ready));
}

watch::watch(asio::posix::stream_descriptor socket, std::function<void(bool)> ready)
    : socket_(std::move(socket)), ready_(std::move(ready)) {}

void watch::want(bool read, bool write) {
  want_[true] = read;
  want_[false] = write;
  arm(true);
  arm(false);
}

void watch::stop() noexcept {
  ready_ = nullptr;
  net::error_code ignored;
  socket_.close(ignored);
}

void watch::arm(bool read) {
  if (!ready_ || !want_[read] || std::exchange(waiting_[read], true)) return;
  auto done = [self = shared_from_this(), read](const net::error_code& ec) { self->happened(read, ec); };
  using descriptor = asio::posix::descriptor_base;
  socket_.async_wait(read ? descriptor::wait_read : descriptor::wait_write, std::move(done));
}

void watch::happened(bool read, const net::error_code& ec) {
  waiting_[read] = false;
  if (ec || !ready_) return;
  if (want_[read]) {
    const auto ready = ready_; // the library may stop us from within
    ready(read);
  }
  arm(read);
}

} // namespace landfall::http
