// Documents and folders for the server's tests. The server never checks signatures, so these carry invented ones.
#pragma once

#include "base/encoding.hpp"
#include "base/file.hpp"
#include "trust/document.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace landfall::server::samples {

inline std::string envelope(trust::document_type type, std::string_view payload, int signatures = 1) {
  std::string signers;
  for (int i = 0; i < signatures; ++i)
    signers += fmt::format(R"({}{{"keyid":"{:064x}","sig":"{}"}})", i == 0 ? "" : ",", i,
                           base::to_base64(std::string(3373, 's')));
  return fmt::format(R"({{"payloadType":"{}","payload":"{}","signatures":[{}]}})", trust::payload_type(type),
                     base::to_base64(payload), signers);
}

inline std::string list_payload(std::string_view network = "net", std::string_view channel = "public-0",
                                int version = 7) {
  return fmt::format(
      R"({{"type":"peerlist","spec":1,"network":"{}","channel":"{}","epoch":1,"version":{},"root_version":1,)"
      R"("issued":1795132800,"fresh_until":1795219200,"expires":1796342400,"peers":[],"revoked":[],)"
      R"("servers":[],"routes":[]}})",
      network, channel, version);
}

inline std::string frame(std::string_view payload, int signatures = 1) {
  const auto type = trust::payload_type(trust::document_type::list);
  std::string out = "LNDF";
  out += static_cast<char>(type.size());
  out += type;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift & 0xff);
  out += payload;
  out += static_cast<char>(signatures);
  out.append(static_cast<std::size_t>(signatures) * (32 + 3373), 's');
  return out;
}

/// A folder under the system's temporary one, removed with this object.
class folder {
public:
  folder() {
    std::string name = (std::filesystem::temp_directory_path() / "landfall-server.XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  ~folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  void write(const std::filesystem::path& name, std::string_view content) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    REQUIRE(base::write_file(path_ / name, content).has_value());
  }

private:
  std::filesystem::path path_;
};

} // namespace landfall::server::samples
