#include "http/resolver.hpp"

#include "http/watch.hpp"
#include "net/deadline.hpp"

#include <ares.h>
#include <boost/asio/steady_timer.hpp>

#include <netinet/in.h>
#include <sys/time.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <utility>

namespace landfall::http {

namespace {

using base::fail;
using base::outcome;
using addresses = std::vector<asio::ip::address>;

constexpr std::size_t max_addresses = 16;
constexpr std::size_t max_name = 253; // RFC 1035
constexpr int tries = 3;

/// One question and the channel that asks it. c-ares calls back into it; its destructor closes all sockets, and no
/// callback comes after it.
class lookup {
public:
  lookup(asio::any_io_executor executor, const resolver_options& options)
      : options_(options), executor_(executor), timer_(executor) {}
  ~lookup();
  lookup(const lookup&) = delete;
  lookup& operator=(const lookup&) = delete;

  awaitable<result<addresses>> run(std::string name);

private:
  result<void> open();
  void ready(ares_socket_t descriptor, bool readable);
  static void on_socket_state(void* self, ares_socket_t descriptor, int readable, int writable);
  static int on_new_socket(ares_socket_t descriptor, int type, void* self);
  static void on_answer(void* self, int status, int timeouts, ares_addrinfo* answer);
  [[nodiscard]] result<addresses> outcome_of_answer() const;

  const resolver_options& options_;
  asio::any_io_executor executor_;
  asio::steady_timer timer_;
  ares_channel channel_ = nullptr;
  std::map<ares_socket_t, std::shared_ptr<watch>> watches_;
  std::optional<int> status_;
  addresses found_;
  std::optional<base::failure> refused_socket_;
};

lookup::~lookup() {
  if (channel_) ares_destroy(channel_); // calls back: on_answer, on_socket_state
  for (auto& [descriptor, socket] : watches_) socket->stop();
}

void lookup::ready(ares_socket_t descriptor, bool readable) {
  ares_process_fd(channel_, readable ? descriptor : ARES_SOCKET_BAD, readable ? ARES_SOCKET_BAD : descriptor);
  timer_.cancel(); // the coroutine looks what has changed
}

void lookup::on_socket_state(void* self, ares_socket_t descriptor, int readable, int writable) {
  auto& me = *static_cast<lookup*>(self);
  auto found = me.watches_.find(descriptor);
  if (!readable && !writable) { // before c-ares closes it
    if (found == me.watches_.end()) return;
    found->second->stop();
    me.watches_.erase(found);
    return;
  }
  if (found == me.watches_.end()) {
    const auto tell = [&me, descriptor](bool can_read) { me.ready(descriptor, can_read); };
    auto made = watch::make(me.executor_, descriptor, tell);
    if (!made) return; // no descriptor left: the look-up times out
    found = me.watches_.emplace(descriptor, std::move(made)).first;
  }
  found->second->want(readable != 0, writable != 0);
}

int lookup::on_new_socket(ares_socket_t descriptor, int, void* self) {
  auto& me = *static_cast<lookup*>(self);
  auto applied = net::apply(me.options_.socket, descriptor);
  if (applied) return 0;
  me.refused_socket_ = std::move(applied).error();
  return -1; // c-ares closes it unused
}

void lookup::on_answer(void* self, int status, int, ares_addrinfo* answer) {
  auto& me = *static_cast<lookup*>(self);
  me.status_ = status;
  if (!answer) return;
  for (const auto* node = answer->nodes; node; node = node->ai_next) {
    if (node->ai_family == AF_INET6 && node->ai_addrlen >= sizeof(sockaddr_in6)) {
      asio::ip::address_v6::bytes_type bytes;
      std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(node->ai_addr)->sin6_addr, bytes.size());
      me.found_.emplace_back(asio::ip::address_v6(bytes));
    } else if (node->ai_family == AF_INET && node->ai_addrlen >= sizeof(sockaddr_in)) {
      asio::ip::address_v4::bytes_type bytes;
      std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in*>(node->ai_addr)->sin_addr, bytes.size());
      me.found_.emplace_back(asio::ip::address_v4(bytes));
    }
  }
  ares_freeaddrinfo(answer);
}

