#include "config/bridge_line.hpp"

#include "base/encoding.hpp"
#include "config/host.hpp"

#include <boost/url.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace landfall::config {

namespace {

using base::fail;
using base::failure;
using base::outcome;
namespace urls = boost::urls;

constexpr std::uint16_t usual_port = 443; // tor(1)
constexpr std::size_t max_pasted_lines = 256;

failure bad_token(std::size_t index, std::string_view message) {
  return fail(outcome::malformed, fmt::format("token {}: {}", index + 1, message));
}

std::vector<std::string_view> tokens_of(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0;;) {
    at = text.find_first_not_of(" \t", at);
    if (at == text.npos) return out;
    const auto end = std::min(text.find_first_of(" \t", at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end;
  }
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

/// A C identifier (pt-spec). An address always has a '.' or ':', so the two never look alike.
bool is_transport(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && text.size() <= 64 && letter(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || digit(c); });
}

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

bool is_hex(std::string_view text, std::size_t bytes) {
  return text.size() == 2 * bytes && base::from_hex(lower(text)).has_value();
}

/// cert= is standard base64 of node id (20) and public key (32) with its "==" cut off.
bool is_cert(std::string_view text) {
  const auto bytes = base::from_base64(std::string(text) + "==");
  return bytes && bytes->size() == 52;
}

std::optional<std::string_view> value_of(const bridge_arguments& arguments, std::string_view key) {
  for (const auto& [k, v] : arguments)
    if (k == key) return v;
  return std::nullopt;
}

base::result<void> check_obfs4(const bridge_arguments& arguments) {
  const auto cert = value_of(arguments, "cert"), id = value_of(arguments, "node-id"),
             key = value_of(arguments, "public-key"), mode = value_of(arguments, "iat-mode");
  if (cert && !is_cert(*cert)) return fail(outcome::malformed, "cert: not the base64 of 52 bytes (70 characters)");
  if (!cert && !(id && key)) return fail(outcome::malformed, "cert: missing; obfs4 needs cert=…");
  if (!cert && (!is_hex(*id, 20) || !is_hex(*key, 32)))
    return fail(outcome::malformed, "node-id, public-key: not 40 and 64 hex digits");
  if (!mode) return fail(outcome::malformed, "iat-mode: missing; write iat-mode=0");
  if (*mode != "0" && *mode != "1" && *mode != "2") return fail(outcome::malformed, "iat-mode: write 0, 1 or 2");
  return {};
}

/// Takes the tokens of one line from left to right.
class line_parser {
public:
  explicit line_parser(std::vector<std::string_view> tokens) : tokens_(std::move(tokens)) {}

  base::result<bridge_line> parse() {
    if (!tokens_.empty() && lower(tokens_[0]) == "bridge") ++at_;
    if (at_ == tokens_.size()) return fail(outcome::malformed, "empty");
    for (std::size_t i = 0; i < tokens_.size(); ++i)
      if (!is_printable(tokens_[i])) return bad_token(i, "holds other characters than printable ASCII");
    if (is_transport(tokens_[at_])) out_.transport = tokens_[at_++];
    if (auto taken = take_address(); !taken) return taken.error();
    if (auto taken = out_.transport.empty() ? take_spaced_fingerprint() : take_fingerprint(); !taken)
      return taken.error();
    if (auto taken = take_arguments(); !taken) return taken.error();
    return std::move(out_);
  }

private:
  base::result<void> take_address() {
    if (at_ == tokens_.size()) return bad_token(at_, "ADDRESS:PORT is missing");
    auto where = address_and_port::parse(tokens_[at_]);
    if (!where) return bad_token(at_, "not a transport's name and not ADDRESS:PORT (" + where.error().detail + ")");
    if (!where->port) where->port = usual_port;
    out_.where = base::sensitive(*where);
    ++at_;
    return {};
  }

  base::result<void> set_fingerprint(std::size_t token, std::string text) {
    if (text.starts_with('$')) text.erase(0, 1);
    if (!is_hex(text, 20)) return bad_token(token, "not a fingerprint of 40 hex digits, and not KEY=VALUE");
    out_.fingerprint = base::sensitive(upper(std::move(text)));
    return {};
  }

  base::result<void> take_fingerprint() {
    if (at_ == tokens_.size() || tokens_[at_].find('=') != std::string_view::npos) return {};
    const auto token = at_++;
    return set_fingerprint(token, std::string(tokens_[token]));
  }

  /// Vanilla lines may hold the fingerprint as ten groups of four (tor(1)), and never arguments.
  base::result<void> take_spaced_fingerprint() {
    if (at_ == tokens_.size()) return {};
    const auto first = at_;
    std::string joined;
    for (; at_ < tokens_.size(); ++at_) {
      if (tokens_[at_].find('=') != std::string_view::npos)
        return bad_token(at_, "arguments need a transport's name in front of the address");
      joined += tokens_[at_];
    }
    return set_fingerprint(first, std::move(joined));
  }

  base::result<void> take_arguments() {
    bridge_arguments arguments;
    for (; at_ < tokens_.size(); ++at_) {
      const auto equals = tokens_[at_].find('=');
      if (equals == std::string_view::npos || equals == 0) return bad_token(at_, "not KEY=VALUE");
      std::string key(tokens_[at_].substr(0, equals));
      if (value_of(arguments, key)) return bad_token(at_, "a key that stands there twice");
      arguments.emplace_back(std::move(key), tokens_[at_].substr(equals + 1));
    }
    out_.arguments = base::sensitive(std::move(arguments));
    const auto size = out_.encoded_arguments().size();
    if (size > max_encoded_arguments)
      return fail(outcome::too_large, fmt::format("over-long bridge argument: {} bytes encoded; SOCKS carries {}", size,
                                                  max_encoded_arguments));
    if (out_.transport != "obfs4") return {};
    return name_token(check_obfs4(out_.arguments.reveal()));
  }

  /// Puts the place of the argument in front of a complaint that starts with its key.
  base::result<void> name_token(base::result<void> checked) const {
    if (checked) return {};
    auto failed = checked.error();
    const auto key = failed.detail.substr(0, failed.detail.find_first_of(":,")) + "=";
    for (std::size_t i = 0; i < tokens_.size(); ++i)
      if (tokens_[i].starts_with(key)) return bad_token(i, failed.detail);
    return failed;
  }

  std::vector<std::string_view> tokens_;
  std::size_t at_ = 0;
  bridge_line out_;
};

std::string text_of(urls::pct_string_view encoded) {
  std::string out;
  encoded.decode({}, urls::string_token::assign_to(out));
  return out;
}

/// The query's "k=v" parts, decoded. Not by Boost's own iterator, which in 1.81 fails an assertion on an empty query.
void append_arguments(std::string_view query, std::vector<std::string>& out) {
  while (!query.empty()) {
    const auto part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(part.size() + 1, query.size()));
    if (const auto encoded = urls::make_pct_string_view(urls::string_view(part.data(), part.size())))
      out.push_back(text_of(*encoded));
  }
}

/// A bridge:// URI as the tokens of a line; parsed on from there, so both forms obey one set of rules.
base::result<std::vector<std::string>> tokens_of_uri(std::string_view text) {
  const auto parsed = urls::parse_uri(text);
  if (!parsed || parsed->host_type() == urls::host_type::none || parsed->host_type() == urls::host_type::name)
    return fail(outcome::malformed, "not a bridge URI; write bridge://TRANSPORT@ADDRESS:PORT/FINGERPRINT?KEY=VALUE");
  const urls::url_view& uri = *parsed;
  if (uri.has_fragment()) return fail(outcome::malformed, "a bridge URI has no '#'");
  if (uri.has_password()) return fail(outcome::malformed, "a bridge URI has only the transport in front of '@'");
  std::vector<std::string> out;
  if (uri.has_userinfo()) {
    out.push_back(text_of(uri.encoded_user()));
    if (!is_transport(out.back())) return fail(outcome::malformed, "transport: not a transport's name");
  }
  out.push_back(text_of(uri.encoded_host()) + (uri.has_port() ? ":" + std::string(uri.port()) : ""));
  if (const auto path = text_of(uri.encoded_path()); path.size() > 1) out.push_back(path.substr(1));
  append_arguments(std::string_view(uri.encoded_query().data(), uri.encoded_query().size()), out);
  for (const auto& token : out)
    if (!is_printable(token))
      return fail(outcome::malformed, "the URI holds an escape of a character that no bridge line has");
  return out;
}

/// The quoted texts of "['…', \"…\"]", Python's and JSON's way; nullopt when it is none.
std::optional<std::vector<std::string>> quoted_list(std::string_view text) {
  if (!text.starts_with('[') || !text.ends_with(']')) return std::nullopt;
  std::vector<std::string> out;
  std::optional<char> quote;
  bool separated = true;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    const char c = text[i];
    if (quote) {
      if (c == *quote) {
        quote.reset();
      } else if (c == '\\') {
        const char next = text[++i];
        if (i + 1 >= text.size() || (next != '\\' && next != '\'' && next != '"' && next != '/')) return std::nullopt;
        out.back() += next;
      } else {
        out.back() += c;
      }
    } else if (c == '\'' || c == '"') {
      if (!std::exchange(separated, false)) return std::nullopt;
      quote = c;
      out.emplace_back();
    } else if (c == ',') {
      if (std::exchange(separated, true)) return std::nullopt;
    } else if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
      return std::nullopt;
    }
  }
  if (quote) return std::nullopt;
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

} // namespace

