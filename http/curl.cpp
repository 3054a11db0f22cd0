#include "http/curl.hpp"

#include <fmt/format.h>

#include <dlfcn.h>

#include <type_traits>

namespace landfall::http {

namespace {

constexpr const char* library = "libcurl.so.4"; // the soname since 2006
curl_library table{};

/// The first name that the library lacks, or nothing.
const char* look_up(void* in, curl_library& into) {
  const char* missing = nullptr;
  const auto find = [&](auto& function, const char* name) {
    void* const found = ::dlsym(in, name);
    if (found == nullptr && missing == nullptr) missing = name;
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(found);
  };
  find(into.global_init, "curl_global_init");
  find(into.version_info, "curl_version_info");
  find(into.free, "curl_free");
  find(into.slist_append, "curl_slist_append");
  find(into.slist_free_all, "curl_slist_free_all");
  find(into.url, "curl_url");
  find(into.url_cleanup, "curl_url_cleanup");
  find(into.url_get, "curl_url_get");
  find(into.url_set, "curl_url_set");
  find(into.easy_init, "curl_easy_init");
  find(into.easy_cleanup, "curl_easy_cleanup");
  find(into.easy_getinfo, "curl_easy_getinfo");
  find(into.easy_pause, "curl_easy_pause");
  find(into.easy_setopt, "curl_easy_setopt");
  find(into.easy_strerror, "curl_easy_strerror");
  find(into.multi_init, "curl_multi_init");
  find(into.multi_cleanup, "curl_multi_cleanup");
  find(into.multi_add_handle, "curl_multi_add_handle");
  find(into.multi_remove_handle, "curl_multi_remove_handle");
  find(into.multi_info_read, "curl_multi_info_read");
  find(into.multi_setopt, "curl_multi_setopt");
  find(into.multi_socket_action, "curl_multi_socket_action");
  return missing;
}

base::result<void> load() {
  using base::fail;
  using base::outcome;
  void* const opened = ::dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr)
    return fail(outcome::local_error, fmt::format("{}: install libcurl 7.88 or later", ::dlerror()));
  if (const char* const missing = look_up(opened, table))
    return fail(outcome::local_error, fmt::format("{} has no {}: install libcurl 7.88 or later", library, missing));
  if (table.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return fail(outcome::local_error, "libcurl does not start");
  return {};
}

} // namespace

base::result<void> load_curl() {
  static const auto once = load();
  return once;
}

const curl_library& curl() noexcept { return table; }

} // namespace landfall::http
