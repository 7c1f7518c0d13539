# What `make install` puts below a prefix: the programs, the declarations of the components, and a
# CMake package to build plug-ins with.
#
# LibTorch is not copied (half a gigabyte and more): xp-engine finds it where it lay when it was
# built, and so does the package unless LibTorch_ROOT says otherwise. `make bundle` takes the
# component `programs` and puts all libraries into lib/xp, which comes first. The old kind of run
# path (DT_RPATH) also holds for the libraries that a library needs.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/xp)
set(headers ${CMAKE_INSTALL_INCLUDEDIR}/xp)

set_target_properties(xp PROPERTIES INSTALL_RPATH $ORIGIN/../lib/xp)
set_target_properties(xp-engine PROPERTIES
  INSTALL_RPATH "$ORIGIN/../lib/xp;${LibTorch_LIBRARY_DIR}")
foreach(program IN ITEMS xp xp-engine)
  target_link_options(${program} PRIVATE -Wl,--disable-new-dtags)
endforeach()
install(TARGETS xp xp-engine RUNTIME COMPONENT programs)
if(TARGET xp_cuda)
  # Not in a bundle, which would need gigabytes of libraries for it.
  install(TARGETS xp_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT cuda)
endif()
install(FILES ${CMAKE_BINARY_DIR}/xp-engine.diff DESTINATION ${CMAKE_INSTALL_BINDIR}
  COMPONENT programs OPTIONAL)
install(FILES ${CMAKE_BINARY_DIR}/components.json DESTINATION ${CMAKE_INSTALL_DATADIR}/xp
  COMPONENT programs)

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
