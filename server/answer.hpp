// What a request is answered with. Pure: no socket, no clock, no file; the same request and content give the same
// answer.
//
//   /SECRET/v1/...   on an allowed host, GET or HEAD:  the document, or 404
//   everything else:                                    the decoy, as if there were no documents
//   /v1/...          inside obfs4, under any host:      the document; there the way in is the secret
//
// Whoever does not know the secret gets, byte for byte, what the same program without documents would answer.
#pragma once

#include "server/index.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace landfall::server {

/// Who may see the documents.
struct access {
  std::string secret = {};             ///< the first segment of the path; empty: nobody
  std::vector<std::string> hosts = {}; ///< lower case, without port; empty: under every name
  bool inside = false;                 ///< whoever asks has shown that it knows the bridge: no secret, no decoy
};

/// All that is served, at one moment. Never changes.
struct content {
  catalogue documents;
  catalogue decoy;
};

enum class method : std::uint8_t { get, head, post, other };

/// The parts of a request that count. Views: they must outlive the call.
struct request {
  server::method method = method::get;
  std::string_view host = {}; ///< as sent, port removed
  std::string_view path = {}; ///< as sent, never decoded, without query
  std::optional<std::string_view> range = {}, if_range = {}, if_none_match = {};
};

struct header {
  const char* name;
  std::string value;
};

struct answer {
  int status = 200;
  const char* reason = "OK";
  std::vector<header> headers = {};         ///< all but Date and Connection
  std::string_view body = {};               ///< a part of source->bytes; empty for HEAD and 304
  std::shared_ptr<const entry> source = {}; ///< keeps the body alive
};

/// GET and HEAD of documents and decoy; POST is 405 where there is something and 404 elsewhere, every other method 405,
/// as web servers of static files do. Ranges "bytes=a-b" and "bytes=a-" of a GET are answered 206; all others, those
/// that cannot be met, and those whose If-Range is not our strong tag get the whole (200). If-None-Match is weighed
/// before.
[[nodiscard]] answer respond(const access& who, const content& what, const request& asked);

} // namespace landfall::server
