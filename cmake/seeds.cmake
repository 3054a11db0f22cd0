# Compiles LANDFALL_SEEDS/{root,list}.dsse.json into landfall_seeds, with provenance: folder name, SHA-256, build date.
