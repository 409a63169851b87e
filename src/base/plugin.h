#pragma once
#include <string>

namespace timbre {

/// A shared module of ours beside the program (lib/timbre_<name>.so), loaded on first use and kept. It links the
/// foreign library, so that the program itself starts without it.
class Plugin {
 public:
  /// Throws SystemError when the module is not there (a build without media) or cannot be loaded (the library it links
  /// was removed); `library` and `package` name what is missing for the user.
  Plugin(const std::string& name, const std::string& library, const std::string& package);
  /// The address of an exported C function. Throws SystemError when the module lacks it (a module of another build).
  template <class F>
  F* find(const char* symbol) const {
    return reinterpret_cast<F*>(address(symbol));
  }

 private:
  void* address(const char* symbol) const;
  std::string name_;
  void* handle_ = nullptr;
};

}  // namespace timbre
