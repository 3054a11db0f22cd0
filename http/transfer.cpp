#include "http/transfer.hpp"

#include <fmt/format.h>

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

transfer::transfer(const request& asked, origin to, const std::vector<asio::ip::address>& addresses,
                   net::socket_options socket, curl_loop& loop)
    : asked_(asked), to_(std::move(to)), socket_(std::move(socket)), loop_(loop),
      rules_{to_.host, asked.pins, asked.tls_time, asked.ignore_dates, asked.sni}, easy_(curl().easy_init()) {
  enter(stage::connect, asked_.connect, false);
  if (easy_) set_up(addresses);
  if (!easy_) ended_ = fail(outcome::local_error, "out of memory");
  if (unset_ != CURLE_OK) ended_ = fail(outcome::local_error, curl().easy_strerror(unset_));
}

template <class Value> void transfer::set(CURLoption option, Value value) {
  const auto code = curl().easy_setopt(easy_.get(), option, value);
  if (unset_ == CURLE_OK) unset_ = code;
}

void transfer::set_up(const std::vector<asio::ip::address>& addresses) {
  set(CURLOPT_URL, asked_.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "https,http");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PROXY, ""); // not the environment's
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set(CURLOPT_USERAGENT, user_agent);
  set(CURLOPT_FRESH_CONNECT, 1L);
  set(CURLOPT_FORBID_REUSE, 1L);
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
  const auto add_header = [this](const std::string& line) {
    headers_.reset(curl().slist_append(headers_.release(), line.c_str()));
  };
  if (asked_.if_none_match) add_header("If-None-Match: " + *asked_.if_none_match);
  if (!asked_.accept.empty()) add_header("Accept: " + asked_.accept);
  if (headers_) set(CURLOPT_HTTPHEADER, headers_.get());
  net::error_code not_a_literal;
  asio::ip::make_address(to_.host, not_a_literal);
  if (!not_a_literal) return;
  // "+": forgotten after a minute, so that the next request asks the resolver's answer of its own.
  std::string pinned = "+" + to_.host + ":" + to_.port + ":";
  for (const auto& address : addresses) pinned += (pinned.ends_with(':') ? "" : ",") + bracketed(address);
  addresses_.reset(curl().slist_append(nullptr, pinned.c_str()));
  set(CURLOPT_RESOLVE, addresses_.get());
}

void transfer::enter(stage next, std::chrono::milliseconds limit, bool tell) {
  at_ = next;
  deadline_ = std::chrono::steady_clock::now() + limit;
  if (tell && asked_.progress) asked_.progress(next);
}

bool transfer::look() {
  const auto before = at_;
  curl_off_t connected = 0; // libcurl 7.88 sets it only when TLS is done too
  curl().easy_getinfo(easy_.get(), CURLINFO_CONNECT_TIME_T, &connected);
  if (at_ == stage::connect && (connected > 0 || tls_.started)) {
    if (asked_.progress) asked_.progress(stage::connect);
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

std::optional<base::failure> transfer::overdue() {
  switch (at_) {
  case stage::tls:
    if (tls_.received > 0) return fail(outcome::stalled_after_bytes, "silent in the TLS handshake", at_);
    return fail(outcome::stalled_after_hello, "no answer to the ClientHello", at_);
  case stage::body: {
    const auto came = static_cast<std::int64_t>(answer_.body.size() - counted_);
    if (came < asked_.low_speed_bytes * asked_.low_speed_time.count()) {
      return fail(outcome::stalled_after_bytes, fmt::format("{} bytes in {} s", came, asked_.low_speed_time.count()),
                  at_);
    }
    counted_ = answer_.body.size();
    enter(stage::body, asked_.low_speed_time, false);
    return std::nullopt;
  }
  default: return fail(outcome::timed_out, at_ == stage::connect ? "no SYN-ACK" : "no answer to the request", at_);
  }
}

bool transfer::between_addresses() {
  if (ended_ || at_ != stage::connect || opened_ == nudged_ || !loop_.without_socket(handle())) return false;
  nudged_ = opened_;
  return true;
}

void transfer::finish(CURLcode code) {
  look();
  if (verdict_) {
    ended_ = *verdict_;
  } else if (code != CURLE_OK) {
    ended_ = failure_of(code);
  } else {
    answer_.tls_group = tls_.group;
    answer_.tls_version = tls_.version;
    ended_ = std::move(answer_);
  }
}

} // namespace landfall::http
