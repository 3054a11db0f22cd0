// The routes of a configuration and, where there is one, of a list, with the transports that they borrow. Nothing runs.
#pragma once

#include "sidecar/routes.hpp"

#include <boost/asio/io_context.hpp>

#include <utility>

namespace landfall::fakes {

struct made_routes {
  net::asio::io_context io;
  config::settings settings;
  sidecar::transports through;
  sidecar::route_set set;
  explicit made_routes(config::settings from, const trust::peer_list* list = nullptr)
      : settings(std::move(from)), through(io.get_executor(), settings, base::system_clock()),
        set(sidecar::make_routes(settings, list, through)) {}
};

} // namespace landfall::fakes
