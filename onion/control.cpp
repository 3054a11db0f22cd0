#include "onion/control.hpp"

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "net/deadline.hpp"

#include <fmt/format.h>

#include <array>

namespace landfall::onion {

namespace {

using base::fail;
using base::outcome;
using base::stage;

base::failure refused(const std::string& command, const wire::control_reply& reply) {
  // The first word only: what follows can be a key or a password. Of tor's text nothing either: it repeats arguments.
  return fail(outcome::proxy_failed,
              fmt::format("tor refuses {}: {}", command.substr(0, command.find(' ')), reply.status), stage::request);
}

awaitable<result<std::unique_ptr<control>>> connected(control_options options) {
  auto connecting = connect_local(options.where);
  auto stream = co_await std::move(connecting);
  if (!stream) co_return stream.error();
  auto opening = control::over(std::move(*stream), std::move(options));
  auto opened = co_await std::move(opening);
  co_return opened;
}

/// Keys and values of ONION_CLIENT_AUTH_ADD, ADD_ONION and SETCONF's keywords go out unquoted.
bool is_word(std::string_view text) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+/=:.[],*";
  return !text.empty() && text.find_first_not_of(allowed) == text.npos;
}

base::failure not_a_word(std::string_view what) {
  return fail(outcome::malformed, fmt::format("{} with a character that tor would misread", what));
}

result<std::string> add_onion_command(const onion_service& service) {
  const auto& key = service.key.reveal();
  if (!key.empty() && !is_word(key)) return not_a_word("ADD_ONION");
  // Without Detach the service ends with this connection, so that none is left behind when we die.
  std::string command = "ADD_ONION " + (key.empty() ? "NEW:ED25519-V3" : key);
  if (!service.client_keys.empty()) command += " Flags=V3Auth";
  if (service.defended) command += " PoWDefensesEnabled=1";
  for (const auto& [port, to] : service.ports) {
    if (!is_word(to)) return not_a_word("ADD_ONION");
    command += fmt::format(" Port={},{}", port, to);
  }
  for (const auto& client : service.client_keys) {
    if (!is_word(client)) return not_a_word("ADD_ONION");
    command += " ClientAuthV3=" + client;
  }
  return command;
}

} // namespace

awaitable<result<std::unique_ptr<control>>> control::open(control_options options) {
  co_await asio::this_coro::throw_if_cancelled(false);
  auto connecting = net::with_deadline(connected(std::move(options)), control_answer_time, stage::connect);
  auto out = co_await std::move(connecting);
  co_return out;
}

awaitable<result<std::unique_ptr<control>>> control::over(net::stream_ptr stream, control_options options) {
  co_await asio::this_coro::throw_if_cancelled(false);
  std::unique_ptr<control> made(new control(std::move(stream)));
  auto proving = made->authenticate(std::move(options));
  auto proved = co_await std::move(proving);
  if (!proved) co_return proved.error();
  co_return made;
}

awaitable<result<void>> control::authenticate(control_options options) {
  auto asking = ask("PROTOCOLINFO 1");
  const auto reply = co_await std::move(asking);
  if (!reply) co_return reply.error();
  auto info = wire::protocol_info::parse(*reply);
  if (!info) co_return info.error();
  version_ = info->version;
  auto making = proof_of(std::move(*info), std::move(options));
  auto proof = co_await std::move(making);
  if (!proof) co_return proof.error();
  auto proving = said("AUTHENTICATE" + *proof);
  auto proved = co_await std::move(proving);
  base::wipe(proof->data(), proof->size());
  co_return proved;
}

/// What follows AUTHENTICATE.
awaitable<result<std::string>> control::proof_of(wire::protocol_info info, control_options options) {
  if (info.null) co_return std::string();
  const auto file = options.cookie_file.empty() ? std::filesystem::path(info.cookie_file) : options.cookie_file;
  if (info.safecookie && !file.empty()) {
    auto making = cookie_proof(file, true);
    auto proof = co_await std::move(making);
    if (proof || !info.password || options.password.reveal().empty()) co_return proof;
  }
  if (info.password && !options.password.reveal().empty()) {
    auto quoted = wire::control_quoted(options.password.reveal());
    if (!quoted) co_return quoted.error();
    co_return " " + *quoted;
  }
  // A file of the other side's choice would be told to it: any 32 bytes of ours, or the cookie of the real tor.
  if (info.cookie && !options.cookie_file.empty()) {
    auto making = cookie_proof(options.cookie_file, false);
    auto proof = co_await std::move(making);
    co_return proof;
  }
  co_return fail(outcome::proxy_failed,
                 info.password ? "tor's control port asks for a password" : "no way to authenticate to tor is known",
                 stage::handshake);
}

