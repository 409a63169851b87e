#pragma once
#include <string>

#include "config/fields.h"
#include "roles/registry.h"
#include "voice/voice.h"

/// Who computes a voice, for the verbs that speak: the engines of this program, or LibTorch.
namespace timbre::cli {

/// Adds --engine to a verb.
void add_engine_field(config::Fields& fields, std::string& engine);

/// Fills `registry` with what can speak here, as --engine wants it.
class Speaking {
 public:
  /// `engine`: auto, native or torch.
  Speaking(roles::Registry& registry, const std::string& engine);
  /// To be called for every voice before it is opened. Throws NeedsTorch in the program without LibTorch when the voice
  /// is to be spoken with it, UsageError when an engine was asked for and a part of the voice has none.
  void expect(const voice::Voice& voice) const;
  /// The same for a voice of codes (null: its network is open already) and its codec.
  void expect_codes(const std::string& name, const roles::VoiceFiles* voice, const roles::VoiceFiles& codec) const;
  /// The same for a vocoder folder by itself.
  void expect_vocoder(const std::filesystem::path& folder) const;
  /// The same for something else that only LibTorch computes: "--speaker-wav, whose encoder has no engine".
  void expect_torch(const std::string& what) const;

 private:
  void expect_parts(const std::string& name, const std::vector<std::string>& lacking) const;
  const roles::Registry& registry_;
  roles::Backend backend_;
  bool has_torch_;
};

}  // namespace timbre::cli
