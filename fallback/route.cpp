#include "fallback/route.hpp"

namespace landfall::fallback {

visibility usual_visibility(std::string_view kind) noexcept {
  if (kind == "https") return {cost::quiet, true, false};
  if (kind == "fronted") return {cost::quiet, false, true};
  if (kind == "dns") return {cost::telling, false, true};
  return {cost::conspicuous, false, false};
}

bool may_start_program(std::string_view kind) noexcept { return kind == "onion"; }

visibility visibility_of(const route& what) noexcept { return what.seen.value_or(usual_visibility(what.kind)); }

} // namespace landfall::fallback
