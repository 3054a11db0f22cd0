#include "http/transfer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

namespace landfall::http {

namespace {

using base::fail;
using base::outcome;
using base::stage;

// Some CDNs turn away requests without a User-Agent, and libcurl's own would name us. A browser's full one ages, and
// says what our ClientHello contradicts; this prefix of all of them does neither.
constexpr const char* user_agent = "Mozilla/5.0";

std::string bracketed(const asio::ip::address& address) {
  return address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
}

bool is_address(const std::string& host) {
  net::error_code not_a_literal;
  asio::ip::make_address(host, not_a_literal);
  return !not_a_literal;
}

/// A line of CURLOPT_RESOLVE. "+": forgotten after a minute, so that the next request asks the resolver's answer of its
/// own.
std::string pinned(const std::string& host, const std::string& port, const std::vector<asio::ip::address>& addresses) {
  std::string out = "+" + host + ":" + port + ":";
  for (const auto& address : addresses) out += (out.ends_with(':') ? "" : ",") + bracketed(address);
  return out;
}

} // namespace

result<origin> origin_of(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(curl().url_cleanup)> parsed(curl().url(), curl().url_cleanup);
  if (!parsed) return fail(outcome::local_error, "out of memory");
  if (curl().url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_DISALLOW_USER) != CURLUE_OK) {
    return fail(outcome::malformed, "not an absolute URL");
  }
  const auto part = [&parsed](CURLUPart which) {
    char* text = nullptr;
    curl().url_get(parsed.get(), which, &text, CURLU_DEFAULT_PORT);
    std::string out = text ? text : "";
    curl().free(text);
    return out;
  };
  origin out{part(CURLUPART_SCHEME) == "https", part(CURLUPART_HOST), part(CURLUPART_PORT)};
  if (!out.secure && part(CURLUPART_SCHEME) != "http") return fail(outcome::malformed, "neither https nor http");
  if (out.host.starts_with('[') && out.host.ends_with(']')) out.host = out.host.substr(1, out.host.size() - 2);
  return out;
}

transfer::transfer(const request& asked, origin to, const destination& by, net::socket_options socket, curl_loop& loop)
    : asked_(asked), to_(std::move(to)), socket_(std::move(socket)), loop_(loop),
      handshake_(std::make_shared<handshake>(
          handshake{{to_.host, asked.pins, asked.tls_time, asked.ignore_dates, asked.sni, asked.split_hello}, {}})),
      tls_(handshake_->seen), easy_(curl().easy_init()) {
  enter(stage::connect, asked_.connect, false);
  if (easy_) set_up(by);
  if (!easy_) ended_ = fail(outcome::local_error, "out of memory");
  if (unset_ != CURLE_OK) ended_ = fail(outcome::local_error, curl().easy_strerror(unset_));
}

template <class Value> void transfer::set(CURLoption option, Value value) {
  const auto code = curl().easy_setopt(easy_.get(), option, value);
  if (unset_ == CURLE_OK) unset_ = code;
}

void transfer::set_up(const destination& by) {
  set(CURLOPT_URL, asked_.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "https,http");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set(CURLOPT_USERAGENT, user_agent);
  set_connection();
  set(CURLOPT_SSL_SESSIONID_CACHE, 0L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_CAPATH, static_cast<char*>(nullptr)); // the bundle alone: libcurl then keeps it parsed for a day
  if (!asked_.ca_file.empty()) set(CURLOPT_CAINFO, asked_.ca_file.c_str());
  set(CURLOPT_SSL_CTX_FUNCTION, &transfer::on_context);
  set(CURLOPT_SSL_CTX_DATA, this);
  set(CURLOPT_OPENSOCKETFUNCTION, &transfer::open_socket);
  set(CURLOPT_OPENSOCKETDATA, this);
  set(CURLOPT_HEADERFUNCTION, &transfer::on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &transfer::on_body);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(asked_.max_body)); // what Content-Length says; 0: no limit
  set(CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(asked_.whole.count()) + 1000); // ours are shorter; not libcurl's 300 s
  set_headers();
  set_destination(by);
}

