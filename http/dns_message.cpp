#include "http/dns_message.hpp"

#include "base/cursor.hpp"

#include <ares.h>
#include <fmt/format.h>

#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>

namespace landfall::http {

namespace {

using base::cursor;
using base::fail;
using base::outcome;
using base::stage;
namespace ip = boost::asio::ip;

constexpr std::size_t header_size = 12, max_name = 253; // RFC 1035
constexpr std::uint16_t is_answer = 0x8000, truncated = 0x0200, rcode_mask = 0x000f;
constexpr std::uint16_t class_in = 1, no_such_name = 3;

struct header {
  std::uint16_t id = 0, flags = 0, questions = 0, answers = 0;
};

header take_header(cursor& in) noexcept {
  header out{in.take_u16(), in.take_u16(), in.take_u16(), in.take_u16()};
  (void)in.take_u32(); // authority and additional records
  return out;
}

/// Past a name: labels, then the root or a pointer to the rest (RFC 1035 §4.1.4). The pointer is not followed.
void skip_name(cursor& in) noexcept {
  constexpr std::uint8_t pointer = 0xc0;
  while (!in.failed()) {
    const auto size = in.take_u8();
    if (size == 0) return;
    if ((size & pointer) == pointer) {
      (void)in.take_u8();
      return;
    }
    (void)in.take(size);
  }
}

/// The question section of a message with one question; empty when there is none.
std::string_view question_section(std::string_view message) noexcept {
  cursor in(message);
  if (take_header(in).questions != 1) return {};
  skip_name(in);
  (void)in.take_u32();
  return in.failed() ? std::string_view{} : message.substr(header_size, message.size() - header_size - in.left());
}

bool same_but_for_case(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return lower(x) == lower(y); });
}

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::uint32_t seconds(int ttl) { return static_cast<std::uint32_t>(std::max(ttl, 0)); }

void note_ttl(dns_answer& out, std::uint32_t ttl, bool first) { out.ttl = first ? ttl : std::min(out.ttl, ttl); }

int read_a(std::string_view message, dns_answer& out) {
  std::array<ares_addrttl, max_addresses> found{};
  int count = max_addresses;
  const int status =
      ares_parse_a_reply(bytes_of(message), static_cast<int>(message.size()), nullptr, found.data(), &count);
  for (int i = 0; status == ARES_SUCCESS && i < count; ++i) {
    const auto& one = found[static_cast<std::size_t>(i)];
    out.addresses.emplace_back(ip::address_v4(ntohl(one.ipaddr.s_addr)));
    note_ttl(out, seconds(one.ttl), i == 0);
  }
  return status;
}

int read_aaaa(std::string_view message, dns_answer& out) {
  std::array<ares_addr6ttl, max_addresses> found{};
  int count = max_addresses;
  const int status =
      ares_parse_aaaa_reply(bytes_of(message), static_cast<int>(message.size()), nullptr, found.data(), &count);
  for (int i = 0; status == ARES_SUCCESS && i < count; ++i) {
    const auto& one = found[static_cast<std::size_t>(i)];
    ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &one.ip6addr, bytes.size());
    out.addresses.emplace_back(ip::address_v6(bytes));
    note_ttl(out, seconds(one.ttl), i == 0);
  }
  return status;
}

int read_txt(std::string_view message, dns_answer& out) {
  ares_txt_ext* found = nullptr;
  const int status = ares_parse_txt_reply_ext(bytes_of(message), static_cast<int>(message.size()), &found);
  const std::unique_ptr<ares_txt_ext, decltype(&ares_free_data)> owner(found, &ares_free_data);
  for (const auto* one = found; one; one = one->next) {
    if (one->record_start) {
      if (out.texts.size() == max_texts) break;
      out.texts.emplace_back();
    }
    if (!out.texts.empty()) out.texts.back().append(reinterpret_cast<const char*>(one->txt), one->length);
  }
  return status;
}

// --- HTTPS records (RFC 9460) ---------------------------------------------------------------------------------------

enum service_key : std::uint16_t { mandatory, alpn, no_default_alpn, port, ipv4hint, ech, ipv6hint };

/// Uncompressed (§2.2), as text without the last dot.
std::optional<std::string> take_target(cursor& in) {
  std::string out;
  while (!in.failed()) {
    const auto size = in.take_u8();
    if (size == 0) break;
    if (size > 63) return std::nullopt;
    if (!out.empty()) out += '.';
    out += in.take(size);
  }
  if (in.failed() || (!out.empty() && !is_dns_name(out))) return std::nullopt;
  return out;
}

template <class Address> bool take_hints(cursor in, service& out) {
  typename Address::bytes_type bytes;
  if (in.left() % bytes.size() != 0) return false;
  while (!in.at_end() && out.hints.size() < max_addresses) {
    const auto raw = in.take(bytes.size());
    std::memcpy(bytes.data(), raw.data(), bytes.size());
    out.hints.emplace_back(Address(bytes));
  }
  return true;
}

