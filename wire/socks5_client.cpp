#include "wire/socks5_client.hpp"

#include <utility>

namespace landfall::wire {

namespace {

constexpr char version = 5, password_version = 1, connect_command = 1;
constexpr char method_none = 0, method_password = 2;
constexpr std::size_t short_message = 2;
constexpr std::size_t reply_head = 5; ///< up to the first byte of the address, which may be a name's length

base::failure no_proxy(const char* why) { return base::fail(base::outcome::malformed, why, base::stage::proxy); }
base::failure unwilling(const char* why) { return base::fail(base::outcome::proxy_failed, why, base::stage::proxy); }

std::uint8_t byte(const std::string& in, std::size_t at) { return static_cast<std::uint8_t>(in[at]); }

std::string prefixed(const std::string& field) { return std::string(1, static_cast<char>(field.size())) + field; }

} // namespace

socks5_client::socks5_client(socks_destination to, std::optional<socks_credentials> with, socks_offer offer)
    : to_(std::move(to)), with_(std::move(with)), offer_(offer) {}

base::result<socks5_client::step> socks5_client::start() {
  const auto too_large = base::fail(base::outcome::too_large, "more than 255 bytes for SOCKS5", base::stage::proxy);
  const auto& host = to_.host.reveal();
  if (host.empty()) return no_proxy("no destination");
  if (host.size() > max_socks_field) return too_large;
  if (with_ && (with_->user.reveal().size() > max_socks_field || with_->password.reveal().size() > max_socks_field))
    return too_large;
  state_ = state::method;
  if (!with_) return step{{version, 1, method_none}};
  if (offer_ == socks_offer::must_be_heard) return step{{version, 1, method_password}};
  return step{{version, 2, method_none, method_password}};
}

base::result<socks5_client::step> socks5_client::take(std::string_view bytes) {
  in_ += bytes;
  if (state_ == state::connected) return step{{}, true};
  // The version and a refusal are known before the message is whole: some proxies send no more of it.
  if (state_ == state::reply && in_.size() >= short_message && byte(in_, 0) == version && byte(in_, 1) != 0)
    return failure_of(static_cast<socks_reply>(byte(in_, 1)));
  const std::uint8_t expected = state_ == state::password ? password_version : version;
  if (!in_.empty() && byte(in_, 0) != expected) return no_proxy("it does not speak SOCKS5");
  if (in_.size() < message_size()) return step{};
  switch (state_) {
  case state::method: return on_method();
  case state::password: return on_password();
  case state::reply: return on_reply();
  case state::fresh:
  case state::connected: break;
  }
  return no_proxy("it spoke before it was asked");
}

std::size_t socks5_client::message_size() const noexcept {
  if (state_ == state::fresh || state_ == state::connected) return 0;
  if (state_ != state::reply) return short_message;
  if (in_.size() < reply_head) return reply_head;
  switch (static_cast<socks_host>(byte(in_, 3))) {
  case socks_host::ipv4: return 4 + 4 + 2;
  case socks_host::ipv6: return 4 + 16 + 2;
  case socks_host::name: return 4 + 1 + std::size_t{byte(in_, 4)} + 2;
  }
  return reply_head; // refused by on_reply
}

std::size_t socks5_client::wanted() const noexcept {
  const auto size = message_size();
  return size > in_.size() ? size - in_.size() : 0;
}

base::result<socks5_client::step> socks5_client::on_method() {
  if (in_.size() > short_message) return no_proxy("it spoke before it was asked");
  const auto chosen = static_cast<char>(byte(in_, 1));
  in_.clear();
  const bool may_be_silent = !with_ || offer_ == socks_offer::if_asked;
  if (chosen == method_none && may_be_silent) {
    state_ = state::reply;
    return step{request()};
  }
  if (chosen != method_password || !with_) {
    return unwilling(with_ ? "the proxy takes neither a user and password nor none" : "the proxy wants a password");
  }
  state_ = state::password;
  return step{std::string(1, password_version) + prefixed(with_->user.reveal()) + prefixed(with_->password.reveal())};
}

base::result<socks5_client::step> socks5_client::on_password() {
  if (in_.size() > short_message) return no_proxy("it spoke before it was asked");
  if (byte(in_, 1) != 0) return unwilling("the proxy refuses this user and password");
  in_.clear();
  state_ = state::reply;
  return step{request()};
}

base::result<socks5_client::step> socks5_client::on_reply() {
  const auto size = message_size();
  if (size == reply_head && byte(in_, 3) != static_cast<std::uint8_t>(socks_host::name))
    return no_proxy("a reply with an unknown kind of address");
  in_.erase(0, size);
  state_ = state::connected;
  return step{{}, true};
}

std::string socks5_client::request() const {
  const auto& host = to_.host.reveal();
  std::string out{version, connect_command, 0, static_cast<char>(to_.kind)};
  out += to_.kind == socks_host::name ? prefixed(host) : host;
  out += static_cast<char>(to_.port >> 8);
  out += static_cast<char>(to_.port & 0xff);
  return out;
}

std::string socks5_client::rest() && { return std::exchange(in_, std::string()); }

} // namespace landfall::wire
