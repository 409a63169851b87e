#include "cli/speaking.h"

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/verb.h"

namespace timbre::cli {

void add_engine_field(config::Fields& fields, std::string& engine) {
  fields
      .add("engine", engine,
           "who computes: native (this program's engines), torch (LibTorch), or auto: native where every part of the "
           "voice has an engine, else LibTorch; -v says which")
      .choices({"auto", "native", "torch"});
}

Speaking::Speaking(roles::Registry& registry, const std::string& engine)
    : registry_(registry),
      backend_(engine == "native"  ? roles::Backend::engine
               : engine == "torch" ? roles::Backend::torch
                                   : roles::Backend::automatic),
      has_torch_(add_running_networks(registry)) {
  registry.prefer(backend_);
}

void Speaking::expect_parts(const std::string& name, const std::vector<std::string>& lacking) const {
  if (backend_ == roles::Backend::torch) {
    if (!has_torch_) throw NeedsTorch{};
    return log::detail(fmt::format("{}: computed by LibTorch", name));
  }
  if (lacking.empty()) return log::detail(fmt::format("{}: computed by this program's engines", name));
  if (backend_ == roles::Backend::engine)
    throw UsageError(fmt::format("'{}' cannot be spoken without LibTorch: {}", name, join(lacking, "; ")),
                     "leave --engine native out");
  log::detail(fmt::format("{}: LibTorch is needed: {}", name, join(lacking, "; ")));
  if (!has_torch_) throw NeedsTorch{};
}

void Speaking::expect(const voice::Voice& voice) const {
  expect_parts(voice.name(), registry_.parts_without_engine(voice.files()));
}

void Speaking::expect_codes(const std::string& name, const roles::VoiceFiles* voice,
                            const roles::VoiceFiles& codec) const {
  const roles::VoiceFiles none;
  auto lacking = registry_.parts_without_engine(voice ? *voice : none, codec);
  if (!voice) std::erase_if(lacking, [](const std::string& part) { return part.starts_with("model "); });
  expect_parts(name, lacking);
}

void Speaking::expect_vocoder(const std::filesystem::path& folder) const {
  const std::string lacking = registry_.vocoder_without_engine({.dir = {}, .about = {}, .vocoder = folder});
  if (lacking.empty() && backend_ != roles::Backend::torch) return;
  if (backend_ == roles::Backend::engine)
    throw UsageError(fmt::format("{} cannot be computed without LibTorch: {}", folder.string(), lacking),
                     "leave --engine native out");
  if (!has_torch_) throw NeedsTorch{};
}

void Speaking::expect_torch(const std::string& what) const {
  if (backend_ == roles::Backend::engine)
    throw UsageError(fmt::format("--engine native cannot do {}", what), "leave --engine native out");
  log::detail("LibTorch is needed: " + what);
  if (!has_torch_) throw NeedsTorch{};
}

}  // namespace timbre::cli