base::result<bridge_line> bridge_line::parse(std::string_view text) {
  if (text.size() > max_bridge_line)
    return fail(outcome::too_large, fmt::format("longer than {} bytes", max_bridge_line));
  text = trimmed(text);
  if (!lower(text.substr(0, 9)).starts_with("bridge://")) return line_parser(tokens_of(text)).parse();
  const auto tokens = tokens_of_uri(text);
  if (!tokens) return tokens.error();
  return line_parser({tokens->begin(), tokens->end()}).parse();
}

std::string bridge_line::reveal() const {
  const auto& [address, port] = where.reveal();
  std::string out = transport.empty() ? "" : transport + " ";
  out += fmt::format("{}{}{}:{}", address.v6 ? "[" : "", address.to_string(), address.v6 ? "]" : "",
                     port.value_or(usual_port));
  if (!fingerprint.reveal().empty()) out.append(" ").append(fingerprint.reveal());
  for (const auto& [key, value] : arguments.reveal()) out += fmt::format(" {}={}", key, value);
  return out;
}

std::string bridge_line::encoded_arguments() const {
  std::string out;
  const auto append = [&](std::string_view text, std::string_view escaped) {
    for (const char c : text) {
      if (escaped.find(c) != escaped.npos) out += '\\';
      out += c;
    }
  };
  for (const auto& [key, value] : arguments.reveal()) {
    if (!out.empty()) out += ';';
    append(key, "\\;=");
    out += '=';
    append(value, "\\;");
  }
  return out;
}

