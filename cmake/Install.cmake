# What `make install` puts below a prefix: the programs, the declarations of the components, and a
# CMake package to build plug-ins with.
#
# LibTorch is not copied (half a gigabyte and more): xp-engine finds it where it lay when it was
# built, and so does the package unless LibTorch_ROOT says otherwise.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/xp)
set(headers ${CMAKE_INSTALL_INCLUDEDIR}/xp)

set_target_properties(xp-engine PROPERTIES INSTALL_RPATH ${LibTorch_LIBRARY_DIR})
install(TARGETS xp xp-engine RUNTIME)
install(FILES ${CMAKE_BINARY_DIR}/xp-engine.diff DESTINATION ${CMAKE_INSTALL_BINDIR} OPTIONAL)
install(FILES ${CMAKE_BINARY_DIR}/components.json DESTINATION ${CMAKE_INSTALL_DATADIR}/xp)

install(FILES ${XP_ABI_HEADER} DESTINATION ${headers})
foreach(header IN LISTS XP_COMPONENT_HEADERS)
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES ${header} DESTINATION ${headers}/${folder})
endforeach()

configure_package_config_file(cmake/xpConfig.cmake.in ${CMAKE_BINARY_DIR}/generated/xpConfig.cmake
  INSTALL_DESTINATION ${package} PATH_VARS headers)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/generated/xpConfigVersion.cmake
  COMPATIBILITY ExactVersion)
install(FILES ${CMAKE_BINARY_DIR}/generated/xpConfig.cmake
  ${CMAKE_BINARY_DIR}/generated/xpConfigVersion.cmake cmake/FindLibTorch.cmake
  DESTINATION ${package})
