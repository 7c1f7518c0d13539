# xp_module(), xp_program() and xp_plugins(): one folder, one library, one test program, one line.
#
# A folder's sources are found, not listed: a new component is a new file and nothing else.

# One precompiled header for all torch targets (about half a gigabyte, so exactly one). The library
# behind it exists only to be built once.
function(xp_precompile)
  set(source ${CMAKE_BINARY_DIR}/generated/xp_pch.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "// Carries the precompiled header.\n")
  add_library(xp_pch OBJECT ${source})
  target_link_libraries(xp_pch PRIVATE xp_torch)
  xp_pch_for_ccache(xp_pch)
  target_precompile_headers(xp_pch PRIVATE ${ARGN})
endfunction()

# ccache can reuse objects built with GCC's precompiled headers only if it may see their name.
function(xp_pch_for_ccache target)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)
  endif()
endfunction()

function(xp_use_torch target)
  target_link_libraries(${target} PUBLIC xp_torch)
  xp_pch_for_ccache(${target})
  target_precompile_headers(${target} REUSE_FROM xp_pch)
endfunction()

# With XP_UNITY the compiler sees several files of a folder as one, which parses their headers once:
# a build from nothing takes half the time. Names in a folder's anonymous namespaces must differ.
function(xp_unite target)
  if(NOT XP_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC takes a .cpp file that another one includes for a header.
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  endif()
endfunction()

# The tests of `target`, named "NAME: claim". A Catch2 tag [fuzz], [soak], [gpu], [cluster] or
# [slow] becomes the ctest label of that name. A tag is looked for at configure time only; until
# then a test with a new tag runs unlabelled, which errs on the side of running it. Tests with a
# cluster run one at a time, and long tests have hours before they count as hanging.
function(xp_discover target name)
  set(rest "")
  set(more_cluster RESOURCE_LOCK cluster)
  set(more_soak TIMEOUT 7200)
  foreach(label IN ITEMS fuzz soak gpu cluster slow)
    set(tagged "")
    foreach(source IN LISTS ARGN)
      file(STRINGS ${source} lines REGEX "\\[${label}\\]")
      list(APPEND tagged ${lines})
    endforeach()
    if(tagged)
      catch_discover_tests(${target} TEST_SPEC "${rest}[${label}]" TEST_PREFIX "${name}: "
        DISCOVERY_MODE PRE_TEST WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
        TEST_LIST ${target}_${label} PROPERTIES LABELS ${label} ${more_${label}})
      string(APPEND rest "~[${label}]")
    endif()
  endforeach()
  if(rest STREQUAL "")
    set(rest "*")
  endif()
  catch_discover_tests(${target} TEST_SPEC "${rest}" TEST_PREFIX "${name}: "
    DISCOVERY_MODE PRE_TEST WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} PROPERTIES LABELS ${name})
endfunction()

