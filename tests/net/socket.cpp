#include "net/socket.hpp"

#include "tests/fakes/run.hpp"

#include <boost/asio/error.hpp>
#include <doctest/doctest.h>

#include <sys/socket.h>

#include <cerrno>

using namespace landfall;
using base::outcome;
using tcp = net::asio::ip::tcp;

namespace {

const tcp::endpoint any_port(net::asio::ip::address_v4::loopback(), 0);

std::uint32_t mark_of(int descriptor) {
  std::uint32_t mark = 0;
  socklen_t size = sizeof mark;
  REQUIRE(::getsockopt(descriptor, SOL_SOCKET, SO_MARK, &mark, &size) == 0);
  return mark;
}

/// Whether this process may mark sockets: asked of the kernel, not of what is tested.
bool may_mark() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const std::uint32_t mark = 1;
  const bool may = ::setsockopt(descriptor, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0;
  ::close(descriptor);
  return may;
}

} // namespace

TEST_CASE("dial connects, with fwmark and interface on the socket or not at all") {
  net::asio::io_context context;
  tcp::acceptor acceptor(context, any_port);
  const auto to = acceptor.local_endpoint();

  auto plain = fakes::run_on(context, net::dial(to, {}));
  REQUIRE(plain.has_value());
  net::asio::ip::tcp::no_delay no_delay;
  plain->get_option(no_delay);
  CHECK(no_delay.value());
  CHECK(mark_of(plain->native_handle()) == 0);

  auto marked = fakes::run_on(context, net::dial(to, {.fwmark = 0x1f, .interface = "lo"}));
  if (may_mark()) {
    REQUIRE(marked.has_value());
    CHECK(mark_of(marked->native_handle()) == 0x1f);
  } else {
    REQUIRE(marked.has_error());
    CHECK(marked.error().what == outcome::local_error);
    CHECK(marked.error().detail == "fwmark needs CAP_NET_ADMIN");
  }
}

TEST_CASE("socket options that cannot be set are refused") {
  struct row {
    const char* name;
    std::string interface;
  };
  const row rows[] = {
      {"an unknown interface", "landfall-none"},
      {"a name that the kernel would cut short to a real one", std::string("lo").append(14, char{}) + "x"},
      {"a name of the longest length and one", "aaaaaaaaaaaaaaaa"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto got = net::check({.interface = row.interface});
    REQUIRE(got.has_error());
    CHECK(got.error().what == outcome::local_error);
  }
  CHECK(net::check({}).has_value());
  CHECK(net::check({.fwmark = 7}).has_value() == may_mark());
  const auto dialled =
      fakes::run(net::dial({net::asio::ip::address_v4::loopback(), 9}, {.interface = "landfall-none"}));
  REQUIRE(dialled.has_error());
  CHECK(dialled.error().what == outcome::local_error);
  CHECK(dialled.error().at == base::stage::connect);
}

TEST_CASE("dialling a closed port is refused") {
  net::asio::io_context context;
  tcp::endpoint to;
  {
    const tcp::acceptor acceptor(context, any_port);
    to = acceptor.local_endpoint();
  }
  const auto got = fakes::run_on(context, net::dial(to, {}));
  REQUIRE(got.has_error());
  CHECK(got.error().what == outcome::refused);
}

TEST_CASE("each socket error has its class") {
  struct row {
    const char* name;
    int error;
    outcome expected;
  };
  const row rows[] = {
      {"cancelled", ECANCELED, outcome::cancelled},
      {"refused", ECONNREFUSED, outcome::refused},
      {"reset", ECONNRESET, outcome::reset_after_hello},
      {"broken pipe", EPIPE, outcome::reset_after_hello},
      {"the kernel's time-out", ETIMEDOUT, outcome::timed_out},
      {"no route to the host", EHOSTUNREACH, outcome::unreachable},
      {"no route to the network", ENETUNREACH, outcome::unreachable},
      {"no address of that family", EADDRNOTAVAIL, outcome::unreachable},
      {"network down", ENETDOWN, outcome::offline},
      {"too many descriptors", EMFILE, outcome::local_error},
      {"no memory", ENOBUFS, outcome::local_error},
      {"forbidden by a local firewall", EPERM, outcome::local_error},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const net::error_code ec(row.error, boost::system::system_category());
    CHECK(base::name(net::failure_of(ec, base::stage::tls, outcome::reset_after_hello).what) ==
          base::name(row.expected));
  }
  CHECK(net::failure_of(net::asio::error::eof, base::stage::tls).what == outcome::reset_before_hello);
}