awaitable<result<std::string>> control::cookie_proof(std::filesystem::path file, bool safe) {
  const auto cookie = read_cookie(file);
  if (!cookie) co_return cookie.error();
  if (!safe) co_return " " + base::to_hex(cookie->reveal());
  const auto nonce = crypto::random_bytes(wire::control_nonce_size);
  auto asking = ask("AUTHCHALLENGE SAFECOOKIE " + base::to_hex(nonce));
  const auto challenge = co_await std::move(asking);
  if (!challenge) co_return challenge.error();
  auto answer = wire::safecookie_answer(*challenge, *cookie, nonce);
  if (!answer) co_return answer.error();
  co_return " " + *answer;
}

awaitable<result<wire::control_reply>> control::ask(std::string command) {
  auto asking = answer_to(command);
  auto reply = co_await std::move(asking);
  if (reply && !reply->ok()) co_return refused(command, *reply);
  co_return reply;
}

/// Whatever its status.
awaitable<result<wire::control_reply>> control::answer_to(std::string command) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (dead_) co_return *dead_;
  auto asking = net::with_deadline(exchange(command + "\r\n"), control_answer_time, stage::request);
  auto reply = co_await std::move(asking);
  if (!reply) {
    // What is answered later would be taken for the answer to the next command.
    if (!dead_) dead_ = reply.error();
    close();
  }
  co_return reply;
}

awaitable<result<void>> control::said(std::string command) {
  auto asking = ask(std::move(command));
  const auto reply = co_await std::move(asking);
  if (!reply) co_return reply.error();
  co_return result<void>{};
}

awaitable<result<wire::control_reply>> control::exchange(std::string line) {
  if (auto before = keep_events(); !before) co_return before.error();
  auto writing = stream_->write(asio::buffer(line));
  const auto written = co_await std::move(writing);
  base::wipe(line.data(), line.size());
  if (!written) co_return written.error();
  auto reading = read(false);
  auto reply = co_await std::move(reading);
  co_return reply;
}

awaitable<result<wire::control_reply>> control::next_event() {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (!events_.empty()) {
    auto event = std::move(events_.front());
    events_.pop_front();
    co_return event;
  }
  if (dead_) co_return *dead_;
  auto reading = read(true);
  auto event = co_await std::move(reading);
  // Cancelled while it waits for the first byte of an event, the connection is as good as before.
  if (!event && event.error().what != outcome::cancelled) {
    dead_ = event.error();
    close();
  }
  co_return event;
}

/// What has come already and was not asked for: events are kept, an answer would be taken for that of the next command.
result<void> control::keep_events() {
  for (;;) {
    auto next = parser_.next();
    if (!next) return next.error();
    if (!*next) return {};
    if (!(*next)->is_event()) return fail(outcome::malformed, "tor answers what nobody asked", stage::request);
    keep_event(std::move(**next));
  }
}

void control::keep_event(wire::control_reply event) {
  if (events_.size() == max_kept_events) {
    events_.pop_front();
    ++lost_;
  }
  events_.push_back(std::move(event));
}

/// The next answer, events before it kept; or the next event, and an answer that nobody asked for is an error.
awaitable<result<wire::control_reply>> control::read(bool event) {
  std::array<char, 4096> buffer;
  for (;;) {
    auto next = parser_.next();
    if (!next) co_return next.error();
    if (*next && (*next)->is_event() == event) co_return std::move(**next);
    if (*next && event) co_return fail(outcome::malformed, "tor answers what nobody asked", stage::request);
    if (*next) {
      keep_event(std::move(**next));
      continue;
    }
    auto reading = stream_->read_some(asio::buffer(buffer));
    const auto size = co_await std::move(reading);
    // Also what came in the turn in which we were cancelled: the next verb reads on from there.
    if (size) parser_.take({buffer.data(), *size});
    const bool cancelled = co_await net::was_cancelled();
    if (cancelled) co_return fail(outcome::cancelled, {}, stage::request);
    if (!size) co_return size.error();
    if (*size == 0) co_return fail(outcome::reset_before_hello, "tor has closed its control port", stage::request);
  }
}

