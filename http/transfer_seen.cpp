// transfer, second half: what libcurl and OpenSSL tell while it runs, and what libcurl's last word means.
#include "http/transfer.hpp"

#include <fmt/format.h>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <utility>

namespace landfall::http {

namespace {

using base::fail;
using base::outcome;
using base::stage;

constexpr std::size_t max_headers = 16 * 1024; // ours need a few hundred bytes, a CDN adds two thousand

/// `lower` is a header's name with its colon.
bool is_header(std::string_view line, std::string_view lower) {
  const auto same = [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); };
  return line.size() >= lower.size() && std::equal(lower.begin(), lower.end(), line.begin(), same);
}

/// Portals answer a ClientHello with a page or with the way to it. A web server that is asked for TLS at its HTTP port
/// answers with an error: its route is misconfigured, unless every host's is (fallback/evidence.hpp).
bool is_page(int plain_status) {
  return (plain_status >= 200 && plain_status < 400) || plain_status == 511; // 511: RFC 6585 §6
}

/// Without the white space around it.
std::string_view value_of(std::string_view line) {
  constexpr std::string_view blank = " \t\r\n";
  line.remove_prefix(line.find(':') + 1);
  const auto first = line.find_first_not_of(blank);
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(blank) - first + 1);
}

std::string media_type(std::string_view value) {
  std::string out(value.substr(0, value.find_first_of("; \t")));
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

void let_go(void*, void* kept, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<std::shared_ptr<void>*>(kept); }

/// `what` lives as long as the context, which lives as long as its connection.
bool keep_with(SSL_CTX* context, const std::shared_ptr<void>& what) {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, &let_go);
  auto kept = std::make_unique<std::shared_ptr<void>>(what);
  if (SSL_CTX_set_ex_data(context, index, kept.get()) != 1) return false;
  [[maybe_unused]] const auto* let_go_deletes_it = kept.release();
  return true;
}

bool out_of_resources(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS; }

} // namespace

std::optional<asio::ip::tcp::endpoint> transfer::standing() const {
  for (auto one = opened_.rbegin(); one != opened_.rend(); ++one) {
    asio::ip::tcp::endpoint peer;
    auto size = static_cast<socklen_t>(peer.capacity());
    if (::getpeername(one->descriptor, peer.data(), &size) == 0 && peer == one->to) return peer;
  }
  return std::nullopt;
}

curl_socket_t transfer::open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto& me = *static_cast<transfer*>(self);
  const int made = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (made < 0) { // EAFNOSUPPORT where there is no IPv6: libcurl goes on with the next address
    if (out_of_resources(errno)) me.verdict_ = fail(outcome::local_error, "no descriptor left", stage::connect);
    return CURL_SOCKET_BAD;
  }
  if (address->family == AF_UNIX) return me.loop_.fresh_number(made); // does not leave this machine
  auto applied = net::apply(me.socket_, made);
  if (!applied) {
    me.verdict_ = std::move(applied).error();
    me.verdict_->at = stage::connect;
    ::close(made);
    return CURL_SOCKET_BAD;
  }
  asio::ip::tcp::endpoint to;
  if (address->addrlen <= to.capacity()) {
    std::memcpy(to.data(), &address->addr, address->addrlen);
    to.resize(address->addrlen);
  }
  me.opened_.push_back({me.loop_.fresh_number(made), std::move(to)});
  return me.opened_.back().descriptor;
}

CURLcode transfer::on_context(CURL*, void* context, void* self) {
  auto& me = *static_cast<transfer*>(self);
  auto* const of_connection = static_cast<SSL_CTX*>(context);
  if (keep_with(of_connection, me.handshake_) && prepare(of_connection, me.handshake_->rules, me.handshake_->seen))
    return CURLE_OK;
  me.verdict_ = fail(outcome::local_error, "OpenSSL refuses our settings", stage::tls);
  return CURLE_SSL_CONNECT_ERROR;
}

std::size_t transfer::on_header(char* data, std::size_t, std::size_t size, void* self) {
  return static_cast<transfer*>(self)->take_header({data, size});
}

std::size_t transfer::on_body(char* data, std::size_t, std::size_t size, void* self) {
  return static_cast<transfer*>(self)->take_body({data, size});
}

/// Anything but line.size() makes libcurl give up.
std::size_t transfer::take_header(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > max_headers) {
    verdict_ = fail(outcome::too_large, fmt::format("more than {} bytes of headers", max_headers), stage::body);
    return 0;
  }
  if (is_header(line, "content-encoding:")) encoded_ = true;
  if (is_header(line, "content-type:")) answer_.content_type = media_type(value_of(line));
  if (is_header(line, "content-range:")) range_said_ = value_of(line);
  if (is_header(line, "location:")) location_ = value_of(line);
  const bool end_of_head = line == "\r\n" || line == "\n";
  if (!end_of_head || answer_.status != 0) return line.size(); // status is set: a trailer
  verdict_ = judge_head();
  return verdict_ ? 0 : line.size();
}

