// libcurl's functions, looked up when the first request needs them.
//
// Nothing links libcurl: Debian's brings gnutls, kerberos and ldap along, which cost a sidecar that holds a fresh list,
// and so fetches nothing for hours, a quarter of its start and of its memory (script/bench footprint). The types come
// from curl's own header, so a call that does not fit does not compile; the library's version is checked by a test.
#pragma once

#include "base/result.hpp"

#include <curl/curl.h>

namespace landfall::http {

/// One member for each function that this folder calls, without its prefix.
struct curl_library {
  decltype(&::curl_global_init) global_init;
  decltype(&::curl_version_info) version_info;
  decltype(&::curl_free) free;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;
  decltype(&::curl_url) url;
  decltype(&::curl_url_cleanup) url_cleanup;
  decltype(&::curl_url_get) url_get;
  decltype(&::curl_url_set) url_set;
  decltype(&::curl_easy_init) easy_init;
  decltype(&::curl_easy_cleanup) easy_cleanup;
  decltype(&::curl_easy_getinfo) easy_getinfo;
  decltype(&::curl_easy_pause) easy_pause;
  decltype(&::curl_easy_setopt) easy_setopt;
  decltype(&::curl_easy_strerror) easy_strerror;
  decltype(&::curl_multi_init) multi_init;
  decltype(&::curl_multi_cleanup) multi_cleanup;
  decltype(&::curl_multi_add_handle) multi_add_handle;
  decltype(&::curl_multi_remove_handle) multi_remove_handle;
  decltype(&::curl_multi_info_read) multi_info_read;
  decltype(&::curl_multi_setopt) multi_setopt;
  decltype(&::curl_multi_socket_action) multi_socket_action;
};

/// Loads libcurl and its global state, once per process; later calls return what the first did. Errors: local_error
/// (not installed, or too old to have one of these functions). It stays loaded: OpenSSL's state is in it.
[[nodiscard]] base::result<void> load_curl();

/// The table. Only after load_curl() succeeded: what holds a handle of libcurl's has one.
[[nodiscard]] const curl_library& curl() noexcept;

} // namespace landfall::http
