#include "wire/socks5_server.hpp"

#include "base/cursor.hpp"
#include "crypto/hash.hpp"

#include <utility>

namespace landfall::wire {

namespace {

constexpr std::uint8_t version = 5, password_version = 1, connect_command = 1;
constexpr char method_none = 0, method_password = 2;
constexpr char none_of_these = '\xff';

std::string method(char chosen) { return {static_cast<char>(version), chosen}; }
std::string password_status(bool good) { return {static_cast<char>(password_version), good ? '\0' : '\1'}; }

/// The host of a request, or why there is none. `in` stands behind ATYP; failed when it is not whole yet.
base::result<socks_destination> take_destination(base::cursor& in, std::uint8_t kind) {
  socks_destination to;
  to.kind = static_cast<socks_host>(kind);
  std::string_view host;
  switch (to.kind) {
  case socks_host::ipv4: host = in.take(4); break;
  case socks_host::ipv6: host = in.take(16); break;
  case socks_host::name: host = in.take(in.take_u8()); break;
  }
  const auto port = in.take_u16();
  if (in.failed()) return to;
  if (to.kind == socks_host::name) return socks_destination::parse(host, port);
  to.host = base::sensitive(std::string(host));
  to.port = port;
  return to;
}

bool is_known(std::uint8_t kind) {
  return kind == static_cast<std::uint8_t>(socks_host::ipv4) || kind == static_cast<std::uint8_t>(socks_host::ipv6) ||
         kind == static_cast<std::uint8_t>(socks_host::name);
}

} // namespace

socks5_server::step socks5_server::take(std::string_view bytes) {
  in_ += bytes;
  step out;
  for (bool taken = true; taken && out.what == now::more;) taken = advance(out);
  return out;
}

bool socks5_server::advance(step& out) {
  switch (state_) {
  case state::greeting: return on_greeting(out);
  case state::password: return on_password(out);
  case state::request: return on_request(out);
  case state::done: break;
  }
  return false;
}

bool socks5_server::refuse(step& out, std::string answer, const char* why, base::outcome what) {
  out.send += answer;
  out.what = now::over;
  refused_ = base::fail(what, why, base::stage::proxy);
  state_ = state::done;
  in_.clear();
  return false;
}

bool socks5_server::on_greeting(step& out) {
  base::cursor in(in_);
  // Told by the first byte, lest somebody who never speaks SOCKS5 is waited for.
  if (!in_.empty() && in.take_u8() != version) return refuse(out, {}, "the client does not speak SOCKS5");
  const auto methods = in.take(in.take_u8());
  if (in.failed() || in_.empty()) return false;
  const bool may_be_silent = policy_.how != socks_policy::auth::required;
  if (methods.find(method_password) != methods.npos) {
    out.send += method(method_password);
    state_ = state::password;
  } else if (may_be_silent && methods.find(method_none) != methods.npos) {
    out.send += method(method_none);
    state_ = state::request;
  } else {
    return refuse(out, method(none_of_these), "the client offers no method that we take");
  }
  in_.erase(0, in_.size() - in.left());
  return true;
}

bool socks5_server::on_password(step& out) {
  base::cursor in(in_);
  if (!in_.empty() && in.take_u8() != password_version)
    return refuse(out, {}, "the client sends no user and password though it said so");
  const auto user = in.take(in.take_u8());
  const auto password = in.take(in.take_u8());
  if (in.failed() || in_.empty()) return false;
  const auto& right = policy_.password.reveal();
  const bool known = !right.empty() && crypto::equal_secret(password, right);
  if (policy_.how == socks_policy::auth::required && !known)
    return refuse(out, password_status(false), "wrong password", base::outcome::proxy_failed);
  asked_.said = socks_credentials{base::sensitive(std::string(user)), base::sensitive(std::string(password))};
  out.send += password_status(true);
  state_ = state::request;
  in_.erase(0, in_.size() - in.left());
  return true;
}

bool socks5_server::on_request(step& out) {
  base::cursor in(in_);
  if (!in_.empty() && in.take_u8() != version) return refuse(out, {}, "a request of another version");
  const auto command = in.take_u8();
  (void)in.take_u8(); // reserved: nobody's programs agree on refusing other values
  const auto kind = in.take_u8();
  if (in.failed()) return false;
  // The length of an unknown kind is unknown: nothing behind it can be read.
  if (!is_known(kind)) return refuse(out, reply(socks_reply::address_not_supported), "an unknown kind of address");
  auto to = take_destination(in, kind);
  if (in.failed()) return false;
  // Answered once all of it has come: unread bytes at the close would become a reset that overtakes the answer.
  if (command != connect_command) return refuse(out, reply(socks_reply::command_not_supported), "not CONNECT");
  if (!to) return refuse(out, reply(socks_reply::general_failure), "the destination is neither an address nor a name");
  asked_.to = std::move(*to);
  out.what = now::requested;
  state_ = state::done;
  in_.erase(0, in_.size() - in.left());
  return false;
}

std::string socks5_server::reply(socks_reply code) {
  return {
      static_cast<char>(version), static_cast<char>(code), 0, static_cast<char>(socks_host::ipv4), 0, 0, 0, 0, 0, 0};
}

std::string socks5_server::rest() && { return std::exchange(in_, std::string()); }

} // namespace landfall::wire
