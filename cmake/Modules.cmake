# A module is a folder of src/ (or fuzz/) with one public header. Its sources
# see their own folder and, through an include root made of one symbolic link
# a module, those that USES names: any other include does not compile.
set(MODULE_ROOTS ${PROJECT_BINARY_DIR}/include)

function(module_root name)
	file(MAKE_DIRECTORY ${MODULE_ROOTS}/${name})
	if(EXISTS ${PROJECT_SOURCE_DIR}/src/${name})
		set(dir ${PROJECT_SOURCE_DIR}/src/${name})
	else()
		set(dir ${PROJECT_SOURCE_DIR}/${name})
	endif()
	if(NOT EXISTS ${MODULE_ROOTS}/${name}/${name})
		file(CREATE_LINK ${dir} ${MODULE_ROOTS}/${name}/${name}
			SYMBOLIC)
	endif()
	file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.c)
	set(module_sources ${sources} PARENT_SCOPE)
endfunction()

function(module_setup target name)
	cmake_parse_arguments(arg "" "" "USES;PACKAGES" ${ARGN})
	foreach(module IN LISTS name arg_USES)
		target_include_directories(${target} PRIVATE
			${MODULE_ROOTS}/${module})
	endforeach()
	foreach(package IN LISTS arg_PACKAGES)
		target_link_libraries(${target} PRIVATE PkgConfig::${package})
	endforeach()
	target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
endfunction()

# add_module(NAME USES module... PACKAGES prefix...): src/NAME as an archive
function(add_module name)
	module_root(${name})
	add_library(${name} STATIC ${module_sources})
	module_setup(${name} ${name} ${ARGN})
	target_compile_options(${name} PRIVATE ${sanitize_flags})
	if("PACKAGES" IN_LIST ARGN)
		target_compile_definitions(${name} PRIVATE
			RMAPTORTURE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
	endif()
endfunction()

# Sources of several modules compiled once more, for a program with flags of
# its own: the guest is static and never sanitized, an engine is instrumented.
function(module_objects out program)
	set(objects "")
	foreach(module IN LISTS ARGN)
		module_root(${module})
		if(NOT TARGET ${program}-${module})
			add_library(${program}-${module} OBJECT ${module_sources})
		endif()
		list(APPEND objects $<TARGET_OBJECTS:${program}-${module}>)
	endforeach()
	set(${out} ${objects} PARENT_SCOPE)
endfunction()

# add_guest_program(NAME MODULE module USES module... LIBRARIES library...)
function(add_guest_program name)
	cmake_parse_arguments(arg "" "MODULE" "USES;LIBRARIES" ${ARGN})
	module_objects(objects ${name} ${arg_USES})
	module_root(${arg_MODULE})
	add_executable(${name} ${module_sources} ${objects})
	foreach(module IN LISTS arg_USES)
		module_setup(${name}-${module} ${module} USES ${arg_USES})
		target_compile_options(${name}-${module} PRIVATE -O2)
	endforeach()
	module_setup(${name} ${arg_MODULE} USES ${arg_USES})
	target_compile_options(${name} PRIVATE -O2)
	target_link_options(${name} PRIVATE -static)
	target_link_libraries(${name} PRIVATE ${arg_LIBRARIES})
endfunction()

# add_engines(MODULE module USES module...): the programs of the folders of
# MODULE around one set of objects. These are not instrumented: features are the
# kernel's edges and nothing of our own parser. Linking libFuzzer needs clang,
# whatever compiles the rest.
function(add_engines)
	cmake_parse_arguments(arg "" "MODULE" "USES" ${ARGN})
	find_program(CLANG NAMES clang clang-14 REQUIRED)
	module_objects(objects engine ${arg_MODULE} ${arg_USES})
	set(dir ${PROJECT_SOURCE_DIR}/${arg_MODULE})
	add_library(engine-main-libfuzzer OBJECT ${dir}/libfuzzer/engine.c)
	add_executable(rmaptorture-afl ${dir}/afl/server.c ${objects})
	add_library(rmaptorture-afl-mutator MODULE ${dir}/afl/mutator.c
		${objects})
	set_target_properties(rmaptorture-afl-mutator PROPERTIES PREFIX "")
	foreach(module IN LISTS arg_MODULE arg_USES)
		module_setup(engine-${module} ${module} USES ${arg_USES})
		target_compile_options(engine-${module} PRIVATE -O2)
		set_target_properties(engine-${module} PROPERTIES
			POSITION_INDEPENDENT_CODE ON)
	endforeach()
	foreach(target engine-main-libfuzzer rmaptorture-afl
			rmaptorture-afl-mutator)
		module_setup(${target} ${arg_MODULE} USES ${arg_USES})
		target_compile_options(${target} PRIVATE -O2)
	endforeach()
	list(APPEND objects $<TARGET_OBJECTS:engine-main-libfuzzer>)
	add_custom_command(OUTPUT rmaptorture-libfuzzer
		COMMAND ${CLANG} -fsanitize=fuzzer ${objects}
			-o rmaptorture-libfuzzer
		DEPENDS ${objects}
		COMMAND_EXPAND_LISTS VERBATIM
		COMMENT "Linking libFuzzer engine rmaptorture-libfuzzer")
	add_custom_target(engine-libfuzzer ALL DEPENDS rmaptorture-libfuzzer)
endfunction()

# add_host_program(NAME MODULE module USES module... HEADERS module...
#	PACKAGES prefix...): HEADERS are seen, not linked; the module's folders
#	are part of it
function(add_host_program name)
	cmake_parse_arguments(arg "" "MODULE" "USES;HEADERS;PACKAGES" ${ARGN})
	module_root(${arg_MODULE})
	file(GLOB inner CONFIGURE_DEPENDS
		${PROJECT_SOURCE_DIR}/src/${arg_MODULE}/*/*.c)
	add_executable(${name} ${module_sources} ${inner})
	module_setup(${name} ${arg_MODULE} USES ${arg_USES} ${arg_HEADERS}
		PACKAGES ${arg_PACKAGES})
	target_compile_options(${name} PRIVATE ${sanitize_flags})
	target_compile_definitions(${name} PRIVATE
		RMAPTORTURE_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
		RMAPTORTURE_BINARY_DIR="${PROJECT_BINARY_DIR}"
		RMAPTORTURE_VERSION="${PROJECT_VERSION}")
	list(REVERSE arg_USES)
	target_link_libraries(${name} PRIVATE ${arg_USES} m)
	target_link_options(${name} PRIVATE ${sanitize_flags})
endfunction()
