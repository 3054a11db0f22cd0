// A tunnel's times: how long a peer may take, and how long nothing may move. The clock is the test's.
#include "server/relay.hpp"

#include "server/place.hpp"
#include "tests/fakes/virtual_clock.hpp"
#include "tests/server/samples.hpp"

#include <netinet/in.h>
#include <unistd.h>

#include <utility>
#include <vector>

using namespace landfall;
using namespace std::chrono_literals;

namespace {

std::string loopback(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

std::uint16_t port_of(evutil_socket_t fd) {
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) == 0);
  return ntohs(bound.sin_port);
}

/// A socket of the test's own.
class plain_socket {
public:
  plain_socket() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
  explicit plain_socket(int fd) : fd_(fd) {}
  plain_socket(plain_socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  plain_socket& operator=(plain_socket&&) = delete;
  ~plain_socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  void connect(std::uint16_t port) const {
    const auto to = server::place::parse(loopback(port)).value();
    static_cast<void>(::connect(fd_, to.get(), to.size));
  }
  void say(std::string_view text) const { REQUIRE(::write(fd_, text.data(), text.size()) == std::ssize(text)); }
  /// What is there; nullopt at the end.
  [[nodiscard]] std::optional<std::string> hear() const {
    std::string out(4096, '\0');
    const auto got = ::read(fd_, out.data(), out.size());
    if (got == 0) return std::nullopt;
    out.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return out;
  }

private:
  int fd_;
};

/// Listens; with `full`, its queue takes nobody any more, so that the kernel leaves a SYN without an answer.
struct peer {
  plain_socket listener;
  std::vector<plain_socket> fillers;
  std::uint16_t port;

  explicit peer(bool full) {
    const auto any = server::place::parse(loopback(0)).value();
    REQUIRE(::bind(listener.get(), any.get(), any.size) == 0);
    REQUIRE(::listen(listener.get(), full ? 0 : 16) == 0);
    port = port_of(listener.get());
    for (int i = 0; full && i < 4; ++i) fillers.emplace_back().connect(port);
  }
  [[nodiscard]] plain_socket accept() const {
    return plain_socket(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK));
  }
};

class stage {
public:
  explicit stage(std::uint16_t peer_port) {
    const auto peer_text = fmt::format(
        R"("peers":[{{"id":"{}","endpoints":["tcp://{}"],"roles":[],"asn":1,"cc":"DE","seen":1795132800,"weight":1}}])",
        std::string(43, 'A'), loopback(peer_port));
    auto payload = server::samples::list_payload();
    payload.replace(payload.find(R"("peers":[])"), 10, peer_text);
    auto content = std::make_shared<server::content>();
    content->documents.emplace(
        "v1/net/public-0/list",
        std::make_shared<const server::entry>(
            server::entry{.bytes = server::samples::envelope(trust::document_type::list, payload), .type = ""}));
    content_ = std::move(content);
    evhttp_set_allowed_methods(http_.get(), EVHTTP_REQ_CONNECT);
    evhttp_set_bevcb(http_.get(), &stage::opened, this);
    evhttp_set_gencb(http_.get(), &stage::asked, this);
    auto* bound = evhttp_bind_socket_with_handle(http_.get(), "127.0.0.1", 0);
    REQUIRE(bound != nullptr);
    client.connect(port_of(evhttp_bound_socket_get_fd(bound)));
    until([&] { return open.count() == 1; });
    client.say("CONNECT " + loopback(peer_port) + " HTTP/1.1\r\n\r\n");
  }
  /// Turns the loop until it holds; true if it did.
  template <class Condition> bool until(const Condition& holds) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    const timeval pulse{0, 1000};
    bool held = holds();
    for (; !held && std::chrono::steady_clock::now() < end; held = holds()) {
      event_base_loopexit(base_.get(), &pulse);
      event_base_dispatch(base_.get());
    }
    return held;
  }
  /// Until the request has come and its dialling has begun.
  void turn() {
    until([&] { return dialled_; });
  }
  /// All that a socket hears up to this text, or to its end where there is no text.
  bool hears(const plain_socket& one, std::string_view expected) {
    std::string heard;
    bool ended = false;
    until([&] {
      const auto more = one.hear();
      ended = !more;
      heard += more.value_or("");
      return ended || (!expected.empty() && heard.find(expected) != std::string::npos);
    });
    return expected.empty() ? ended : heard.find(expected) != std::string::npos;
  }

private:
  static bufferevent* opened(event_base* base, void* self) {
    auto* one = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    static_cast<stage*>(self)->open.accepted(one);
    return one;
  }
  static void asked(evhttp_request* one, void* self) {
    auto& us = *static_cast<stage*>(self);
    us.open.answering(evhttp_request_get_connection(one));
    us.tunnels.connect(one, us.content_);
    us.dialled_ = true;
  }
  server::event_base_ptr base_{event_base_new()};
  std::shared_ptr<const server::content> content_;
  bool dialled_ = false;

public:
  fakes::virtual_clock clock;
  server::connections open{clock, {.asking = 60s, .answering = 300s}};
  server::relays tunnels{base_.get(), open, clock, {.lab = true}};
  plain_socket client;

private:
  server::evhttp_ptr http_{evhttp_new(base_.get())};
};

} // namespace

TEST_CASE("A peer that does not answer has ten seconds") {
  const peer silent(true);
  stage on(silent.port);
  on.turn();
  on.clock.advance(9s);
  on.tunnels.sweep();
  CHECK(on.open.count() == 1);
  CHECK(on.client.hear() == "");
  on.clock.advance(1s);
  on.tunnels.sweep();
  CHECK(on.hears(on.client, "504 Gateway Timeout"));
  // Who does not close then is closed.
  on.clock.advance(10s);
  on.tunnels.sweep();
  CHECK(on.hears(on.client, ""));
  CHECK(on.open.count() == 0);
}

TEST_CASE("A tunnel in which nothing moves ends after ten minutes, counted from the last byte") {
  const peer quiet(false);
  stage on(quiet.port);
  REQUIRE(on.hears(on.client, "200 OK"));
  const auto far = quiet.accept();
  const auto sweep_after = [&on](std::chrono::seconds passed) {
    on.clock.advance(passed);
    on.open.sweep();
    on.tunnels.sweep();
  };
  sweep_after(599s);
  far.say("still here");
  REQUIRE(on.hears(on.client, "still here"));
  sweep_after(599s);
  on.client.say("so am I");
  REQUIRE(on.hears(far, "so am I"));
  sweep_after(599s);
  CHECK(on.open.count() == 1);
  sweep_after(1s);
  CHECK(on.hears(on.client, ""));
  CHECK(on.hears(far, ""));
  CHECK(on.open.count() == 0);
}

TEST_CASE("All end when they are told to, whatever they are doing") {
  const peer silent(true), quiet(false);
  stage dialling(silent.port), open(quiet.port);
  REQUIRE(open.hears(open.client, "200 OK"));
  dialling.turn();
  for (auto* one : {&dialling, &open}) {
    one->tunnels.end();
    CHECK(one->hears(one->client, ""));
    CHECK(one->open.count() == 0);
  }
}
