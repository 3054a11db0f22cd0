#include "net/async.hpp"

#include <boost/asio/error.hpp>

#include <cerrno>

namespace landfall::net {

namespace {

base::outcome outcome_of(const error_code& ec, base::outcome on_reset) {
  using base::outcome;
  if (ec == asio::error::eof) return on_reset;
  if (ec.category() != boost::system::system_category()) return outcome::local_error;
  switch (ec.value()) {
  case ECANCELED: return outcome::cancelled;
  case ECONNREFUSED: return outcome::refused;
  case ECONNRESET:
  case ECONNABORTED:
  case EPIPE: return on_reset;
  case ETIMEDOUT: return outcome::timed_out;
  case ENETDOWN: return outcome::offline;
  case ENETUNREACH:
  case EHOSTUNREACH:
  case EHOSTDOWN:
  case EADDRNOTAVAIL: // no address of ours for that family
  case EAFNOSUPPORT: return outcome::unreachable;
  default: return outcome::local_error;
  }
}

} // namespace

base::failure failure_of(const error_code& ec, base::stage at, base::outcome on_reset) {
  return base::fail(outcome_of(ec, on_reset), ec.message(), at);
}

awaitable<bool> was_cancelled() {
  const auto state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

} // namespace landfall::net
