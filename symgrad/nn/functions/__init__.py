"""What layers compute, as functions of tensors: one file a family, gathered by `symgrad.nn.functional`."""
