// The files of a publisher's key: NAME.pub (JSON, public) and NAME.pem (secret, encrypted under a passphrase), and the
// ways in which a passphrase may come: a file, standard input, or the terminal with its echo off. Never an argument or
// the environment, which other users and crash reports can read. Blocks on the terminal; no network.
#pragma once

#include "base/result.hpp"
#include "base/sensitive.hpp"
#include "crypto/composite.hpp"

#include <filesystem>
#include <string>

namespace landfall::sidecar {

/// One line, at most 1024 bytes, from `source`: a file, "-" for standard input, or empty for the terminal, where
/// `twice` asks again and compares. Errors: local_error, also for an empty passphrase.
[[nodiscard]] base::result<base::secret> read_passphrase(const std::string& source, bool twice);

/// {"keyid":…,"alg":"mldsa65-ed25519","pk":…} and a newline: what root documents hold under "keys".
[[nodiscard]] std::string public_key_file(const crypto::composite_public_key& key);
/// Errors: local_error (cannot be read), malformed (not such a file, a bad key, or a keyid that is another key's).
[[nodiscard]] base::result<crypto::composite_public_key> read_public_key(const std::filesystem::path& path);

/// Errors: local_error (cannot be read; wrong passphrase or not a key file).
[[nodiscard]] base::result<crypto::composite_secret_key> read_secret_key(const std::filesystem::path& path,
                                                                         const std::string& passphrase_source);

/// A key of network `demo`, made from its name ("root-a", "root-b", "list-a", "list-b") in a way that is written here,
/// so that everybody has it: it proves nothing, and the program believes it in `landfall demo` only. Its ML-DSA seed is
/// SHA-256("landfall demo key, public: NAME: ML-DSA-65"), its Ed25519 seed the same with "Ed25519".
[[nodiscard]] crypto::composite_secret_key demo_key(std::string_view name);

} // namespace landfall::sidecar
