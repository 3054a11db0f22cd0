# Compiles LANDFALL_SEEDS/{root,root.N,list}.dsse.json into landfall_seeds, with provenance: folder name, SHA-256, build
# date (SOURCE_DATE_EPOCH where set). No such folder, or an empty one: a build without seeds.
find_package(Python3 COMPONENTS Interpreter REQUIRED)

# landfall_embed_seeds(TARGET FOLDER): adds seeds::compiled() of FOLDER to TARGET.
function(landfall_embed_seeds target folder)
  file(GLOB documents CONFIGURE_DEPENDS ${folder}/*.dsse.json)
  list(SORT documents)
  if(NOT documents)
    message(STATUS "Seeds for ${target}: none in ${folder}; this build has no first-run floor and no first peers")
  endif()
  get_filename_component(origin "${folder}" NAME)
  set(generated ${PROJECT_BINARY_DIR}/generated/${target}/compiled_seeds.cpp)
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/generated/${target})
  add_custom_command(
    OUTPUT ${generated}
    COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/seeds/embed.py --out ${generated} --origin "${origin}" ${documents}
    DEPENDS ${PROJECT_SOURCE_DIR}/seeds/embed.py ${documents}
    COMMENT "Compiling in the seeds of ${folder}"
    VERBATIM)
  target_sources(${target} PRIVATE ${generated})
  add_custom_target(${target}_source DEPENDS ${generated}) # for script/lint, which compiles nothing
endfunction()

landfall_embed_seeds(landfall_seeds "${LANDFALL_SEEDS}")
