"""What do all pairs of examples say? (distances, neighbours, kernels)"""
