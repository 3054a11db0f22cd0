#include "server/documents.hpp"

#include "crypto/hash.hpp"
#include "tests/server/samples.hpp"
#include "trust/limits.hpp"

#include <doctest/doctest.h>

using namespace landfall;
using base::outcome;
using server::samples::envelope;
using server::samples::frame;
using server::samples::list_payload;
using trust::document_type;

TEST_CASE("a document's tag is the SHA-256 of its payload, in every form that carries it") {
  const auto payload = list_payload();
  const auto tag = fmt::format("\"{}\"", crypto::sha256(payload).hex());
  const auto json = server::read_document("v1/net/public-0/list", envelope(document_type::list, payload));
  const auto twice = server::read_document("v1/net/public-0/list", envelope(document_type::list, payload, 2));
  const auto binary = server::read_document("v1/net/public-0/list.frame", frame(payload));
  REQUIRE(json.has_value());
  REQUIRE(twice.has_value());
  REQUIRE(binary.has_value());
  CHECK(json->tag == tag);
  CHECK(twice->tag == tag);
  CHECK(binary->tag == tag);
  CHECK(json->type == "application/json");
  CHECK(binary->type == "application/octet-stream");
  CHECK(json->bytes == envelope(document_type::list, payload));
  CHECK(json->caching == "max-age=60, no-transform");
}

TEST_CASE("what is not the document that its path promises is refused") {
  const auto list = envelope(document_type::list, list_payload());
  auto trailing = list_payload();
  trailing.back() = ',';
  struct row {
    const char *name, *path;
    std::string bytes;
    outcome expected;
  };
  const row rows[] = {
      {"not under v1", "net/public-0/list", list, outcome::malformed},
      {"another version of the layout", "v2/net/public-0/list", list, outcome::malformed},
      {"a name that no document has", "v1/net/public-0/list.sig", list, outcome::malformed},
      {"too deep", "v1/net/public-0/x/list", list, outcome::malformed},
      {"too shallow", "v1/list", list, outcome::malformed},
      {"an empty segment", "v1//public-0/list", list, outcome::wrong_network},
      {"another network", "v1/other/public-0/list", list, outcome::wrong_network},
      {"another channel", "v1/net/small-0/list", list, outcome::wrong_channel},
      {"a list where a root belongs", "v1/net/root/1", list, outcome::malformed},
      {"a list where a live list belongs", "v1/net/live", list, outcome::malformed},
      {"a root number with a leading nought", "v1/net/root/01", list, outcome::malformed},
      {"no envelope", "v1/net/public-0/list", "<html>captive portal</html>", outcome::malformed},
      {"an envelope cut short", "v1/net/public-0/list", list.substr(0, list.size() / 2), outcome::malformed},
      {"no signature", "v1/net/public-0/list", envelope(document_type::list, list_payload(), 0), outcome::malformed},
      {"a payload that is no JSON", "v1/net/public-0/list", envelope(document_type::list, trailing),
       outcome::malformed},
      {"larger than any document", "v1/net/public-0/list", std::string(trust::max_envelope + 1, ' '),
       outcome::too_large},
      {"JSON where a frame belongs", "v1/net/public-0/list.frame", list, outcome::malformed},
      {"a frame where JSON belongs", "v1/net/public-0/list", frame(list_payload()), outcome::malformed},
      {"a frame cut short", "v1/net/public-0/list.frame", frame(list_payload()).substr(0, 300), outcome::malformed},
      {"a frame with bytes after it", "v1/net/public-0/list.frame", frame(list_payload()) + "x", outcome::malformed},
      {"a frame without signatures", "v1/net/public-0/list.frame", frame(list_payload(), 0), outcome::malformed},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto read = server::read_document(row.path, row.bytes);
    REQUIRE(!read.has_value());
    CHECK(read.error().what == row.expected);
    CHECK(!read.error().detail.empty());
  }
}
