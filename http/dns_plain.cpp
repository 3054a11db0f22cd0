#include "http/dns_plain.hpp"

#include "config/endpoint.hpp"
#include "http/watch.hpp"
#include "net/deadline.hpp"

#include <ares.h>
#include <boost/asio/steady_timer.hpp>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <utility>

namespace landfall::http {

namespace {

using base::fail;
using base::outcome;
using base::stage;
using clock = std::chrono::steady_clock;

constexpr int tries = 3;
constexpr int class_in = 1;
constexpr std::size_t max_datagrams = 64; // two questions, three tries, a few forgers, and some
constexpr std::uint16_t plain_port = 53;
constexpr std::chrono::seconds first_repetition{1}; // of a SYN (RFC 6298)

/// One name and the channel that asks for it. c-ares calls back into it; its destructor closes all sockets, and no
/// callback comes after it.
class asking {
public:
  asking(const asio::any_io_executor& executor, const plain_question& what);
  ~asking();
  asking(const asking&) = delete;
  asking& operator=(const asking&) = delete;

  awaitable<result<plain_evidence>> run();

private:
  struct question {
    asking* of = nullptr;
    std::size_t number = 0;
    std::uint16_t type = 0;
    std::string sent; ///< the query, when it was first sent
    base::steady_time at;
    std::optional<int> status; ///< c-ares's last word
  };
  result<void> open();
  void ready(ares_socket_t descriptor, bool readable);
  void note_sent(std::string_view query);
  void note_heard(std::string_view datagram);
  void add(const question& to, std::optional<std::chrono::microseconds> after, std::string_view answer);
  [[nodiscard]] bool is_heard(std::size_t number) const;
  [[nodiscard]] bool over() const;
  [[nodiscard]] result<plain_evidence> outcome_of_asking();

  static void on_socket_state(void* self, ares_socket_t descriptor, int readable, int writable);
  static void on_answer(void* one, int status, int timeouts, unsigned char* answer, int size);
  static ares_socket_t on_open(int family, int type, int protocol, void* self);
  static int on_close(ares_socket_t descriptor, void* self);
  static int on_connect(ares_socket_t descriptor, const sockaddr* to, ares_socklen_t size, void* self);
  static ares_ssize_t on_receive(ares_socket_t descriptor, void* buffer, std::size_t size, int flags, sockaddr* from,
                                 ares_socklen_t* from_size, void* self);
  static ares_ssize_t on_send(ares_socket_t descriptor, const iovec* parts, int count, void* self);

