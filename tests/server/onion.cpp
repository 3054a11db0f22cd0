// The onion service's driver against control ports made here: it publishes, notices, comes back, and is never held up.
#include "server/onion.hpp"

#include "tests/server/samples.hpp"
#include "tests/server/tor_replies.hpp"

#include <event2/buffer.h>

#include <netinet/in.h>

using namespace landfall;
using namespace landfall::server::samples;
using namespace std::chrono_literals;
using server::onion_publisher;

namespace {

constexpr auto patience = 10s;

/// Answers the n-th line of a connection with the n-th reply of that connection's script; then closes, or stays silent.
class fake_tor {
public:
  struct script {
    std::vector<std::string> replies;
    bool closes = false;
    std::string unasked{}; ///< said over and over after the last reply
  };
  fake_tor(event_base* base, std::vector<script> scripts) : base_(base), scripts_(std::move(scripts)) { listen(0); }
  ~fake_tor() { end_connections(); }
  fake_tor(const fake_tor&) = delete;
  fake_tor& operator=(const fake_tor&) = delete;

  void end_connections() { open_.clear(); }
  /// As a tor that is stopped and started again, on the same port.
  void stop() {
    end_connections();
    listener_.reset();
  }
  void start() { listen(port_); }
  [[nodiscard]] server::place where() const {
    return server::place::parse("127.0.0.1:" + std::to_string(port_)).value();
  }
  std::vector<std::string> heard; ///< lines of all connections
  std::size_t connections = 0;

private:
  struct connection {
    fake_tor* owner;
    script says;
    std::size_t next = 0;
    server::bufferevent_ptr buffer;
  };
  void listen(std::uint16_t port) {
    const auto at = server::place::parse("127.0.0.1:" + std::to_string(port)).value();
    listener_.reset(evconnlistener_new_bind(base_, &accepted_one, this, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, -1,
                                            at.get(), static_cast<int>(at.size)));
    REQUIRE(listener_);
    sockaddr_in bound{};
    socklen_t size = sizeof bound;
    ::getsockname(evconnlistener_get_fd(listener_.get()), reinterpret_cast<sockaddr*>(&bound), &size);
    port_ = ntohs(bound.sin_port);
  }
  static void accepted_one(evconnlistener*, evutil_socket_t fd, sockaddr*, int, void* self) {
    auto& us = *static_cast<fake_tor*>(self);
    const auto n = std::min(us.connections++, us.scripts_.size() - 1);
    auto& one = us.open_.emplace_back(std::make_unique<connection>(connection{&us, us.scripts_[n], 0, {}}));
    one->buffer.reset(bufferevent_socket_new(us.base_, fd, BEV_OPT_CLOSE_ON_FREE));
    bufferevent_setcb(one->buffer.get(), &on_read, &on_written, nullptr, one.get());
    bufferevent_enable(one->buffer.get(), EV_READ | EV_WRITE);
  }
  static void on_read(bufferevent* from, void* self) {
    auto& us = *static_cast<connection*>(self);
    for (;;) {
      char* line = evbuffer_readln(bufferevent_get_input(from), nullptr, EVBUFFER_EOL_CRLF_STRICT);
      if (line == nullptr) return;
      us.owner->heard.emplace_back(line);
      std::free(line);
      if (us.next >= us.says.replies.size()) continue;
      const auto& reply = us.says.replies[us.next++];
      bufferevent_write(from, reply.data(), reply.size());
    }
  }
  static void on_written(bufferevent* to, void* self) {
    auto& us = *static_cast<connection*>(self);
    if (us.next < us.says.replies.size()) return;
    if (!us.says.unasked.empty()) bufferevent_write(to, us.says.unasked.data(), us.says.unasked.size());
    if (us.says.closes) us.buffer.reset();
  }

  event_base* base_;
  std::vector<script> scripts_;
  std::uint16_t port_ = 0;
  server::evconnlistener_ptr listener_;
  std::vector<std::unique_ptr<connection>> open_;
};

struct stage {
  server::event_base_ptr base{event_base_new()};
  std::optional<base::result<void>> first;

