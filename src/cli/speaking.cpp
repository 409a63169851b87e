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

void Speaking::expect(const voice::Voice& voice) const {
  if (backend_ == roles::Backend::torch) {
    if (!has_torch_) throw NeedsTorch{};
    return log::detail(fmt::format("{}: computed by LibTorch", voice.name()));
  }
  const auto lacking = registry_.parts_without_engine(voice.files());
  if (lacking.empty()) return log::detail(fmt::format("{}: computed by this program's engines", voice.name()));
  if (backend_ == roles::Backend::engine)
    throw UsageError(fmt::format("'{}' cannot be spoken without LibTorch: {}", voice.name(), join(lacking, "; ")),
                     "leave --engine native out");
  log::detail(fmt::format("{}: LibTorch is needed: {}", voice.name(), join(lacking, "; ")));
  if (!has_torch_) throw NeedsTorch{};
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
