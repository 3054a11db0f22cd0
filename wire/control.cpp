#include "wire/control.hpp"

#include "base/cursor.hpp"
#include "base/encoding.hpp"
#include "crypto/hash.hpp"

#include <algorithm>

namespace landfall::wire {

namespace {

using base::fail;
using base::outcome;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// The value of an octal escape, three digits at most (C's own, which tor writes for bytes that do not print).
char octal(base::cursor& in) {
  unsigned value = 0;
  for (int i = 0; i < 3 && !in.at_end() && in.rest()[0] >= '0' && in.rest()[0] <= '7'; ++i) {
    value = value * 8 + static_cast<unsigned>(in.take(1)[0] - '0');
  }
  return static_cast<char>(value);
}

/// After the opening quote, up to and with the closing one.
result<std::string> unquote(base::cursor& in) {
  std::string out;
  while (!in.at_end()) {
    const char c = in.take(1)[0];
    if (c == '"') return out;
    if (c != '\\') {
      out += c;
      continue;
    }
    if (in.at_end()) break;
    if (in.rest()[0] >= '0' && in.rest()[0] <= '7') {
      out += octal(in);
      continue;
    }
    const char escaped = in.take(1)[0];
    out += escaped == 'n' ? '\n' : escaped == 'r' ? '\r' : escaped == 't' ? '\t' : escaped;
  }
  return fail(outcome::malformed, "a quoted string that does not end");
}

std::string_view word(base::cursor& in) { return in.take(std::min(in.rest().find_first_of(" =\""), in.left())); }

std::optional<std::string> from_any_hex(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  return base::from_hex(lower);
}

crypto::digest proof(std::string_view label, const base::secret& cookie, std::string_view client,
                     std::string_view server) {
  const base::secret message(cookie.reveal() + std::string(client) + std::string(server));
  return crypto::hmac_sha256(label, message.reveal());
}

} // namespace

std::optional<std::string> control_reply::value(std::string_view key) const {
  for (const auto& line : lines) {
    if (!line.text.starts_with(key) || line.text.size() == key.size() || line.text[key.size()] != '=') continue;
    return line.data ? *line.data : line.text.substr(key.size() + 1);
  }
  return std::nullopt;
}

void control_parser::take(std::string_view bytes) {
  if (dead_) return;
  buffer_.erase(0, at_);
  searched_ -= at_;
  at_ = 0;
  buffer_ += bytes;
}

result<std::optional<control_reply>> control_parser::next() {
  if (dead_) return *dead_;
  const auto die = [this](base::failure why) { return *(dead_ = std::move(why)); };
  for (;;) {
    const auto end = buffer_.find("\r\n", searched_);
    if (end == buffer_.npos) {
      searched_ = std::max(at_, buffer_.size() - (buffer_.empty() ? 0 : 1)); // a CR may be the last byte
      if (buffer_.size() - at_ > max_control_line) return die(fail(outcome::too_large, "a line of the control port"));
      return std::nullopt;
    }
    const auto text = std::string_view(buffer_).substr(at_, end - at_);
    if (text.size() > max_control_line) return die(fail(outcome::too_large, "a line of the control port"));
    size_ += text.size() + 2;
    if (size_ > max_control_reply) return die(fail(outcome::too_large, "a reply of the control port"));
    const auto whole = in_data_ ? data_line(text) : line(text);
    at_ = searched_ = end + 2;
    if (!whole) return die(whole.error());
    if (*whole) {
      size_ = 0;
      return std::exchange(reply_, {});
    }
  }
}

/// True when the reply is whole.
result<bool> control_parser::line(std::string_view text) {
  if (text.size() < 4 || !std::all_of(text.begin(), text.begin() + 3, is_digit)) {
    return fail(outcome::malformed, "no reply of a control port: is it one?");
  }
  const int status = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
  if (!reply_.lines.empty() && status != reply_.status) {
    return fail(outcome::malformed, "a reply of the control port with two statuses");
  }
  reply_.status = status;
  reply_.lines.push_back({std::string(text.substr(4)), std::nullopt});
  switch (text[3]) {
  case ' ': return true;
  case '-': return false;
  case '+':
    in_data_ = true;
    reply_.lines.back().data.emplace();
    return false;
  default: return fail(outcome::malformed, "no reply of a control port: is it one?");
  }
}

result<bool> control_parser::data_line(std::string_view text) {
  if (text == ".") {
    in_data_ = false;
    return false;
  }
  auto& data = *reply_.lines.back().data;
  if (!data.empty()) data += '\n';
  data += text.starts_with('.') ? text.substr(1) : text;
  return false;
}

std::string_view control_words::argument(std::string_view key) const noexcept {
  const auto found =
      std::find_if(arguments.begin(), arguments.end(), [key](const auto& one) { return one.first == key; });
  return found == arguments.end() ? std::string_view() : found->second;
}

result<control_words> control_words::parse(std::string_view text) {
  control_words out;
  base::cursor in(text);
  while (!in.at_end()) {
    if (in.skip(" ")) continue;
    if (in.skip("\"")) {
      auto quoted = unquote(in);
      if (!quoted) return quoted.error();
      out.plain.push_back(std::move(*quoted));
      continue;
    }
    const auto key = word(in);
    if (!in.skip("=")) {
      if (key.empty()) return fail(outcome::malformed, "a word of the control port");
      out.plain.emplace_back(key);
      continue;
    }
    if (in.skip("\"")) {
      auto quoted = unquote(in);
      if (!quoted) return quoted.error();
      out.arguments.emplace_back(key, std::move(*quoted));
    } else {
      out.arguments.emplace_back(key, in.take(std::min(in.rest().find(' '), in.left())));
    }
  }
  return out;
}

result<std::string> control_quoted(std::string_view text) {
  if (text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos) {
    return fail(outcome::malformed, "a line end in a command to tor");
  }
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

result<protocol_info> protocol_info::parse(const control_reply& reply) {
  if (!reply.ok()) return fail(outcome::malformed, "PROTOCOLINFO was refused");
  protocol_info out;
  bool known = false;
  for (const auto& line : reply.lines) {
    const auto words = control_words::parse(line.text);
    if (!words) return words.error();
    if (words->plain.empty()) continue;
    if (words->plain[0] == "PROTOCOLINFO") known = words->plain.size() > 1 && words->plain[1] == "1";
    if (words->plain[0] == "VERSION") out.version = words->argument("Tor");
    if (words->plain[0] != "AUTH") continue;
    out.cookie_file = words->argument("COOKIEFILE");
    base::cursor methods(words->argument("METHODS"));
    while (!methods.at_end()) {
      const auto one = methods.take(std::min(methods.rest().find(','), methods.left()));
      methods.skip(",");
      out.null |= one == "NULL";
      out.password |= one == "HASHEDPASSWORD";
      out.cookie |= one == "COOKIE";
      out.safecookie |= one == "SAFECOOKIE";
    }
  }
  if (!known) return fail(outcome::malformed, "PROTOCOLINFO of another version than 1");
  return out;
}

result<std::string> safecookie_answer(const control_reply& reply, const base::secret& cookie,
                                      std::string_view client_nonce) {
  const auto words = control_words::parse(reply.lines.empty() ? std::string_view() : reply.lines.front().text);
  if (!words) return words.error();
  const auto hash = from_any_hex(words->argument("SERVERHASH")), nonce = from_any_hex(words->argument("SERVERNONCE"));
  if (!reply.ok() || !hash || !nonce || hash->size() != 32 || nonce->size() != control_nonce_size) {
    return fail(outcome::malformed, "AUTHCHALLENGE was not answered as the specification says");
  }
  const auto theirs = proof("Tor safe cookie authentication server-to-controller hash", cookie, client_nonce, *nonce);
  if (!crypto::equal_secret(theirs.view(), *hash)) {
    return fail(outcome::proxy_failed, "what answers on the control port does not know the cookie: it is not that tor");
  }
  return proof("Tor safe cookie authentication controller-to-server hash", cookie, client_nonce, *nonce).hex();
}

result<std::optional<bootstrap_phase>> bootstrap_phase::parse(std::string_view text) {
  const auto words = control_words::parse(text);
  if (!words) return words.error();
  const auto& plain = words->plain;
  if (std::find(plain.begin(), plain.end(), "BOOTSTRAP") == plain.end()) return std::nullopt;
  bootstrap_phase out;
  base::cursor progress(words->argument("PROGRESS"));
  out.progress = static_cast<int>(progress.take_decimal(100));
  if (progress.failed() || !progress.at_end()) return fail(outcome::malformed, "a bootstrap phase without PROGRESS");
  // They go into logs and events: a word, or nothing.
  const auto letters = [](std::string_view from) {
    const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    return from.size() <= 64 && std::all_of(from.begin(), from.end(), good) ? std::string(from) : std::string();
  };
  out.tag = letters(words->argument("TAG"));
  out.reason = letters(words->argument("REASON"));
  out.warning = words->argument("WARNING").substr(0, 256);
  return out;
}

} // namespace landfall::wire
