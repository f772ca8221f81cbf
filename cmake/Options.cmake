# Compiler flags for every target, and the libraries of the host layers.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
	set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO
	"${CMAKE_C_FLAGS_RELWITHDEBINFO}") # asserts stay on

option(RMAPTORTURE_WERROR "warnings are errors" ON)
set(RMAPTORTURE_SANITIZE "" CACHE STRING
	"sanitizers of host programs and tests, as in -fsanitize=")

add_compile_options(-Wall -Wextra -Wshadow -Wstrict-prototypes
	-Wmissing-prototypes -Wvla -Wformat=2 -Wwrite-strings)
if(RMAPTORTURE_WERROR)
	add_compile_options(-Werror)
endif()

set(sanitize_flags "")
if(RMAPTORTURE_SANITIZE)
	set(sanitize_flags -fsanitize=${RMAPTORTURE_SANITIZE}
		-fno-sanitize-recover=all -fno-omit-frame-pointer)
endif()

find_package(PkgConfig REQUIRED)
pkg_check_modules(HOST REQUIRED IMPORTED_TARGET
	glib-2.0 gio-2.0 gio-unix-2.0 json-glib-1.0 libarchive libelf libdw)
