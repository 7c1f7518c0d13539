# Imported targets for an unpacked PyTorch wheel (or the
# libtorch zip), without torch's own TorchConfig.cmake: that one insists on a
# CUDA toolkit whenever the wheel was built with CUDA, and it probes nvcc.
#
#   LibTorch_ROOT       folder that holds  torch/{lib,include}   (wheel layout)
#                       or                 {lib,include}         (zip layout)
#   LibTorch_CUDA_ROOT  the same of the kind for CUDA, if it is another folder
# Targets
#   LibTorch::cpu       torch_cpu + c10; enough for everything except CUDA
#   LibTorch::cuda      torch_cuda + c10_cuda, NCCL, the CUDA runtime (only if LibTorch_CUDA_FOUND)
# Variables: LibTorch_VERSION, LibTorch_CUDA_FOUND, LibTorch_LIBRARY_DIR, LibTorch_CUDA_LIBRARY_DIR,
#            LibTorch_NVIDIA_DIR (of NVIDIA's wheels: headers, libraries and the compiler)

set(_hints)
foreach(_r IN ITEMS "${LibTorch_ROOT}" "$ENV{LibTorch_ROOT}" "${PROJECT_SOURCE_DIR}/.deps/libtorch")
  if(_r)
    list(APPEND _hints "${_r}" "${_r}/torch" "${_r}/libtorch")
  endif()
endforeach()

find_path(LibTorch_INCLUDE_DIR NAMES torch/csrc/api/include/torch/torch.h
  HINTS ${_hints} PATH_SUFFIXES include NO_DEFAULT_PATH)
set(_here HINTS ${_hints} PATH_SUFFIXES lib NO_DEFAULT_PATH)
find_library(LibTorch_CPU_LIBRARY NAMES torch_cpu ${_here})
find_library(LibTorch_C10_LIBRARY NAMES c10 ${_here})
set(_cuda_hints "")
if(LibTorch_CUDA_ROOT)
  list(APPEND _cuda_hints ${LibTorch_CUDA_ROOT} ${LibTorch_CUDA_ROOT}/torch)
endif()
set(_cuda_here HINTS ${_cuda_hints} ${_hints} PATH_SUFFIXES lib NO_DEFAULT_PATH)
find_library(LibTorch_CUDA_LIBRARY NAMES torch_cuda ${_cuda_here})
find_library(LibTorch_C10_CUDA_LIBRARY NAMES c10_cuda ${_cuda_here})

if(LibTorch_INCLUDE_DIR)
  foreach(_h torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
    if(EXISTS "${LibTorch_INCLUDE_DIR}/${_h}" AND NOT LibTorch_VERSION)
      file(STRINGS "${LibTorch_INCLUDE_DIR}/${_h}" _v REGEX "^  \"[0-9.]+")
      string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" LibTorch_VERSION "${_v}")
    endif()
  endforeach()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION)
mark_as_advanced(LibTorch_INCLUDE_DIR LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY
  LibTorch_CUDA_LIBRARY LibTorch_C10_CUDA_LIBRARY)
if(NOT LibTorch_FOUND)
  return()
endif()
get_filename_component(LibTorch_LIBRARY_DIR "${LibTorch_CPU_LIBRARY}" DIRECTORY)

