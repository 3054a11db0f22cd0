#include "http/split_hello.hpp"

#include "base/cursor.hpp"

#include <memory>
#include <utility>

namespace landfall::http {

namespace {

constexpr std::uint8_t handshake = 22, client_hello = 1;

/// What waits to be written, and what to look for.
struct filter {
  std::string name;
  std::string waiting[2]; ///< in order; written one at a time, so that the two records leave in two segments
};

filter& state_of(BIO* bio) { return *static_cast<filter*>(BIO_get_data(bio)); }

/// 1 when nothing waits any more; else what the BIO below said, its wish to be tried again with it.
int push(BIO* bio) {
  BIO_clear_retry_flags(bio);
  for (auto& text : state_of(bio).waiting) {
    while (!text.empty()) {
      const int written = BIO_write(BIO_next(bio), text.data(), static_cast<int>(text.size()));
      if (written <= 0) {
        BIO_copy_next_retry(bio);
        return written;
      }
      text.erase(0, static_cast<std::size_t>(written));
    }
  }
  return 1;
}

int on_write(BIO* bio, const char* data, int size) {
  if (const int pushed = push(bio); pushed <= 0) return pushed;
  if (size <= 0) return 0;
  auto& state = state_of(bio);
  const std::string_view record(data, static_cast<std::size_t>(size));
  const auto cut = cut_of_hello(record, state.name);
  if (!cut) {
    const int written = BIO_write(BIO_next(bio), data, size);
    BIO_copy_next_retry(bio);
    return written;
  }
  auto parts = split_at(record, *cut);
  state.waiting[0] = std::move(parts.first);
  state.waiting[1] = std::move(parts.second);
  // It is all taken over here; what does not leave now leaves with the flush that follows every flight.
  const int pushed = push(bio);
  if (pushed <= 0 && !BIO_should_retry(bio)) return pushed;
  BIO_clear_retry_flags(bio);
  return size;
}

int on_read(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  const int got = BIO_read(BIO_next(bio), data, size);
  BIO_copy_next_retry(bio);
  return got;
}

long on_control(BIO* bio, int command, long number, void* pointer) {
  if (command == BIO_CTRL_FLUSH)
    if (const int pushed = push(bio); pushed <= 0) return pushed;
  return BIO_next(bio) ? BIO_ctrl(BIO_next(bio), command, number, pointer) : 0;
}

int on_destroy(BIO* bio) {
  delete static_cast<filter*>(BIO_get_data(bio));
  return 1;
}

/// One for the process; nullptr when OpenSSL is out of memory.
const BIO_METHOD* method() {
  static const BIO_METHOD* const made = [] {
    BIO_METHOD* out = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_FILTER, "split hello");
    if (out == nullptr) return out;
    BIO_meth_set_write(out, &on_write);
    BIO_meth_set_read(out, &on_read);
    BIO_meth_set_ctrl(out, &on_control);
    BIO_meth_set_destroy(out, &on_destroy);
    return out;
  }();
  return made;
}

void append_header(std::string& to, std::string_view like, std::size_t size) {
  to += like.substr(0, 3); // type and version
  to += static_cast<char>(size >> 8);
  to += static_cast<char>(size & 0xff);
}

} // namespace

std::optional<std::size_t> cut_of_hello(std::string_view record, std::string_view name) noexcept {
  base::cursor in(record);
  const auto type = in.take_u8();
  in.take_u16(); // version
  const auto fragment = in.take(in.take_u16());
  if (in.failed() || type != handshake || fragment.size() < 2 || fragment[0] != client_hello) return std::nullopt;
  // The host_name entry of server_name (RFC 6066 §3): type 0, length, name. Anything else that looks like the name
  // lacks the three bytes in front.
  const auto at = name.empty() ? fragment.npos : fragment.find(name);
  const bool named = at != fragment.npos && at >= 3 && fragment[at - 3] == 0 &&
                     (static_cast<unsigned char>(fragment[at - 2]) << 8 |
                      static_cast<unsigned char>(fragment[at - 1])) == static_cast<int>(name.size());
  return named ? at + (name.size() + 1) / 2 : fragment.size() / 2;
}

split_record split_at(std::string_view record, std::size_t cut) {
  base::cursor in(record);
  in.take(3);
  const auto fragment = in.take(in.take_u16());
  split_record out;
  append_header(out.first, record, cut);
  out.first += fragment.substr(0, cut);
  append_header(out.second, record, fragment.size() - cut);
  out.second += fragment.substr(cut);
  out.second += in.rest();
  return out;
}

BIO* splitting_bio(BIO* below, std::string_view name) {
  BIO* const out = method() ? BIO_new(method()) : nullptr;
  if (out == nullptr) return nullptr;
  BIO_set_data(out, std::make_unique<filter>(filter{std::string(name), {}}).release()); // on_destroy deletes it
  BIO_set_init(out, 1);
  return BIO_push(out, below);
}

} // namespace landfall::http