void transfer::set_connection() {
  if (loop_.shares()) {
    set(CURLOPT_PIPEWAIT, 1L); // for the one that is being opened
    set(CURLOPT_CLOSESOCKETFUNCTION, &curl_loop::close_socket);
    set(CURLOPT_CLOSESOCKETDATA, &loop_); // not this transfer: connections outlive it
  } else {
    set(CURLOPT_FRESH_CONNECT, 1L);
    set(CURLOPT_FORBID_REUSE, 1L);
  }
}

void transfer::set_headers() {
  const auto add = [this](const std::string& line) { // appends to the same list, whose head does not change
    auto* const head = curl().slist_append(headers_.get(), line.c_str());
    if (!headers_) headers_.reset(head);
  };
  if (!asked_.host.empty()) add("Host: " + asked_.host);
  if (asked_.if_none_match) add("If-None-Match: " + *asked_.if_none_match);
  if (!asked_.accept.empty()) add("Accept: " + asked_.accept);
  if (asked_.range) add("Range: " + to_header(*asked_.range));
  if (headers_) set(CURLOPT_HTTPHEADER, headers_.get());
  // The inner host must not reach a proxy: it is told the front and nothing else.
  set(CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
}

void transfer::set_destination(const destination& by) {
  set(CURLOPT_PROXY, ""); // not the environment's
  set(CURLOPT_NOPROXY, "");
  if (!by.unix_socket.empty()) {
    set(CURLOPT_UNIX_SOCKET_PATH, by.unix_socket.c_str());
  } else if (const auto* through = std::get_if<proxy>(&asked_.via)) {
    set_proxy(*through, by.addresses);
  } else if (!is_address(to_.host)) {
    addresses_.reset(curl().slist_append(nullptr, pinned(to_.host, to_.port, by.addresses).c_str()));
    set(CURLOPT_RESOLVE, addresses_.get());
  }
}

void transfer::set_proxy(const proxy& through, const std::vector<asio::ip::address>& addresses) {
  const bool socks = through.kind == proxy_kind::socks5;
  const bool v6 = through.host.find(':') != through.host.npos;
  const auto port = std::to_string(through.port);
  // socks5h, not socks5: the proxy resolves. A tunnel also for plain http, so that there is one way through it.
  set(CURLOPT_PROXY,
      ((socks ? "socks5h://" : "http://") + (v6 ? "[" + through.host + "]" : through.host) + ":" + port).c_str());
  set(CURLOPT_HTTPPROXYTUNNEL, 1L);
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_PROXYAUTH, static_cast<long>(CURLAUTH_BASIC));
  set(CURLOPT_SOCKS5_AUTH, static_cast<long>(CURLAUTH_BASIC)); // or none; never Kerberos, which asks the network
  if (!through.user.reveal().empty()) {
    set(CURLOPT_PROXYUSERNAME, through.user.reveal().c_str());
    set(CURLOPT_PROXYPASSWORD, through.password.reveal().c_str());
  }
  if (!is_address(through.host)) {
    addresses_.reset(curl().slist_append(nullptr, pinned(through.host, port, addresses).c_str()));
    set(CURLOPT_RESOLVE, addresses_.get());
  }
  if (asked_.addresses.empty()) return;
  const auto to = "::" + bracketed(asked_.addresses.front()) + ":" + to_.port;
  connect_to_.reset(curl().slist_append(nullptr, to.c_str()));
  set(CURLOPT_CONNECT_TO, connect_to_.get());
}

void transfer::enter(stage next, std::chrono::milliseconds limit, bool tell) {
  at_ = next;
  deadline_ = std::chrono::steady_clock::now() + limit;
  if (tell && asked_.progress) asked_.progress(next);
}

bool transfer::look() {
  const auto before = at_;
  if (at_ == stage::connect && proxied() && standing()) {
    if (asked_.progress) asked_.progress(stage::connect);
    enter(stage::proxy, asked_.first_byte, false); // it answers when it has connected
  }
  curl_off_t connected = 0; // libcurl 7.88 sets it only when TLS is done too
  curl().easy_getinfo(easy_.get(), CURLINFO_CONNECT_TIME_T, &connected);
  if (on_the_way() && (connected > 0 || tls_.started)) {
    server_ = standing();
    if (asked_.progress) asked_.progress(at_);
    if (to_.secure)
      enter(stage::tls, asked_.tls, false);
    else
      enter(stage::request, asked_.first_byte, false);
  }
  if (at_ == stage::tls && tls_.done) {
    if (asked_.progress) asked_.progress(stage::tls);
    enter(stage::request, asked_.first_byte, false);
  }
  if (at_ == stage::request && header_bytes_ > 0) enter(stage::body, asked_.low_speed_time, true);
  return at_ != before;
}