# xp_tests(NAME TORCH LIBRARIES SOURCES...): the program xp_NAME_test.
function(xp_tests name torch libraries)
  if(NOT XP_TESTS OR NOT ARGN)
    return()
  endif()
  add_executable(xp_${name}_test ${ARGN})
  set_target_properties(xp_${name}_test PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(xp_${name}_test PRIVATE ${libraries} xp_options Catch2::Catch2WithMain)
  if(torch)
    xp_use_torch(xp_${name}_test)
  endif()
  xp_discover(xp_${name}_test ${name} ${ARGN})
endfunction()

# Sets `out` to those of xp_a xp_b ... that exist: a folder may not have sources yet, or need torch.
function(xp_existing out)
  set(found "")
  foreach(name IN LISTS ARGN)
    if(TARGET xp_${name})
      list(APPEND found xp_${name})
    endif()
  endforeach()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

# xp_module(NAME [TORCH] [OBJECT] [TESTS_APART] [USES a b] [LIBS lib] [TORCH_HEADERS a.h]): library
# xp_NAME of this folder.
#
# OBJECT: all of it is linked, also what nothing refers to: sources that register themselves. They
# are compiled one by one, whatever XP_UNITY is: each names its parts as if it were alone.
# TORCH: skipped when XP_ENGINE is OFF. TORCH_HEADERS: headers of a torch-free folder that include
# torch all the same; only torch targets may include them. TESTS_APART: tests that name their parts
# alike are compiled one by one. A file *_main.cpp is a program's, see
# below. Every header is also compiled alone by the target `all_verify_interface_header_sets`.
function(xp_module name)
  cmake_parse_arguments(ARG "TORCH;OBJECT;TESTS_APART" "" "USES;LIBS;TORCH_HEADERS" ${ARGN})
  if(ARG_TORCH AND NOT XP_ENGINE)
    return()
  endif()
  file(GLOB headers CONFIGURE_DEPENDS *.h)
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  file(GLOB tests CONFIGURE_DEPENDS *_test.cpp)
  list(FILTER sources EXCLUDE REGEX "_(test|main)\\.cpp$")
  list(TRANSFORM ARG_TORCH_HEADERS PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  list(REMOVE_ITEM headers ${ARG_TORCH_HEADERS} "")
  xp_existing(uses ${ARG_USES})
  if(sources)
    set(type STATIC)
    if(ARG_OBJECT)
      set(type OBJECT)
    endif()
    add_library(xp_${name} ${type} ${sources})
    if(NOT ARG_OBJECT)
      xp_unite(xp_${name})
    endif()
    set(scope PUBLIC)
    if(ARG_TORCH)
      xp_use_torch(xp_${name})
    endif()
  elseif(headers OR tests OR ARG_TORCH_HEADERS)
    add_library(xp_${name} INTERFACE)
    set(scope INTERFACE)
    if(ARG_TORCH)
      target_link_libraries(xp_${name} INTERFACE xp_torch)
    endif()
  else()
    return()
  endif()
  target_link_libraries(xp_${name} ${scope} xp_options ${uses} ${ARG_LIBS})
  xp_headers(xp_${name} ${scope} ${headers})
  if(XP_ENGINE AND ARG_TORCH_HEADERS)
    add_library(xp_${name}_torch INTERFACE)
    target_link_libraries(xp_${name}_torch INTERFACE xp_${name} xp_torch)
    xp_headers(xp_${name}_torch INTERFACE ${ARG_TORCH_HEADERS})
  endif()
  xp_tests(${name} "${ARG_TORCH}" xp_${name} ${tests})
  if(TARGET xp_${name}_test AND NOT ARG_TESTS_APART)
    xp_unite(xp_${name}_test)
  endif()
endfunction()

function(xp_headers target scope)
  if(ARGN)
    target_sources(${target} ${scope}
      FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${ARGN})
    set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  endif()
endfunction()

# xp_program(PROGRAM [TORCH] [USES a b] [LIBS lib] [FOR_PLUGINS a b]): the program of this folder's
# *_main.cpp. FOR_PLUGINS: the folders whose code plug-ins that it loads may use; all of it is
# linked and exported, whether or not the program itself uses it.
function(xp_program program)
  cmake_parse_arguments(ARG "TORCH" "" "USES;LIBS;FOR_PLUGINS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *_main.cpp)
  if(NOT sources OR (ARG_TORCH AND NOT XP_ENGINE))
    return()
  endif()
  xp_existing(uses ${ARG_USES})
  add_executable(${program} ${sources})
  target_link_libraries(${program} PRIVATE xp_options ${uses} ${ARG_LIBS})
  if(ARG_TORCH)
    xp_use_torch(${program})
  endif()
  if(ARG_FOR_PLUGINS)
    list(TRANSFORM ARG_FOR_PLUGINS PREPEND ",xp_" OUTPUT_VARIABLE whole)
    list(JOIN whole "" whole)
    set_target_properties(${program} PROPERTIES ENABLE_EXPORTS ON
      LINK_LIBRARY_OVERRIDE "WHOLE_ARCHIVE${whole}")
  endif()
endfunction()

# xp_plugins(NAME [TORCH] KINDS a b [USES ...] [LIBS ...]): the components of these kinds, together
# xp_plugins_NAME.
#
# An OBJECT library, because the linker drops members of an archive that nothing refers to, and
# nothing refers to a component: it registers itself.
function(xp_plugins name)
  cmake_parse_arguments(ARG "TORCH" "" "KINDS;USES;LIBS" ${ARGN})
  if(ARG_TORCH AND NOT XP_ENGINE)
    return()
  endif()
  list(TRANSFORM ARG_KINDS REPLACE "(.+)" "\\1/*.cpp" OUTPUT_VARIABLE patterns)
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  if(NOT sources)
    return()
  endif()
  xp_existing(uses ${ARG_USES})
  add_library(xp_plugins_${name} OBJECT ${sources})
  target_link_libraries(xp_plugins_${name} PUBLIC xp_options ${uses} ${ARG_LIBS})
  if(ARG_TORCH)
    xp_use_torch(xp_plugins_${name})
  endif()
  xp_tests(plugins_${name} "${ARG_TORCH}" xp_plugins_${name} ${tests})
endfunction()
