#include "base/result.hpp"

namespace landfall::base {

std::string to_string(const failure& f) {
  std::string out;
  if (f.at != stage::none) out.append(name(f.at)).append(": ");
  out.append(name(f.what));
  if (f.code != 0) out.append(" ").append(std::to_string(f.code));
  out.append(": ").append(f.detail.empty() ? std::string(explain(f.what)) : f.detail);
  return out;
}

} // namespace landfall::base