void transfer::overdue() {
  if (at_ == stage::body) {
    const auto came = static_cast<std::int64_t>(answer_.body.size() - counted_);
    if (came >= asked_.low_speed_bytes * asked_.low_speed_time.count()) {
      counted_ = answer_.body.size();
      enter(stage::body, asked_.low_speed_time, false);
      return;
    }
  }
  end_with(silence());
}

base::failure transfer::silence() const {
  switch (at_) {
  case stage::tls:
    if (tls_.received > 0) return fail(outcome::stalled_after_bytes, "silent in the TLS handshake", at_);
    return fail(outcome::stalled_after_hello, "no answer to the ClientHello", at_);
  case stage::body:
    return fail(outcome::stalled_after_bytes,
                fmt::format("{} bytes in {} s", answer_.body.size() - counted_, asked_.low_speed_time.count()), at_);
  case stage::proxy: return fail(outcome::proxy_failed, "the proxy does not answer", at_);
  case stage::connect:
    if (proxied()) return fail(outcome::proxy_failed, "the proxy cannot be reached", at_);
    return fail(outcome::timed_out, "no SYN-ACK", at_);
  default:
    if (within_record()) return fail(outcome::stalled_after_bytes, "silent within the first record of the answer", at_);
    return fail(outcome::timed_out, "no answer to the request", at_);
  }
}

/// A server that sends records of 16 KB, as nginx does, and a filter that stops at 15 KB: part of the answer has come,
/// and none of it can be read.
bool transfer::within_record() const {
  const curl_tlssessioninfo* session = nullptr;
  const auto asked = curl().easy_getinfo(easy_.get(), CURLINFO_TLS_SSL_PTR, &session);
  if (asked != CURLE_OK || !session || session->backend != CURLSSLBACKEND_OPENSSL || !session->internals) return false;
  return tls_.arrived > BIO_number_read(SSL_get_rbio(static_cast<SSL*>(session->internals)));
}

bool transfer::between_addresses() {
  if (ended_ || at_ != stage::connect || opened_.size() == nudged_ || !loop_.without_socket(handle())) return false;
  nudged_ = opened_.size();
  return true;
}

std::optional<base::place> transfer::where() const {
  if (!std::holds_alternative<direct>(asked_.via) || opened_.empty()) return std::nullopt;
  const auto& to = server_ ? *server_ : opened_.back().to;
  return base::place{to.address().to_string(), to.port(), {}};
}

response transfer::answer_so_far() {
  answer_.tls_group = tls_.group;
  answer_.tls_version = tls_.version;
  const auto records = within_record() ? tls_.before_last : tls_.arrived;
  const auto came = to_.secure ? records : header_bytes_ + answer_.body.size();
  answer_.overhead = came - std::min<std::uint64_t>(came, answer_.body.size());
  answer_.where = where().value_or(base::place{});
  return std::move(answer_);
}

void transfer::end_with(base::failure why) {
  if (!why.where) why.where = where();
  if (asked_.keep_partial && answer_.status != 0 && why.what != outcome::cancelled) {
    ended_ = answer_so_far();
    ended_->value().cut = std::move(why);
  } else {
    ended_ = std::move(why);
  }
}

bool transfer::could_not_connect() const {
  const bool failed = ended_ && ended_->has_error() && ended_->error().what != outcome::cancelled;
  return failed && !opened_.empty() && !tls_.done;
}

void transfer::tell_seen() const {
  if (asked_.seen) asked_.seen(tls_.hello, to_.secure ? tls_.arrived : header_bytes_);
}

void transfer::finish(CURLcode code) {
  look();
  if (verdict_)
    end_with(*verdict_);
  else if (code != CURLE_OK)
    end_with(failure_of(code));
  else if (answer_.range && answer_.body.size() != answer_.range->bytes.last - answer_.range->bytes.first + 1)
    end_with(fail(outcome::malformed, "another number of bytes than Content-Range says", at_));
  else
    ended_ = answer_so_far();
}

} // namespace landfall::http
