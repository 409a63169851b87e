#include "base/plugin.h"

#include <dlfcn.h>

#include "base/error.h"
#include "base/files.h"

namespace timbre {

Plugin::Plugin(const std::string& name, const std::string& library, const std::string& package) : name_(name) {
  const fs::path path = program_folder() / "lib" / ("timbre_" + name + ".so");
  if (!fs::exists(path)) {
    throw SystemError(
        fmt::format("{} is needed here, but this build has no {} (it was configured without media libraries)", library,
                    path.filename().string()),
        fmt::format("install {} and build again: make build", package));
  }
  // Never closed: codec libraries keep thread-local state that must outlive us.
  handle_ = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle_)
    throw SystemError(fmt::format("{} cannot be loaded: {}", library, ::dlerror()),
                      fmt::format("sudo apt-get install {}", package));
}

void* Plugin::address(const char* symbol) const {
  void* found = ::dlsym(handle_, symbol);
  if (!found)
    throw SystemError(fmt::format("timbre_{}.so has no {}: it belongs to another build", name_, symbol), "make build");
  return found;
}

}  // namespace timbre
