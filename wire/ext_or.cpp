#include "wire/ext_or.hpp"

#include "base/cursor.hpp"
#include "crypto/hash.hpp"

#include <utility>

namespace landfall::wire {

namespace {

using base::fail;
using base::outcome;
using base::stage;

constexpr std::string_view cookie_header = "! Extended ORPort Auth Cookie !\n";
constexpr std::size_t hash_size = 32, nonce_size = 32;
constexpr std::uint8_t type_safe_cookie = 1, status_good = 1;
enum command : std::uint16_t {
  done = 0x0000,
  user_address = 0x0001,
  transport_name = 0x0002,
  okay = 0x1000,
  deny = 0x1001
};

std::string message(command what, std::string_view body) {
  std::string out;
  for (const std::size_t value : {static_cast<std::size_t>(what), body.size()}) {
    out += static_cast<char>(value >> 8 & 0xff);
    out += static_cast<char>(value & 0xff);
  }
  return out.append(body);
}

base::failure refused(std::string_view what) { return fail(outcome::proxy_failed, std::string(what), stage::proxy); }

} // namespace

base::result<base::secret> read_ext_or_cookie(std::string_view content) {
  if (content.size() != cookie_header.size() + ext_or_cookie_size || !content.starts_with(cookie_header))
    return fail(outcome::malformed, "the cookie file of the extended OR port is none");
  return base::secret(std::string(content.substr(cookie_header.size())));
}

ext_or_client::ext_or_client(base::secret cookie, std::string nonce, std::string user, std::string transport)
    : cookie_(std::move(cookie)), nonce_(std::move(nonce)), user_(std::move(user)), transport_(std::move(transport)) {}

void ext_or_client::expect(state next, std::size_t size) {
  state_ = next;
  wanted_ = size;
  in_.clear();
}

std::string ext_or_client::hash(std::string_view label, std::string_view server_nonce) const {
  const auto text = std::string(label) + nonce_ + std::string(server_nonce);
  return std::string(crypto::hmac_sha256(cookie_.reveal(), text).view());
}

std::string ext_or_client::describe() const {
  return (user_.empty() ? "" : message(user_address, user_)) + message(transport_name, transport_) + message(done, {});
}

base::result<ext_or_client::step> ext_or_client::take(std::string_view bytes) {
  if (bytes.size() > wanted_)
    return fail(outcome::malformed, "more than was wanted of the extended OR port", stage::proxy);
  in_ += bytes;
  wanted_ -= bytes.size();
  if (wanted_ > 0 || state_ == state::accepted) return step{};
  return advance();
}

base::result<ext_or_client::step> ext_or_client::advance() {
  switch (state_) {
  case state::types: return on_type();
  case state::challenge: return on_challenge();
  case state::status: return on_status();
  case state::header: return on_header();
  case state::body: expect(state::header, 4); return step{};
  case state::accepted: break;
  }
  return step{};
}

base::result<ext_or_client::step> ext_or_client::on_type() {
  const auto type = static_cast<std::uint8_t>(in_.front());
  safe_cookie_ = safe_cookie_ || type == type_safe_cookie;
  if (type != 0) {
    if (++types_ > max_types) return fail(outcome::malformed, "the extended OR port's list has no end", stage::proxy);
    expect(state::types, 1);
    return step{};
  }
  if (!safe_cookie_) return refused("the extended OR port does not take cookies");
  expect(state::challenge, hash_size + nonce_size);
  return step{std::string(1, static_cast<char>(type_safe_cookie)) + nonce_};
}

base::result<ext_or_client::step> ext_or_client::on_challenge() {
  const std::string server_hash = in_.substr(0, hash_size), server_nonce = in_.substr(hash_size);
  // It has to know the cookie first: else whoever took the port would learn a hash to use against the real one.
  if (!crypto::equal_secret(server_hash, hash("ExtORPort authentication server-to-client hash", server_nonce)))
    return refused("the extended OR port has another cookie");
  expect(state::status, 1);
  return step{hash("ExtORPort authentication client-to-server hash", server_nonce)};
}

base::result<ext_or_client::step> ext_or_client::on_status() {
  if (static_cast<std::uint8_t>(in_.front()) != status_good)
    return refused("the extended OR port takes not this cookie");
  expect(state::header, 4);
  return step{describe()};
}

base::result<ext_or_client::step> ext_or_client::on_header() {
  base::cursor header(in_);
  const auto what = header.take_u16();
  const std::size_t size = header.take_u16();
  if (what == deny) return refused("the extended OR port denied the connection");
  if (size > max_body) return fail(outcome::malformed, "a long answer of the extended OR port", stage::proxy);
  if (what == okay && size == 0) {
    expect(state::accepted, 0);
    return step{{}, true};
  }
  // Others (CONTROL) are for transports that can do more; unknown ones are ignored (§3).
  expect(size == 0 ? state::header : state::body, size == 0 ? 4 : size);
  return step{};
}

} // namespace landfall::wire
