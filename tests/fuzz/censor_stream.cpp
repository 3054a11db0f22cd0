// First bytes of a stream and DNS messages through every detector. What is found in a part is found in the whole.
#include "tests/censor/detect.hpp"

#include <cstdint>
#include <cstdlib>

using namespace landfall::censor;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const bool across : {false, true}) {
    const auto whole = read_hello(bytes, across), half = read_hello(bytes.substr(0, size / 2), across);
    if (half.state == reading::yes && (whole.state != reading::yes || whole.hello.ja4 != half.hello.ja4)) std::abort();
    if (half.state == reading::no && whole.state == reading::yes) std::abort();
    if (whole.state == reading::yes && whole.hello.ja4.size() != 36) std::abort();
  }
  const auto host = read_http_host(bytes), early = read_http_host(bytes.substr(0, size / 2));
  if (early.state == reading::yes && host.host != early.host) std::abort();
  (void)looks_fully_encrypted(bytes);
  (void)protocol_of(bytes);
  (void)is_quic_initial(bytes);
  if (const auto asked = read_dns_query(bytes)) {
    const auto forged = forge_answer(bytes, *asked, {address::parse("10.66.66.66").value()});
    if (read_dns_answers(forged).size() != (asked->type == dns_a ? 1U : 0U)) std::abort();
  }
  (void)read_dns_answers(bytes);
  return 0;
}
