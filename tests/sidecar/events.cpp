#include "sidecar/events.hpp"

#include "sidecar/api_client.hpp"
#include "tests/fakes/run.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using sidecar::event;
using sidecar::event_bus;

TEST_CASE("an event reaches those who listen, for as long as they do") {
  event_bus bus(base::system_clock());
  int first = 0, second = 0;
  const event_bus::listening one(bus, [&](const event&) { ++first; });
  {
    const event_bus::listening other(bus, [&](const event&) { ++second; });
    bus.publish("online");
  }
  bus.publish("offline");
  CHECK(first == 2);
  CHECK(second == 1);
}

TEST_CASE("an event as text is read back as the same event") {
  event_bus bus(base::system_clock());
  std::string text;
  const event_bus::listening reader(bus, [&](const event& happened) { text = sidecar::server_sent(happened); });
  bus.publish("lane_ended", {{"race", 3}, {"route", "a\nb"}, {"won", nullptr}});
  CHECK(text.ends_with("\n\n"));
  const auto back = sidecar::parse_event(text);
  REQUIRE(back.has_value());
  CHECK(back->name == "lane_ended");
  CHECK(back->data.at("race") == 3);
  CHECK_MESSAGE(back->data.at("route") == "a\nb", "a line end in data cannot forge a line of the stream");
  CHECK(back->data.begin()->key() == "at");
}

TEST_CASE("what is no event is none") {
  for (const auto* text :
       {"", ": landfall\n", "event: x\n", "data: {}\n", "event: x\ndata: [1]\n", "event: x\ndata: {\n"}) {
    CAPTURE(text);
    CHECK_FALSE(sidecar::parse_event(text).has_value());
  }
}

TEST_CASE("a queue keeps so many events, counts the rest, and tells the first ones in order") {
  net::asio::io_context io;
  event_bus bus(base::system_clock());
  sidecar::event_queue queue(bus, io.get_executor());
  const auto capacity = sidecar::event_queue::capacity;
  for (std::size_t i = 0; i < capacity + 10; ++i) bus.publish("lane_progress", {{"n", i}});
  CHECK(bus.lost() == 10);
  for (std::size_t i = 0; i < capacity; ++i) {
    const auto text = fakes::run_on(io, queue.next());
    REQUIRE(text.has_value());
    CHECK(text->find(fmt::format("\"n\":{}}}", i)) != std::string::npos);
  }
  queue.close();
  const auto ended = fakes::run_on(io, queue.next());
  REQUIRE_FALSE(ended.has_value());
  CHECK(ended.error().what == base::outcome::cancelled);
}
