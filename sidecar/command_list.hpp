// The parts of `landfall list`, one file each, and the options that `landfall root` shares with it.
#pragma once

#include "sidecar/publishing.hpp"

#include <optional>
#include <string>
#include <vector>

namespace landfall::sidecar {

struct build_options {
  std::string from, out, root, network, channel = "public-0", fresh = "1d", life = "14d";
  std::optional<std::int64_t> epoch, root_version, issued;
  std::int64_t version = 0;
  bool lab = false, force = false;
};

/// Description to unsigned envelope, checked as a client would but for the signatures; prints the sizes.
[[nodiscard]] int build_list(const build_options& how);

struct verify_options {
  std::string file, state, list, channel = "public-0";
  std::vector<std::string> roots;
  std::optional<std::int64_t> now;
  bool lab = false, json = false;
};

/// `list verify` (design §5): "accepted TIER" or "refused NAME" first, or one JSON object. Exit 0, 3, or 2 for a file
/// that cannot be read.
[[nodiscard]] int verify_list_file(const verify_options& how);
/// `list show`: verified when roots are given (exit 3 when that fails), else clearly marked as not verified.
[[nodiscard]] int show_list_file(const verify_options& how);

/// What there is to say about a list, verified or refused; empty members print as null.
struct judgement {
  bool accepted = false;
  base::failure refused; ///< meaningful when not accepted
  std::string type, network, channel, tier, payload_sha256;
  std::optional<std::int64_t> epoch, version;
  std::vector<crypto::key_id> signers;
};
/// Verifies and judges, state folder included. An error (local_error) is of this machine; refusals are judgements.
[[nodiscard]] base::result<judgement> judge_list(const verify_options& how, std::string_view document);

void add_sign_command(CLI::App& group, trust::document_type type, action& chosen);
void add_passphrase_option(CLI::App& command, std::string& target);
void add_issued_option(CLI::App& command, std::optional<std::int64_t>& target);
void add_duration_option(CLI::App& command, const std::string& name, std::string& target, const std::string& help);
/// --root, --channel, --now, --lab, --json.
void add_trust_options(CLI::App& command, verify_options& how);

} // namespace landfall::sidecar
