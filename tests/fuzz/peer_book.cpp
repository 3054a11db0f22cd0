// peers.json. What is taken comes back from its own text unchanged, and that text may be kept.
#include "peers/book.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using landfall::peers::book;
  const auto read = book::from_text({reinterpret_cast<const char*>(data), size});
  if (!read) return 0;
  const auto text = read->to_text();
  if (text.size() > landfall::peers::max_book_size) std::abort();
  const auto again = book::from_text(text);
  if (!again || again->to_text() != text) std::abort();
  return 0;
}
