# The aligner's spectra (and audio's): BSD, unlike FFTW. Its own CMake file makes no target unless told SHARED.
pkg_check_modules(KISSFFT REQUIRED IMPORTED_TARGET kissfft-float)
target_link_libraries(timbre_packages INTERFACE PkgConfig::KISSFFT)
