#include "net/http_connect.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace landfall::net {

namespace {

class prefixed_stream final : public stream {
public:
  prefixed_stream(std::string bytes, stream_ptr below) : bytes_(std::move(bytes)), below_(std::move(below)) {}

  awaitable<result<void>> readable() override {
    if (!bytes_.empty()) co_return result<void>{};
    co_return co_await below_->readable();
  }
  awaitable<result<std::size_t>> read_some(asio::mutable_buffer into) override {
    if (bytes_.empty()) co_return co_await below_->read_some(into);
    const auto size = std::min(bytes_.size(), into.size());
    std::memcpy(into.data(), bytes_.data(), size);
    bytes_.erase(0, size);
    if (bytes_.empty()) bytes_.shrink_to_fit();
    co_return size;
  }
  awaitable<result<void>> write(asio::const_buffer from) override { return below_->write(from); }
  void end_writing() noexcept override { below_->end_writing(); }
  void close() noexcept override {
    bytes_.clear();
    below_->close();
  }
  asio::ip::tcp::socket* plain() noexcept override { return bytes_.empty() ? below_->plain() : nullptr; }

private:
  std::string bytes_;
  stream_ptr below_;
};

base::failure at_proxy(base::failure failed) {
  failed.at = base::stage::proxy;
  return failed;
}

awaitable<result<void>> negotiate(stream& proxy, wire::http_connect& client) {
  const auto request = client.request();
  if (!request) co_return request.error();
  const auto out = asio::buffer(*request);
  auto sent = co_await proxy.write(out);
  if (!sent) co_return at_proxy(std::move(sent).error());
  std::array<char, 1024> buffer;
  result<bool> open = false;
  while (open && !*open) {
    const auto into = asio::buffer(buffer);
    auto got = co_await proxy.read_some(into);
    if (!got) co_return at_proxy(std::move(got).error());
    if (*got == 0) co_return base::fail(base::outcome::reset_before_hello, "it hung up at CONNECT", base::stage::proxy);
    open = client.take(std::string_view(buffer.data(), *got));
  }
  if (!open) co_return open.error();
  co_return result<void>{};
}

} // namespace

awaitable<result<stream_ptr>> http_connect(stream_ptr proxy, wire::socks_destination to,
                                           std::optional<wire::socks_credentials> with) {
  wire::http_connect client(std::move(to), std::move(with));
  auto open = co_await negotiate(*proxy, client);
  if (!open) {
    proxy->close();
    co_return std::move(open).error();
  }
  co_return prefixed(std::move(client).rest(), std::move(proxy));
}

stream_ptr prefixed(std::string bytes, stream_ptr below) {
  if (bytes.empty()) return below;
  return std::make_unique<prefixed_stream>(std::move(bytes), std::move(below));
}

} // namespace landfall::net