result<void> lookup::open() {
  ares_options options{};
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
  options.timeout = static_cast<int>(std::max<std::int64_t>(1, options_.timeout.count() / 4)); // then doubled
  options.tries = tries;
  options.sock_state_cb = &lookup::on_socket_state;
  options.sock_state_cb_data = this;
  std::string files_then_dns = "fb";
  options.lookups = files_then_dns.data();
  const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS;
  int status = ares_init_options(&channel_, &options, mask);
  if (status == ARES_SUCCESS && !options_.servers.empty()) {
    std::string csv;
    for (const auto& server : options_.servers) csv += (csv.empty() ? "" : ",") + server;
    status = ares_set_servers_ports_csv(channel_, csv.c_str());
  }
  if (status != ARES_SUCCESS) return fail(outcome::local_error, ares_strerror(status), base::stage::resolve);
  ares_set_socket_configure_callback(channel_, &lookup::on_new_socket, this);
  return {};
}

result<addresses> lookup::outcome_of_answer() const {
  const int status = status_.value_or(ARES_ECANCELLED);
  if (refused_socket_ && status != ARES_SUCCESS) {
    auto failed = *refused_socket_;
    failed.at = base::stage::resolve;
    return failed;
  }
  switch (status) {
  case ARES_SUCCESS: break;
  case ARES_ETIMEOUT: return fail(outcome::timed_out, "no name server answered", base::stage::resolve);
  case ARES_ENOMEM:
  case ARES_EFILE: return fail(outcome::local_error, ares_strerror(status), base::stage::resolve);
  case ARES_EBADNAME: return fail(outcome::malformed, "not a host name", base::stage::resolve);
  default: return fail(outcome::unreachable, ares_strerror(status), base::stage::resolve);
  }
  if (found_.empty()) return fail(outcome::unreachable, "the name has no address", base::stage::resolve);
  addresses out;
  for (const bool six : {true, false}) {
    for (const auto& address : found_) {
      if (address.is_v6() != six || out.size() == max_addresses) continue;
      if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(address);
    }
  }
  return out;
}

awaitable<result<addresses>> lookup::run(std::string name) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (auto opened = open(); !opened) co_return std::move(opened).error();
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = ARES_AI_NOSORT; // sorting connects sockets that no fwmark was put on
  ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, &lookup::on_answer, this);
  while (!status_) {
    const bool cancelled = co_await net::was_cancelled();
    if (cancelled) co_return fail(outcome::cancelled, {}, base::stage::resolve);
    timeval most{.tv_sec = 1, .tv_usec = 0}, next{};
    const auto* pause = ares_timeout(channel_, &most, &next);
    timer_.expires_after(std::chrono::seconds(pause->tv_sec) + std::chrono::microseconds(pause->tv_usec));
    const auto [ec] = co_await timer_.async_wait(net::as_result);
    if (!ec) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  }
  co_return outcome_of_answer();
}

bool is_host_name(std::string_view name) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
  return !name.empty() && name.size() <= max_name && name.find_first_not_of(letters) == std::string_view::npos;
}

awaitable<result<addresses>> look_up(std::string name, asio::any_io_executor executor, resolver_options options) {
  lookup question(executor, options);
  co_return co_await question.run(std::move(name));
}

} // namespace

resolver::resolver(asio::any_io_executor executor, resolver_options options)
    : executor_(std::move(executor)), options_(std::move(options)) {}

awaitable<result<addresses>> resolver::resolve(std::string name) {
  net::error_code not_a_literal;
  const auto literal = asio::ip::make_address(name, not_a_literal);
  if (!not_a_literal) co_return addresses{literal};
  if (!is_host_name(name)) co_return fail(outcome::malformed, "not a host name", base::stage::resolve);
  co_return co_await net::with_deadline(look_up(std::move(name), executor_, options_), options_.timeout,
                                        base::stage::resolve);
}

} // namespace landfall::http
