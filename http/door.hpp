// door: a Unix socket through which our own libcurl comes in, once (see via.hpp).
#pragma once

#include "http/via.hpp"

#include <boost/asio/any_io_executor.hpp>

namespace landfall::http {

class door {
public:
  /// Listens under a name that cannot be guessed, 0600. Errors: local_error (the folder is not there, the path is too
  /// long for a Unix socket, no descriptor left).
  [[nodiscard]] static result<door> open(const asio::any_io_executor& executor, const std::filesystem::path& folder);
  ~door(); ///< removes the name
  door(door&& other) noexcept;
  door& operator=(door&&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// The first connection that this very process made; strangers are closed without a word. Then nobody can come in
  /// any more. Errors: local_error, cancelled.
  [[nodiscard]] awaitable<result<local_socket>> accept();

private:
  door(asio::local::stream_protocol::acceptor listening, std::string path);
  void shut() noexcept;

  asio::local::stream_protocol::acceptor listening_;
  std::string path_; ///< empty: already removed, or moved from
};

} // namespace landfall::http
