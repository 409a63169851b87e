# libcurl and libcrypto, only for the plugin that downloads corpora (timbre get): both cost milliseconds at every start.
if(TIMBRE_MEDIA)
  pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
  pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
  add_library(timbre_plugin_fetch_deps INTERFACE)
  target_link_libraries(timbre_plugin_fetch_deps INTERFACE PkgConfig::CURL PkgConfig::CRYPTO)
endif()
