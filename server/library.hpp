// The content that is served now, and its renewal when the folders change.
#pragma once

#include "server/answer.hpp"

#include <filesystem>
#include <memory>
#include <optional>

namespace landfall::server {

/// Holds the current content; reads the folders, blocking, at start and in `refresh`. What is left out is said on
/// stderr, once per change.
class library {
public:
  /// Either folder may be absent (nullopt). Errors: local_error when a folder that is named cannot be read.
  [[nodiscard]] static base::result<library> open(std::optional<std::filesystem::path> documents,
                                                  std::optional<std::filesystem::path> decoy);

  /// The content of now. Whoever answers with it keeps it alive.
  [[nodiscard]] const std::shared_ptr<const content>& now() const noexcept { return now_; }

  /// Reads again what has changed, or everything. A folder that cannot be read keeps its old content: publishers that
  /// swap folders leave a moment without one.
  void refresh(bool everything);

private:
  struct shelf {
    using reader = base::result<reading> (*)(const std::filesystem::path&);
    std::optional<std::filesystem::path> folder;
    reader read;
    const char* what;
    folder_stamp stamp;
    bool complained = false; ///< that the folder cannot be read, so that it is said once
    /// The new catalogue, nullopt when nothing changed. Errors: local_error.
    [[nodiscard]] base::result<std::optional<catalogue>> renew(bool always);
  };
  library() = default;

  shelf documents_{std::nullopt, &read_documents, "documents", {}};
  shelf decoy_{std::nullopt, &read_decoy, "decoy pages", {}};
  std::shared_ptr<const content> now_ = std::make_shared<const content>();
};

} // namespace landfall::server