  std::unique_ptr<onion_publisher> publisher(const server::place& control,
                                             std::chrono::milliseconds answers = patience) {
    return std::make_unique<onion_publisher>(base.get(),
                                             onion_publisher::settings{.control = control,
                                                                       .password = {},
                                                                       .key = service_key(),
                                                                       .target = "127.0.0.1:8080",
                                                                       .answer_time = answers,
                                                                       .shortest_pause = 5ms,
                                                                       .longest_pause = 40ms},
                                             base::system_clock(), [this](const auto& ended) { first = ended; });
  }
  /// Turns the loop until it holds.
  template <class Condition> bool until(const Condition& holds) {
    const auto end = std::chrono::steady_clock::now() + patience;
    const timeval pulse{0, 1000};
    while (!holds() && std::chrono::steady_clock::now() < end) {
      event_base_loopexit(base.get(), &pulse);
      event_base_dispatch(base.get());
    }
    return holds();
  }
  [[nodiscard]] std::string why() const { return first && !*first ? first->error().detail : ""; }
};

fake_tor::script good() { return {{protocol_info("NULL"), accepted, service_added(service_key().address)}}; }

} // namespace

TEST_CASE("The service is published, and again after tor was restarted") {
  stage on;
  fake_tor tor(on.base.get(), {good()});
  const auto publisher = on.publisher(tor.where());
  REQUIRE(on.until([&] { return publisher->published(); }));
  CHECK(on.first->has_value());
  CHECK(publisher->url() == "http://" + service_key().address + ".onion/");
  tor.stop();
  REQUIRE(on.until([&] { return !publisher->published(); }));
  tor.start();
  REQUIRE(on.until([&] { return publisher->published(); }));
  CHECK(tor.connections == 2);
  CHECK(tor.heard.size() == 6);
  CHECK(tor.heard[2] == tor.heard[5]);
}

TEST_CASE("What fails at first is told and not tried again") {
  struct row {
    std::string name;
    fake_tor::script says;
    std::string expected;
  };
  const row rows[] = {
      {"silence", {{}}, "does not answer"},
      {"silence after a while", {{protocol_info("NULL"), accepted}}, "does not answer"},
      {"closed", {{protocol_info("NULL")}, true}, "was closed"},
      {"a line without end", {{"2"}, false, std::string(16'000, '5')}, "line of the control port"},
      {"events without end", {{protocol_info("NULL")}, false, "650 BW 1 2\r\n"}, "events without end"},
      {"refused", {{protocol_info("NULL"), "515 no\r\n"}}, "AUTHENTICATE (515)"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    stage on;
    fake_tor tor(on.base.get(), {row.says});
    const auto publisher = on.publisher(tor.where(), row.expected == "does not answer" ? 50ms : 10'000ms);
    REQUIRE(on.until([&] { return on.first.has_value(); }));
    CHECK_MESSAGE(on.why().find(row.expected) != std::string::npos, on.why());
    CHECK_FALSE(publisher->published());
    CHECK(event_base_get_num_events(on.base.get(), EVENT_BASE_COUNT_ADDED) <= 3); // the fake's own: no timer of ours
    CHECK(tor.connections == 1);
  }
}

TEST_CASE("A control port that nobody listens at is told as such") {
  const folder scratch;
  stage on;
  server::place gone;
  {
    const fake_tor tor(on.base.get(), {good()});
    gone = tor.where();
  }
  const auto nowhere = server::place::parse("unix:" + (scratch.path() / "control").string()).value();
  for (const auto& where : {gone, nowhere}) {
    on.first.reset();
    const auto publisher = on.publisher(where);
    REQUIRE(on.until([&] { return on.first.has_value(); }));
    CHECK_MESSAGE(on.why().find("is tor running") != std::string::npos, on.why());
  }
}

TEST_CASE("Once it was published, it comes back from everything") {
  stage on;
  auto dropped = good(), flooding = good();
  dropped.closes = true;
  flooding.unasked = "650 BW 1 2\r\n";
  const fake_tor::script garbage{{"hello\r\n"}}, refusal{{protocol_info("NULL"), "515 no\r\n"}};
  fake_tor tor(on.base.get(), {dropped, garbage, flooding, refusal, dropped, good()});
  const auto publisher = on.publisher(tor.where());
  REQUIRE(on.until([&] { return tor.connections == 6 && publisher->published(); }));
  CHECK(on.first->has_value());
}

TEST_CASE("What is sent is nothing that a log or an error shows") {
  stage on;
  fake_tor tor(on.base.get(), {{{protocol_info("NULL"), accepted, "551 no\r\n"}}});
  const auto publisher = on.publisher(tor.where());
  REQUIRE(on.until([&] { return on.first.has_value(); }));
  CHECK(on.why().find(base::to_base64(service_key().secret.reveal())) == std::string::npos);
  CHECK(tor.heard.back().find(base::to_base64(service_key().secret.reveal())) != std::string::npos);
}
