#include "ptclient/tls_stream.hpp"

#include <boost/asio/ssl.hpp>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <utility>

namespace landfall::ptclient {

using base::fail;
using base::failure;
using base::outcome;
using base::stage;
using net::as_result;
using net::awaitable;
using net::result;
namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using tcp = asio::ip::tcp;

namespace {

class tls_stream final : public net::stream {
public:
  /// OpenSSL's callbacks point to rules and evidence: they live here, where they do not move.
  tls_stream(net::stream_ptr below, http::tls_rules rules)
      : below_(std::move(below)), rules_(std::move(rules)), context_(ssl::context::tls_client),
        tls_(*below_->plain(), prepared()) {}

  awaitable<result<void>> handshake() {
    // RFC 6066 §3: no addresses in the SNI.
    net::error_code no_address;
    (void)asio::ip::make_address(rules_.host, no_address);
    if (no_address)
      good_ = good_ && SSL_ctrl(tls_.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                                rules_.host.data()) == 1;
    if (!good_) co_return fail(outcome::local_error, "TLS cannot be set up", stage::tls);
    const auto [ec] = co_await tls_.async_handshake(ssl::stream_base::client, as_result);
    if (ec) co_return why(ec);
    co_return result<void>{};
  }

  awaitable<result<void>> readable() override {
    // Asio keeps what it has read and not yet decrypted where nobody can ask for it: so to wait is to read.
    if (from_ < size_) co_return result<void>{};
    if (!early_) early_ = std::make_unique<std::array<char, 4096>>();
    auto size = co_await decrypt(asio::buffer(*early_));
    if (!size) co_return size.error();
    from_ = 0;
    size_ = *size;
    ended_ = size_ == 0;
    co_return result<void>{};
  }

  awaitable<result<std::size_t>> read_some(asio::mutable_buffer into) override {
    if (from_ < size_) {
      const auto size = asio::buffer_copy(into, asio::buffer(early_->data() + from_, size_ - from_));
      from_ += size;
      co_return size;
    }
    if (ended_) co_return std::size_t{0};
    co_return co_await decrypt(into);
  }

  awaitable<result<void>> write(asio::const_buffer from) override {
    const auto [ec, size] = co_await asio::async_write(tls_, from, as_result);
    if (ec) co_return net::failure_of(ec, stage::body, outcome::reset_after_hello);
    co_return result<void>{};
  }

  void end_writing() noexcept override { close(); }
  void close() noexcept override { below_->close(); }

private:
  awaitable<result<std::size_t>> decrypt(asio::mutable_buffer into) {
    const auto [ec, size] = co_await tls_.async_read_some(into, as_result);
    if (ec == asio::error::eof) co_return std::size_t{0};
    // Without TLS's own end it may have been cut by whoever is on the way.
    if (ec == ssl::error::stream_truncated)
      co_return fail(outcome::reset_after_hello, "ended without TLS's end", stage::body);
    if (ec) co_return net::failure_of(ec, stage::body, outcome::reset_after_hello);
    co_return size;
  }

  /// Called before tls_ is made.
  ssl::context& prepared() {
    auto* const context = context_.native_handle();
    static constexpr unsigned char http1[] = "\x08http/1.1";
    good_ = http::prepare(context, rules_, seen_) && SSL_CTX_set_default_verify_paths(context) == 1 &&
            SSL_CTX_set_alpn_protos(context, http1, sizeof http1 - 1) == 0;
    ERR_clear_error();
    return context_;
  }

  [[nodiscard]] failure why(const net::error_code& ec) const {
    if (ec == asio::error::operation_aborted) return fail(outcome::cancelled, {}, stage::tls);
    if (seen_.certificate == http::certificate::wrong) return fail(outcome::tls_certificate, seen_.why, stage::tls);
    if (seen_.certificate == http::certificate::dates_wrong) return fail(outcome::clock_suspect, seen_.why, stage::tls);
    // A page, or the way to one: what the network's own server says in place of the bridge's (as http::client has it).
    if ((seen_.plain_status >= 200 && seen_.plain_status < 400) || seen_.plain_status == 511)
      return fail(outcome::captive_portal, "it answers in plain HTTP", stage::tls, seen_.plain_status);
    if (seen_.broken) return fail(outcome::malformed, seen_.why, stage::tls);
    if (ec == ssl::error::stream_truncated)
      return fail(outcome::reset_after_hello, "ended in the handshake", stage::tls);
    return net::failure_of(ec, stage::tls, outcome::reset_after_hello);
  }

  net::stream_ptr below_;
  http::tls_rules rules_;
  http::tls_evidence seen_;
  bool good_ = false, ended_ = false;
  ssl::context context_;
  ssl::stream<tcp::socket&> tls_;
  std::unique_ptr<std::array<char, 4096>> early_;
  std::size_t from_ = 0, size_ = 0; ///< of early_: what was read and not yet asked for
};

} // namespace

awaitable<result<net::stream_ptr>> start_tls(net::stream_ptr below, http::tls_rules rules) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (below->plain() == nullptr) co_return fail(outcome::local_error, "TLS inside another tunnel", stage::tls);
  auto stream = std::make_unique<tls_stream>(std::move(below), std::move(rules));
  auto done = co_await stream->handshake();
  if (!done) co_return done.error();
  co_return net::stream_ptr(std::move(stream));
}

} // namespace landfall::ptclient