std::string_view bridge_line::usual_far_end() const noexcept {
  return fingerprint.reveal().empty() ? "landfall" : "tor";
}

pasted_bridges parse_pasted(std::string_view text) {
  pasted_bridges out;
  if (text.size() > max_pasted) {
    out.problems.push_back(fmt::format("longer than {} bytes", max_pasted));
    return out;
  }
  const auto add = [&](std::string_view where, std::size_t number, std::string_view line) {
    auto parsed = bridge_line::parse(line);
    if (!parsed)
      out.problems.push_back(fmt::format("{} {}: {}", where, number, parsed.error().detail));
    else if (std::find(out.lines.begin(), out.lines.end(), *parsed) == out.lines.end())
      out.lines.push_back(std::move(*parsed));
  };
  if (const auto list = quoted_list(trimmed(text))) {
    for (std::size_t i = 0; i < list->size() && i < max_pasted_lines; ++i) add("entry", i + 1, (*list)[i]);
    return out;
  }
  for (std::size_t number = 1; !text.empty() && number <= max_pasted_lines; ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trimmed(text.substr(0, end));
    if (!line.empty() && !line.starts_with('#')) add("line", number, line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (!text.empty()) out.problems.push_back(fmt::format("more than {} lines; the rest was not read", max_pasted_lines));
  return out;
}

} // namespace landfall::config