  const plain_question& what_;
  asio::any_io_executor executor_;
  asio::steady_timer timer_;
  ares_channel channel_ = nullptr;
  std::map<ares_socket_t, std::shared_ptr<watch>> watches_;
  std::map<ares_socket_t, bool> datagrams_; ///< our sockets; true: UDP
  std::vector<question> questions_;         ///< one for each type
  plain_evidence evidence_;
  std::size_t count_ = 0; ///< datagrams
  std::optional<base::steady_time> until_;
  std::optional<base::failure> refused_socket_;
};

asking::asking(const asio::any_io_executor& executor, const plain_question& what)
    : what_(what), executor_(executor), timer_(executor) {
  questions_.resize(what.types.size());
  for (std::size_t i = 0; i < questions_.size(); ++i) {
    questions_[i].of = this;
    questions_[i].number = i;
    questions_[i].type = static_cast<std::uint16_t>(what.types[i]);
  }
}

asking::~asking() {
  if (channel_) ares_destroy(channel_); // calls back: on_answer, on_socket_state, on_close
  for (auto& [descriptor, socket] : watches_) socket->stop();
}

// --- c-ares's sockets -----------------------------------------------------------------------------------------------

ares_socket_t asking::on_open(int family, int type, int protocol, void* self) {
  auto& me = *static_cast<asking*>(self);
  const int made = ::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (made < 0) return ARES_SOCKET_BAD;
  auto applied = net::apply(me.what_.socket, made);
  if (!applied) {
    me.refused_socket_ = std::move(applied).error();
    ::close(made);
    return ARES_SOCKET_BAD;
  }
  me.datagrams_[made] = type == SOCK_DGRAM;
  return made;
}

int asking::on_close(ares_socket_t descriptor, void* self) {
  static_cast<asking*>(self)->datagrams_.erase(descriptor);
  return ::close(descriptor);
}

int asking::on_connect(ares_socket_t descriptor, const sockaddr* to, ares_socklen_t size, void*) {
  return ::connect(descriptor, to, size);
}

ares_ssize_t asking::on_receive(ares_socket_t descriptor, void* buffer, std::size_t size, int flags, sockaddr* from,
                                ares_socklen_t* from_size, void* self) {
  auto& me = *static_cast<asking*>(self);
  const bool datagram = me.datagrams_[descriptor];
  if (datagram && me.count_ >= max_datagrams) { // c-ares reads on for as long as there is something
    errno = EAGAIN;
    return -1;
  }
  const auto got = ::recvfrom(descriptor, buffer, size, flags, from, from_size);
  if (datagram && got > 0) me.note_heard({static_cast<const char*>(buffer), static_cast<std::size_t>(got)});
  return got;
}

ares_ssize_t asking::on_send(ares_socket_t descriptor, const iovec* parts, int count, void* self) {
  auto& me = *static_cast<asking*>(self);
  if (me.datagrams_[descriptor] && count == 1)
    me.note_sent({static_cast<const char*>(parts->iov_base), parts->iov_len});
  return ::writev(descriptor, parts, count);
}

void asking::on_socket_state(void* self, ares_socket_t descriptor, int readable, int writable) {
  auto& me = *static_cast<asking*>(self);
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

void asking::ready(ares_socket_t descriptor, bool readable) {
  ares_process_fd(channel_, readable ? descriptor : ARES_SOCKET_BAD, readable ? ARES_SOCKET_BAD : descriptor);
  timer_.cancel(); // the coroutine looks what has changed
}

// --- what is said ---------------------------------------------------------------------------------------------------

void asking::note_sent(std::string_view query) {
  for (auto& one : questions_) {
    if (!one.sent.empty() || label_of(query).type != one.type) continue;
    one.sent = std::string(query);
    one.at = clock::now();
    return;
  }
}

void asking::note_heard(std::string_view datagram) {
  ++count_;
  const auto now = clock::now();
  const auto label = label_of(datagram);
  for (auto& one : questions_) {
    if (one.sent.empty() || label.type != one.type || label.id != label_of(one.sent).id) continue;
    if (!is_truncated(datagram))
      add(one, std::chrono::duration_cast<std::chrono::microseconds>(now - one.at), datagram);
  }
}

void asking::add(const question& to, std::optional<std::chrono::microseconds> after, std::string_view answer) {
  evidence_.answers.push_back({to.number, after, read_answer(to.sent, answer)});
  if (to.number + 1 == questions_.size() && !until_) until_ = clock::now() + listening;
}

void asking::on_answer(void* one, int status, int, unsigned char* answer, int size) {
  auto& to = *static_cast<question*>(one);
  auto& me = *to.of;
  to.status = status;
  // Over UDP it was noted on its way in; this one came over TCP.
  if (answer && size > 0 && !me.is_heard(to.number))
    me.add(to, std::nullopt, {reinterpret_cast<const char*>(answer), static_cast<std::size_t>(size)});
}

bool asking::is_heard(std::size_t number) const {
  return std::any_of(evidence_.answers.begin(), evidence_.answers.end(),
                     [number](const heard& one) { return one.question == number; });
}

bool asking::over() const {
  if (count_ >= max_datagrams) return true;
  if (until_) return clock::now() >= *until_;
  return std::all_of(questions_.begin(), questions_.end(), [](const question& one) { return !!one.status; });
}

// --- one question ---------------------------------------------------------------------------------------------------

result<void> asking::open() {
  ares_options options{};
  // STAYOPEN: a forger's answer must not close the socket on the true one. NOCHECKRESP: a failure is an answer too.
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_STAYOPEN | ARES_FLAG_NOCHECKRESP;
  options.timeout = static_cast<int>(std::max<std::int64_t>(1, what_.timeout.count() / 4)); // then doubled
  options.tries = tries;
  options.sock_state_cb = &asking::on_socket_state;
  options.sock_state_cb_data = this;
  const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  int status = ares_init_options(&channel_, &options, mask);
  if (status == ARES_SUCCESS) status = ares_set_servers_ports_csv(channel_, what_.server.c_str());
  if (status != ARES_SUCCESS) return fail(outcome::local_error, ares_strerror(status), stage::resolve);
  static constexpr ares_socket_functions sockets{&asking::on_open, &asking::on_close, &asking::on_connect,
                                                 &asking::on_receive, &asking::on_send};
  ares_set_socket_functions(channel_, &sockets, this);
  return {};
}

result<plain_evidence> asking::outcome_of_asking() {
  if (refused_socket_) {
    auto failed = *refused_socket_;
    failed.at = stage::resolve;
    return failed;
  }
  if (count_ >= max_datagrams)
    return fail(outcome::dns_poisoned, "more answers than anybody honest sends", stage::resolve);
  if (!evidence_.answers.empty()) return std::move(evidence_);
  const int status = questions_.front().status.value_or(ARES_ETIMEOUT);
  switch (status) {
  case ARES_ETIMEOUT: return fail(outcome::timed_out, "the name server did not answer", stage::resolve);
  case ARES_ENOMEM:
  case ARES_EFILE: return fail(outcome::local_error, ares_strerror(status), stage::resolve);
  case ARES_EBADNAME: return fail(outcome::malformed, "not a host name", stage::resolve);
  default: return fail(outcome::unreachable, ares_strerror(status), stage::resolve);
  }
}

awaitable<result<plain_evidence>> asking::run() {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (auto opened = open(); !opened) co_return std::move(opened).error();
  for (auto& one : questions_) ares_query(channel_, what_.name.c_str(), class_in, one.type, &asking::on_answer, &one);
  while (!over()) {
    const bool cancelled = co_await net::was_cancelled();
    if (cancelled) co_return fail(outcome::cancelled, {}, stage::resolve);
    timeval most{.tv_sec = 1, .tv_usec = 0}, next{};
    const auto* pause = ares_timeout(channel_, &most, &next);
    const auto wake = clock::now() + std::chrono::seconds(pause->tv_sec) + std::chrono::microseconds(pause->tv_usec);
    timer_.expires_at(until_ ? std::min(wake, *until_) : wake);
    const auto [ec] = co_await timer_.async_wait(net::as_result);
    if (!ec) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  }
  co_return outcome_of_asking();
}

/// Not once the SYN was repeated: then it is the round trip no more.
awaitable<void> measure(asio::ip::tcp::endpoint to, net::socket_options options,
                        std::optional<std::chrono::microseconds>& round_trip) {
  const auto begun = clock::now();
  const auto dialled = co_await net::dial(to, std::move(options));
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - begun);
  const bool answered = dialled || dialled.error().what == outcome::refused;
  if (answered && took < first_repetition) round_trip = took;
}

awaitable<result<plain_evidence>> run_asking(asio::any_io_executor executor, plain_question what,
                                             std::optional<base::place> where) {
  co_await asio::this_coro::throw_if_cancelled(false);
  std::optional<std::chrono::microseconds> round_trip;
  net::scope beside(executor);
  if (where) {
    const asio::ip::tcp::endpoint to(asio::ip::make_address(where->address), where->port);
    beside.spawn(measure(to, what.socket, round_trip));
  }
  asking one(executor, what);
  auto heard = co_await one.run();
  beside.cancel();
  co_await beside.join();
  if (!heard) co_return heard;
  heard->round_trip = round_trip;
  heard->where = where;
  co_return heard;
}

std::optional<base::place> place_of(std::string_view server) {
  const auto parsed = config::address_and_port::parse(server);
  if (!parsed) return std::nullopt;
  return base::place{parsed->address.to_string(), parsed->port.value_or(plain_port), {}};
}

void append_hosts(ares_channel channel, const std::string& name, int family, std::vector<asio::ip::address>& to) {
  hostent* found = nullptr;
  if (ares_gethostbyname_file(channel, name.c_str(), family, &found) != ARES_SUCCESS || !found) return;
  for (char** one = found->h_addr_list; *one; ++one) {
    if (found->h_addrtype == AF_INET6) {
      asio::ip::address_v6::bytes_type bytes;
      std::memcpy(bytes.data(), *one, bytes.size());
      to.emplace_back(asio::ip::address_v6(bytes));
    } else if (found->h_addrtype == AF_INET) {
      asio::ip::address_v4::bytes_type bytes;
      std::memcpy(bytes.data(), *one, bytes.size());
      to.emplace_back(asio::ip::address_v4(bytes));
    }
  }
  ares_free_hostent(found);
}

} // namespace

awaitable<result<plain_evidence>> ask_plain(asio::any_io_executor executor, plain_question what) {
  const auto where = place_of(what.server);
  const auto timeout = what.timeout;
  auto op = run_asking(std::move(executor), std::move(what), where);
  auto heard = co_await net::with_deadline(std::move(op), timeout, stage::resolve);
  if (heard) co_return heard;
  auto failed = std::move(heard).error();
  failed.where = where;
  co_return failed;
}

system_names read_system(const std::string& name) {
  system_names out;
  ares_channel channel = nullptr;
  if (ares_init(&channel) != ARES_SUCCESS) return out;
  for (const int family : {AF_INET6, AF_INET}) append_hosts(channel, name, family, out.hosts);
  ares_addr_port_node* servers = nullptr;
  if (ares_get_servers_ports(channel, &servers) == ARES_SUCCESS) {
    for (const auto* one = servers; one; one = one->next) {
      char text[INET6_ADDRSTRLEN] = "";
      ares_inet_ntop(one->family, &one->addr, text, sizeof text);
      const bool six = one->family == AF_INET6;
      const int port = one->udp_port ? one->udp_port : plain_port;
      out.servers.push_back((six ? "[" : "") + std::string(text) + (six ? "]:" : ":") + std::to_string(port));
    }
    ares_free_data(servers);
  }
  ares_destroy(channel);
  return out;
}

} // namespace landfall::http