awaitable<result<std::string>> control::get_info(std::string key) {
  if (!is_word(key)) co_return not_a_word("GETINFO");
  auto asking = ask("GETINFO " + key);
  const auto reply = co_await std::move(asking);
  if (!reply) co_return reply.error();
  auto value = reply->value(key);
  if (!value) co_return fail(outcome::malformed, "tor answers GETINFO with something else", stage::request);
  co_return std::move(*value);
}

awaitable<result<void>> control::set_conf(std::vector<std::pair<std::string, std::string>> values) {
  std::string command = "SETCONF";
  for (const auto& [key, value] : values) {
    auto quoted = wire::control_quoted(value);
    if (!quoted || !is_word(key)) co_return not_a_word("SETCONF");
    command += " " + key + "=" + *quoted;
  }
  auto asking = said(std::move(command));
  auto done = co_await std::move(asking);
  co_return done;
}

awaitable<result<void>> control::set_events(std::vector<std::string> names) {
  std::string command = "SETEVENTS";
  for (const auto& name : names) {
    if (!is_word(name)) co_return not_a_word("SETEVENTS");
    command += " " + name;
  }
  auto asking = said(std::move(command));
  auto done = co_await std::move(asking);
  co_return done;
}

awaitable<result<void>> control::signal(std::string name) {
  if (!is_word(name)) co_return not_a_word("SIGNAL");
  auto asking = said("SIGNAL " + name);
  auto done = co_await std::move(asking);
  co_return done;
}

awaitable<result<onion_added>> control::add_onion(onion_service service) {
  auto command = add_onion_command(service);
  if (!command) co_return command.error();
  auto asking = answer_to(*command);
  auto reply = co_await std::move(asking);
  constexpr int bad_arguments = 512;
  if (reply && reply->status == bad_arguments && service.defended) { // a tor before 0.4.9
    service.defended = false;
    auto again = add_onion(std::move(service));
    auto added = co_await std::move(again);
    co_return added;
  }
  if (!reply) co_return reply.error();
  if (!reply->ok()) co_return refused(*command, *reply);
  onion_added out{reply->value("ServiceID").value_or(""), base::secret(reply->value("PrivateKey").value_or(""))};
  if (out.id.empty() || (service.key.reveal().empty() && out.key.reveal().empty()))
    co_return fail(outcome::malformed, "tor answers ADD_ONION without a service", stage::request);
  co_return std::move(out);
}

awaitable<result<void>> control::del_onion(std::string id) {
  if (!is_word(id)) co_return not_a_word("DEL_ONION");
  auto asking = said("DEL_ONION " + id);
  auto done = co_await std::move(asking);
  co_return done;
}

awaitable<result<void>> control::take_ownership() {
  auto asking = said("TAKEOWNERSHIP");
  auto done = co_await std::move(asking);
  co_return done;
}

awaitable<result<void>> control::add_client_auth(std::string id, base::secret key) {
  if (!is_word(id) || !is_word(key.reveal())) co_return not_a_word("ONION_CLIENT_AUTH_ADD");
  auto asking = said("ONION_CLIENT_AUTH_ADD " + id + " x25519:" + key.reveal());
  auto done = co_await std::move(asking);
  co_return done;
}

awaitable<result<void>> control::remove_client_auth(std::string id) {
  if (!is_word(id)) co_return not_a_word("ONION_CLIENT_AUTH_REMOVE");
  auto asking = said("ONION_CLIENT_AUTH_REMOVE " + id);
  auto done = co_await std::move(asking);
  co_return done;
}

void control::close() noexcept {
  if (!dead_) dead_ = fail(outcome::cancelled, "closed by us", stage::request);
  stream_->close();
}

} // namespace landfall::onion
