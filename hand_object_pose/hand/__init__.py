"""The hand: MANO layer, model files, joint order, the default hand."""
