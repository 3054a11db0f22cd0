#include "tests/sidecar/api_fixture.hpp"

#include <sys/stat.h>
#include <sys/wait.h>

using namespace landfall;
using namespace std::chrono_literals;
using fakes::client;
using fakes::get;
using fakes::status_of;

namespace {

bool holds(const std::string& text, std::string_view what) { return text.find(what) != std::string::npos; }

/// Others are served while somebody misbehaves.
void check_serves(const fakes::api& api) {
  client other(api);
  REQUIRE(other.send(get("/v1/status")));
  CHECK(status_of(other.read_until("{}")) == 200);
}

} // namespace

TEST_CASE("a request is answered, and the connection kept for the next") {
  const fakes::api api;
  client one(api);
  REQUIRE(one.send(get("/v1/status")));
  const auto first = one.read_until("{}");
  CHECK(status_of(first) == 200);
  CHECK(holds(first, "Content-Type: application/json"));
  CHECK(holds(first, "Cache-Control: no-store"));
  REQUIRE(one.send(get("/nowhere")));
  CHECK(holds(one.read_until("not_found"), "HTTP/1.1 404"));
}

TEST_CASE("a client that asks before it sends its body is told to go on") {
  const fakes::api api;
  client careful(api);
  REQUIRE(careful.send("POST /v1/refresh HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
  CHECK(careful.read_until("\r\n\r\n").starts_with("HTTP/1.1 100 "));
  REQUIRE(careful.send("{}"));
  CHECK(holds(careful.read_until("{}"), "HTTP/1.1 200"));
}

TEST_CASE("two requests in one write are both answered") {
  const fakes::api api;
  client one(api);
  REQUIRE(one.send(get("/v1/status") + get("/nowhere")));
  CHECK(holds(one.read_until("not_found"), "HTTP/1.1 404"));
}

TEST_CASE("bad input gets a clear answer, and everything else goes on") {
  struct row {
    const char* name;
    std::string bytes;
    unsigned status;
    const char* error;
  };
  const std::string post = "POST /v1/peers HTTP/1.1\r\nHost: x\r\n";
  const row rows[] = {
      {"no HTTP", "hello\r\n\r\n", 400, "bad_request"},
      {"bytes from nowhere", std::string("\x16\x03\x01\x02\x00\x01", 6) + "\r\n\r\n", 400, "bad_request"},
      {"a header of 9 KiB", "GET / HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n", 431, "too_large"},
      {"a header without end", "GET / HTTP/1.1\r\nX: " + std::string(100'000, 'x'), 431, "too_large"},
      {"a body of 1 GB", post + "Content-Length: 1073741824\r\n\r\n" + std::string(100'000, 'x'), 413, "too_large"},
      {"a body of 64 KiB and one", post + "Content-Length: 65537\r\n\r\n" + std::string(65537, 'x'), 413, "too_large"},
      {"chunks that add up", post + "Transfer-Encoding: chunked\r\n\r\n11000\r\n" + std::string(0x11000, 'x'), 413,
       "too_large"},
      {"a length that is none", post + "Content-Length: many\r\n\r\n", 400, "bad_request"},
      {"two lengths", post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, "bad_request"},
      {"a body cut short", post + "Content-Length: 100\r\n\r\n{\"endpoints\":[", 400, "bad_request"},
      {"a header cut short", "GET /v1/status HTTP/1.1\r\nHost", 400, "bad_request"},
      {"a body that is no JSON", post + "Content-Length: 3\r\n\r\n{x}", 400, "bad_request"},
      {"-1 peers", get("/v1/peers?min=-1"), 400, "bad_request"},
      {"10^9 peers", get("/v1/peers?max=1000000000"), 400, "bad_request"},
      {"another method", "PUT /v1/status HTTP/1.1\r\nHost: x\r\n\r\n", 405, "bad_request"},
  };
  const fakes::api api;
  for (const auto& row : rows) {
    CAPTURE(row.name);
    client rude(api);
    (void)rude.send(row.bytes); // the server may have closed before all was sent
    rude.end_sending();
    const auto reply = rude.read_to_end();
    CHECK(status_of(reply) == row.status);
    CHECK(holds(reply, std::string("\"error\":\"") + row.error + "\""));
  }
  check_serves(api);
}

TEST_CASE("a request that does not come to its end is ended") {
  sidecar::api_limits limits;
  limits.request = 50ms;
  const fakes::api api(limits);
  client slow(api);
  REQUIRE(slow.send("GET /v1/sta"));
  CHECK(status_of(slow.read_to_end()) == 408);
  check_serves(api);
}

TEST_CASE("an idle connection is closed without a word") {
  sidecar::api_limits limits;
  limits.idle = 50ms;
  const fakes::api api(limits);
  client idle(api);
  CHECK(idle.closed());
  CHECK(idle.read_to_end().empty());
}

TEST_CASE("a client that asks and never reads is dropped") {
  sidecar::api_limits limits;
  limits.write = 50ms;
  const fakes::api api(limits);
  client deaf(api);
  const auto many = [] {
    std::string text;
    for (int i = 0; i < 100; ++i) text += get("/nowhere");
    return text;
  }();
  // Ends when the server has closed: its answers fill the socket, ours fill its queue, and the deadline breaks the tie.
  while (deaf.send(many)) {
  }
  check_serves(api);
}

TEST_CASE("an event stream tells what happens") {
  fakes::api api;
  client watching(api);
  REQUIRE(watching.send(get("/v1/events")));
  CHECK(holds(watching.read_until(": landfall\n\n"), "Content-Type: text/event-stream"));
  api.on_loop([&api] { api.events.publish("list_adopted", {{"version", 4127}}); });
  const auto text = watching.read_until("4127}\n\n");
  CHECK(holds(text, "event: list_adopted\ndata: {\"at\":"));
  CHECK(holds(text, ",\"version\":4127}\n\n"));
  api.stop();
  CHECK(watching.closed());
}

TEST_CASE("a client that never reads its events loses them, then its connection") {
  sidecar::api_limits limits;
  limits.write = 100ms;
  fakes::api api(limits);
  client deaf(api);
  REQUIRE(deaf.send(get("/v1/events")));
  CHECK(status_of(deaf.read_until(": landfall")) == 200);
  const std::string much(4000, 'x');
  constexpr std::uint64_t burst = 1000;
  api.on_loop([&] {
    for (std::uint64_t i = 0; i < burst; ++i) api.events.publish("lane_progress", {{"much", much}});
    CHECK(api.events.lost() == burst - sidecar::event_queue::capacity);
  });
  check_serves(api);
  CHECK_MESSAGE(deaf.hung_up(), "the deadline of a write drops it");
}

TEST_CASE("there are so many connections and event streams, and not more") {
  sidecar::api_limits limits;
  limits.connections = 3;
  limits.event_streams = 1;
  const fakes::api api(limits);
  client first(api), second(api), third(api);
  REQUIRE(first.send(get("/v1/events")));
  CHECK(status_of(first.read_until("landfall")) == 200);
  REQUIRE(second.send(get("/v1/events")));
  CHECK(holds(second.read_to_end(), "\"error\":\"busy\""));
  client again(api);
  REQUIRE(third.send(get("/v1/status")));
  CHECK(status_of(third.read_until("{}")) == 200);
  REQUIRE(again.send(get("/v1/status")));
  CHECK(status_of(again.read_until("{}")) == 200);
  client too_many(api);
  CHECK(holds(too_many.read_to_end(), "HTTP/1.1 503"));
}

TEST_CASE("a client that goes away ends the wait that it asked for") {
  fakes::api api;
  client impatient(api);
  REQUIRE(impatient.send(get("/v1/peers")));
  while (api.handler.waiting == 0) std::this_thread::yield();
  impatient.close();
  while (api.handler.waiting != 0) std::this_thread::yield();
  CHECK(api.handler.cancelled == 1);
}

TEST_CASE("a client that has said all still gets its answer") {
  fakes::api api;
  client polite(api);
  REQUIRE(polite.send(get("/v1/peers")));
  polite.end_sending();
  while (api.handler.waiting == 0) std::this_thread::yield();
  api.on_loop([&api] { api.handler.release(); });
  CHECK(holds(polite.read_until("[\"peers\"]"), "HTTP/1.1 200"));
}

TEST_CASE("at the end a waiting client gets its answer, an idle one is closed, and new ones are not let in") {
  fakes::api api;
  client waiting(api), idle(api);
  REQUIRE(waiting.send(get("/v1/peers")));
  REQUIRE(idle.send(get("/v1/status")));
  CHECK(status_of(idle.read_until("{}")) == 200);
  while (api.handler.waiting == 0) std::this_thread::yield();
  api.stop();
  const auto answer = waiting.read_to_end();
  CHECK(holds(answer, "[\"peers\"]"));
  CHECK(holds(answer, "Connection: close"));
  CHECK(idle.closed());
  CHECK_FALSE(client(api).connected);
}

TEST_CASE("a user who is not allowed is told so and nothing else") {
  const fakes::api api({}, {});
  client stranger(api);
  const auto reply = stranger.read_to_end();
  CHECK(status_of(reply) == 403);
  CHECK(holds(reply, "\"error\":\"forbidden\""));
}

TEST_CASE("another user's process is refused by the kernel's word for who it is") {
  if (::geteuid() != 0) {
    MESSAGE("without root only the socket's mode can be shown");
    const fakes::api api;
    struct stat info{};
    REQUIRE(::stat((api.home / "api.sock").c_str(), &info) == 0);
    CHECK((info.st_mode & 077) == 0);
    return;
  }
  const fakes::api api;
  REQUIRE(::chmod(api.home.path().c_str(), 0755) == 0);
  REQUIRE(::chmod((api.home / "api.sock").c_str(), 0666) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr uid_t nobody = 65534;
    if (::setresuid(nobody, nobody, nobody) != 0) ::_exit(2);
    client other(api);
    (void)other.send(get("/v1/peers"));
    ::_exit(status_of(other.read_to_end()) == 403 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
