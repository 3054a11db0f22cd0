#include "server/onion_session.hpp"

#include "base/encoding.hpp"

#include <fmt/format.h>

namespace landfall::server {

namespace {
using base::fail;
using base::outcome;
using base::result;
using base::secret;

constexpr int bad_arguments = 512, collision = 550;

base::failure refused(std::string_view command, const wire::control_reply& reply, std::string_view hint) {
  return fail(outcome::proxy_failed, fmt::format("tor refuses {} ({}): {}", command, reply.status, hint));
}
} // namespace

result<secret> onion_session::take(std::string_view bytes) {
  parser_.take(bytes);
  secret out;
  for (;;) {
    auto next = parser_.next();
    if (!next) return next.error();
    if (!*next) return out;
    if ((*next)->is_event()) {
      if (++events_ > max_events)
        return fail(outcome::too_large, "what answers on tor's control port sends events without end");
      continue;
    }
    // Nobody can have answered what is not sent yet.
    if (published() || !out.reveal().empty())
      return fail(outcome::malformed, "what answers on tor's control port answers what nobody asked: is it tor?");
    auto command = answer(**next);
    if (!command) return command;
    out = std::move(*command);
  }
}

result<secret> onion_session::answer(const wire::control_reply& reply) {
  switch (at_) {
  case step::info: return prove(reply);
  case step::challenge: return prove_knowledge(reply);
  case step::proof:
    if (!reply.ok()) return refused("AUTHENTICATE", reply, "cookie or password is not this tor's");
    return add();
  case step::service: return added(reply);
  case step::published: break;
  }
  return secret();
}

/// The first that is offered and possible; plain COOKIE comes last, since it tells the cookie to whoever answers.
result<secret> onion_session::prove(const wire::control_reply& reply) {
  const auto info = wire::protocol_info::parse(reply);
  if (!info) return fail(info.error().what, info.error().detail + ": is it tor's control port?");
  if (info->null) return authenticate("");
  const bool has_password = info->password && !how_.password.reveal().empty();
  const bool has_file = !info->cookie_file.empty();
  std::optional<base::failure> no_cookie;
  if (has_file && (info->safecookie || (info->cookie && !has_password))) {
    auto cookie = how_.read_cookie(info->cookie_file);
    if (cookie && !info->safecookie) return authenticate(base::to_hex(cookie->reveal()));
    if (cookie) {
      cookie_ = std::move(*cookie);
      at_ = step::challenge;
      return secret("AUTHCHALLENGE SAFECOOKIE " + base::to_hex(how_.nonce) + "\r\n");
    }
    no_cookie = fail(cookie.error().what, "tor's cookie file " + cookie.error().detail);
  }
  if (has_password) {
    const auto quoted = wire::control_quoted(how_.password.reveal());
    if (!quoted) return fail(outcome::malformed, "LANDFALL_TOR_PASSWORD has a line end in it");
    return authenticate(*quoted);
  }
  if (no_cookie) return std::move(*no_cookie);
  return fail(outcome::proxy_failed, info->password ? "tor's control port asks for a password: LANDFALL_TOR_PASSWORD"
                                                    : "tor's control port takes no proof that is known here");
}

result<secret> onion_session::prove_knowledge(const wire::control_reply& reply) {
  const auto proof = wire::safecookie_answer(reply, std::exchange(cookie_, secret()), how_.nonce);
  if (!proof) return proof.error();
  return authenticate(*proof);
}

result<secret> onion_session::added(const wire::control_reply& reply) {
  if (reply.status == bad_arguments && defended_) { // a tor before 0.4.9
    defended_ = false;
    return add();
  }
  if (reply.status == collision)
    return refused("ADD_ONION", reply, "it has a service of this address; does another server use the same key?");
  if (!reply.ok()) return refused("ADD_ONION", reply, "tor's log may say why");
  if (reply.value("ServiceID") != how_.key.address)
    return fail(outcome::malformed, "tor has published another address than the key's: is it tor?");
  at_ = step::published;
  return secret();
}

secret onion_session::authenticate(std::string_view with) {
  at_ = step::proof;
  return secret(fmt::format("AUTHENTICATE{}{}\r\n", with.empty() ? "" : " ", with));
}

secret onion_session::add() {
  at_ = step::service;
  secret key(base::to_base64(how_.key.secret.reveal()));
  return secret(fmt::format("ADD_ONION ED25519-V3:{}{} Port=80,{}\r\n", key.reveal(),
                            defended_ ? " PoWDefensesEnabled=1" : "", how_.target));
}

} // namespace landfall::server
