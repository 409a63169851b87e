# Warnings are ours to read, not LibTorch's: its headers come in as SYSTEM.
add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers)
if(TIMBRE_SANITIZE)
  add_compile_options(-fsanitize=${TIMBRE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1)
  add_link_options(-fsanitize=${TIMBRE_SANITIZE})
endif()