if(NOT TARGET LibTorch::cpu)
  find_package(Threads REQUIRED)
  add_library(LibTorch::c10 SHARED IMPORTED)
  set_target_properties(LibTorch::c10 PROPERTIES
    IMPORTED_LOCATION "${LibTorch_C10_LIBRARY}" IMPORTED_NO_SONAME OFF)
  add_library(LibTorch::torch_cpu SHARED IMPORTED)
  set_target_properties(LibTorch::torch_cpu PROPERTIES
    IMPORTED_LOCATION "${LibTorch_CPU_LIBRARY}")
  add_library(LibTorch::cpu INTERFACE IMPORTED)
  # The wheel's include folder also carries fmt 12, protobuf 3.13, pybind11 ...
  # which would shadow the system's (Debian's spdlog then fails to compile), so
  # only torch's own folders are put on the include path, by links.
  set(_inc "${CMAKE_BINARY_DIR}/libtorch-include")
  file(MAKE_DIRECTORY "${_inc}")
  foreach(_d ATen c10 caffe2 torch)
    set(_now "")
    if(IS_SYMLINK "${_inc}/${_d}")
      file(READ_SYMLINK "${_inc}/${_d}" _now)
    endif()
    if(NOT _now STREQUAL "${LibTorch_INCLUDE_DIR}/${_d}")
      file(CREATE_LINK "${LibTorch_INCLUDE_DIR}/${_d}" "${_inc}/${_d}" SYMBOLIC)
    endif()
  endforeach()
  target_include_directories(LibTorch::cpu SYSTEM INTERFACE
    "${_inc}" "${_inc}/torch/csrc/api/include")
  target_compile_definitions(LibTorch::cpu INTERFACE USE_DISTRIBUTED USE_C10D_GLOO)
  # at::parallel_for is a loop of OpenMP in a header: without the option it runs on one thread, and
  # with another runtime than LibTorch's it would not know its number of threads. Clang has another.
  target_compile_options(LibTorch::cpu INTERFACE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fopenmp>)
  file(GLOB _openmp "${LibTorch_LIBRARY_DIR}/libgomp*.so*")
  # torch_cpu needs libcudart/libcupti (CUDA wheels); the loader finds them by
  # torch_cpu's own $ORIGIN rpath, the link editor need not resolve them.
  target_link_options(LibTorch::cpu INTERFACE
    -Wl,--no-as-needed -Wl,--allow-shlib-undefined
    "-Wl,--unresolved-symbols=ignore-in-shared-libs")
  target_link_libraries(LibTorch::cpu INTERFACE
    LibTorch::torch_cpu LibTorch::c10 ${_openmp} Threads::Threads)
endif()

# The kind for CPUs has the CUDA runtime, too, but not NCCL.
set(LibTorch_CUDA_FOUND FALSE)
if(LibTorch_CUDA_LIBRARY AND LibTorch_C10_CUDA_LIBRARY)
  get_filename_component(LibTorch_CUDA_LIBRARY_DIR "${LibTorch_CUDA_LIBRARY}" DIRECTORY)
  get_filename_component(LibTorch_NVIDIA_DIR "${LibTorch_CUDA_LIBRARY_DIR}/../../nvidia" ABSOLUTE)
  set(_nccl ${LibTorch_NVIDIA_DIR}/nccl/lib/libnccl.so.2)
  set(_cudart ${LibTorch_NVIDIA_DIR}/cu13/lib/libcudart.so.13)
  if(EXISTS ${_nccl} AND EXISTS ${_cudart})
    set(LibTorch_CUDA_FOUND TRUE)
  endif()
endif()
if(LibTorch_CUDA_FOUND AND NOT TARGET LibTorch::cuda)
  foreach(_l IN ITEMS "torch_cuda;${LibTorch_CUDA_LIBRARY}" "c10_cuda;${LibTorch_C10_CUDA_LIBRARY}"
      "nccl;${_nccl}" "cudart;${_cudart}")
    list(GET _l 0 _name)
    list(GET _l 1 _file)
    add_library(LibTorch::${_name} SHARED IMPORTED)
    set_target_properties(LibTorch::${_name} PROPERTIES IMPORTED_LOCATION "${_file}")
  endforeach()
  add_library(LibTorch::cuda INTERFACE IMPORTED)
  target_include_directories(LibTorch::cuda SYSTEM INTERFACE
    ${LibTorch_NVIDIA_DIR}/cu13/include ${LibTorch_NVIDIA_DIR}/nccl/include)
  target_link_libraries(LibTorch::cuda INTERFACE
    LibTorch::torch_cuda LibTorch::c10_cuda LibTorch::nccl LibTorch::cudart LibTorch::cpu)
endif()
