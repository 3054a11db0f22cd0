// live: the whole life of what lives by its children alone.
#pragma once

#include "net/scope.hpp"

namespace landfall::net {

/// Until cancelled, however many of `children` have ended by then; returns when all of them have.
awaitable<void> live(scope& children);

} // namespace landfall::net
