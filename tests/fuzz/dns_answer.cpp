// DNS answers. The first byte says what was asked for, the rest is the answer. Whatever the bytes: a failure is one of
// form or the name server's own, and what is read keeps its limits.
#include "http/names_policy.hpp"

#include <cstdlib>

using namespace landfall;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

constexpr http::record_type types[] = {http::record_type::a, http::record_type::aaaa, http::record_type::txt,
                                       http::record_type::https};

void check(const http::dns_answer& answer) {
  must(answer.exists || answer.empty());
  must(answer.addresses.size() <= http::max_addresses);
  must(answer.texts.size() <= http::max_texts);
  must(answer.services.size() <= http::max_services);
  for (const auto& one : answer.services) {
    must(one.target.empty() || http::is_dns_name(one.target));
    must(one.hints.size() <= 2 * http::max_addresses);
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view answer(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto question = http::padded_question("name.example", types[data[0] % std::size(types)]);
  must(question.has_value());
  (void)http::label_of(answer);
  (void)http::is_truncated(answer);
  const auto got = http::read_answer(*question, answer);
  if (!got) {
    must(got.error().what == base::outcome::malformed || got.error().what == base::outcome::unreachable);
    return 0;
  }
  check(*got);
  for (const bool lab : {false, true}) {
    http::plain_evidence evidence;
    evidence.answers.push_back({0, {}, *got});
    evidence.answers.push_back({0, {}, *got});
    const auto judged = http::judge(evidence, lab);
    if (judged) check(*judged);
    must(judged || !lab);
  }
  return 0;
}
