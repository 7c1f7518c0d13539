# Writes FILE with what the tree at SOURCE has beyond its last commit, as a patch: changes of
# tracked files and new files of code. Removes FILE if there is nothing, or no git to ask.
#
# Run when a program is linked (cmake -P), so that the file beside a program tells its code.
set(git git -C ${SOURCE} -c core.quotePath=false)
set(patch --no-color --no-ext-diff --src-prefix=a/ --dst-prefix=b/)
execute_process(COMMAND ${git} diff HEAD ${patch} OUTPUT_FILE ${FILE}.new ERROR_QUIET
  RESULT_VARIABLE failed)
execute_process(
  COMMAND ${git} ls-files --others --exclude-standard -- *.h *.cpp *.cmake *CMakeLists.txt
  OUTPUT_VARIABLE added OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
string(REPLACE "\n" ";" added "${added}")
foreach(path IN LISTS added)
  # Ends with 1 if there is a difference, which there always is.
  execute_process(COMMAND ${git} diff --no-index ${patch} -- /dev/null ${path}
    OUTPUT_VARIABLE text ERROR_QUIET)
  file(APPEND ${FILE}.new "${text}")
endforeach()
file(SIZE ${FILE}.new size)
if(failed OR size EQUAL 0)
  file(REMOVE ${FILE}.new ${FILE})
else()
  file(RENAME ${FILE}.new ${FILE})
endif()