std::optional<base::failure> transfer::judge_head() {
  long status = 0;
  curl().easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status >= 100 && status < 200) {
    encoded_ = false;
    range_said_ = location_ = answer_.content_type = {};
    return std::nullopt;
  }
  if (auto judged = judge_status(status)) return judged;
  if (encoded_) return fail(outcome::malformed, "an encoded answer, though none was asked for", stage::body);
  if (status == 206) {
    auto range = parse_content_range(range_said_);
    if (!range) return fail(outcome::malformed, range.error().detail, stage::body);
    answer_.range = *range;
  }
  answer_.status = status;
  return std::nullopt;
}

std::optional<base::failure> transfer::judge_status(long status) {
  if (status == 304 && asked_.if_none_match) return fail(outcome::not_modified, {}, stage::body, 304);
  if (status == 200 || (status == 206 && asked_.range)) return std::nullopt;
  const int code = static_cast<int>(status);
  if (portal_says(status)) return fail(outcome::captive_portal, fmt::format("status {}", status), stage::body, code);
  return fail(outcome::http_status, fmt::format("status {}", status), stage::body, code);
}

/// Over TLS the server has proved its name, so no answer of its is a portal's; nor is one from the end of a stream or
/// of a tunnel.
bool transfer::portal_says(long status) const {
  if (to_.secure || !std::holds_alternative<direct>(asked_.via)) return false;
  if (status == 511) return true; // RFC 6585 §6
  const auto to = origin_of(location_);
  return status >= 300 && status < 400 && to && to->host != to_.host;
}

std::size_t transfer::take_body(std::string_view bytes) {
  if (bytes.size() > asked_.max_body - answer_.body.size()) {
    verdict_ = fail(outcome::too_large, fmt::format("more than {} bytes", asked_.max_body), stage::body);
    return 0;
  }
  answer_.body += bytes;
  return bytes.size();
}

base::failure transfer::cut() const {
  if (header_bytes_ > 0) return fail(outcome::stalled_after_bytes, "the connection was cut in the answer", at_);
  long requested = 0;
  curl().easy_getinfo(easy_.get(), CURLINFO_REQUEST_SIZE, &requested);
  if (tls_.sent > 0 || requested > 0) return fail(outcome::reset_after_hello, "the connection was cut", at_);
  return fail(outcome::reset_before_hello, "the connection was cut before it was used", at_);
}

base::failure transfer::failure_of_proxy(CURLcode code) const {
  long answered = 0;
  curl().easy_getinfo(easy_.get(), CURLINFO_HTTP_CONNECTCODE, &answered);
  if (answered != 0)
    return fail(outcome::proxy_failed, fmt::format("it answered {} to CONNECT", answered), stage::proxy);
  return fail(outcome::proxy_failed, curl().easy_strerror(code), at_);
}

base::failure transfer::failure_of(CURLcode code) const {
  if (tls_.certificate == certificate::wrong) return fail(outcome::tls_certificate, tls_.why, stage::tls);
  if (tls_.certificate == certificate::dates_wrong) return fail(outcome::clock_suspect, tls_.why, stage::tls);
  if (proxied() && on_the_way()) return failure_of_proxy(code);
  switch (code) {
  case CURLE_COULDNT_CONNECT: {
    long error = 0;
    curl().easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &error);
    if (error == 0) return fail(outcome::unreachable, "no connection", stage::connect);
    return net::failure_of({static_cast<int>(error), boost::system::system_category()}, stage::connect);
  }
  case CURLE_SSL_CONNECT_ERROR:
    if (is_page(tls_.plain_status))
      return fail(outcome::captive_portal, "a page in plain HTTP", stage::tls, tls_.plain_status);
    if (tls_.broken) return fail(outcome::malformed, tls_.why, stage::tls, std::max(tls_.plain_status, 0));
    return cut();
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
  case CURLE_GOT_NOTHING:
  case CURLE_PARTIAL_FILE: return cut();
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_ISSUER_ERROR: return fail(outcome::tls_certificate, curl().easy_strerror(code), stage::tls);
  case CURLE_FILESIZE_EXCEEDED:
    return fail(outcome::too_large, fmt::format("announced as more than {} bytes", asked_.max_body), stage::body);
  case CURLE_OUT_OF_MEMORY: { // also how libcurl says that a header line is over its limit of 100 KB
    curl_off_t first_byte = 0;
    curl().easy_getinfo(easy_.get(), CURLINFO_STARTTRANSFER_TIME_T, &first_byte);
    if (first_byte == 0) return fail(outcome::local_error, "out of memory", at_);
    return fail(outcome::too_large, "a header line", stage::body);
  }
  case CURLE_URL_MALFORMAT:
  case CURLE_UNSUPPORTED_PROTOCOL: // an answer without a status line
  case CURLE_WEIRD_SERVER_REPLY:
  case CURLE_HTTP2:
  case CURLE_HTTP2_STREAM:
  case CURLE_BAD_CONTENT_ENCODING: return fail(outcome::malformed, curl().easy_strerror(code), at_);
  case CURLE_OPERATION_TIMEDOUT: return fail(outcome::timed_out, "given up by libcurl", at_);
  case CURLE_COULDNT_RESOLVE_HOST: return fail(outcome::unreachable, "no address", stage::resolve);
  default: return fail(outcome::local_error, curl().easy_strerror(code), at_);
  }
}

} // namespace landfall::http