/// False: malformed. `known` becomes false at a mandatory key that means nothing to us.
bool take_parameter(std::uint16_t key, cursor value, service& out, bool& known) {
  switch (key) {
  case mandatory:
    while (!value.failed() && !value.at_end()) known = value.take_u16() <= ipv6hint && known;
    return !value.failed();
  case alpn:
    while (!value.failed() && !value.at_end()) out.alpn.emplace_back(value.take(value.take_u8()));
    return !value.failed();
  case no_default_alpn: return value.at_end();
  case port: out.port = value.take_u16(); return !value.failed() && value.at_end();
  case ipv4hint: return take_hints<ip::address_v4>(value, out);
  case ech: out.ech = std::string(value.rest()); return true;
  case ipv6hint: return take_hints<ip::address_v6>(value, out);
  default: return true;
  }
}

/// False: malformed.
bool take_service(cursor in, std::vector<service>& out) {
  service one;
  one.priority = in.take_u16();
  auto target = take_target(in);
  if (!target) return false;
  one.target = std::move(*target);
  bool known = true;
  int before = -1;
  while (!in.failed() && !in.at_end()) {
    const auto key = in.take_u16();
    const cursor value(in.take(in.take_u16()));
    if (in.failed() || key <= before || !take_parameter(key, value, one, known)) return false;
    before = key;
  }
  if (known && !in.failed() && out.size() < max_services) out.push_back(std::move(one));
  return !in.failed();
}

int read_https(std::string_view message, dns_answer& out) {
  cursor in(message);
  const auto answers = take_header(in).answers;
  skip_name(in);
  (void)in.take_u32(); // the question's type and class
  for (std::uint16_t i = 0; i < answers && !in.failed(); ++i) {
    skip_name(in);
    const auto type = in.take_u16(), group = in.take_u16();
    const auto ttl = in.take_u32();
    const cursor data(in.take(in.take_u16()));
    if (in.failed()) break;
    if (type != static_cast<std::uint16_t>(record_type::https) || group != class_in) continue;
    if (!take_service(data, out.services)) return ARES_EBADRESP;
    note_ttl(out, ttl, out.services.size() <= 1);
  }
  return in.failed() ? ARES_EBADRESP : ARES_SUCCESS;
}

int read_records(record_type type, std::string_view message, dns_answer& out) {
  switch (type) {
  case record_type::a: return read_a(message, out);
  case record_type::aaaa: return read_aaaa(message, out);
  case record_type::txt: return read_txt(message, out);
  case record_type::https: return read_https(message, out);
  }
  return ARES_SUCCESS;
}

void append_u16(std::string& to, std::size_t value) {
  to += static_cast<char>(value >> 8 & 0xff);
  to += static_cast<char>(value & 0xff);
}

/// `message` ends with c-ares's OPT record, whose data are empty.
void pad(std::string& message) {
  constexpr std::size_t block = 128, option_header = 4, option_padding = 12;
  const auto padding = (block - (message.size() + option_header) % block) % block;
  message.resize(message.size() - 2); // RDLENGTH 0
  append_u16(message, option_header + padding);
  append_u16(message, option_padding);
  append_u16(message, padding);
  message.append(padding, '\0');
}

} // namespace

bool is_dns_name(std::string_view name) noexcept {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
  return !name.empty() && name.size() <= max_name && name.find_first_not_of(letters) == std::string_view::npos;
}

result<std::string> padded_question(const std::string& name, record_type type) {
  constexpr int receive = 4096; // over HTTPS there is no datagram to fit; c-ares writes no OPT record without a size
  unsigned char* made = nullptr;
  int size = 0;
  const int status = !is_dns_name(name) ? ARES_EBADNAME
                                        : ares_create_query(name.c_str(), class_in, static_cast<int>(type), 0, 1, &made,
                                                            &size, receive);
  const std::unique_ptr<unsigned char, decltype(&ares_free_string)> owner(made, &ares_free_string);
  if (status != ARES_SUCCESS) return fail(outcome::malformed, "not a name that can be asked for", stage::resolve);
  std::string out(reinterpret_cast<const char*>(made), static_cast<std::size_t>(size));
  pad(out);
  return out;
}

result<dns_answer> read_answer(std::string_view question, std::string_view answer) {
  const auto wrong = [](std::string_view why) { return fail(outcome::malformed, std::string(why), stage::resolve); };
  if (answer.size() > max_message) return wrong("the answer is too long");
  cursor in(answer);
  const auto head = take_header(in);
  if (in.failed() || !(head.flags & is_answer)) return wrong("not a DNS answer");
  const auto asked = question_section(question);
  const auto label = label_of(question);
  if (asked.empty() || label.id != head.id || !same_but_for_case(asked, question_section(answer)))
    return wrong("the answer to another question");
  if (head.flags & truncated) return wrong("the answer was cut short");
  const int rcode = head.flags & rcode_mask;
  dns_answer out;
  out.exists = rcode != no_such_name;
  if (rcode != 0 && out.exists)
    return fail(outcome::unreachable, fmt::format("the name server failed (RCODE {})", rcode), stage::resolve);
  if (!out.exists) return out;
  const int status = read_records(static_cast<record_type>(label.type), answer, out);
  if (status != ARES_SUCCESS && status != ARES_ENODATA) return wrong("the answer is not in DNS's form");
  return out;
}

bool is_truncated(std::string_view message) noexcept {
  cursor in(message);
  return (take_header(in).flags & truncated) != 0;
}

message_label label_of(std::string_view message) noexcept {
  const auto question = question_section(message);
  if (question.size() < 4) return {};
  cursor id(message), type(question.substr(question.size() - 4));
  return {id.take_u16(), type.take_u16()};
}

} // namespace landfall::http
