# What the audio plugins link. They are loaded on first use (src/base/plugin.h), so the programs themselves start
# without libsndfile's eight codec libraries, soxr's OpenMP runtime and FFmpeg's hundred.
if(TIMBRE_MEDIA)
  pkg_check_modules(SNDFILE REQUIRED IMPORTED_TARGET sndfile)
  add_library(timbre_plugin_sndfile_deps INTERFACE)
  target_link_libraries(timbre_plugin_sndfile_deps INTERFACE PkgConfig::SNDFILE)

  pkg_check_modules(SOXR REQUIRED IMPORTED_TARGET soxr)
  add_library(timbre_plugin_soxr_deps INTERFACE)
  target_link_libraries(timbre_plugin_soxr_deps INTERFACE PkgConfig::SOXR)

  pkg_check_modules(FFMPEG REQUIRED IMPORTED_TARGET libavformat libavcodec libavutil libswresample)
  add_library(timbre_plugin_ffmpeg_deps INTERFACE)
  target_link_libraries(timbre_plugin_ffmpeg_deps INTERFACE PkgConfig::FFMPEG)
endif()

# WebRTC's voice activity detector, which Debian's library exports.
if(TIMBRE_MEDIA)
  pkg_check_modules(WEBRTC_AUDIO REQUIRED IMPORTED_TARGET webrtc-audio-processing)
  add_library(timbre_plugin_webrtcvad_deps INTERFACE)
  target_link_libraries(timbre_plugin_webrtcvad_deps INTERFACE PkgConfig::WEBRTC_AUDIO)
endif()
